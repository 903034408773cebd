use crate::house::{House, ISSUER_ID, TEXTGEN};
use serde_json::{Map, Value, json};

const WELLS: [&str; 3] = [
    "/.well-known/oauth-authorization-server/tenants/one",
    "/tenants/one/.well-known/openid-configuration",
    "/.well-known/openid-configuration/tenants/one",
];

#[expect(clippy::too_many_lines, reason = "a table: one line a member")]
#[tokio::test]
async fn the_metadata_says_what_is_true_under_all_three_addresses() {
    let house = House::open().await;
    for path in WELLS {
        let answer = house.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cache-control"), "public, max-age=600");
        let mut said = answer.json();
        assert_eq!(about_tokens(said.as_object_mut().unwrap()), expected_about_tokens());
        assert_eq!(
            said,
            json!({
                "issuer": ISSUER_ID,
                "token_endpoint": format!("{ISSUER_ID}/token"),
                "jwks_uri": format!("{ISSUER_ID}/jwks"),
                "scopes_supported": [
                    "openid", "profile", "email", "phone", "address", "roles", "groups",
                    "offline_access", "analytics:read", "batch:create", "batch:read", "generate:premium", "model:list",
                ],
                "authorization_endpoint": format!("{ISSUER_ID}/authorize"),
                "pushed_authorization_request_endpoint": format!("{ISSUER_ID}/par"),
                "end_session_endpoint": format!("{ISSUER_ID}/logout"),
                "response_types_supported": ["code"],
                "response_modes_supported":
                    ["query", "form_post", "query.jwt", "form_post.jwt", "jwt"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": true,
                "prompt_values_supported": ["none", "login", "consent", "select_account"],
                "acr_values_supported": ["pwd", "mfa", "phr"],
                "ui_locales_supported": ["en"],
                "claims_parameter_supported": true,
                "request_parameter_supported": true,
                "request_uri_parameter_supported": false,
                "require_pushed_authorization_requests": false,
                "require_signed_request_object": false,
                "request_object_signing_alg_values_supported": [
                    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
                    "ES256K", "EdDSA", "Ed25519",
                ],
                "authorization_signing_alg_values_supported": ["ES256", "ES384", "Ed25519"],
                "authorization_encryption_alg_values_supported": [
                    "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512",
                    "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW",
                ],
                "authorization_encryption_enc_values_supported": [
                    "A128GCM", "A192GCM", "A256GCM",
                    "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512",
                ],
                "backchannel_logout_supported": true,
                "backchannel_logout_session_supported": true,
                "grant_types_supported": [
                    "authorization_code", "refresh_token", "client_credentials",
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ],
                "authorization_grant_profiles_supported":
                    ["urn:ietf:params:oauth:grant-profile:id-jag"],
                "token_endpoint_auth_methods_supported":
                    ["private_key_jwt", "client_secret_basic", "client_secret_post", "none"],
                "token_endpoint_auth_signing_alg_values_supported": [
                    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
                    "ES256K", "EdDSA", "Ed25519",
                ],
                "protected_resources": [TEXTGEN, "https://api.example/batch"],
            })
        );
    }
}

/// Takes out what is said about tokens and people.
fn about_tokens(said: &mut Map<String, Value>) -> Value {
    let expected = expected_about_tokens();
    let names: Vec<_> = expected.as_object().unwrap().keys().cloned().collect();
    names.into_iter().filter_map(|name| said.remove_entry(&name)).collect::<Map<_, _>>().into()
}

fn expected_about_tokens() -> Value {
    let ours = ["ES256", "ES384", "Ed25519"];
    let asymmetric = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K",
        "EdDSA", "Ed25519",
    ];
    let alg = [
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA-OAEP-384",
        "RSA-OAEP-512",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A192KW",
        "ECDH-ES+A256KW",
    ];
    let enc = ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"];
    let proven = ["private_key_jwt", "client_secret_basic", "client_secret_post"];
    json!({
        "userinfo_endpoint": format!("{ISSUER_ID}/userinfo"),
        "introspection_endpoint": format!("{ISSUER_ID}/introspect"),
        "revocation_endpoint": format!("{ISSUER_ID}/revoke"),
        "device_authorization_endpoint": format!("{ISSUER_ID}/device_authorization"),
        "introspection_endpoint_auth_methods_supported": proven,
        "introspection_endpoint_auth_signing_alg_values_supported": asymmetric,
        "revocation_endpoint_auth_methods_supported":
            ["private_key_jwt", "client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": asymmetric,
        "introspection_signing_alg_values_supported": ours,
        "introspection_encryption_alg_values_supported": alg,
        "introspection_encryption_enc_values_supported": enc,
        "dpop_signing_alg_values_supported":
            ["ES256", "ES384", "Ed25519", "EdDSA", "PS256", "RS256"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ours,
        "id_token_encryption_alg_values_supported": alg,
        "id_token_encryption_enc_values_supported": enc,
        "userinfo_signing_alg_values_supported": ours,
        "userinfo_encryption_alg_values_supported": alg,
        "userinfo_encryption_enc_values_supported": enc,
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "sub", "name", "given_name", "family_name", "middle_name", "nickname",
            "preferred_username", "profile", "picture", "website", "gender", "birthdate",
            "zoneinfo", "locale", "updated_at", "email", "email_verified", "phone_number",
            "phone_number_verified", "address", "roles", "groups", "acr",
        ],
    })
}

#[tokio::test]
async fn a_browser_may_ask_first_and_nobody_may_post() {
    let house = House::open().await;
    let url = format!("{}{}", house.base, WELLS[0]);
    let preflight = house.http.request(reqwest::Method::OPTIONS, &url).send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let posted = house.http.post(&url).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    let allow = posted.headers()["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && !allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_with_security_headers() {
    let house = House::open().await;
    for path in ["/", "/token", "/.well-known/openid-configuration", "/tenants/one/nothing"] {
        let answer = house.get(path).await;
        assert_eq!((answer.status, answer.json()["status"].as_u64()), (404, Some(404)), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
}
