//! `{issuer}/register`: RFC 7591 and RFC 7592, and who tries to get more out of them.

use crate::{
    house::{Answer, FORM, House, TEXTGEN},
    https::Site,
};
use portcullis_directory::{AuthMethod, Fapi2, GrantType, NewInvitation, Pkce};
use portcullis_issuer::{Ceiling, Registering, Registrations};
use portcullis_types::{IdentityScopes, Ttl};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const BACK: &str = "https://app.example/back";

fn ceiling() -> Ceiling {
    Ceiling {
        identity: "openid profile email offline_access"
            .split(' ')
            .map(|word| word.parse().unwrap())
            .collect::<IdentityScopes>(),
        scopes: vec!["generate:basic".parse().unwrap()],
        resources: vec![TEXTGEN.parse().unwrap()],
        auth_methods: vec![
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
            AuthMethod::PrivateKeyJwt,
            AuthMethod::None,
        ],
        grant_types: GrantType::ALL.to_vec(),
        pkce: Pkce::OrNonce,
        profile: Fapi2::Off,
    }
}

async fn invited() -> House {
    let mode = Registering::Invited;
    House::admitting(Some(Registrations { mode, ceiling: ceiling(), client_ttl: None }), None).await
}

async fn open(per_hour: u32, most: usize) -> House {
    let mode = Registering::Anybody { per_hour, most };
    let auth_methods = vec![AuthMethod::None];
    let ceiling = Ceiling { auth_methods, ..ceiling() };
    let client_ttl = Some(Ttl::seconds(3600));
    House::admitting(Some(Registrations { mode, ceiling, client_ttl }), None).await
}

async fn token(house: &House, uses: u32) -> String {
    let mut entropy = house.entropy();
    let new = NewInvitation { note: "a team".into(), ttl: Ttl::seconds(600), uses };
    let (_, token) = house.directory.invite(house.acting(&mut entropy), new).await.unwrap();
    token.expose_secret().to_owned()
}

async fn register(house: &House, token: Option<&str>, metadata: &Value) -> Answer {
    let url = format!("{}/tenants/one/register", house.base);
    house.send("POST", &url, token, Some(&metadata.to_string())).await
}

/// A registration that goes well.
async fn registered(house: &House, metadata: Value) -> Value {
    let token = token(house, 1).await;
    let answer = register(house, Some(&token), &metadata).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn nobody_registers_where_it_is_switched_off() {
    let house = House::open().await;
    assert_eq!(register(&house, None, &json!({ "redirect_uris": [BACK] })).await.status, 404);
    let wells = house.get("/tenants/one/.well-known/openid-configuration").await.json();
    assert_eq!(wells["registration_endpoint"], Value::Null);
}

#[tokio::test]
async fn an_invited_app_gets_what_is_in_effect_and_its_secret_once() {
    let house = invited().await;
    let wells = house.get("/tenants/one/.well-known/openid-configuration").await.json();
    assert!(text(&wells, "registration_endpoint").ends_with("/tenants/one/register"));
    let said = json!({
        "redirect_uris": [BACK],
        "client_name": "An app",
        "grant_types": ["authorization_code", "refresh_token", "implicit"],
        "response_types": ["code"],
        "scope": "openid email roles generate:basic batch:create",
        "token_endpoint_auth_method": "client_secret_post",
        "default_max_age": 600,
        "contacts": ["ops@app.example"],
        "made_up": {"by": "somebody"},
    });
    let got = registered(&house, said).await;
    assert_eq!(got["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(got["scope"], "openid email generate:basic");
    assert_eq!(got["token_endpoint_auth_method"], "client_secret_post");
    assert_eq!(got["client_secret_expires_at"], 0);
    assert_eq!(got["default_max_age"], 600);
    assert_eq!(got["application_type"], "web");
    assert_eq!(got["made_up"], Value::Null);
    assert!(text(&got, "client_secret").starts_with("pcs_"));
    let id = text(&got, "client_id").parse().unwrap();
    let client = house.directory.client(&id).unwrap();
    assert_eq!(client.registration.pkce, Pkce::OrNonce);
    assert_eq!(client.resources, [TEXTGEN.parse().unwrap()]);

    let uri = text(&got, "registration_client_uri");
    let token = text(&got, "registration_access_token");
    let again = house.send("GET", uri, Some(token), None).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let again = again.json();
    assert_eq!(again["client_secret"], Value::Null, "it is shown once");
    assert_eq!(again["scope"], got["scope"]);
}

#[tokio::test]
async fn the_secret_of_a_registered_app_works_at_once() {
    let house = invited().await;
    let said = json!({
        "grant_types": ["client_credentials"], "scope": "generate:basic", "client_name": "A job",
    });
    let got = registered(&house, said).await;
    let more = format!("&scope=generate:basic&resource={TEXTGEN}");
    let answer = house.ask(text(&got, "client_id"), text(&got, "client_secret"), &more).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn an_invitation_is_used_up_and_runs_out() {
    let house = invited().await;
    let said = json!({ "redirect_uris": [BACK] });
    let token = token(&house, 2).await;
    for _ in 0..2 {
        assert_eq!(register(&house, Some(&token), &said).await.status, 201);
    }
    let third = register(&house, Some(&token), &said).await;
    assert_eq!((third.status, third.error().as_str()), (401, "invalid_token"));
    let late = self::token(&house, 5).await;
    house.wait(Ttl::seconds(601));
    assert_eq!(register(&house, Some(&late), &said).await.status, 401);
    let none = register(&house, None, &said).await;
    assert_eq!(none.status, 401);
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"registration\"");
    for forged in ["inv_1.x", "x", &token[..token.len() - 1]] {
        let answer = register(&house, Some(forged), &said).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_token"), "{forged}");
    }
}

#[tokio::test]
async fn a_refused_app_uses_up_no_invitation() {
    let house = invited().await;
    let token = token(&house, 1).await;
    let bad = json!({ "redirect_uris": ["javascript:alert(1)"] });
    assert_eq!(register(&house, Some(&token), &bad).await.status, 400);
    let good = json!({ "redirect_uris": [BACK] });
    assert_eq!(register(&house, Some(&token), &good).await.status, 201);
}

#[tokio::test]
async fn redirect_uris_that_lead_elsewhere_are_refused() {
    let house = invited().await;
    let token = token(&house, 1).await;
    for uris in [
        json!(["javascript:alert(1)"]),
        json!(["data:text/html,x"]),
        json!(["http://app.example/back"]),
        json!(["https://app.example/back#here"]),
        json!(["https://user@app.example/back"]),
        json!([BACK, "file:///etc/passwd"]),
        json!([]),
        json!("https://app.example/back"),
        json!([7]),
        json!([format!("https://app.example/{}", "a".repeat(3000))]),
    ] {
        let answer = register(&house, Some(&token), &json!({ "redirect_uris": uris })).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_redirect_uri"),
            "{uris}"
        );
    }
    let web = json!({ "redirect_uris": ["http://127.0.0.1/back"], "application_type": "web" });
    assert_eq!(register(&house, Some(&token), &web).await.error(), "invalid_redirect_uri");
    let web = json!({ "redirect_uris": ["https://localhost/back"], "application_type": "web" });
    assert_eq!(register(&house, Some(&token), &web).await.error(), "invalid_redirect_uri");
}

#[tokio::test]
async fn an_app_on_peoples_machines_may_say_so_or_be_seen_to_be_one() {
    let house = invited().await;
    for (said, kind) in [
        (
            json!({ "redirect_uris": ["http://127.0.0.1/back", "com.example.app:/back"],
            "application_type": "native", "token_endpoint_auth_method": "none" }),
            "native",
        ),
        (json!({ "redirect_uris": ["http://localhost:7777/back"] }), "native"),
        (json!({ "redirect_uris": [BACK] }), "web"),
    ] {
        assert_eq!(registered(&house, said).await["application_type"], kind);
    }
}

#[tokio::test]
async fn metadata_of_the_wrong_type_or_meaning_is_refused() {
    let house = invited().await;
    let token = token(&house, 1).await;
    let private = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "d": "AAAA",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] });
    for (name, value) in [
        ("client_name", json!(7)),
        ("client_name", json!("a\nb")),
        ("client_name", json!("x".repeat(201))),
        ("grant_types", json!("authorization_code")),
        ("grant_types", json!(["implicit"])),
        ("response_types", json!(["token"])),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("application_type", json!("desktop")),
        ("policy_uri", json!("javascript:alert(1)")),
        ("logo_uri", json!(["x"])),
        ("contacts", json!([1])),
        ("jwks", json!("https://app.example/jwks")),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        ("jwks", private),
        ("jwks_uri", json!("http://app.example/jwks")),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("request_object_signing_alg", json!("none")),
        ("id_token_encrypted_response_alg", json!("RSA1_5")),
        ("id_token_encrypted_response_enc", json!("A128GCM")),
        ("userinfo_encrypted_response_alg", json!("RSA-OAEP")),
        ("subject_type", json!("secret")),
        ("default_max_age", json!(-1)),
        ("default_max_age", json!("600")),
        ("require_auth_time", json!("true")),
        ("initiate_login_uri", json!("http://127.0.0.1/login")),
        ("backchannel_logout_uri", json!("http://169.254.169.254/logout")),
        ("sector_identifier_uri", json!("http://app.example/sector")),
    ] {
        let mut said = json!({ "redirect_uris": [BACK] });
        said[name] = value;
        let answer = register(&house, Some(&token), &said).await;
        assert_eq!(answer.status, 400, "{said}: {}", answer.body);
        assert_eq!(answer.error(), "invalid_client_metadata", "{said}");
    }
    let both = json!({ "redirect_uris": [BACK], "jwks_uri": "https://app.example/jwks",
        "jwks": { "keys": [] } });
    assert_eq!(register(&house, Some(&token), &both).await.error(), "invalid_client_metadata");
    let open = json!({ "redirect_uris": [BACK, "https://other.example/back"],
        "subject_type": "pairwise" });
    assert_eq!(register(&house, Some(&token), &open).await.error(), "invalid_client_metadata");
}

#[tokio::test]
async fn software_statements_are_believed_of_nobody() {
    let house = invited().await;
    let token = token(&house, 1).await;
    for (statement, error) in [
        (json!("nonsense"), "invalid_software_statement"),
        (json!(7), "invalid_software_statement"),
        (json!("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"), "unapproved_software_statement"),
    ] {
        let said = json!({ "redirect_uris": [BACK], "software_statement": statement });
        assert_eq!(register(&house, Some(&token), &said).await.error(), error, "{said}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_metadata_is_refused() {
    let house = invited().await;
    let token = token(&house, 1).await;
    let url = format!("{}/tenants/one/register", house.base);
    for (body, error) in [
        ("", "invalid_client_metadata"),
        ("[]", "invalid_client_metadata"),
        (
            "{\"redirect_uris\":[\"https://a.example/\"],\"redirect_uris\":[\"https://b.example/\"]}",
            "invalid_client_metadata",
        ),
        ("{\"client_name\":", "invalid_client_metadata"),
    ] {
        let answer = house.send("POST", &url, Some(&token), Some(body)).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, error), "{body}");
    }
    let huge = json!({ "redirect_uris": [BACK], "client_uri": "x".repeat(70_000) }).to_string();
    assert_eq!(house.send("POST", &url, Some(&token), Some(&huge)).await.status, 400);
    let form = house.http.post(&url).bearer_auth(&token).header(FORM.0, FORM.1).body("a=b");
    assert_eq!(form.send().await.unwrap().status(), 415);
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(house.send(method, &url, Some(&token), None).await.status, 405, "{method}");
    }
}

#[tokio::test]
async fn anybody_registers_a_public_client_that_ends_but_not_many() {
    let house = open(2, 10).await;
    let said = json!({ "redirect_uris": ["http://127.0.0.1/back"] });
    let got = register(&house, None, &said).await;
    assert_eq!(got.status, 201, "{}", got.body);
    let got = got.json();
    assert_eq!(got["token_endpoint_auth_method"], "none");
    assert_eq!(got["client_secret"], Value::Null);
    let id = text(&got, "client_id").parse().unwrap();
    let client = house.directory.client(&id).unwrap();
    assert!(client.is_public() && client.registration.pkce == Pkce::Required);
    assert_eq!(client.expires, Some(house.now().plus(Ttl::seconds(3600))));
    let secret =
        json!({ "redirect_uris": [BACK], "token_endpoint_auth_method": "client_secret_basic" });
    assert_eq!(register(&house, None, &secret).await.error(), "invalid_client_metadata");
    assert_eq!(register(&house, None, &said).await.status, 201);
    let third = register(&house, None, &said).await;
    assert_eq!(third.status, 429);
    assert!(third.header("retry-after").parse::<u64>().unwrap() > 3000);
    let wrong = register(&house, Some("inv_x.y"), &said).await;
    assert_eq!(wrong.status, 401, "a token that is there must be right");
}

#[tokio::test]
async fn there_are_no_more_open_registrations_than_there_may_be() {
    let house = open(100, 2).await;
    let said = json!({ "redirect_uris": ["http://127.0.0.1/back"] });
    for status in [201, 201, 429] {
        assert_eq!(register(&house, None, &said).await.status, status);
    }
    house.wait(Ttl::seconds(4 * 24 * 3600));
    house.directory.purge(house.now()).await.unwrap();
    assert_eq!(register(&house, None, &said).await.status, 201, "they ended");
}

#[tokio::test]
async fn a_registration_is_read_changed_and_ended_by_its_own_token_alone() {
    let house = invited().await;
    let one = registered(&house, json!({ "redirect_uris": [BACK] })).await;
    let other = registered(&house, json!({ "redirect_uris": [BACK] })).await;
    let (uri, token) =
        (text(&one, "registration_client_uri"), text(&one, "registration_access_token"));
    let foreign = text(&other, "registration_access_token");
    for wrong in [Some(foreign), Some("x"), None] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = house.send(method, uri, wrong, Some("{}")).await;
            assert_eq!(answer.status, 401, "{method} {wrong:?}");
        }
    }
    let id = text(&one, "client_id");
    let said = json!({ "client_id": id, "redirect_uris": ["https://app.example/new"],
        "client_secret": one["client_secret"], "client_name": "New" });
    let changed = house.send("PUT", uri, Some(token), Some(&said.to_string())).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let changed = changed.json();
    assert_eq!(changed["redirect_uris"], json!(["https://app.example/new"]));
    let new = text(&changed, "registration_access_token");
    assert_ne!(new, token);
    assert_eq!(house.send("GET", uri, Some(token), None).await.status, 200, "a lost answer");
    assert_eq!(house.send("GET", uri, Some(new), None).await.status, 200);
    assert_eq!(house.send("GET", uri, Some(token), None).await.status, 401, "the new one was used");

    assert_eq!(house.send("DELETE", uri, Some(new), None).await.status, 204);
    assert_eq!(house.send("GET", uri, Some(new), None).await.status, 401);
    let id = id.parse().unwrap();
    assert!(house.directory.client(&id).unwrap().enabled(house.now()).is_err());
    assert!(house.directory.revocations().borrow().disabled_clients.has(id.as_str()));
}

#[tokio::test]
async fn a_change_names_its_own_client_and_its_own_secret() {
    let house = invited().await;
    let one = registered(&house, json!({ "redirect_uris": [BACK] })).await;
    let (uri, token) =
        (text(&one, "registration_client_uri"), text(&one, "registration_access_token"));
    let id = text(&one, "client_id");
    for said in [
        json!({ "redirect_uris": [BACK] }),
        json!({ "client_id": "another", "redirect_uris": [BACK] }),
        json!({ "client_id": id, "redirect_uris": [BACK], "client_secret": "pcs_wrong" }),
        json!({ "client_id": id, "redirect_uris": [BACK], "token_endpoint_auth_method": "none" }),
        json!({ "client_id": id, "redirect_uris": ["javascript:alert(1)"] }),
    ] {
        let answer = house.send("PUT", uri, Some(token), Some(&said.to_string())).await;
        assert_eq!(answer.status, 400, "{said}");
    }
    let same = house.send("GET", uri, Some(token), None).await.json();
    assert_eq!(same["redirect_uris"], json!([BACK]), "nothing was changed");
}

#[tokio::test]
async fn a_sector_is_entered_only_by_who_is_on_its_list() {
    let house = invited().await;
    let site = Site::open().await;
    house.directory.fetch_with(site.trusted());
    let token = token(&house, 1).await;
    let said = |sector: &str| {
        json!({ "redirect_uris": [BACK, "https://other.example/back"],
        "subject_type": "pairwise", "sector_identifier_uri": sector })
    };
    for (body, status) in [("[\"https://app.example/back\"]", 200), ("{}", 200), ("[]", 404)] {
        let uri = site.answer("/sector.json", status, &[], &body);
        let answer = register(&house, Some(&token), &said(&uri)).await;
        assert_eq!(answer.error(), "invalid_client_metadata", "{body}");
    }
    let moved = site.answer("/moved", 302, &[("location", "https://127.0.0.1/x")], &"");
    assert_eq!(register(&house, Some(&token), &said(&moved)).await.status, 400);
    let uri = site.put("/sector.json", &json!([BACK, "https://other.example/back"]));
    let got = register(&house, Some(&token), &said(&uri)).await;
    assert_eq!(got.status, 201, "{}", got.body);
    let id = text(&got.json(), "client_id").parse().unwrap();
    let client = house.directory.client(&id).unwrap();
    assert_eq!(client.sector(), "127.0.0.1");
}

#[tokio::test]
async fn no_secret_of_a_registration_is_in_the_audit_log() {
    let house = invited().await;
    let invitation = token(&house, 1).await;
    let got = register(&house, Some(&invitation), &json!({ "redirect_uris": [BACK] })).await.json();
    let records = house.store.read(|tx| portcullis_audit::tail(tx, 0, 100)).await.unwrap();
    let log = format!("{records:?}");
    assert!(log.contains("client.register") && log.contains("client.invite"));
    for secret in
        [text(&got, "client_secret"), text(&got, "registration_access_token"), &invitation]
    {
        let secret = secret.rsplit('.').next().unwrap();
        assert!(!log.contains(secret));
    }
}
