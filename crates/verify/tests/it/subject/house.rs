//! One partner of each kind: a record, a header and claims that are good, to be changed one at a time.

pub(crate) use crate::house::{NOW, with};
use portcullis_jose::{Alg, SigningKey, jwk::KeySet};
use portcullis_types::{
    ClientId, Denial, Inbound, InboundFault, Issuer, Registry, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    IssuerKeys,
    subject::{
        CheckedTrust, Examination, Home, Offered, Subject, TokenKind, Trust, TrustFault, admit,
        examine,
    },
};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

pub(crate) const OURS: &str = "https://id.portcullis.example/t/t123";
pub(crate) const CLIENT: &str = "cli_app";
pub(crate) const TID: &str = "11111111-2222-3333-4444-555555555555";

pub(crate) static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Alg::RS256).unwrap());
pub(crate) static EC: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Alg::ES256).unwrap());

/// A partner's token, and what it is judged by.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) record: Value,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// `None`: as an assertion.
    pub(crate) kind: Option<TokenKind>,
    pub(crate) now: Timestamp,
}

impl Case {
    /// The good one of that preset.
    pub(crate) fn of(preset: &str) -> Self {
        let (kind, record, claims) = good(preset);
        let header = match preset {
            "okta" | "cognito" | "kubernetes" | "spiffe" => json!({ "typ": null }),
            "pingone" | "custom" => json!({ "typ": "at+jwt" }),
            _ => json!({ "typ": "JWT" }),
        };
        let usual = json!({
            "name": preset, "preset": preset, "keys": { "jwks": jwks() },
            "kinds": [kind.name()], "ceiling": { "scopes": ["analytics:read", "model:*"] },
        });
        let always = json!({ "iat": NOW.seconds() - 10, "exp": NOW.seconds() + 300 });
        Self {
            record: with(usual, record),
            header: with(json!({ "alg": "RS256", "kid": RSA.kid() }), header),
            claims: with(always, claims),
            kind: Some(kind),
            now: NOW,
        }
    }

    pub(crate) fn record(self, changes: Value) -> Self {
        Self { record: with(self.record, changes), ..self }
    }

    pub(crate) fn header(self, changes: Value) -> Self {
        Self { header: with(self.header, changes), ..self }
    }

    pub(crate) fn claims(self, changes: Value) -> Self {
        Self { claims: with(self.claims, changes), ..self }
    }

    pub(crate) fn kind(self, kind: TokenKind) -> Self {
        self.record(json!({ "kinds": [kind.name()] })).shown_as(kind)
    }

    /// As another kind than the record is for.
    pub(crate) fn shown_as(self, kind: TokenKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    pub(crate) fn checked(&self) -> Result<CheckedTrust, Vec<TrustFault>> {
        let record: Trust = serde_json::from_value(self.record.clone()).unwrap();
        checked(record)
    }

    /// The fields that are wrong with the record.
    pub(crate) fn wrong(&self) -> Vec<String> {
        match self.checked() {
            Ok(_) => Vec::new(),
            Err(faults) => faults.into_iter().map(|fault| fault.field).collect(),
        }
    }

    pub(crate) fn token(&self) -> String {
        RSA.sign_compact(&self.header, &self.claims).unwrap()
    }

    pub(crate) fn judge(&self) -> Result<Subject, Denial> {
        self.judge_text(&self.token())
    }

    pub(crate) fn judge_text(&self, token: &str) -> Result<Subject, Denial> {
        let trust = self.checked().unwrap();
        let client = client();
        let mut trace = Trace::new(Stage::Grant);
        let outcome = admit(&self.offered(token, &client), &trust, &keys(), self.now, &mut trace);
        assert_eq!(trace.failed(), outcome.as_ref().err().map(Denial::check));
        outcome
    }

    pub(crate) fn examine(&self) -> Examination {
        let (token, client) = (self.token(), client());
        examine(&self.offered(&token, &client), &self.checked().unwrap(), &keys(), self.now)
    }

    pub(crate) fn offered<'a>(&self, token: &'a str, client: &'a ClientId) -> Offered<'a> {
        match self.kind {
            Some(kind) => Offered::subject(token, kind, client),
            None => Offered::assertion(token, client),
        }
    }

    /// What is wrong with the token.
    pub(crate) fn fault(&self) -> InboundFault {
        fault(self.judge(), self.kind.map_or(Inbound::Assertion, |_| Inbound::SubjectToken))
    }
}

pub(crate) fn fault(outcome: Result<Subject, Denial>, came: Inbound) -> InboundFault {
    let denial = outcome.map(drop).unwrap_err();
    let Denial::BadInbound { inbound, fault } = denial else { unreachable!("{denial:?}") };
    assert_eq!(inbound, came);
    fault
}

pub(crate) fn client() -> ClientId {
    ClientId::new(CLIENT).unwrap()
}

pub(crate) fn checked(record: Trust) -> Result<CheckedTrust, Vec<TrustFault>> {
    home(|home| record.checked(home))
}

pub(crate) fn home<T>(then: impl FnOnce(&Home<'_>) -> T) -> T {
    let (tenant, issuer) = (Tenant::new("t123").unwrap(), Issuer::new(OURS).unwrap());
    let registry = Registry::standard();
    then(&Home { tenant: &tenant, issuer: &issuer, registry: &registry })
}

pub(crate) fn jwks() -> Value {
    json!({ "keys": [RSA.public_jwk().unwrap(), EC.public_jwk().unwrap()] })
}

static SET: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(KeySet::parse(jwks().to_string().as_bytes()).unwrap()));

#[expect(clippy::unnecessary_wraps, reason = "as a key ring gives them")]
pub(crate) fn keys() -> Result<IssuerKeys, (String, Ttl)> {
    Ok(IssuerKeys { set: SET.clone(), fetched_at: None })
}

/// What is particular to a provider: its record and its claims.
#[expect(clippy::too_many_lines, reason = "a table: one provider an arm")]
fn good(preset: &str) -> (TokenKind, Value, Value) {
    let entra = |issuer: String, version: &str, client: &str| {
        let record = json!({ "issuer": issuer, "audiences": ["api"],
            "conditions": [{ "claim": "tid", "equals": TID }] });
        let claims = json!({ "iss": issuer, "aud": "api", "sub": "pairwise", "oid": "o-1",
            "tid": TID, "ver": version, client: "app", "scp": "analytics:read" });
        (TokenKind::AccessToken, record, claims)
    };
    let plain = |issuer: &str, claims: Value| {
        let record = json!({ "issuer": issuer, "audiences": ["api"] });
        let usual = json!({ "iss": issuer, "aud": "api", "sub": "u-1", "jti": "j-1" });
        (TokenKind::AccessToken, record, with(usual, claims))
    };
    let workload = |issuer: &str, sub: &str, claims: Value| {
        let record = json!({ "issuer": issuer, "conditions": [{ "claim": "sub", "equals": sub }] });
        let usual = json!({ "iss": issuer, "aud": OURS, "sub": sub });
        (TokenKind::Jwt, record, with(usual, claims))
    };
    match preset {
        "auth0" => plain(
            "https://acme.eu.auth0.com/",
            json!({ "sub": "auth0|1", "azp": "app", "scope": "analytics:read openid",
                "aud": ["api", "https://acme.eu.auth0.com/userinfo"] }),
        ),
        "okta" => plain(
            "https://acme.okta.com/oauth2/default",
            json!({ "sub": "ann@acme.example", "uid": "00u1", "cid": "app",
                "scp": ["analytics:read"] }),
        ),
        "entra_v2" => entra(format!("https://login.microsoftonline.com/{TID}/v2.0"), "2.0", "azp"),
        "entra_v1" => entra(format!("https://sts.windows.net/{TID}/"), "1.0", "appid"),
        "keycloak" => plain(
            "https://sso.acme.example/realms/staff",
            json!({ "typ": "Bearer", "azp": "app", "scope": "analytics:read",
                "realm_access": { "roles": ["analyst"] } }),
        ),
        "google" => {
            let issuer = "https://accounts.google.com";
            let record = json!({ "issuer": issuer, "audiences": ["app.apps"],
                "conditions": [{ "claim": "hd", "equals": "acme.example" }] });
            let claims = json!({ "iss": issuer, "aud": "app.apps", "azp": "app.apps", "sub": "108",
                "hd": "acme.example", "email": "ann@acme.example", "email_verified": true });
            (TokenKind::IdToken, record, claims)
        }
        "cognito" => plain(
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc",
            json!({ "aud": null, "client_id": "api", "token_use": "access",
                "scope": "analytics:read", "cognito:groups": ["staff"] }),
        ),
        "pingone" => plain(
            "https://auth.pingone.eu/env-1/as",
            json!({ "aud": ["api"], "client_id": "app", "env": "env-1", "scope": "analytics:read" }),
        ),
        "github_actions" => {
            let sub = "repo:acme/site:ref:refs/heads/main";
            let (kind, record, claims) = workload(
                "https://token.actions.githubusercontent.com",
                sub,
                json!({ "repository_id": "74", "repository_owner_id": "65", "jti": "j-1",
                    "workflow_ref": "acme/site/.github/workflows/x.yml@refs/heads/main",
                    "repository": "acme/site" }),
            );
            let conditions = json!([{ "claim": "sub", "equals": sub },
                { "claim": "repository_owner_id", "equals": "65" }]);
            (kind, with(record, json!({ "conditions": conditions })), claims)
        }
        "kubernetes" => workload(
            "https://kubernetes.default.svc.cluster.local",
            "system:serviceaccount:prod:trainer",
            json!({ "aud": [OURS] }),
        ),
        "spiffe" => workload(
            "spiffe://acme.example",
            "spiffe://acme.example/ns/prod/trainer",
            json!({ "iss": null, "iat": null, "aud": [OURS] }),
        ),
        _ => plain(
            "https://idp.acme.example",
            json!({ "client_id": "app", "scope": "analytics:read" }),
        ),
    }
}
