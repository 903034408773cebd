//! What a refused caller is told: by which scheme, and what would help (RFC 6750, RFC 9449, RFC 9470).

use portcullis_types::{
    ApiName, Denial, DpopFault, HolderFault, Scopes, Thumbprint, Timestamp, Ttl,
};
use portcullis_verify::{Challenge, Demand, Need, Scheme};

const KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn challenge(denial: &Denial, demand: &Demand, used: Option<Scheme>) -> String {
    let realm = ApiName::new("text").unwrap();
    let needed: Scopes = "generate:basic".parse().unwrap();
    let it = Challenge { realm: &realm, needed: &needed, demand, resource_metadata: None, used };
    it.to(denial).unwrap()
}

const NOTHING: Denial = Denial::NoCredential { scheme: None, in_query: false };
const ALGS: &str = "algs=\"ES256 ES384 Ed25519 EdDSA PS256 RS256\"";

#[test]
fn who_shows_nothing_is_told_the_scheme_that_the_route_wants() {
    let said = challenge(&NOTHING, &Demand::default(), None);
    assert_eq!(said, "Bearer realm=\"text\", scope=\"generate:basic\"");
    let strict = Demand { dpop: Need::Required, ..Demand::default() };
    let said = challenge(&NOTHING, &strict, None);
    assert_eq!(said, format!("DPoP realm=\"text\", {ALGS}, scope=\"generate:basic\""));
}

#[test]
fn a_bad_proof_and_a_missing_nonce_are_told_apart() {
    let said =
        |fault| challenge(&Denial::BadProof { fault }, &Demand::default(), Some(Scheme::Dpop));
    let bad = said(DpopFault::Signature);
    assert!(bad.starts_with("DPoP realm=\"text\", error=\"invalid_dpop_proof\""), "{bad}");
    assert!(bad.contains(ALGS), "{bad}");
    assert!(said(DpopFault::NoNonce).contains("error=\"use_dpop_nonce\""));
}

#[test]
fn a_bound_token_as_bearer_is_an_invalid_token_that_wants_dpop() {
    let bound_to = Thumbprint::new(KEY).unwrap();
    let denial = Denial::NotTheHolder { fault: HolderFault::Downgraded { bound_to } };
    let said = challenge(&denial, &Demand::default(), Some(Scheme::Bearer));
    assert!(said.starts_with("DPoP realm=\"text\", error=\"invalid_token\""), "{said}");
    let denial = Denial::NotTheHolder { fault: HolderFault::Unbound };
    let said = challenge(&denial, &Demand::default(), Some(Scheme::Dpop));
    assert!(said.starts_with("Bearer realm=\"text\", error=\"invalid_token\""), "{said}");
}

#[test]
fn a_weak_sign_in_is_told_which_would_do() {
    let denial = Denial::WeakAuthentication {
        acr: Some("pwd".into()),
        auth_time: None,
        wanted_acr: vec!["mfa".into(), "phr".into()],
        max_age: Some(Ttl::seconds(900)),
        now: Timestamp::from_seconds(0),
    };
    let said = challenge(&denial, &Demand::default(), Some(Scheme::Bearer));
    assert_eq!(
        said,
        "Bearer realm=\"text\", error=\"insufficient_user_authentication\", \
         error_description=\"A stronger or more recent sign-in is required\", \
         acr_values=\"mfa phr\", max_age=\"900\", scope=\"generate:basic\""
    );
}
