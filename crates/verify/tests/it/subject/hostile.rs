//! Tokens that somebody made in bad faith, and the exact answer to each.

use crate::subject::house::{Case, EC, NOW, RSA};
use portcullis_jose::{Alg, SigningKey, b64, jws};
use portcullis_types::{
    ActorFault, Denial, FormatFault, HeaderFault, Inbound, InboundFault, Timestamp, Ttl,
};
use portcullis_verify::subject::TokenKind;
use serde_json::{Value, json};

/// What it is, the token, and what is said of it.
type Attack = (&'static str, String, Denial);

const LEEWAY: Ttl = Ttl::seconds(60);
const ACCEPTED: [&str; 6] = ["RS256", "PS256", "ES256", "ES384", "Ed25519", "EdDSA"];
const TEXT: &str = "a string of 1 to 512 bytes";
const DATE: &str = "a number of seconds since 1970";
const AUD: &str = "a string, or a list of 1 to 16 strings";

fn good() -> Case {
    Case::of("custom")
}

fn inbound(fault: impl Into<InboundFault>) -> Denial {
    Denial::BadInbound { inbound: Inbound::SubjectToken, fault: fault.into() }
}

fn format(fault: FormatFault) -> Denial {
    inbound(Denial::Format { fault })
}

fn header(fault: HeaderFault) -> Denial {
    inbound(Denial::Header { fault })
}

fn payload(problem: &str) -> Denial {
    format(FormatFault::Payload { problem: problem.into() })
}

fn algorithm(found: &str) -> Denial {
    let accepted = ACCEPTED.map(str::to_owned).to_vec();
    header(HeaderFault::Algorithm { found: Some(found.into()), accepted })
}

fn claim(claim: &str, expected: &str) -> Denial {
    inbound(InboundFault::BadClaim { claim: claim.into(), expected: expected.into() })
}

fn missing(name: &str) -> Denial {
    claim(name, "present and well formed")
}

fn untrusted(iss: Option<&str>) -> Denial {
    inbound(InboundFault::Untrusted {
        iss: iss.map(str::to_owned),
        trusted: vec!["https://idp.acme.example".into()],
    })
}

fn unknown_key(kid: Option<&str>, alg: &str) -> Denial {
    inbound(InboundFault::UnknownKey { kid: kid.map(str::to_owned), alg: alg.into() })
}

fn bad_signature(kid: Option<&str>) -> Denial {
    inbound(InboundFault::BadSignature { kid: kid.map(str::to_owned), alg: "RS256".into() })
}

fn wrong_type(found: &str, expected: &str) -> Denial {
    inbound(InboundFault::WrongType { found: Some(found.into()), expected: expected.into() })
}

fn foreign(name: &str) -> Denial {
    wrong_type(&format!("a token with {name}"), "a token without it")
}

fn actor(fault: ActorFault) -> Denial {
    Denial::BadActor { inbound: Inbound::SubjectToken, fault }
}

fn odd_actor(claim: &str, problem: &str) -> Denial {
    actor(ActorFault::Malformed { claim: claim.into(), problem: problem.into() })
}

fn claiming(changes: Value) -> String {
    good().claims(changes).token()
}

fn headed(changes: Value) -> String {
    good().header(changes).token()
}

/// Signed by `key`, with this header and these claims as texts.
fn signed(key: &SigningKey, header: &str, claims: &[u8]) -> String {
    let input = format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(claims));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64::encode(&signature))
}

/// Claims as text, signed by the partner.
fn raw(claims: &str) -> String {
    signed(&RSA, &good().header.to_string(), claims.as_bytes())
}

/// Good claims with some text before the others.
fn prefixed(text: &str) -> String {
    let claims = good().claims.to_string();
    raw(&format!("{{{text},{}", claims.strip_prefix('{').unwrap()))
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({ "sub": "a" }), |act, _| json!({ "sub": "a", "act": act }))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// What is no compact JWS.
fn malformed() -> Vec<Attack> {
    let token = good().token();
    let (body, _) = token.rsplit_once('.').unwrap();
    let length = token.len();
    let big = claiming(json!({ "x": "x".repeat(1 << 20) }));
    let long = headed(json!({ "x": "x".repeat(4096) }));
    let head_length = long.split('.').next().unwrap().len();
    vec![
        ("nothing", String::new(), format(FormatFault::Segments { found: 1 })),
        ("no signature at all", body.into(), format(FormatFault::Segments { found: 2 })),
        ("one more part", format!("{token}.x"), format(FormatFault::Segments { found: 4 })),
        ("encrypted", "a.b.c.d.e".into(), wrong_type("JWE", "a signed JWT")),
        ("a space after it", format!("{token} "), format(FormatFault::Character { at: length })),
        ("padding", format!("{token}="), format(FormatFault::Character { at: length })),
        ("a line break before", format!("\n{token}"), format(FormatFault::Character { at: 0 })),
        (
            "a letter that looks alike",
            token.replacen('e', "\u{435}", 1),
            format(FormatFault::Character { at: 0 }),
        ),
        (
            "stray bits in the signature",
            format!("{}B", &token[..length - 1]),
            format(FormatFault::Base64 { segment: "signature".into() }),
        ),
        (
            "a megabyte of claims",
            big.clone(),
            format(FormatFault::TooLong { bytes: big.len(), limit: jws::MAX_TOKEN }),
        ),
        (
            "a header of five kilobytes",
            long,
            format(FormatFault::TooLong { bytes: head_length, limit: jws::MAX_HEADER }),
        ),
        (
            "ten thousand scopes",
            claiming(json!({ "scope": "model:list ".repeat(10_000) })),
            format(FormatFault::TooLong {
                bytes: claiming(json!({ "scope": "model:list ".repeat(10_000) })).len(),
                limit: jws::MAX_TOKEN,
            }),
        ),
    ]
}

/// What plays with the header.
#[expect(clippy::too_many_lines, reason = "a table: one attack a line")]
fn headers() -> Vec<Attack> {
    let none = || vec!["the asymmetric algorithms of the issuer".to_owned()];
    let claims = good().claims.to_string();
    let twice = |text: &str| {
        let header = good().header.to_string();
        let header = format!("{{{text},{}", header.strip_prefix('{').unwrap());
        signed(&RSA, &header, claims.as_bytes())
    };
    let json_fault = |problem: &str| header(HeaderFault::Json { problem: problem.into() });
    let kid = EC.kid();
    vec![
        ("none", headed(json!({ "alg": "none" })), inbound(InboundFault::Unsigned)),
        ("none in capitals", headed(json!({ "alg": "nOnE" })), inbound(InboundFault::Unsigned)),
        (
            "no algorithm",
            headed(json!({ "alg": null })),
            header(HeaderFault::Algorithm { found: None, accepted: none() }),
        ),
        ("a shared secret", headed(json!({ "alg": "HS256" })), algorithm("HS256")),
        ("the longest secret", headed(json!({ "alg": "HS512" })), algorithm("HS512")),
        ("an algorithm nobody agreed on", headed(json!({ "alg": "RS512" })), algorithm("RS512")),
        (
            "an algorithm that is none",
            headed(json!({ "alg": "rs256" })),
            header(HeaderFault::Algorithm { found: Some("\"rs256\"".into()), accepted: none() }),
        ),
        (
            "a key of another kind",
            headed(json!({ "alg": "ES256" })),
            unknown_key(Some(RSA.kid()), "ES256"),
        ),
        ("the other key's name", headed(json!({ "kid": kid })), unknown_key(Some(kid), "RS256")),
        (
            "a path as kid",
            headed(json!({ "kid": "../../dev/null" })),
            unknown_key(Some("../../dev/null"), "RS256"),
        ),
        ("a zero in kid", headed(json!({ "kid": "a\u{0}b" })), header(HeaderFault::Kid)),
        ("a statement as kid", headed(json!({ "kid": "' OR 1=1 --" })), header(HeaderFault::Kid)),
        ("a long kid", headed(json!({ "kid": "k".repeat(129) })), header(HeaderFault::Kid)),
        ("a number as kid", headed(json!({ "kid": 1 })), header(HeaderFault::Kid)),
        (
            "crit",
            headed(json!({ "crit": ["exp"], "exp": 1 })),
            header(HeaderFault::Critical { names: vec!["exp".into()] }),
        ),
        (
            "crit of nothing",
            headed(json!({ "crit": [] })),
            header(HeaderFault::Critical { names: vec!["an empty or repeating list".into()] }),
        ),
        ("b64", headed(json!({ "b64": false })), header(HeaderFault::UnencodedPayload)),
        (
            "two algorithms",
            twice(r#""alg":"none""#),
            json_fault("the member \"alg\" occurs twice in one object"),
        ),
        (
            "two key names, one in escapes",
            twice(r#""\u006bid":"x""#),
            json_fault("the member \"kid\" occurs twice in one object"),
        ),
        ("a list as typ", headed(json!({ "typ": ["JWT"] })), json_fault("typ must be a string")),
        (
            "a logout token",
            headed(json!({ "typ": "logout+jwt" })),
            wrong_type("logout+jwt", "JWT or at+jwt"),
        ),
        (
            "an event",
            headed(json!({ "typ": "secevent+jwt" })),
            wrong_type("secevent+jwt", "JWT or at+jwt"),
        ),
        ("a proof", headed(json!({ "typ": "dpop+jwt" })), wrong_type("dpop+jwt", "JWT or at+jwt")),
        (
            "no type",
            headed(json!({ "typ": null })),
            inbound(InboundFault::WrongType { found: None, expected: "JWT or at+jwt".into() }),
        ),
    ]
}

/// What is signed by somebody else.
fn forgeries() -> Vec<Attack> {
    let thief = SigningKey::generate(Alg::RS256).unwrap();
    let stolen = |header: Value| thief.sign_compact(&header, &good().claims).unwrap();
    let named = |more: Value| stolen(crate::house::with(good().header, more));
    let kid = Some(RSA.kid());
    let token = good().token();
    let (body, signature) = token.rsplit_once('.').unwrap();
    let other = claiming(json!({ "sub": "root" }));
    let (other, _) = other.rsplit_once('.').unwrap();
    let jwk = serde_json::to_value(thief.public_jwk().unwrap()).unwrap();
    let evil = "https://evil.example/keys";
    vec![
        ("another key of that name", named(json!({})), bad_signature(kid)),
        ("another key without name", named(json!({ "kid": null })), bad_signature(None)),
        ("the key in the header", named(json!({ "jwk": jwk })), bad_signature(kid)),
        ("the keys elsewhere", named(json!({ "jku": evil })), bad_signature(kid)),
        ("a certificate elsewhere", named(json!({ "x5u": evil })), bad_signature(kid)),
        ("a certificate of its own", named(json!({ "x5c": ["MIIB"] })), bad_signature(kid)),
        (
            "its own key by name",
            named(json!({ "kid": thief.kid(), "jwk": jwk })),
            unknown_key(Some(thief.kid()), "RS256"),
        ),
        ("an empty signature", format!("{body}."), bad_signature(kid)),
        ("the signature of another", format!("{other}.{signature}"), bad_signature(kid)),
        (
            "half a signature",
            format!("{body}.{}", &signature[..signature.len() / 8 * 4]),
            bad_signature(kid),
        ),
    ]
}

/// What is signed by the partner, and says what it must not.
#[expect(clippy::too_many_lines, reason = "a table: one attack a line")]
fn payloads() -> Vec<Attack> {
    let secs = NOW.seconds();
    let (now, leeway) = (NOW, LEEWAY);
    let later = |claim: &str, from: i64| {
        inbound(InboundFault::NotYetValid { claim: claim.into(), from: at(from), now, leeway })
    };
    let aud = |found: &[&str]| {
        let found = found.iter().map(|aud| (*aud).to_owned()).collect();
        inbound(InboundFault::WrongAudience { found, accepted: vec!["api".into()] })
    };
    let day = 24 * 3600;
    let lifetime = Ttl::seconds(86_401);
    vec![
        (
            "two subjects",
            prefixed(r#""sub":"root""#),
            payload("the member \"sub\" occurs twice in one object"),
        ),
        (
            "two subjects, one in escapes",
            prefixed(r#""\u0073ub":"root""#),
            payload("the member \"sub\" occurs twice in one object"),
        ),
        ("two issuers", prefixed(r#""iss":"https://idp.acme.example""#), untrusted(None)),
        (
            "two members, deep within",
            prefixed(r#""x":[{"a":{"b":1,"b":2}}]"#),
            payload("the member \"b\" occurs twice in one object"),
        ),
        (
            "nested for ever",
            prefixed(&format!(r#""x":{}{}"#, "[".repeat(60), "]".repeat(60))),
            payload("nested deeper than 32 levels"),
        ),
        ("a list of claims", raw("[]"), untrusted(None)),
        ("no JSON", raw("sub=root"), untrusted(None)),
        (
            "a stranger",
            claiming(json!({ "iss": "https://evil.example" })),
            untrusted(Some("https://evil.example")),
        ),
        (
            "a slash more",
            claiming(json!({ "iss": "https://idp.acme.example/" })),
            untrusted(Some("https://idp.acme.example/")),
        ),
        (
            "an issuer that looks alike",
            claiming(json!({ "iss": "https://idp.\u{430}cme.example" })),
            untrusted(Some("https://idp.\u{430}cme.example")),
        ),
        (
            "a subject that looks alike",
            claiming(json!({ "sub": "\u{440}oot" })),
            claim("sub", "printable ASCII"),
        ),
        (
            "a subject of control characters",
            claiming(json!({ "sub": "a\u{0}b" })),
            claim("sub", "printable ASCII"),
        ),
        (
            "expired",
            claiming(json!({ "iat": secs - 600, "exp": secs - 60 })),
            inbound(InboundFault::Expired { exp: at(secs - 60), now, leeway }),
        ),
        ("from tomorrow", claiming(json!({ "nbf": secs + 61 })), later("nbf", secs + 61)),
        ("born tomorrow", claiming(json!({ "iat": secs + 61 })), later("iat", secs + 61)),
        (
            "for more than a day",
            claiming(json!({ "iat": secs, "exp": secs + day + 1 })),
            inbound(InboundFault::LivesTooLong { lifetime, limit: Ttl::seconds(86_400) }),
        ),
        ("for somebody else", claiming(json!({ "aud": "other" })), aud(&["other"])),
        ("for a longer name", claiming(json!({ "aud": ["api/", "xapi"] })), aud(&["api/", "xapi"])),
        (
            "for a name that looks alike",
            claiming(json!({ "aud": "\u{430}pi" })),
            aud(&["\u{430}pi"]),
        ),
        ("an ID token's nonce", claiming(json!({ "nonce": "n" })), foreign("nonce")),
        ("an ID token's hash", claiming(json!({ "at_hash": "h" })), foreign("at_hash")),
        ("a logout token's events", claiming(json!({ "events": {} })), foreign("events")),
        ("an ID token by use", claiming(json!({ "token_use": "id" })), foreign("token_use")),
        (
            "an access token of no client",
            claiming(json!({ "client_id": null })),
            missing("client_id"),
        ),
        (
            "five thousand scopes",
            claiming(json!({ "scope": "a ".repeat(5_000) })),
            claim("scope", "at most 256 scopes"),
        ),
        (
            "ten actors",
            claiming(json!({ "act": nested(10) })),
            actor(ActorFault::TooDeep { limit: 4 }),
        ),
        (
            "a bomb of actors",
            claiming(json!({ "act": nested(100) })),
            payload("nested deeper than 32 levels"),
        ),
        (
            "an actor with rights",
            claiming(json!({ "act": { "sub": "a", "scope": "x" } })),
            odd_actor("act", "scope is none of sub, iss, client_id, sub_profile, as text"),
        ),
        (
            "a list of actors",
            claiming(json!({ "act": [{ "sub": "a" }] })),
            odd_actor("act", "not a JSON object"),
        ),
        (
            "anybody may act",
            claiming(json!({ "may_act": {} })),
            odd_actor("may_act", "neither sub nor client_id"),
        ),
        (
            "a binding that is none",
            claiming(json!({ "cnf": { "jkt": "short" } })),
            claim("cnf", "jkt and x5t#S256 as base64url SHA-256"),
        ),
    ]
}

/// Every claim in every wrong type.
fn types() -> Vec<Attack> {
    let others = [json!(true), json!({}), json!([[]]), json!("")];
    let amr = "a list of at most 16 texts";
    let cnf = "an object with jkt or x5t#S256";
    let claims = [
        ("sub", TEXT),
        ("aud", AUD),
        ("exp", DATE),
        ("nbf", DATE),
        ("iat", DATE),
        ("jti", TEXT),
        ("client_id", TEXT),
        ("azp", TEXT),
        ("acr", TEXT),
        ("auth_time", DATE),
        ("amr", amr),
        ("cnf", cnf),
    ];
    let mut attacks: Vec<Attack> = claims
        .into_iter()
        .flat_map(|(name, expected)| {
            others
                .clone()
                .map(|value| (name, claiming(json!({ name: value })), claim(name, expected)))
        })
        .filter(|(name, token, _)| !(*name == "cnf" && *token == claiming(json!({ "cnf": {} }))))
        .filter(|(name, token, _)| !(*name == "aud" && *token == claiming(json!({ "aud": "" }))))
        .collect();
    for number in [json!(-1), json!(1e300), json!("1800000300"), json!(9_999_999_999_999_u64)] {
        attacks.push(("exp", claiming(json!({ "exp": number })), claim("exp", DATE)));
    }
    for name in ["sub", "aud", "exp"] {
        attacks.push((name, claiming(json!({ name: null })), missing(name)));
    }
    attacks.push(("iss", claiming(json!({ "iss": 1 })), untrusted(None)));
    attacks.push(("iss", claiming(json!({ "iss": null })), untrusted(None)));
    attacks.push(("sub", claiming(json!({ "sub": "s".repeat(513) })), claim("sub", TEXT)));
    attacks.push(("aud", claiming(json!({ "aud": vec!["api"; 17] })), claim("aud", AUD)));
    attacks.push((
        "scope",
        claiming(json!({ "scope": ["model:list"] })),
        claim("scope", "a text of scopes separated by spaces"),
    ));
    attacks
}

#[test]
fn every_attack_is_answered_exactly() {
    let all = [malformed(), headers(), forgeries(), payloads(), types()];
    let all: Vec<Attack> = all.into_iter().flatten().collect();
    assert!(all.len() >= 100, "{}", all.len());
    let case = good();
    for (name, token, expected) in all {
        let found = case.judge_text(&token).map(drop).expect_err(name);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn no_answer_to_the_caller_tells_what_is_trusted() {
    for (name, token, _) in [malformed(), headers(), forgeries(), payloads(), types()].concat() {
        let denial = good().judge_text(&token).map(drop).expect_err(name);
        let told = denial.told().unwrap_or_default();
        assert!(!told.contains("idp.acme.example") || name.contains("slash"), "{name}: {told}");
        assert_eq!(denial.code().error, Some("invalid_request"), "{name}");
    }
}

#[test]
fn an_assertion_is_refused_with_the_word_of_its_own_grant() {
    let sub = json!([{ "claim": "sub", "equals": "u-1" }]);
    let case = Case::of("custom")
        .record(json!({ "kinds": ["jwt"], "conditions": sub }))
        .header(json!({ "typ": "JWT" }));
    let case = Case { kind: None, ..case };
    assert!(case.judge().is_ok());
    let expired = case.claims(json!({ "exp": NOW.seconds() - 61, "iat": NOW.seconds() - 90 }));
    assert_eq!(expired.judge().unwrap_err().code().error, Some("invalid_grant"));
}

#[test]
fn a_sign_in_is_young_and_for_the_client_it_names() {
    let base = || good().kind(TokenKind::IdToken).header(json!({ "typ": "JWT" }));
    let id_token = |changes: Value| base().claims(changes);
    let secs = NOW.seconds();
    assert!(id_token(json!({ "iat": secs - 660, "nonce": "n" })).judge().is_ok());
    let (iat, limit) = (at(secs - 661), Ttl::seconds(600));
    let old = id_token(json!({ "iat": secs - 661 })).fault();
    assert_eq!(old, InboundFault::TooOld { iat, now: NOW, limit });
    let azp = |claims: Value| id_token(claims).judge().map(drop);
    let wrong = || Err(claim("azp", "api"));
    assert_eq!(azp(json!({ "azp": "other" })), wrong());
    assert_eq!(azp(json!({ "aud": ["api", "other"] })), wrong());
    assert_eq!(azp(json!({ "aud": ["api", "other"], "azp": "api" })), Ok(()));
    assert_eq!(azp(json!({ "iat": null })), Err(missing("iat")));
    assert_eq!(azp(json!({ "events": {} })), Err(foreign("events")));
    assert_eq!(azp(json!({ "scp": "x" })), Err(foreign("scp")));
    let access = base().header(json!({ "typ": "at+jwt" })).judge().map(drop);
    assert_eq!(access, Err(wrong_type("at+jwt", "JWT")));
}

#[test]
fn keys_that_cannot_be_had_are_nobodys_fault() {
    use portcullis_verify::subject::admit;
    let (case, client) = (good(), crate::subject::house::client());
    let (token, trust) = (case.token(), case.checked().unwrap());
    let down = Err(("connection refused".to_owned(), Ttl::seconds(5)));
    let mut trace = portcullis_types::Trace::new(portcullis_types::Stage::Grant);
    let denial = admit(&case.offered(&token, &client), &trust, &down, NOW, &mut trace);
    let denial = denial.map(drop).unwrap_err();
    assert_eq!((denial.code().status, denial.told()), (503, None));
}
