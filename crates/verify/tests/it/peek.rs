//! What a token says of itself before anyone has vouched for it.

use crate::house::claiming;
use portcullis_verify::{Glance, Peek, Presented, peek};
use serde_json::json;

#[test]
fn every_claim_that_people_ask_about_is_read() {
    let token = claiming(json!({ "nbf": 7, "tenant": "acme", "aud": ["a", 1, "b"], "exp": 9.5 }));
    let claims = Glance::at(&Presented::token(&token).unwrap()).claims;
    assert_eq!(claims.aud, ["a", "b"]);
    assert_eq!((claims.nbf, claims.iat, claims.exp), (Some(7), Some(1_800_000_000), Some(9)));
    assert_eq!(claims.tenant.as_deref(), Some("acme"));
    assert_eq!(claims.scope.as_deref(), Some("generate:basic"));
}

#[test]
fn one_odd_claim_does_not_hide_the_others() {
    let claims =
        peek(br#"{"iss":["x"],"sub":"app","exp":"soon","iat":null,"aud":{"a":1},"jti":7}"#);
    assert_eq!(claims, Peek { sub: Some("app".into()), ..Peek::default() });
    assert_eq!(peek(b"[]"), Peek::default());
    assert_eq!(peek(b"{\"sub\":"), Peek::default());
}
