//! Clients that are known by a document of their own, and documents that should not be believed.

use crate::{
    authorize::request,
    browser::Browser,
    house::{FORM, House, ISSUER_ID, TEXTGEN},
    https::Site,
};
use portcullis_directory::{AuthMethod, Fapi2, GrantType, Pkce};
use portcullis_issuer::{Ceiling, Documents, Trusted};
use portcullis_jose::{Alg, SigningKey};
use portcullis_types::{Denial, IdentityScopes, Ttl};
use serde_json::{Value, json};

pub(crate) fn documents(trusted: Trusted) -> Documents {
    Documents {
        trusted,
        ceiling: Ceiling {
            identity: IdentityScopes::all(),
            scopes: vec!["generate:basic".parse().unwrap()],
            resources: vec![TEXTGEN.parse().unwrap()],
            auth_methods: vec![AuthMethod::None, AuthMethod::PrivateKeyJwt],
            grant_types: GrantType::ALL.to_vec(),
            pkce: Pkce::Required,
            profile: Fapi2::Off,
        },
    }
}

/// An issuer that reads the documents of a site, and the site.
async fn house() -> (House, Site) {
    let house = House::admitting(None, Some(documents(Trusted::Everybody))).await;
    let site = Site::open().await;
    house.directory.fetch_with(site.trusted());
    (house, site)
}

fn good(id: &str) -> Value {
    json!({ "client_id": id, "client_name": "An editor", "redirect_uris": ["http://127.0.0.1/back"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none" })
}

/// What the token endpoint makes of the client: whether it knows who it is.
async fn is_known(house: &House, id: &str) -> bool {
    let id: String = id.replace(':', "%3A").replace('/', "%2F").replace('?', "%3F");
    let body = format!("grant_type=client_credentials&client_id={id}");
    house.post(&[FORM], body).await.error() != "invalid_client"
}

/// A document that says nothing wrong but what `spoil` makes wrong.
async fn refuses(spoil: impl FnOnce(&mut Value)) {
    let (house, site) = house().await;
    let id = format!("{}/client.json", site.base);
    let mut document = good(&id);
    spoil(&mut document);
    site.put("/client.json", &document);
    assert!(!is_known(&house, &id).await, "{document}");
}

#[tokio::test]
async fn an_app_is_known_by_its_document_and_the_metadata_say_so() {
    let (house, site) = house().await;
    let id = format!("{}/client.json", site.base);
    site.put("/client.json", &good(&id));
    assert!(is_known(&house, &id).await);
    let client = house.directory.client(&id.parse().unwrap()).unwrap();
    assert_eq!(client.name, "An editor");
    assert!(client.is_public() && !client.is_vouched_for());
    assert_eq!(client.scopes, ["generate:basic".parse().unwrap()]);
    let wells = house.get("/.well-known/oauth-authorization-server/tenants/one").await.json();
    assert_eq!(wells["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn nobody_is_known_by_a_document_where_none_is_read() {
    let site = Site::open().await;
    let id = format!("{}/client.json", site.base);
    site.put("/client.json", &good(&id));
    let off = House::open().await;
    off.directory.fetch_with(site.trusted());
    let listed = documents(Trusted::Hosts(vec!["app.example".into()]));
    let listed = House::admitting(None, Some(listed)).await;
    listed.directory.fetch_with(site.trusted());
    for house in [off, listed] {
        assert!(!is_known(&house, &id).await);
    }
    assert_eq!(site.asked("/client.json"), 0, "nothing is fetched for nothing");
}

#[tokio::test]
async fn the_guard_lets_no_document_come_from_inside() {
    let site = Site::open().await;
    // The usual guard: this machine is not called.
    let house = House::admitting(None, Some(documents(Trusted::Everybody))).await;
    let id = format!("{}/client.json", site.base);
    site.put("/client.json", &good(&id));
    assert!(!is_known(&house, &id).await);
    assert_eq!(site.asked("/client.json"), 0);
    for inside in [
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/client.json",
        "https://10.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://[fd00:ec2::254]/client.json",
        "http://app.example/client.json",
        "https://app.example/",
    ] {
        assert!(!is_known(&house, inside).await, "{inside}");
    }
}

#[tokio::test]
async fn only_an_answer_of_200_with_few_bytes_is_a_document() {
    let (house, site) = house().await;
    let elsewhere = format!("{}/real.json", site.base);
    for (place, (status, headers, size)) in [
        (302, vec![("location", elsewhere.as_str())], 0),
        (301, vec![("location", "https://169.254.169.254/")], 0),
        (404, vec![], 0),
        (201, vec![], 0),
        (500, vec![], 0),
        (200, vec![], 6 * 1024),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/client-{place}.json");
        let id = format!("{}{path}", site.base);
        site.put("/real.json", &good(&id));
        let mut document = good(&id);
        document["padding"] = json!("x".repeat(size));
        site.answer(&path, status, &headers, &document);
        assert!(!is_known(&house, &id).await, "{status} {size}");
        assert_eq!(site.asked("/real.json"), 0, "no redirect is followed");
    }
}

#[tokio::test]
async fn a_document_of_another_or_with_a_secret_is_refused() {
    refuses(|document| document["client_id"] = json!("https://other.example/client.json")).await;
    refuses(|document| drop(document.as_object_mut().unwrap().remove("client_id"))).await;
    refuses(|document| document["client_id"] = json!(7)).await;
    refuses(|document| document["client_secret"] = json!("pcs_1234")).await;
    refuses(|document| document["client_secret_expires_at"] = json!(0)).await;
    refuses(|document| document["token_endpoint_auth_method"] = json!("client_secret_basic")).await;
    refuses(|document| document["token_endpoint_auth_method"] = json!("client_secret_jwt")).await;
    refuses(|document| document["token_endpoint_auth_method"] = json!("private_key_jwt")).await;
    refuses(|document| document["redirect_uris"] = json!(["javascript:alert(1)"])).await;
    refuses(|document| document["redirect_uris"] = json!([])).await;
    refuses(|document| document["redirect_uris"] = json!("http://127.0.0.1/back")).await;
    refuses(|document| document["client_name"] = json!(["An", "editor"])).await;
    refuses(|document| document["jwks"] = json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })).await;
}

#[tokio::test]
async fn a_document_that_names_a_member_twice_is_refused() {
    let (house, site) = house().await;
    let id = format!("{}/client.json", site.base);
    let twice =
        good(&id).to_string().replacen('{', "{\"redirect_uris\":[\"https://evil.example/\"],", 1);
    site.put("/client.json", &twice);
    assert!(!is_known(&house, &id).await);
}

#[tokio::test]
async fn a_document_is_kept_as_long_as_it_says_within_bounds() {
    let (house, site) = house().await;
    for (path, header, kept, gone) in [
        ("/none.json", None, 599, 601),
        ("/zero.json", Some("no-store"), 59, 61),
        ("/hour.json", Some("max-age=3600"), 3599, 3601),
        ("/year.json", Some("max-age=31536000"), 86_399, 86_401),
    ] {
        let id = format!("{}{path}", site.base);
        let headers: Vec<_> = header.into_iter().map(|value| ("cache-control", value)).collect();
        site.answer(path, 200, &headers, &good(&id));
        assert!(is_known(&house, &id).await);
        house.wait(Ttl::seconds(kept));
        assert!(is_known(&house, &id).await);
        assert_eq!(site.asked(path), 1, "{path}");
        house.wait(Ttl::seconds(gone - kept));
        assert!(is_known(&house, &id).await);
        assert_eq!(site.asked(path), 2, "{path}");
    }
}

#[tokio::test]
async fn a_failure_is_remembered_for_seconds_and_a_withdrawn_document_is_gone() {
    let (house, site) = house().await;
    let id = format!("{}/client.json", site.base);
    site.answer("/client.json", 503, &[], &"");
    for _ in 0..3 {
        assert!(!is_known(&house, &id).await);
    }
    assert_eq!(site.asked("/client.json"), 1);
    site.put("/client.json", &good(&id));
    house.wait(Ttl::seconds(6));
    assert!(is_known(&house, &id).await);
    site.answer("/client.json", 404, &[], &"");
    house.wait(Ttl::seconds(601));
    assert!(!is_known(&house, &id).await);
    assert!(house.directory.client(&id.parse().unwrap()).is_none());
}

#[tokio::test]
async fn the_page_says_what_is_wrong_with_a_document_and_who_can_mend_it() {
    let (house, site) = house().await;
    let browser = Browser::new(&house);
    let reads = async |id: &str, words: &str| {
        let page = browser.get(&format!("/authorize?{}", request(&[("client_id", id)]))).await;
        assert_eq!(page.status, 400, "{id}");
        assert!(page.body.contains(words), "{words}: {}", page.body);
        assert!(page.body.contains("Whoever made the app can mend that."), "{id}");
        assert!(!page.body.contains("Register or enable"), "{id}");
        let denial = house.last_grant().await.1.denial;
        assert!(matches!(denial.as_deref(), Some(Denial::BadClientDocument { .. })), "{denial:?}");
        page.body
    };
    let away = "its document could not be resolved or reached";
    for unreachable in
        ["https://nosuch.invalid/c", "https://169.254.169.254/c", "https://10.0.0.1/c"]
    {
        let page = reads(unreachable, away).await;
        assert!(!page.contains("special") && !page.contains("private"), "{page}");
    }
    let at = |path: &str| format!("{}{path}", site.base);
    site.answer("/none", 404, &[], &"");
    reads(&at("/none"), "not a valid document: the answer has status 404").await;
    site.put("/large", &json!({ "padding": "x".repeat(6 * 1024) }));
    reads(&at("/large"), "not a valid document: it is larger than 5 KiB").await;
    site.put("/other", &good("https://other.example/c"));
    reads(&at("/other"), "not a valid document: client_id in the document").await;
    reads(&at("/other"), "not a valid document: client_id in the document").await;
}

#[tokio::test]
async fn many_who_ask_at_once_make_one_fetch() {
    let (house, site) = house().await;
    let id = format!("{}/client.json", site.base);
    site.put("/client.json", &good(&id));
    let all = (0..20).map(|_| is_known(&house, &id));
    assert!(futures_util::future::join_all(all).await.into_iter().all(|known| known));
    assert_eq!(site.asked("/client.json"), 1);
}

/// An assertion of `key` for `id`.
fn assertion(key: &SigningKey, id: &str, jti: &str, house: &House) -> String {
    let now = house.now().seconds();
    let claims = json!({ "iss": id, "sub": id, "aud": ISSUER_ID, "jti": jti, "exp": now + 60 });
    key.sign_compact(&key.header("client-authentication+jwt"), &claims).unwrap()
}

async fn proves(house: &House, id: &str, assertion: &str) -> bool {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let id = id.replace(':', "%3A").replace('/', "%2F");
    let body = format!(
        "grant_type=client_credentials&client_id={id}&client_assertion_type={kind}&client_assertion={assertion}"
    );
    house.post(&[FORM], body).await.error() != "invalid_client"
}

#[tokio::test]
async fn an_app_proves_itself_with_the_keys_that_it_publishes_now() {
    let (house, site) = house().await;
    let id = format!("{}/client.json", site.base);
    let (old, new) =
        (SigningKey::generate(Alg::ES256).unwrap(), SigningKey::generate(Alg::ES256).unwrap());
    let jwks = |key: &SigningKey| json!({ "keys": [key.public_jwk().unwrap()] });
    let mut document = good(&id);
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["jwks_uri"] = json!(site.put("/jwks", &jwks(&old)));
    site.put("/client.json", &document);
    assert!(proves(&house, &id, &assertion(&old, &id, "1", &house)).await);
    assert!(!is_known(&house, &id).await, "its name alone proves nothing");
    for unknown in ["2", "3"] {
        assert!(!proves(&house, &id, &assertion(&new, &id, unknown, &house)).await);
    }
    assert_eq!(site.asked("/jwks"), 2, "an unknown kid is worth one fetch a minute");
    site.put("/jwks", &jwks(&new));
    house.wait(Ttl::seconds(61));
    assert!(proves(&house, &id, &assertion(&new, &id, "4", &house)).await);
    assert!(!proves(&house, &id, &assertion(&old, &id, "5", &house)).await);
    site.answer("/jwks", 503, &[], &"");
    house.wait(Ttl::seconds(590));
    assert!(
        proves(&house, &id, &assertion(&new, &id, "6", &house)).await,
        "kept while they are down"
    );
}
