//! Our own tokens, shown to ourselves: judged by the same checks as at every gateway.

use crate::server::State;
use portcullis_jose::{Alg, jws::Compact};
use portcullis_types::{Denial, Scopes, Stage, Timestamp, Trace, Ttl};
use portcullis_verify::{
    ACCESS_TOKEN, Admission, Apis, Demand, Guarded, Heard, IssuerKeys, Known, KnownIssuer,
    KnownRevocations, Presented, Profile, Speaks, Target, TrustedIssuer, Vouched, admit, in_force,
    vouch,
};
use serde::Deserialize;

/// What a request at our own door must show.
pub(crate) struct Door<'a> {
    pub(crate) guarded: &'a Guarded,
    pub(crate) demand: &'a Demand,
    pub(crate) needed: &'a Scopes,
}

/// All checks.
pub(crate) fn admitted(
    state: &State,
    presented: &Presented<'_>,
    door: &Door<'_>,
    (now, trace): (Timestamp, &mut Trace),
) -> Result<Admission, Denial> {
    let Door { guarded, demand, needed } = *door;
    let target = Target { guarded, needed, demand, object_tenant: None };
    with_known(state, |known| admit(presented, &target, known, now, trace))
}

/// Whether we made it, and it is in force. Who shows it, and where it is for, are other questions.
pub(crate) fn living(state: &State, token: &str, now: Timestamp) -> Result<Vouched, Denial> {
    let vouched = made_here(state, token)?;
    with_known(state, |known| in_force(&vouched, known, now))?;
    Ok(vouched)
}

/// Whether we made it, in force or not.
pub(crate) fn made_here(state: &State, token: &str) -> Result<Vouched, Denial> {
    let presented = Presented::token(token)?;
    let guarded = guarded(state, token);
    with_known(state, |known| vouch(&presented, &guarded, known, &mut Trace::new(Stage::Access)))
}

/// Where the token says that it is for, if that is here or at an API of ours; otherwise our `/userinfo`.
pub(crate) fn guarded(state: &State, token: &str) -> Guarded {
    #[derive(Deserialize)]
    struct Aud {
        aud: String,
    }
    let settings = &state.settings;
    let claims = Compact::parse(token).ok();
    let claims =
        claims.and_then(|jws| serde_json::from_slice::<Aud>(jws.unverified_payload()).ok());
    let api = claims.and_then(|claims| settings.api(&claims.aud));
    let (realm, userinfo) = &settings.userinfo;
    let audience = api.map_or(userinfo, |api| &api.resource);
    Guarded { api: realm.clone(), audience: audience.clone(), tenant: None }
}

fn with_known<T>(state: &State, job: impl FnOnce(&Known<'_>) -> T) -> T {
    let settings = &state.settings;
    let algs = Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()).collect();
    let issuers = [KnownIssuer {
        trusted: TrustedIssuer {
            issuer: settings.issuer.clone(),
            algs,
            typ: vec![ACCESS_TOKEN.to_owned()],
            profile: Profile::AccessToken,
            apis: Apis::All,
            speaks: Speaks::ForAnyTenant,
            max_lifetime: Ttl::LONGEST_ACCESS_TOKEN,
            leeway: Ttl::seconds(0),
        },
        keys: Ok(IssuerKeys { set: state.keys.public(), fetched_at: None }),
    }];
    let list = state.directory.revocations().borrow().clone();
    let revocations = [KnownRevocations { list, heard: Heard::AsItHappens }];
    let apis: Vec<_> =
        settings.apis.iter().map(|api| (api.name.clone(), api.resource.clone())).collect();
    job(&Known {
        issuers: &issuers,
        revocations: &revocations,
        registry: &settings.registry,
        apis: &apis,
        possession: &state.possession,
    })
}
