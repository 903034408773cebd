//! One refusal of every kind, and the surroundings in which it is explained.

mod bars;

use portcullis_audit::{
    Access, Admin, Event, Grant, Record, TokenFacts,
    explain::{Api, ClientNow, OurIssuer, OurKey, Surroundings},
};
use portcullis_types::{
    Actor, Audience, AuthorizationError, Check, ClientId, ClientProof, DecisionId, Denial, Details,
    DocumentFault, DpopFault, Dropped, DroppedBy, Entropy, FormatFault, GrantedFault, HeaderFault,
    HolderFault, ImpersonationFault, Inbound, InboundFault, Issuer, Jti, Kid, KnownKey, MayAct,
    Pattern, PossessionFault, Random, Registry, RevokedBy, Scope, Scopes, SignInFault, Stage,
    Tenant, TenantHalt, Thumbprint, Timestamp, Trace, Ttl,
};
use std::{borrow::Cow, collections::BTreeMap};

pub(super) const TEXT: &str = "https://gw.example.com/v1";
const EMBEDDINGS: &str = "https://gw.example.com/embeddings";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const OURS: &str = "https://id.example.com";
const OTHER: &str = "https://login.example.org";

/// 2026-01-15T12:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_768_478_400);

/// A record and what is known around it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) record: Record<'static>,
    pub(super) issuance: Option<Record<'static>>,
    pub(super) ended: Option<Record<'static>>,
    pub(super) client: Option<ClientNow>,
    pub(super) world: World,
}

/// What is configured.
pub(super) struct World {
    issuer: OurIssuer,
    apis: Vec<Api>,
    registry: Registry,
    keys: Vec<OurKey>,
}

impl Case {
    pub(super) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            issuance: self.issuance.as_ref(),
            ended: self.ended.as_ref(),
            client: self.client.as_ref(),
            issuer: Some(&self.world.issuer),
            apis: &self.world.apis,
            registry: Some(&self.world.registry),
            our_keys: &self.world.keys,
            config: None,
        }
    }

    fn issued(self, issuance: Grant<'static>) -> Self {
        let at = NOW.minus(Ttl::seconds(240));
        Self { issuance: Some(record(at, Stage::Grant, None, Event::Grant(issuance))), ..self }
    }

    fn ended(self, action: &'static str, reason: &str) -> Self {
        let admin = Admin {
            actor: "cli:ada@console".into(),
            action: action.into(),
            target: "free-app".into(),
            detail: BTreeMap::from([("reason".to_owned(), reason.to_owned())]),
        };
        let at = NOW.minus(Ttl::seconds(90));
        Self { ended: Some(record(at, Stage::Grant, None, Event::Admin(admin))), ..self }
    }

    fn client(self, allowed: &[&str], resources: &[&str]) -> Self {
        let client = ClientNow {
            id: id("free-app"),
            scopes: allowed.iter().map(|line| Pattern::parse(line).unwrap()).collect(),
            resources: resources.iter().map(|one| audience(one)).collect(),
            disabled_since: None,
        };
        Self { client: Some(client), ..self }
    }

    fn with_token(mut self, change: impl FnOnce(&mut TokenFacts<'static>)) -> Self {
        if let Event::Access(access) = &mut self.record.event {
            change(access.token.get_or_insert_with(token));
        }
        self
    }

    fn without_token(mut self) -> Self {
        if let Event::Access(access) = &mut self.record.event {
            access.token = None;
        }
        self
    }
}

struct Same;

impl Entropy for Same {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

pub(super) fn decision(at: Timestamp) -> DecisionId {
    DecisionId::fresh(at, &Random::draw(&mut Same))
}

fn jti() -> Jti {
    Jti::fresh(NOW.minus(Ttl::seconds(240)), &Random::draw(&mut Same))
}

fn id(text: &str) -> ClientId {
    ClientId::new(text).unwrap()
}

fn audience(text: &str) -> Audience {
    Audience::new(text).unwrap()
}

fn issuer(text: &str) -> Issuer {
    Issuer::new(text).unwrap()
}

pub(super) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn tenant(text: &str) -> Tenant {
    Tenant::new(text).unwrap()
}

fn world() -> World {
    let api = |name: &str, resource: &str, offered: &str| Api {
        name: name.parse().unwrap(),
        resource: audience(resource),
        scopes: scopes(offered),
    };
    let key = |kid: &str, state, age: u64, retires| OurKey {
        kid: Kid::new(kid).unwrap(),
        state,
        created: NOW.minus(Ttl::seconds(age)),
        retires,
    };
    World {
        issuer: OurIssuer { issuer: issuer(OURS), token_endpoint: format!("{OURS}/token") },
        apis: vec![
            api("text", TEXT, "generate:basic generate:advanced model:list"),
            api("embeddings", EMBEDDINGS, "embedding:create"),
        ],
        registry: Registry::standard(),
        keys: vec![
            key("key-2026", "current", 86_400, None),
            key("key-2025", "retired", 9_000_000, Some(NOW.minus(Ttl::seconds(864_000)))),
        ],
    }
}

fn trace(stage: Stage, denial: Option<&Denial>, event: &Event<'_>) -> Trace {
    let mut trace = Trace::new(stage);
    let exchange = matches!(event, Event::Grant(grant) if grant.grant_type == EXCHANGE);
    let failed = denial.map(Denial::check);
    let made = |check: &Check| exchange || !check.is_occasional() || failed == Some(*check);
    for check in Check::of(stage).filter(made) {
        if let Some(denial) = denial.filter(|denial| denial.check() == check) {
            let _ = trace.step::<()>(check, Err(denial.clone()));
            break;
        }
        let _ = trace.step(check, Ok(()));
    }
    trace
}

fn record(
    at: Timestamp,
    stage: Stage,
    denial: Option<Denial>,
    event: Event<'static>,
) -> Record<'static> {
    let trace = trace(stage, denial.as_ref(), &event);
    Record { id: decision(at), at, trace, denial: denial.map(Cow::Owned), ruled: None, event }
}

fn token() -> TokenFacts<'static> {
    TokenFacts {
        verified: true,
        iss: OURS.into(),
        sub: "free-app".into(),
        client_id: "free-app".into(),
        aud: TEXT.into(),
        jti: jti().to_string().into(),
        scope: "generate:basic".into(),
        exp: NOW.seconds() + 660,
        iat: NOW.seconds() - 240,
        kid: Some("key-2026".into()),
        alg: "ES256".into(),
        tenant: None,
    }
}

fn access(name: &'static str, denial: impl Into<Option<Denial>>) -> Case {
    let denial = denial.into();
    let early = denial.as_ref().is_some_and(|denial| denial.check() < Check::Format);
    let verified = denial.as_ref().is_none_or(|denial| denial.check() > Check::Signature);
    let event = Event::Access(Access {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        route: Some("/v1/chat/completions".into()),
        api: Some("text".into()),
        resource: Some(TEXT.into()),
        needed: Some(Cow::Owned(match &denial {
            Some(Denial::WeakScope { needed, .. }) => needed.clone(),
            _ => scopes("generate:basic"),
        })),
        token: (!early).then(|| TokenFacts { verified, ..token() }),
    });
    let record = record(NOW, Stage::Access, denial, event);
    Case { name, record, issuance: None, ended: None, client: None, world: world() }
}

fn asked(scope: Option<&str>, granted: Option<&str>) -> Grant<'static> {
    Grant {
        grant_type: "client_credentials".into(),
        client_id: Some("free-app".into()),
        auth_method: Some("client_secret_basic".into()),
        requested_scope: scope.map(scopes),
        default_used: scope.is_none(),
        requested_resource: vec![TEXT.into()],
        resource: Some(TEXT.into()),
        api: Some("text".into()),
        granted: granted.map(scopes),
        dropped: Vec::new(),
        jti: granted.map(|_| jti()),
        exp: granted.map(|_| NOW.seconds() + 660),
        kid: granted.map(|_| "key-2026".into()),
        remote: Some("192.0.2.10".into()),
        ..Grant::default()
    }
}

fn lost(scope: &str, by: DroppedBy) -> Vec<Dropped> {
    vec![Dropped { scope: Scope::parse(scope).unwrap(), by }]
}

fn grant(name: &'static str, denial: impl Into<Option<Denial>>, asked: Grant<'static>) -> Case {
    let record = record(NOW, Stage::Grant, denial.into(), Event::Grant(asked));
    Case { name, record, issuance: None, ended: None, client: None, world: world() }
}

/// At another endpoint than that for tokens.
fn elsewhere(name: &'static str, endpoint: &'static str, denial: Denial) -> Case {
    let asked = Grant { default_used: false, requested_resource: Vec::new(), ..asked(None, None) };
    grant(name, denial, Grant { endpoint: Some(endpoint.into()), ..asked })
}

fn weak() -> Denial {
    Denial::WeakScope {
        found: scopes("generate:basic"),
        needed: scopes("generate:advanced"),
        missing: scopes("generate:advanced"),
    }
}

/// Every case.
pub(super) fn all() -> Vec<Case> {
    let mut all = of_requests();
    all.extend(of_tokens());
    all.extend(of_rights());
    all.extend(bars::all());
    all.extend(of_grants());
    all.extend(of_targets());
    all.extend(of_clients());
    all.extend(of_exchanges());
    all.extend(of_people());
    all
}

fn of_requests() -> Vec<Case> {
    vec![
        access("allowed", None).issued(asked(Some("generate:basic"), Some("generate:basic"))),
        public(),
        access("ambiguous", Denial::Ambiguous { problem: "two Content-Length fields".into() })
            .without_token(),
        access(
            "unmapped_path",
            Denial::Unmapped { method: "GET".into(), path: "/admin".into(), allowed: Vec::new() },
        ),
        access(
            "unmapped_method",
            Denial::Unmapped {
                method: "DELETE".into(),
                path: "/v1/chat/completions".into(),
                allowed: vec!["POST".into()],
            },
        ),
        access("no_credential", Denial::NoCredential { scheme: None, in_query: false }),
        access("token_in_query", Denial::NoCredential { scheme: None, in_query: true }),
        access("many_credentials", Denial::ManyCredentials { found: 2 }),
        access("large_credential", Denial::CredentialTooLarge { bytes: 90_000, limit: 8192 }),
        access("api_key", Denial::NotAToken { looks_like: "an OpenAI-style API key".into() }),
    ]
}

/// A route that needs no token.
fn public() -> Case {
    let mut case = access("allowed_publicly", None).without_token();
    case.record.trace = Trace::new(Stage::Access);
    for check in [Check::Shape, Check::Route] {
        let _ = case.record.trace.step(check, Ok(()));
    }
    case
}

fn of_tokens() -> Vec<Case> {
    let format = Denial::Format { fault: FormatFault::Segments { found: 2 } };
    let alg = HeaderFault::Algorithm {
        found: Some("none".into()),
        accepted: vec!["ES256".into(), "RS256".into()],
    };
    let unknown = |kid: &str| Denial::UnknownKey {
        issuer: issuer(OURS),
        kid: Some(kid.into()),
        alg: "ES256".into(),
        known: vec![KnownKey { kid: Some(Kid::new("key-2026").unwrap()), alg: "ES256".into() }],
        fetched_at: None,
    };
    vec![
        access("malformed", format).with_token(|token| *token = TokenFacts::default()),
        access("alg_none", Denial::Header { fault: alg }).with_token(|t| t.alg = "none".into()),
        access(
            "id_token",
            Denial::WrongType { found: Some("JWT".into()), expected: "at+jwt".into() },
        ),
        access(
            "untrusted_issuer",
            Denial::UntrustedIssuer { found: Some(OTHER.into()), trusted: vec![issuer(OURS)] },
        )
        .with_token(|token| token.iss = OTHER.into()),
        access("retired_key", unknown("key-2025"))
            .with_token(|token| token.kid = Some("key-2025".into())),
        access(
            "unknown_remote_key",
            Denial::UnknownKey {
                issuer: issuer(OTHER),
                kid: Some("k9".into()),
                alg: "RS256".into(),
                known: vec![KnownKey { kid: None, alg: "RS256".into() }],
                fetched_at: Some(NOW.minus(Ttl::seconds(30))),
            },
        )
        .with_token(|token| token.iss = OTHER.into()),
        access(
            "keys_unavailable",
            Denial::KeysUnavailable {
                issuer: issuer(OTHER),
                reason: "connection refused".into(),
                retry_after: Ttl::seconds(30),
            },
        )
        .with_token(|token| token.iss = OTHER.into()),
        access(
            "bad_signature",
            Denial::BadSignature {
                issuer: issuer(OURS),
                kid: Some(Kid::new("key-2026").unwrap()),
                alg: "ES256".into(),
            },
        ),
        access("missing_claim", Denial::MissingClaim { claim: "jti".into() }),
        access("bad_claim", Denial::BadClaim { claim: "exp".into(), expected: "a number".into() }),
    ]
}

fn of_rights() -> Vec<Case> {
    let mut cases = of_time();
    cases.extend(of_scopes());
    cases.extend(of_holders());
    cases.push(
        access(
            "wrong_audience",
            Denial::WrongAudience {
                found: vec![EMBEDDINGS.into()],
                expected: audience(TEXT),
                made_for: vec!["embeddings".parse().unwrap()],
            },
        )
        .with_token(|token| token.aud = EMBEDDINGS.into())
        .issued(Grant {
            requested_resource: Vec::new(),
            default_used: true,
            ..asked(Some("embedding:create"), Some("embedding:create"))
        })
        .client(&["embedding:create"], &[EMBEDDINGS]),
    );
    cases.extend([
        access("id_token_claim", Denial::WrongPurpose { claim: "nonce".into() }),
        access(
            "wrong_tenant",
            Denial::WrongTenant { found: Some(tenant("acme")), expected: Some(tenant("globex")) },
        )
        .with_token(|token| token.tenant = Some("acme".into())),
    ]);
    let by = RevokedBy::Token { since: NOW.minus(Ttl::seconds(60)) };
    cases.push(access("revoked_token", Denial::Revoked { by }));
    cases.extend([
        access(
            "client_disabled_later",
            Denial::Revoked {
                by: RevokedBy::Client {
                    client_id: id("free-app"),
                    since: NOW.minus(Ttl::seconds(90)),
                },
            },
        )
        .ended("client.disable", "its secret was found in a public repository"),
        access(
            "revocations_unknown",
            Denial::RevocationsUnknown {
                issuer: issuer(OTHER),
                heard_at: Some(NOW.minus(Ttl::seconds(600))),
                max_age: Ttl::seconds(300),
                retry_after: Ttl::seconds(1),
            },
        )
        .with_token(|token| token.iss = OTHER.into()),
        access(
            "foreign_object",
            Denial::ForeignObject { tenant: Some(tenant("acme")), object_tenant: tenant("globex") },
        ),
    ]);
    cases
}

fn of_holders() -> Vec<Case> {
    let key = |letter: &str| Thumbprint::new(&format!("{}A", letter.repeat(42))).unwrap();
    let proof = |fault| Denial::BadProof { fault };
    vec![
        access(
            "dpop_proof_for_another_url",
            proof(DpopFault::Url {
                found: "https://evil.example/v1/chat/completions".into(),
                expected: "https://gw.example.com/v1/chat/completions".into(),
            }),
        ),
        access("dpop_proof_replayed", proof(DpopFault::Replayed { jti: "p1".into() })),
        access("dpop_nonce", proof(DpopFault::NoNonce)),
        access("dpop_proofs_full", Denial::ProofsFull { retry_after: Ttl::seconds(5) }),
        access(
            "bound_token_as_bearer",
            Denial::NotTheHolder { fault: HolderFault::Downgraded { bound_to: key("k") } },
        ),
        access(
            "dpop_proof_of_another_key",
            Denial::NotTheHolder {
                fault: HolderFault::OtherKey { found: key("e"), bound_to: key("k") },
            },
        ),
        access(
            "certificate_missing",
            Denial::NotTheHolder { fault: HolderFault::NoCertificate { bound_to: key("c") } },
        ),
        access(
            "step_up",
            Denial::WeakAuthentication {
                acr: Some("pwd".into()),
                auth_time: Some(NOW.minus(Ttl::seconds(7200))),
                wanted_acr: vec!["mfa".into(), "phr".into()],
                max_age: Some(Ttl::seconds(900)),
                now: NOW,
            },
        ),
        access(
            "session_ended",
            Denial::Revoked { by: RevokedBy::Session { since: NOW.minus(Ttl::seconds(30)) } },
        ),
    ]
}

fn of_time() -> Vec<Case> {
    let leeway = Ttl::seconds(30);
    let exp = NOW.minus(Ttl::seconds(200));
    let from = NOW.plus(Ttl::seconds(3_600));
    vec![
        access("expired", Denial::Expired { exp, now: NOW, leeway }).with_token(|token| {
            token.exp = NOW.seconds() - 200;
            token.iat = NOW.seconds() - 1100;
        }),
        access(
            "not_yet_valid",
            Denial::NotYetValid { claim: "nbf".into(), from, now: NOW, leeway },
        ),
        access(
            "lives_too_long",
            Denial::LivesTooLong { lifetime: Ttl::seconds(604_800), limit: Ttl::seconds(86_400) },
        ),
    ]
}

fn of_scopes() -> Vec<Case> {
    let basic = asked(Some("generate:basic"), Some("generate:basic"));
    let both = asked(Some("generate:advanced generate:basic"), Some("generate:basic"));
    vec![
        access("scope_never_asked", weak()).issued(basic.clone()).client(&["generate:*"], &[TEXT]),
        access("scope_not_allowed", weak()).issued(basic).client(&["generate:basic"], &[TEXT]),
        access("scope_dropped_by_client", weak()).issued(Grant {
            dropped: lost("generate:advanced", DroppedBy::Client),
            auth_method: Some("private_key_jwt".into()),
            ..both.clone()
        }),
        access("scope_dropped_by_policy", weak())
            .issued(Grant {
                dropped: lost(
                    "generate:advanced",
                    DroppedBy::Policy("outside office hours".into()),
                ),
                ..both
            })
            .client(&["generate:*"], &[TEXT]),
        access("scope_by_default", weak())
            .issued(asked(None, Some("generate:basic")))
            .client(&["generate:*"], &[TEXT]),
        access("scope_of_another_issuer", weak()).with_token(|token| token.iss = OTHER.into()),
        access(
            "scope_not_offered",
            Denial::WeakScope {
                found: scopes("generate:basic"),
                needed: scopes("dataset:read"),
                missing: scopes("dataset:read"),
            },
        )
        .issued(asked(Some("generate:basic"), Some("generate:basic")))
        .client(&["generate:basic"], &[TEXT]),
    ]
}

fn of_grants() -> Vec<Case> {
    let plain = || asked(Some("generate:advanced"), None);
    vec![
        grant("token_issued", None, asked(None, Some("generate:basic"))),
        grant(
            "bad_request",
            Denial::BadRequest {
                parameter: Some("scope".into()),
                problem: "sent twice; a parameter may be sent once".into(),
            },
            plain(),
        ),
        grant(
            "unknown_grant_type",
            Denial::UnknownGrantType {
                found: "password".into(),
                supported: vec!["client_credentials".into()],
            },
            Grant { grant_type: "password".into(), ..plain() },
        ),
        grant(
            "grant_not_allowed",
            Denial::GrantNotAllowed {
                client_id: id("free-app"),
                grant_type: "client_credentials".into(),
                allowed: Vec::new(),
            },
            plain(),
        ),
        grant(
            "bad_scope",
            Denial::BadScope {
                found: "generate:advancd".into(),
                problem: "is not registered; did you mean generate:advanced?".into(),
            },
            plain(),
        ),
        grant(
            "no_scope_left",
            Denial::NoScopeLeft {
                requested: scopes("generate:advanced"),
                client_may: vec!["generate:basic".into()],
                api_has: scopes("generate:advanced generate:basic model:list"),
            },
            Grant { dropped: lost("generate:advanced", DroppedBy::Client), ..plain() },
        )
        .client(&["generate:basic"], &[TEXT]),
    ]
}

fn of_targets() -> Vec<Case> {
    let plain = || asked(Some("generate:advanced"), None);
    vec![
        grant(
            "target_of_another",
            Denial::BadTarget { found: vec![EMBEDDINGS.into()], allowed: vec![audience(TEXT)] },
            Grant { requested_resource: vec![EMBEDDINGS.into()], resource: None, ..plain() },
        )
        .client(&["generate:*"], &[TEXT]),
        grant(
            "target_unknown",
            Denial::BadTarget {
                found: vec!["https://gw.example.com".into()],
                allowed: vec![audience(TEXT)],
            },
            Grant {
                requested_resource: vec!["https://gw.example.com".into()],
                resource: None,
                ..plain()
            },
        )
        .client(&["generate:*"], &[TEXT]),
    ]
}

fn of_clients() -> Vec<Case> {
    let plain = || asked(Some("generate:basic"), None);
    let unproven = |proof| Denial::BadClient { client_id: Some("free-app".into()), proof };
    let assertion = portcullis_types::AssertionFault::Audience {
        found: vec![format!("{OURS}/token")],
        expected: issuer(OURS),
    };
    vec![
        grant(
            "throttled",
            Denial::Throttled {
                client_id: Some("free-app".into()),
                failures: 12,
                retry_after: Ttl::seconds(300),
            },
            plain(),
        ),
        grant("wrong_secret", unproven(ClientProof::WrongSecret), plain()),
        grant(
            "unknown_client",
            Denial::BadClient {
                client_id: Some("fre-app".into()),
                proof: ClientProof::UnknownClient,
            },
            Grant { client_id: Some("fre-app".into()), ..plain() },
        ),
        elsewhere("pushed", "pushed_authorization_request", unproven(ClientProof::Missing)),
        elsewhere("introspected", "introspection", unproven(ClientProof::WrongSecret)),
        grant("no_proof", unproven(ClientProof::Missing), Grant { auth_method: None, ..plain() }),
        grant(
            "assertion_audience",
            unproven(ClientProof::Assertion { fault: assertion }),
            Grant { auth_method: Some("private_key_jwt".into()), ..plain() },
        ),
        grant(
            "client_disabled",
            Denial::ClientDisabled {
                client_id: id("free-app"),
                since: NOW.minus(Ttl::seconds(90)),
            },
            plain(),
        )
        .ended("client.disable", "its secret was found in a public repository"),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table: one line a case")]
fn of_exchanges() -> Vec<Case> {
    let plain = || Grant { grant_type: EXCHANGE.into(), ..asked(Some("analytics:read"), None) };
    let inbound = Inbound::SubjectToken;
    let untrusted = InboundFault::Untrusted { iss: Some(OTHER.into()), trusted: vec![OURS.into()] };
    let expired = InboundFault::Expired {
        exp: NOW.minus(Ttl::seconds(600)),
        now: NOW,
        leeway: Ttl::seconds(60),
    };
    let t123 = || Tenant::new("t123").unwrap();
    let t456: Scope = "analytics:read:t456".parse().unwrap();
    let may_act = MayAct::of(&serde_json::json!({ "sub": "planner" })).unwrap();
    let not_named = may_act.allows(&Actor::new("free-app").unwrap(), OTHER).unwrap_err();
    let limited = |usd| {
        let text = format!(
            r#"[{{"type":"ai_model","identifier":"small","limits":{{"usd_per_day":{usd}}}}}]"#
        );
        Details::parse(&text).unwrap()
    };
    let wider = Details::narrowed(&limited(50), &limited(25)).unwrap_err();
    let cases = [
        ("inbound_untrusted", Denial::BadInbound { inbound, fault: untrusted }),
        ("inbound_expired", Denial::BadInbound { inbound: Inbound::Assertion, fault: expired }),
        (
            "condition_not_met",
            Denial::ConditionNotMet {
                inbound,
                claim: "hd".into(),
                found: Some("other.example".into()),
                expected: "acme.example".into(),
            },
        ),
        (
            "tenant_halted",
            Denial::TenantHalted {
                inbound: Some(inbound),
                tenant: t123(),
                halt: TenantHalt::Suspended,
                since: NOW.minus(Ttl::seconds(3600)),
            },
        ),
        ("actor_not_named", Denial::BadActor { inbound, fault: not_named }),
        (
            "no_impersonation",
            Denial::NoImpersonation {
                client_id: id("free-app"),
                fault: ImpersonationFault::NotGranted,
            },
        ),
        (
            "policy_refused",
            Denial::PolicyRefused {
                inbound: Some(inbound),
                reasons: vec!["no export outside working hours".into()],
            },
        ),
        ("details_wider", Denial::BadDetails { fault: wider }),
        ("foreign_scope", Denial::ForeignScope { scope: t456, own: Some(t123()) }),
        (
            "nothing_left",
            Denial::NothingLeft {
                requested: scopes("analytics:read"),
                dropped: lost("analytics:read", DroppedBy::Tenant),
            },
        ),
    ];
    cases.into_iter().map(|(name, denial)| grant(name, denial, plain())).collect()
}

fn of_people() -> Vec<Case> {
    let person: portcullis_types::PersonId = "usr_01k7e3v5r00000000000000000".parse().unwrap();
    let with_code = || Grant { grant_type: "authorization_code".into(), ..asked(None, None) };
    let authorize = |name, denial: Denial| {
        let asked = Grant {
            endpoint: Some("authorization".into()),
            grant_type: "authorization_code".into(),
            ..asked(Some("generate:basic"), None)
        };
        let record = record(NOW, Stage::Authorize, Some(denial), Event::Grant(asked));
        Case { name, record, issuance: None, ended: None, client: None, world: world() }
    };
    let verifier = GrantedFault::CodeVerifier { problem: "it does not fit the challenge".into() };
    vec![
        grant(
            "proof_of_another_key",
            Denial::BadPossession { fault: PossessionFault::OtherKey },
            with_code(),
        ),
        grant(
            "code_verifier",
            Denial::BadGranted { grant_type: "authorization_code".into(), fault: verifier },
            with_code(),
        ),
        authorize(
            "client_document",
            Denial::BadClientDocument {
                client_id: "https://app.example/client.json".into(),
                fault: DocumentFault::Unreachable,
            },
        ),
        authorize(
            "redirect",
            Denial::BadRedirect {
                client_id: "free-app".into(),
                found: Some("https://evil.example/cb".into()),
                registered: vec!["https://app.example/cb".into()],
            },
        ),
        authorize(
            "login_required",
            Denial::BadAuthorization {
                error: AuthorizationError::LoginRequired,
                parameter: Some("prompt".into()),
                problem: "prompt=none, and nobody is signed in".into(),
            },
        ),
        authorize(
            "wrong_password",
            Denial::BadSignIn {
                login: Some("alice".into()),
                fault: SignInFault::Password { person },
            },
        ),
    ]
}
