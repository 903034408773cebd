//! What is due to an app on behalf of a person: decided in the transaction, signed after it.

use super::{
    Course, Fault, TokenError,
    answer::Issued,
    ask::Ask,
    holder::Confirmation,
    mint::{self, Row},
    narrow::Narrowed,
};
use crate::{
    id_token, policy,
    server::State,
    shape::{self, Pen},
    subject,
};
use portcullis_directory::{
    Authorization, Client, Person, grant::RefreshToken, person_in, session_by_id_in,
};
use portcullis_jose::SigningKey;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{
    Audience, ClientId, Denial, Details, GrantId, GrantedFault, IdentityScope, IdentityScopes, Jti,
    Scopes, Timestamp, Ttl,
};
use std::sync::Arc;

/// Tokens that are granted and recorded, and that nobody has yet.
pub(crate) struct Due {
    pub(crate) client: Arc<Client>,
    pub(crate) grant: GrantId,
    pub(crate) authorization: Authorization,
    pub(crate) person: Person,
    pub(crate) sub: String,
    pub(crate) jti: Jti,
    /// What the app may learn, as it is told.
    pub(crate) identity: IdentityScopes,
    pub(crate) scope: Scopes,
    pub(crate) aud: Audience,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) issued: Timestamp,
    pub(crate) ttl: Ttl,
    pub(crate) cnf: Option<Confirmation>,
    pub(crate) nonce: Option<String>,
    pub(super) refresh_token: Option<RefreshToken>,
    /// Whether revocations must be told.
    pub(super) ended_another: bool,
}

/// Which tokens of a grant these are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    /// The first: of a code.
    First,
    /// Later ones: of a refresh token.
    Later,
}

/// The person, if they and their session are still there (RFC 6749 §5.2). Access that outlives its session begins
/// in it all the same: a code in flight when everything was ended yields nothing.
pub(super) fn person(
    tx: &mut Tx<'_>,
    grant_type: &str,
    (granted, tokens): (&Authorization, Tokens),
    now: Timestamp,
) -> Result<Result<Person, Denial>, StoreFault> {
    let refuse = |fault| Ok(Err(Denial::BadGranted { grant_type: grant_type.to_owned(), fault }));
    let gone = || GrantedFault::PersonGone { person: granted.person.clone() };
    // What was granted for one customer's data is not for another's.
    let there =
        |person: &Person| person.disabled_since.is_none() && person.tenant == granted.tenant;
    let Some(person) = person_in(tx, &granted.person)?.filter(there) else { return refuse(gone()) };
    if tokens == Tokens::Later && granted.identity.has(IdentityScope::OfflineAccess) {
        return Ok(Ok(person));
    }
    if let Some(session) = &granted.session
        && session_by_id_in(tx, session, now)?.is_none()
    {
        return refuse(GrantedFault::SessionOver { session: session.clone() });
    }
    Ok(Ok(person))
}

impl Due {
    pub(super) fn of(
        ask: &Ask,
        (grant, authorization, person): (GrantId, Authorization, Person),
        narrowed: Narrowed,
        course: &Course,
    ) -> Result<Self, TokenError> {
        let state = &*ask.state;
        let Narrowed { api, identity, scope, ruling } = narrowed;
        let alg = api.as_ref().map(|api| api.signing_alg);
        let alg = alg.or_else(|| shape::default_alg(state, &ask.client));
        let alg = alg.ok_or(Fault::NoKeys)?;
        let key = state.keys.signer(alg).ok_or(Fault::NoKey(alg))?;
        let ttl = api.as_ref().and_then(|api| api.token_ttl).unwrap_or(state.settings.token_ttl);
        let ttl = policy::shortened(ttl, ruling.as_ref());
        Ok(Self {
            client: ask.client.clone(),
            sub: subject::of(state, &ask.client, &person.id),
            jti: course.jti.clone(),
            aud: api.map_or_else(|| state.settings.userinfo.1.clone(), |api| api.resource),
            key,
            issued: mint::after_all_that_is_dead(&ask.client, course.now),
            ttl,
            cnf: ask.holder.confirmation(),
            nonce: None,
            refresh_token: None,
            ended_another: false,
            grant,
            authorization,
            person,
            identity,
            scope,
        })
    }

    pub(crate) fn expires(&self) -> Timestamp {
        self.issued.plus(self.ttl)
    }

    /// `scope`, in the access token as in the answer (RFC 6749 §5.1), whether the app named the API or not: with
    /// `openid` among it, the token opens `/userinfo`. To an API those words mean nothing.
    pub(crate) fn words(&self) -> String {
        match (self.identity.is_empty(), self.scope.is_empty()) {
            (true, _) => self.scope.to_string(),
            (false, true) => self.identity.to_string(),
            (false, false) => format!("{} {}", self.identity, self.scope),
        }
    }

    pub(super) fn insert(&self, tx: &mut Tx<'_>) -> Result<(), StoreFault> {
        mint::insert_row(
            tx,
            &Row {
                jti: &self.jti,
                client_id: &self.client.id,
                resource: self.aud.as_str(),
                scope: &self.words(),
                issued: self.issued,
                expires: self.expires(),
            },
        )
    }

    /// Signs everything. Only after the commit.
    pub(super) fn issue(self, state: &State, pen: &Pen) -> Result<Issued, Fault> {
        let access_token = mint::for_a_person(state, &self)?;
        let id_token = if self.identity.has(IdentityScope::Openid) {
            Some(id_token::write(state, &self, (pen, &access_token))?)
        } else {
            None
        };
        Ok(Issued {
            access_token,
            token_type: if self.cnf.as_ref().is_some_and(Confirmation::is_of_a_key) {
                "DPoP"
            } else {
                "Bearer"
            },
            ttl: self.ttl,
            scope: self.words(),
            refresh_token: self.refresh_token,
            id_token,
            kind: None,
            details: Details::default(),
        })
    }

    pub(crate) fn client_id(&self) -> &ClientId {
        &self.client.id
    }
}
