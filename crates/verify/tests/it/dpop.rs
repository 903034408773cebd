//! Proofs of possession: whoever steals a bound token can do nothing with it (RFC 9449, RFC 8705).

use crate::house::{House, NOW, claiming, with};
use portcullis_jose::{Alg, SigningKey, b64};
use portcullis_types::{Denial, DpopFault, HolderFault, Timestamp, Ttl};
use portcullis_verify::{
    Holder, Need, Scheme,
    dpop::{ALGS, Expected, Header, Htu, NonceRule, Nonces, Possession, Proof, Replays, Reuse},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const URL: &str = "https://gw.example/v1/chat";

static HOLDER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::ES256).unwrap());
static THIEF: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::ES256).unwrap());

fn jwk(key: &SigningKey) -> Value {
    let jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    with(jwk, json!({ "kid": null, "alg": null, "use": null }))
}

fn jkt(key: &SigningKey) -> String {
    key.public_jwk().unwrap().thumbprint()
}

fn header(key: &SigningKey) -> Value {
    json!({ "alg": key.alg().name(), "typ": "dpop+jwt", "jwk": jwk(key) })
}

fn ath(token: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    b64::encode(hash)
}

/// A proof that is right for [`URL`] and this token.
fn claims(token: &str) -> Value {
    json!({ "htm": "POST", "htu": URL, "iat": NOW.seconds(), "jti": "p1", "ath": ath(token) })
}

fn proof(key: &SigningKey, token: &str, changes: Value) -> String {
    key.sign_compact(&header(key), &with(claims(token), changes)).unwrap()
}

fn headed(key: &SigningKey, token: &str, changes: Value) -> String {
    key.sign_compact(&with(header(key), changes), &claims(token)).unwrap()
}

fn bound() -> String {
    claiming(json!({ "cnf": { "jkt": jkt(&HOLDER) } }))
}

fn shown(proof: &str) -> Holder<'_> {
    Holder {
        dpop: Header::One(proof.as_bytes()),
        htm: "POST",
        htu: Htu::url(URL),
        client_certificate: None,
    }
}

fn fault(house: &mut House, token: &str, holder: Holder<'_>) -> DpopFault {
    let denial = house.judge_by(Scheme::Dpop, token, holder).unwrap_err();
    let fault = if let Denial::BadProof { fault } = &denial { Some(fault.clone()) } else { None };
    fault.ok_or(denial).unwrap()
}

fn not_the_holder(outcome: Result<portcullis_verify::Admission, Denial>) -> HolderFault {
    let denial = outcome.unwrap_err();
    let fault =
        if let Denial::NotTheHolder { fault } = &denial { Some(fault.clone()) } else { None };
    fault.ok_or(denial).unwrap()
}

#[test]
fn the_holder_of_the_key_passes_with_every_algorithm() {
    for alg in [Alg::ES256, Alg::ES384, Alg::Ed25519, Alg::EdDSA, Alg::PS256, Alg::RS256] {
        let key = SigningKey::generate(alg).unwrap();
        let token = claiming(json!({ "cnf": { "jkt": jkt(&key) } }));
        let proof = proof(&key, &token, json!({}));
        House::new().judge_by(Scheme::Dpop, &token, shown(&proof)).unwrap();
    }
}

#[test]
fn a_proof_of_another_key_is_refused() {
    let token = bound();
    let proof = proof(&THIEF, &token, json!({}));
    let fault = not_the_holder(House::new().judge_by(Scheme::Dpop, &token, shown(&proof)));
    assert!(matches!(fault, HolderFault::OtherKey { found, .. } if found.as_str() == jkt(&THIEF)));
}

#[test]
fn a_proof_that_shows_one_key_and_is_signed_by_another_is_refused() {
    let token = bound();
    let forged = headed(&THIEF, &token, json!({ "jwk": jwk(&HOLDER) }));
    assert_eq!(fault(&mut House::new(), &token, shown(&forged)), DpopFault::Signature);
}

#[test]
fn a_proof_for_another_request_is_refused() {
    let token = bound();
    let of = |changes| fault(&mut House::new(), &token, shown(&proof(&HOLDER, &token, changes)));
    assert!(matches!(of(json!({ "htm": "GET" })), DpopFault::Method { .. }));
    assert!(matches!(of(json!({ "htm": "post" })), DpopFault::Method { .. }));
    for htu in [
        "https://gw.example/v1/models",
        "https://evil.example/v1/chat",
        "http://gw.example/v1/chat",
        "",
    ] {
        assert!(matches!(of(json!({ "htu": htu })), DpopFault::Url { .. }), "{htu}");
    }
    let query = proof(&HOLDER, &token, json!({ "htu": format!("{URL}?stream=true#x") }));
    House::new().judge_by(Scheme::Dpop, &token, shown(&query)).unwrap();
}

#[test]
fn an_old_proof_and_one_of_the_future_are_refused() {
    let token = bound();
    for (iat, good) in
        [(-60, true), (-61, false), (10, true), (11, false), (-3600, false), (3600, false)]
    {
        let proof = proof(&HOLDER, &token, json!({ "iat": NOW.seconds() + iat }));
        let outcome = House::new().judge_by(Scheme::Dpop, &token, shown(&proof));
        assert_eq!(outcome.is_ok(), good, "{iat}: {outcome:?}");
    }
}

#[test]
fn a_proof_is_good_once_even_if_the_token_is_remembered() {
    let (token, mut house) = (bound(), House::new());
    let first = proof(&HOLDER, &token, json!({}));
    house.judge_by(Scheme::Dpop, &token, shown(&first)).unwrap();
    assert_eq!(fault(&mut house, &token, shown(&first)), DpopFault::Replayed { jti: "p1".into() });
    let second = proof(&HOLDER, &token, json!({ "jti": "p2" }));
    house.judge_by(Scheme::Dpop, &token, shown(&second)).unwrap();
}

#[test]
fn a_proof_for_another_token_or_for_none_is_refused() {
    let token = bound();
    let other = claiming(json!({ "jti": "j2", "cnf": { "jkt": jkt(&HOLDER) } }));
    let stolen = proof(&HOLDER, &other, json!({}));
    assert_eq!(fault(&mut House::new(), &token, shown(&stolen)), DpopFault::OtherToken);
    let none = proof(&HOLDER, &token, json!({ "ath": null }));
    let missing = fault(&mut House::new(), &token, shown(&none));
    assert!(matches!(missing, DpopFault::Claim { claim, .. } if claim == "ath"));
}

#[test]
fn a_claim_of_the_wrong_shape_is_refused() {
    let token = bound();
    for (name, value) in [
        ("jti", json!("")),
        ("jti", json!(1)),
        ("jti", json!("j".repeat(129))),
        ("jti", Value::Null),
        ("iat", json!("now")),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("iat", Value::Null),
        ("htm", Value::Null),
        ("htu", json!(["https://gw.example/v1/chat"])),
        ("ath", json!(1)),
    ] {
        let mut changes = json!({});
        changes[name] = value.clone();
        let shape = fault(&mut House::new(), &token, shown(&proof(&HOLDER, &token, changes)));
        assert!(
            matches!(&shape, DpopFault::Claim { claim, .. } if claim == name),
            "{name}: {shape:?}"
        );
    }
}

#[test]
fn a_nonce_is_asked_for_where_the_route_wants_one() {
    let token = bound();
    let mut house = House::new();
    house.demand.dpop_nonce = Need::Required;
    let mut with_nonce = |nonce: Value, jti: &str| {
        let proof = proof(&HOLDER, &token, json!({ "nonce": nonce, "jti": jti }));
        house.judge_by(Scheme::Dpop, &token, shown(&proof)).map(drop)
    };
    let stale = |fault| Err(Denial::BadProof { fault });
    assert_eq!(with_nonce(Value::Null, "1"), stale(DpopFault::NoNonce));
    assert_eq!(with_nonce(json!("made-up"), "2"), stale(DpopFault::StaleNonce));
    let ours = Nonces::new(&[7; 32]);
    let old = ours.current(NOW.minus(Ttl::seconds(600)));
    assert_eq!(with_nonce(json!(old), "3"), stale(DpopFault::StaleNonce));
    with_nonce(json!(ours.current(NOW)), "4").unwrap();
}

#[test]
fn a_proof_gives_no_private_key_away_and_is_signed_with_a_key_pair() {
    let token = bound();
    let of = |changes| fault(&mut House::new(), &token, shown(&headed(&HOLDER, &token, changes)));
    let private = HOLDER.private_jwk().unwrap().to_private_json();
    let private: Value = serde_json::from_str(&private).unwrap();
    assert_eq!(of(json!({ "jwk": private })), DpopFault::PrivateKey);
    let oct = json!({ "kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    assert_eq!(of(json!({ "jwk": oct })), DpopFault::PrivateKey);
    for alg in ["HS256", "none", "NONE", "ES512", "ES256K", "nothing"] {
        let found = of(json!({ "alg": alg }));
        assert!(matches!(found, DpopFault::Algorithm { .. }), "{alg}: {found:?}");
    }
    assert!(matches!(of(json!({ "alg": null })), DpopFault::Algorithm { found: None, .. }));
    for key in [
        Value::Null,
        json!("x"),
        json!({}),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
    ] {
        assert!(matches!(of(json!({ "jwk": key })), DpopFault::Key { .. }), "{key}");
    }
    let rsa = SigningKey::generate(Alg::RS256).unwrap();
    assert!(
        matches!(of(json!({ "jwk": jwk(&rsa) })), DpopFault::Key { .. }),
        "alg of another key type"
    );
    for typ in [Value::Null, json!("JWT"), json!("at+jwt"), json!("dpop+jwt;x")] {
        assert!(matches!(of(json!({ "typ": typ })), DpopFault::Type { .. }), "{typ}");
    }
    assert_eq!(of(json!({ "crit": ["x"] })), DpopFault::Signature, "no extension is understood");
}

#[test]
fn exactly_one_proof_of_a_sane_size_is_read() {
    let token = bound();
    let good = proof(&HOLDER, &token, json!({}));
    let of = |dpop| fault(&mut House::new(), &token, Holder { dpop, ..shown("") });
    assert_eq!(of(Header::of([])), DpopFault::Missing);
    assert_eq!(of(Header::of([good.as_bytes(), good.as_bytes()])), DpopFault::Many { found: 2 });
    let list = format!("{good}, {good}");
    assert!(matches!(of(Header::One(list.as_bytes())), DpopFault::Malformed { .. }));
    assert!(matches!(of(Header::One(&[0xff, 0xfe])), DpopFault::Malformed { .. }));
    assert!(matches!(of(Header::One(b"")), DpopFault::Malformed { .. }));
    let long = "a".repeat(9000);
    assert!(matches!(of(Header::One(long.as_bytes())), DpopFault::TooLong { .. }));
}

#[test]
fn a_bound_token_is_no_bearer_token_and_an_unbound_one_no_bound_one() {
    let (token, unbound) = (bound(), claiming(json!({})));
    let good = proof(&HOLDER, &token, json!({}));
    let downgraded = House::new().judge_by(Scheme::Bearer, &token, shown(&good));
    assert!(matches!(not_the_holder(downgraded), HolderFault::Downgraded { .. }));
    let proof = proof(&HOLDER, &unbound, json!({}));
    let pretended = House::new().judge_by(Scheme::Dpop, &unbound, shown(&proof));
    assert_eq!(not_the_holder(pretended), HolderFault::Unbound);
    let mut strict = House::new();
    strict.demand.dpop = Need::Required;
    assert_eq!(not_the_holder(strict.judge(&unbound)), HolderFault::KeyDemanded);
    strict.judge_by(Scheme::Dpop, &token, shown(&good)).unwrap();
}

#[test]
fn a_member_of_cnf_that_is_known_is_checked_beside_one_that_is_not() {
    let token = claiming(json!({ "cnf": { "jkt": jkt(&HOLDER), "kid": "x" } }));
    let good = proof(&HOLDER, &token, json!({}));
    House::new().judge_by(Scheme::Dpop, &token, shown(&good)).unwrap();
    assert!(House::new().judge(&token).is_err());
    let unknown = claiming(json!({ "cnf": { "jwk": jwk(&HOLDER) } }));
    assert_eq!(
        not_the_holder(House::new().judge(&unknown)),
        HolderFault::UnknownBinding { members: vec!["jwk".into()] }
    );
}

#[test]
fn a_token_of_a_certificate_needs_that_certificate() {
    let token = claiming(json!({ "cnf": { "x5t#S256": b64::encode([7; 32]) } }));
    let over = |hash| Holder { client_certificate: hash, ..Holder::default() };
    House::new().judge_by(Scheme::Bearer, &token, over(Some(&[7; 32]))).unwrap();
    let none = not_the_holder(House::new().judge_by(Scheme::Bearer, &token, over(None)));
    assert!(matches!(none, HolderFault::NoCertificate { .. }));
    let other = House::new().judge_by(Scheme::Bearer, &token, over(Some(&[8; 32])));
    assert!(matches!(not_the_holder(other), HolderFault::OtherCertificate { .. }));
    let mut strict = House::new();
    strict.demand.client_certificate = Need::Required;
    let unbound = strict.judge_by(Scheme::Bearer, &claiming(json!({})), over(Some(&[7; 32])));
    assert_eq!(not_the_holder(unbound), HolderFault::CertificateDemanded);
    strict.judge_by(Scheme::Bearer, &token, over(Some(&[7; 32]))).unwrap();
}

#[test]
fn a_token_of_a_key_and_a_certificate_needs_both() {
    let cnf = json!({ "jkt": jkt(&HOLDER), "x5t#S256": b64::encode([7; 32]) });
    let token = claiming(json!({ "cnf": cnf }));
    let good = proof(&HOLDER, &token, json!({}));
    let over = |hash| Holder { client_certificate: hash, ..shown(&good) };
    assert!(House::new().judge_by(Scheme::Dpop, &token, over(None)).is_err());
    assert!(House::new().judge_by(Scheme::Bearer, &token, over(Some(&[7; 32]))).is_err());
    House::new().judge_by(Scheme::Dpop, &token, over(Some(&[7; 32]))).unwrap();
}

#[test]
fn when_no_proof_can_be_remembered_none_is_accepted() {
    let (token, mut house) = (bound(), House::new());
    house.possession = Possession::new(&[7; 32], 1);
    let outcomes: Vec<_> = (0..64)
        .map(|n| {
            let proof = proof(&HOLDER, &token, json!({ "jti": n.to_string() }));
            house.judge_by(Scheme::Dpop, &token, shown(&proof)).map(drop)
        })
        .collect();
    let full = |denial: &Denial| {
        matches!(denial, Denial::ProofsFull { .. }) && denial.code().status == 503
    };
    assert!(outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(full)));
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() <= 16);
    house.now = NOW.plus(Ttl::seconds(70));
    let later = json!({ "iat": house.now.seconds(), "jti": "later" });
    house.judge_by(Scheme::Dpop, &token, shown(&proof(&HOLDER, &token, later))).unwrap();
}

#[test]
fn an_authorization_server_asks_for_no_token() {
    let expected = Expected {
        htm: "POST",
        htu: Htu::url("https://id.example/token"),
        access_token: None,
        nonce: NonceRule::Ignored,
        algs: &ALGS,
    };
    let claims = json!({ "htm": "POST", "htu": "https://id.example/token", "iat": NOW.seconds(), "jti": "1", "nonce": "n" });
    let signed = HOLDER.sign_compact(&header(&HOLDER), &claims).unwrap();
    let verified = Proof::verify(&signed, &expected, NOW).unwrap();
    assert_eq!(verified.jkt.as_str(), jkt(&HOLDER));
    assert_eq!(
        (verified.jti.as_str(), verified.iat),
        ("1", Timestamp::from_seconds(NOW.seconds()))
    );
    assert_eq!(verified.nonce.as_deref(), Some("n"));
    let seen = Replays::new(10);
    assert_eq!(seen.first_use(&verified, NOW), Ok(()));
    assert_eq!(seen.first_use(&verified, NOW), Err(Reuse::Replayed));
}

#[test]
fn the_strength_of_a_sign_in_is_as_asked() {
    let mut house = House::new();
    house.demand.acr = portcullis_verify::acr_at_least(["mfa"]);
    house.demand.max_age = Some(Ttl::seconds(900));
    let at = NOW.seconds() - 900;
    for acr in ["mfa", "phr"] {
        house.judge(&claiming(json!({ "acr": acr, "auth_time": at }))).unwrap();
    }
    let denial = house.judge(&claiming(json!({ "acr": "pwd", "auth_time": at }))).unwrap_err();
    assert_eq!(denial.code().status, 401);
    assert_eq!(denial.code().error, Some("insufficient_user_authentication"));
}

proptest! {
    #[test]
    fn noise_in_the_place_of_a_proof_never_passes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let token = bound();
        let holder = Holder { dpop: Header::One(&bytes), ..shown("") };
        prop_assert!(House::new().judge_by(Scheme::Dpop, &token, holder).is_err());
    }

    #[test]
    fn a_proof_with_one_character_changed_never_passes(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let token = bound();
        let good = proof(&HOLDER, &token, json!({}));
        let at = at.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != good);
        prop_assert!(House::new().judge_by(Scheme::Dpop, &token, shown(&changed)).is_err());
    }

    #[test]
    fn an_htu_of_any_kind_never_panics_and_seldom_fits(htu in ".{0,60}") {
        let token = bound();
        let odd = proof(&HOLDER, &token, json!({ "htu": htu }));
        prop_assert!(House::new().judge_by(Scheme::Dpop, &token, shown(&odd)).is_err());
    }
}

#[test]
fn a_proof_is_signed_as_the_profile_says() {
    let expected = Expected {
        htm: "POST",
        htu: Htu::url("https://id.example/token"),
        access_token: None,
        nonce: NonceRule::Ignored,
        algs: &Alg::FAPI,
    };
    let claims = json!({ "htm": "POST", "htu": "https://id.example/token", "iat": NOW.seconds(), "jti": "1" });
    for (alg, right) in [(Alg::ES256, true), (Alg::Ed25519, true), (Alg::ES384, false)] {
        let key = SigningKey::generate(alg).unwrap();
        let signed = key.sign_compact(&header(&key), &claims).unwrap();
        let verified = Proof::verify(&signed, &expected, NOW);
        assert_eq!(verified.is_ok(), right, "{alg}");
        if let Err(fault) = verified {
            assert!(matches!(fault, DpopFault::Algorithm { .. }), "{fault:?}");
        }
    }
}
