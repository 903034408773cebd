use crate::house::{FORM, House, JSON};

fn body(secret: &str) -> String {
    format!("grant_type=client_credentials&client_id=free-app&client_secret={secret}")
}

/// What is wrong, the headers, the body.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn malformed_requests_are_invalid_request() {
    let house = House::open().await;
    let good = body(&house.free_app().await);
    let twice = format!("{good}&scope=generate:basic&scope=generate:basic");
    let long = format!("{good}&x={}", "x".repeat(70_000));
    let cases: [Case<'_>; 12] = [
        ("a repeated parameter", &[FORM], &twice),
        ("no grant_type", &[FORM], "client_id=free-app"),
        ("too long", &[FORM], &long),
        ("no content type", &[], &good),
        ("another content type", &[("content-type", "text/plain")], &good),
        (
            "another charset",
            &[("content-type", "application/x-www-form-urlencoded; charset=latin1")],
            &good,
        ),
        ("compressed", &[FORM, ("content-encoding", "gzip")], &good),
        ("a broken escape", &[FORM], "grant_type=%zz"),
        ("JSON that says it is a form", &[FORM], "{\"grant_type\":\"client_credentials\"}"),
        ("a form that says it is JSON", &[JSON], &good),
        ("a duplicate member", &[JSON], r#"{"grant_type":"a","grant_type":"b"}"#),
        ("an assertion without type", &[FORM], "grant_type=client_credentials&client_assertion=x"),
    ];
    for (name, headers, body) in cases {
        let answer = house.post(headers, body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{name}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.json()["detail"].is_string());
        house.record(answer.decision()).await;
    }
    assert_eq!(house.post(&[FORM], good).await.status, 200);
}

#[tokio::test]
async fn a_query_is_never_read() {
    let house = House::open().await;
    let good = body(&house.free_app().await);
    let url = format!("{}?{good}", house.token_url());
    let answer = house.http.post(&url).header(FORM.0, FORM.1).body(good).send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn json_is_as_good_as_a_form() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let body = serde_json::json!({
        "grant_type": "client_credentials", "client_id": "free-app", "client_secret": secret,
        "resource": ["https://api.example/textgen"], "scope": "generate:basic",
    });
    let answer = house.post(&[JSON], body.to_string()).await;
    assert_eq!((answer.status, answer.scope().as_str()), (200, "generate:basic"));
}

#[tokio::test]
async fn only_post_is_served() {
    let house = House::open().await;
    let answer = house.get("/tenants/one/token?grant_type=client_credentials").await;
    assert_eq!(answer.status, 405);
    let allow: Vec<_> = answer.header("allow").split(", ").collect();
    assert!(allow.contains(&"POST") && !allow.contains(&"GET"), "{allow:?}");
}

#[tokio::test]
async fn other_grants_are_unsupported() {
    let house = House::open().await;
    let secret = house.free_app().await;
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:saml2-bearer"] {
        let body = format!("grant_type={grant}&client_id=free-app&client_secret={secret}");
        let answer = house.post(&[FORM], body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "unsupported_grant_type"));
        let remedy = answer.json()["remedy"].as_str().unwrap().to_owned();
        assert!(remedy.contains("client_credentials"), "{remedy}");
    }
}

#[tokio::test]
async fn a_body_of_nothing_but_secrets_is_refused_like_any_other() {
    let house = House::open().await;
    let longest = |before: &str| format!("{before}{}", "pcs_.".repeat((65_536 - before.len()) / 5));
    for before in
        ["grant_type=", "grant_type=a&client_id=", "grant_type=a&scope=", "grant_type=a&resource="]
    {
        let answer = house.post(&[FORM], longest(before)).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{before}");
        let record = house.record(answer.decision()).await;
        assert!(serde_json::to_string(&record).unwrap().len() < 4096);
    }
    let secret = house.free_app().await;
    for parameter in ["scope", "resource", "grant_type"] {
        let before = body(&secret).replace(&format!("{parameter}=client_credentials&"), "");
        let answer = house.post(&[FORM], longest(&format!("{before}&{parameter}="))).await;
        assert_eq!(answer.status, 400, "{parameter}: {}", answer.body);
        assert!(answer.body.len() < 8192);
    }
}
