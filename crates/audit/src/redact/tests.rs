use super::{SIGNATURE, tokens};
use data_encoding::BASE64URL_NOPAD as BASE64URL;
use proptest::prelude::*;

fn redacted(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    tokens(&mut bytes, 0);
    String::from_utf8(bytes).unwrap()
}

fn jws(header: &str) -> String {
    format!("{}.{}.{}", BASE64URL.encode(header.as_bytes()), "eyJzdWIiOiJhIn0", "s".repeat(86))
}

#[test]
fn a_token_is_taken_out_and_what_is_around_it_stays() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
    let text = format!(r#"{{"path":"/v1/{token}/x","n":"Bearer {token}","k":"eyJxyz"}}"#);
    let clean = r#"{"path":"/v1/[token removed]/x","n":"Bearer [token removed]","k":"eyJxyz"}"#;
    assert_eq!(redacted(&text), clean);
}

#[test]
fn a_header_with_white_space_is_known_for_one() {
    for header in [
        r#"{"alg":"ES256"}"#,
        r#"{ "alg":"ES256"}"#,
        "{\n\"alg\":\"ES256\"}",
        " {\"alg\":\"ES256\"}",
        "\r\n{\"alg\":\"ES256\"}",
        "\t\t\t\t{\"alg\":\"ES256\"}",
    ] {
        let token = jws(header);
        assert_eq!(redacted(&format!("/v1/{token}/x")), "/v1/[token removed]/x", "{header:?}");
        let unsigned = token.trim_end_matches('s');
        assert_eq!(redacted(&format!("{unsigned} x")), "[token removed] x", "{header:?}");
    }
}

#[test]
fn a_token_with_something_before_it_or_with_a_damaged_header_does_not_stay() {
    let spaced = jws(r#"{ "alg":"ES256"}"#);
    assert_eq!(redacted(&format!("Bearer-{spaced}")), "Bearer-[token removed]");
    assert_eq!(redacted(&format!("/a.b.{spaced}")), "/a.b.[token removed]");
    let damaged = spaced.replacen('e', "X", 1);
    assert_eq!(redacted(&damaged), "[token removed]");
    let jwe =
        format!("{}..{}.{}.{}", "X".repeat(40), "i".repeat(16), "c".repeat(9), "t".repeat(22));
    assert_eq!(redacted(&jwe), "[token removed]");
}

#[test]
fn a_client_secret_does_not_stay() {
    let secret = format!("pcs_{}", "aB3-_".repeat(9));
    assert_eq!(redacted(&format!("\"sub\":\"{secret}\"")), "\"sub\":\"[token removed]\"");
    assert_eq!(redacted(&format!("{secret}.{secret}")), "[token removed]");
    assert_eq!(redacted(&format!("{secret} {secret}")), "[token removed] [token removed]");
}

#[test]
fn identifiers_that_merely_look_alike_stay() {
    for text in [
        "Jane.Doe.J",
        "eyJ.example.com",
        "abceyJQ1x2y3z4w5v6",
        "J",
        "eyJ",
        ".",
        "_",
        "pcs_short",
        "01JDJ8Z7Q2M4N6P8R0T2V4X6Y8",
        "https://issuer-of-a-long-name.example-company.com/v1.2.3/",
        "textgen-inference-service.textgen-namespace.svc.cluster.local",
        "model:read/llama-3.1-70b-instruct.gguf.q4",
    ] {
        assert_eq!(redacted(text), text);
    }
}

proptest! {
    #[test]
    fn no_token_stays_wherever_it_stands(
        space in "[ \n\t]{0,5}",
        before in "[ -~]{0,30}",
        between in "[/ .-]",
        after in "[^A-Za-z0-9_.-][ -~]{0,30}",
        claims in "[A-Za-z0-9_-]{2,60}",
        signature in "[A-Za-z0-9_-]{43,90}",
    ) {
        let header = BASE64URL.encode(format!("{space}{{{space}\"alg\":\"ES256\"}}").as_bytes());
        let token = format!("{header}.{claims}.{signature}");
        prop_assert!(signature.len() >= SIGNATURE);
        let found = redacted(&format!("{before}{between}{token}{after}"));
        prop_assert!(!found.contains(&signature), "{found}");
    }

    #[test]
    fn any_text_is_borne(text in "\\PC{0,200}", dotted in "[eyJ.pcs_A-Z\"]{0,200}") {
        let _ = (redacted(&text), redacted(&dotted));
    }
}
