use super::*;

fn parts(kind: &str) -> Parts {
    let request = http::Request::post("/token").header("content-type", kind).body(());
    request.unwrap().into_parts().0
}

fn collected(body: &str) -> Result<TokenRequest, Denial> {
    let pairs = form(body.as_bytes())?;
    let request = TokenRequest::collect(pairs)?;
    request.of_a_grant()?;
    Ok(request)
}

#[test]
fn the_content_type_is_read_strictly() {
    for good in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        "application/json;charset=utf-8",
        "application/x-www-form-urlencoded;",
    ] {
        assert!(format(&parts(good).headers).is_ok(), "{good}");
    }
    for bad in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded, application/json",
        "application/x-www-form-urlencodedx",
        "",
    ] {
        assert!(format(&parts(bad).headers).is_err(), "{bad}");
    }
    let mut twice = parts("application/json");
    twice.headers.append("content-type", http::HeaderValue::from_static("text/plain"));
    assert!(format(&twice.headers).is_err());
}

#[test]
fn a_word_is_decoded_strictly() {
    assert_eq!(decode(b"a+b%20c%2Bd").as_deref(), Some("a b c+d"));
    assert_eq!(decode("%C3%A4".as_bytes()).as_deref(), Some("ä"));
    for bad in [&b"%"[..], b"%4", b"%zz", b"%FF", b"a\nb", "ä".as_bytes(), b"%+1"] {
        assert_eq!(decode(bad), None, "{bad:?}");
    }
}

#[test]
fn each_parameter_counts_once_and_an_empty_one_not_at_all() {
    let request = collected("grant_type=a&scope=&resource=x&resource=y&audience=z").unwrap();
    assert_eq!(request.scope, None);
    assert_eq!(request.resource, ["x", "y"]);
    for twice in
        ["grant_type=a&grant_type=a", "grant_type=a&x=1&x=2", "grant_type=a&%73cope=b&scope="]
    {
        assert!(collected(twice).is_err(), "{twice}");
    }
    assert!(collected("scope=a").is_err(), "no grant_type");
    let many = (0..70).fold(String::new(), |all, n| format!("{all}&p{n}=1"));
    assert!(collected(&format!("grant_type=a{many}")).is_err());
}

#[test]
fn json_is_read_by_the_same_rules() {
    let read = |body: &str| object(body.as_bytes()).and_then(TokenRequest::collect);
    let request = read(r#"{"grant_type":"a","resource":["x","y"],"extra":{"k":1}}"#).unwrap();
    assert_eq!(request.resource, ["x", "y"]);
    for bad in [
        r#"{"grant_type":"a","grant_type":"a"}"#,
        r#"{"grant_type":["a"]}"#,
        r#"{"grant_type":"a","scope":1}"#,
        r#"{"grant_type":"a","resource":[1]}"#,
        r#"["grant_type"]"#,
        "grant_type=a",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_cannot_be_read_is_a_refusal_in_the_same_words() {
    let late = unreadable(FormFault::Late);
    assert_eq!(late, bad(None, "the body did not come in time"));
}
