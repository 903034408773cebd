use super::*;
use crate::upstream::Condition;
use portcullis_directory::{ProviderRoles, RoleRule};
use serde_json::json;

fn provider(preset: Preset) -> Provider {
    Provider { group_claims: preset.group_claims("our-client"), ..Provider::plain("idp", preset) }
}

fn identity(provider: &Provider, claims: Value) -> Result<Identity, String> {
    match claims {
        Value::Object(claims) => Identity::of(provider, &claims),
        _ => Err("no object".into()),
    }
}

#[test]
fn cognito_tells_by_token_use_what_a_token_is() {
    let cognito = provider(Preset::Cognito);
    let claims =
        |token_use: &str| json!({ "sub": "1", "token_use": token_use, "cognito:groups": ["ml"] });
    assert_eq!(identity(&cognito, claims("id")).unwrap().groups, ["ml"]);
    assert!(identity(&cognito, claims("access")).unwrap_err().contains("token_use"));
}

#[test]
fn a_person_of_entra_is_tenant_and_object_not_the_pairwise_sub() {
    let claims = json!({ "sub": "pairwise", "tid": "t-1", "oid": "o-1", "email": "a@x.example",
        "email_verified": true });
    let who = identity(&provider(Preset::Entra), claims).unwrap();
    assert_eq!(who.subject, "t-1/o-1");
    assert!(!who.profile.email_verified, "any tenant's administrator can write any address");
    let missing = json!({ "sub": "pairwise", "tid": "t-1" });
    assert!(identity(&provider(Preset::Entra), missing).unwrap_err().contains("oid"));
}

#[test]
fn personal_microsoft_accounts_and_foreign_tenants_are_refused() {
    let personal = json!({ "sub": "x", "tid": MICROSOFT_PERSONAL, "oid": "o" });
    assert!(identity(&provider(Preset::Entra), personal).unwrap_err().contains("personal"));
    let listed = Provider { directories: vec!["t-1".into()], ..provider(Preset::Entra) };
    assert!(identity(&listed, json!({ "sub": "x", "tid": "t-2", "oid": "o" })).is_err());
    assert!(identity(&listed, json!({ "sub": "x", "tid": "t-1", "oid": "o" })).is_ok());
}

#[test]
fn groups_that_entra_left_out_are_not_taken_for_none() {
    for claims in [
        json!({ "sub": "x", "tid": "t", "oid": "o", "_claim_names": { "groups": "src1" },
            "_claim_sources": { "src1": { "endpoint": "https://graph.windows.net/x" } } }),
        json!({ "sub": "x", "tid": "t", "oid": "o", "hasgroups": true }),
    ] {
        assert!(identity(&provider(Preset::Entra), claims).unwrap_err().contains("left out"));
    }
}

#[test]
fn google_needs_a_workspace_and_a_verified_address() {
    let google = provider(Preset::Google);
    let person = json!({ "sub": "1", "email": "a@gmail.com", "email_verified": true });
    assert!(identity(&google, person).unwrap_err().contains("hd"));
    let unverified = json!({ "sub": "1", "hd": "acme.example", "email_verified": "true" });
    assert!(identity(&google, unverified).is_err(), "a string is no boolean");
    let right = json!({ "sub": "1", "hd": "acme.example", "email": "a@acme.example", "email_verified": true });
    let only = Condition { claim: ClaimPath::parse("hd"), any_of: vec!["other.example".into()] };
    let elsewhere = Provider { conditions: vec![only], ..provider(Preset::Google) };
    assert!(identity(&google, right.clone()).is_ok());
    assert!(identity(&elsewhere, right).is_err());
}

#[test]
fn roles_of_keycloak_lie_nested_and_mean_what_the_operator_says() {
    let keycloak = Provider {
        roles: ProviderRoles {
            rules: vec![RoleRule { theirs: "ml".into(), ours: vec!["data-scientist".into()] }],
            ..ProviderRoles::none("idp".into())
        },
        ..provider(Preset::Keycloak)
    };
    let claims = json!({ "sub": "u", "realm_access": { "roles": ["ml", "admin"] },
        "resource_access": { "our-client": { "roles": ["x"] }, "other": { "roles": ["root"] } } });
    let who = identity(&keycloak, claims).unwrap();
    assert_eq!(who.groups, ["admin", "ml", "x"]);
    assert_eq!(keycloak.roles.of(&who.groups), ["data-scientist"], "their admin is not ours");
}

#[test]
fn a_claim_in_a_namespace_is_one_name() {
    let roles = ClaimPath::parse("https://acme.example/roles");
    let auth0 = Provider { group_claims: vec![roles], ..provider(Preset::Auth0) };
    let who = identity(&auth0, json!({ "sub": "auth0|1", "https://acme.example/roles": ["a"] }));
    assert_eq!(who.unwrap().groups, ["a"]);
    assert!(
        identity(&auth0, json!({ "sub": "1", "https://acme.example/roles": { "a": 1 } })).is_err()
    );
}

#[test]
fn strength_is_what_the_provider_says_and_no_more() {
    let strength = |claims: Value| identity(&provider(Preset::Okta), claims).unwrap().acr;
    assert_eq!(strength(json!({ "sub": "u" })), Acr::Pwd);
    assert_eq!(strength(json!({ "sub": "u", "amr": ["pwd", "mfa"] })), Acr::Mfa);
    assert_eq!(strength(json!({ "sub": "u", "acr": "phr" })), Acr::Phr);
    assert_eq!(strength(json!({ "sub": "u", "acr": "gold" })), Acr::Pwd);
    let gold = Provider { acr: vec![("gold".into(), Acr::Mfa)], ..provider(Preset::Okta) };
    assert_eq!(identity(&gold, json!({ "sub": "u", "acr": "gold" })).unwrap().acr, Acr::Mfa);
}

#[test]
fn an_issuer_that_cannot_be_the_providers_is_seen_at_once() {
    for (preset, issuer, good) in [
        (Preset::Auth0, "https://acme.auth0.com", false),
        (Preset::Auth0, "https://acme.auth0.com/", true),
        (Preset::Entra, "https://sts.windows.net/t/", false),
        (Preset::Entra, "https://login.microsoftonline.com/t/v2.0", true),
        (Preset::Google, "https://accounts.google.com", true),
        (Preset::Google, "accounts.google.com", false),
        (Preset::Keycloak, "https://sso.example", false),
        (Preset::Keycloak, "https://sso.example/realms/acme", true),
        (Preset::Okta, "https://acme.okta.com/", false),
        (Preset::Cognito, "https://acme.auth.eu-west-1.amazoncognito.com", false),
        (Preset::Cognito, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A1", true),
        (Preset::PingOne, "https://auth.pingone.eu/7a9c", false),
        (Preset::PingOne, "https://auth.pingone.eu/7a9c/as", true),
    ] {
        assert_eq!(preset.issuer_problem(issuer).is_none(), good, "{preset} {issuer}");
    }
}
