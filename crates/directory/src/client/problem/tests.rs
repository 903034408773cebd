use super::*;
use crate::{ClientKeys, client::ClientAuth};
use portcullis_types::{ClientId, Timestamp};

const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn app(auth: ClientAuth) -> Client {
    Client {
        id: ClientId::new("app").unwrap(),
        name: "An app".into(),
        auth,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: Vec::new(),
        default_scope: None,
        resources: Vec::new(),
        default_resource: None,
        tenant: None,
        disabled_since: None,
        held: false,
        not_before: None,
        registration: Registration {
            redirect_uris: vec!["https://app.example/back".parse().unwrap()],
            identity: "openid email".split(' ').map(|word| word.parse().unwrap()).collect(),
            ..Registration::default()
        },
        created: Timestamp::from_seconds(0),
        expires: None,
        secrets: Vec::new(),
    }
}

fn keyed() -> Client {
    app(ClientAuth::PrivateKeyJwt { jwks: ClientKeys::parse(KEYS).unwrap() })
}

fn fapi() -> Client {
    let mut client = keyed();
    client.registration.follow(Fapi2::MessageSigning);
    client
}

#[test]
fn what_makes_sense_has_no_problem() {
    assert_eq!(app(ClientAuth::None).problem(), None);
    assert_eq!(app(ClientAuth::ClientSecret).problem(), None);
    assert_eq!(fapi().problem(), None);
    let mut client = keyed();
    client.registration.id_token.encrypted_alg = Some("ECDH-ES+A256KW".into());
    client.registration.pkce = Pkce::OrNonce;
    client.registration.subject_type = SubjectType::Pairwise;
    assert_eq!(client.problem(), None);
    assert_eq!(client.sector(), "app.example");
}

#[test]
fn apps_on_peoples_machines_share_no_sector() {
    let with = |uris: &[&str]| {
        let mut client = keyed();
        client.registration.subject_type = SubjectType::Pairwise;
        client.registration.redirect_uris = uris.iter().map(|uri| uri.parse().unwrap()).collect();
        client
    };
    for own in [
        &["http://127.0.0.1/back"][..],
        &["http://127.0.0.1/back", "http://[::1]/back", "com.example.app:/back"],
    ] {
        let client = with(own);
        assert_eq!((client.problem(), client.sector()), (None, client.id.to_string()), "{own:?}");
    }
    for mixed in [
        &["https://app.example/back", "http://127.0.0.1/back"][..],
        &["com.example.app:/back", "https://app.example/back"],
        &["https://app.example/back", "https://other.example/back"],
    ] {
        assert!(with(mixed).problem().unwrap().contains("need a sector"), "{mixed:?}");
    }
}

#[test]
fn who_asks_about_the_tokens_of_others_is_confidential_and_known_to_an_operator() {
    let asking = |mut client: Client| {
        client.registration.introspects = vec!["https://api.example/".parse().unwrap()];
        client
    };
    assert_eq!(asking(keyed()).problem(), None);
    assert!(asking(app(ClientAuth::None)).problem().unwrap().contains("introspect"));
    let mut own = asking(keyed());
    own.registration.origin = Origin::Dynamic;
    assert!(own.problem().unwrap().contains("introspect"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    type Make = fn() -> Client;
    type Spoil = fn(&mut Client);
    let cases: [(Make, Spoil, &str); 20] = [
        (keyed, |c| c.id = "https://a.example/x".parse().unwrap(), "document"),
        (keyed, |c| c.registration.redirect_uris.clear(), "redirect URI"),
        (keyed, |c| c.grant_types = vec![GrantType::RefreshToken], "refresh_token comes"),
        (keyed, |c| c.grant_types = vec![GrantType::ClientCredentials], "people"),
        (keyed, |c| c.registration.id_token.signed = Some(Alg::HS256), "symmetric"),
        (keyed, |c| c.registration.id_token.encrypted_alg = Some("RSA1_5".into()), "so; alg"),
        (keyed, |c| c.registration.id_token.encrypted_alg = Some("dir".into()), "so; alg"),
        (keyed, |c| c.registration.userinfo.encrypted_alg = Some("RSA-OAEP".into()), "for RSA"),
        (keyed, |c| c.registration.userinfo.encrypted_enc = Some("A128GCM".into()), "beside"),
        (
            keyed,
            |c| c.registration.backchannel_logout_uri = Some("http://x.example/".into()),
            "back",
        ),
        (
            fapi,
            |c| c.registration.assertion_audience = AssertionAudience::TokenEndpoint,
            "issuer alone",
        ),
        (keyed, |c| c.registration.backchannel_logout_session_required = true, "address"),
        (keyed, |c| c.registration.policy_uri = Some("javascript:alert(1)".into()), "policy_uri"),
        (keyed, |c| c.registration.contacts = vec!["a\nb".into()], "contacts"),
        (keyed, |c| c.registration.sector = Some("x.example".into()), "pairwise"),
        (fapi, |c| c.registration.dpop_bound_access_tokens = false, "bound"),
        (fapi, |c| c.registration.require_pushed_authorization_requests = false, "PAR"),
        (fapi, |c| c.registration.pkce = Pkce::OrNonce, "PKCE"),
        (fapi, |c| c.registration.id_token.signed = Some(Alg::RS256), "PS256"),
        (fapi, |c| c.registration.require_signed_request_object = false, "request objects"),
    ];
    for (place, (make, spoil, words)) in cases.into_iter().enumerate() {
        let mut client = make();
        spoil(&mut client);
        let problem = client.problem().unwrap_or_else(|| panic!("case {place} {words}"));
        assert!(problem.contains(words), "{place}: {problem}");
    }
}

#[test]
fn fapi_demands_a_proof_that_is_no_secret() {
    let mut client = app(ClientAuth::ClientSecret);
    client.registration.follow(Fapi2::Security);
    assert!(client.problem().unwrap().contains("private_key_jwt"));
}

#[test]
fn a_public_client_can_prove_nothing_and_must_use_pkce() {
    let mut client = app(ClientAuth::None);
    client.registration.pkce = Pkce::OrNonce;
    assert!(client.problem().unwrap().contains("PKCE"));
    let mut client = app(ClientAuth::None);
    client.grant_types.push(GrantType::ClientCredentials);
    assert!(client.problem().unwrap().contains("public"));
}

#[test]
fn pairwise_subjects_need_one_sector() {
    let mut client = app(ClientAuth::None);
    client.registration.subject_type = SubjectType::Pairwise;
    client.registration.redirect_uris.push("https://other.example/back".parse().unwrap());
    assert!(client.problem().unwrap().contains("sector"));
    client.registration.sector = Some("app.example".into());
    assert_eq!(client.problem(), None);
}

#[test]
fn keys_for_encryption_are_registered_beside_those_for_signatures() {
    let both = r#"{"keys":[
        {"kty":"OKP","crv":"X25519","use":"enc","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"},
        {"kty":"OKP","crv":"Ed25519","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let keys = ClientKeys::parse(both).unwrap();
    let set = keys.set().unwrap();
    assert!(set.encryption_key("ECDH-ES".parse().unwrap()).is_some());
    assert!(set.encryption_key("RSA-OAEP".parse().unwrap()).is_none());
    assert_eq!(set.candidates(None, Alg::EdDSA).count(), 1);
    assert_eq!(keys.thumbprints().len(), 2);
    let json = serde_json::to_string(&keys).unwrap();
    assert_eq!(serde_json::from_str::<ClientKeys>(&json).unwrap(), keys);
}

#[test]
fn published_keys_have_an_address_by_https() {
    for bad in [
        "http://a.example/jwks",
        "https://u@a.example/",
        "ftp://a.example/",
        "/jwks",
        "https://a.example/#x",
    ] {
        assert!(ClientKeys::published(bad).is_err(), "{bad}");
    }
    let keys = ClientKeys::published("https://a.example/jwks").unwrap();
    let json = serde_json::to_string(&keys).unwrap();
    assert_eq!(json, r#"{"jwks_uri":"https://a.example/jwks"}"#);
    assert_eq!(serde_json::from_str::<ClientKeys>(&json).unwrap(), keys);
}
