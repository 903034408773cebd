use super::*;
use portcullis_directory::{AuthMethod, Fapi2};
use serde_json::json;

fn ceiling() -> Ceiling {
    Ceiling {
        identity: IdentityScopes::all(),
        auth_methods: vec![AuthMethod::None, AuthMethod::PrivateKeyJwt],
        grant_types: GrantType::ALL.to_vec(),
        profile: Fapi2::Off,
        ..Ceiling::default()
    }
}

fn read_with(ceiling: &Ceiling, metadata: &Value) -> Result<Said, MetadataError> {
    read(metadata.as_object().unwrap(), ceiling, &[Alg::ES256])
}

#[test]
fn an_app_gets_no_more_than_it_can_use() {
    let said = json!({ "redirect_uris": ["https://app.example/back"],
        "scope": "openid offline_access model:list" });
    let said = read_with(&ceiling(), &said).unwrap();
    assert_eq!(said.registration.identity.to_string(), "openid", "no refresh tokens asked for");
    assert!(said.scopes.is_empty(), "no API is open to it");
    let new = said.into_new(None, Origin::Dynamic, &ceiling(), None);
    assert_eq!((new.name.as_str(), new.resources.len()), ("app.example", 0));
}

#[test]
fn a_public_app_gets_no_grant_that_needs_a_proof() {
    let said = json!({ "redirect_uris": ["https://app.example/back"],
        "grant_types": ["client_credentials", "authorization_code"] });
    let said = read_with(&ceiling(), &said).unwrap();
    assert_eq!(said.grant_types, [GrantType::AuthorizationCode]);
    let alone = json!({ "grant_types": ["client_credentials"] });
    assert!(read_with(&ceiling(), &alone).is_err());
    let refresh = json!({ "grant_types": ["refresh_token"] });
    assert!(read_with(&ceiling(), &refresh).is_err());
}

#[test]
fn a_profile_of_the_operators_binds_every_app() {
    let ceiling = Ceiling { profile: Fapi2::Security, pkce: Pkce::OrNonce, ..ceiling() };
    let said = json!({ "redirect_uris": ["https://app.example/back"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/jwks" });
    let registration = read_with(&ceiling, &said).unwrap().registration;
    assert!(registration.require_pushed_authorization_requests);
    assert!(registration.dpop_bound_access_tokens);
    assert_eq!(registration.pkce, Pkce::Required);
}
