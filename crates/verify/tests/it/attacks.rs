//! Each check has its attack: a token that is good but for one thing, and fails at that check and no other.

use crate::house::{House, NOW, claiming, claims, headed, header, signed, tenant};
use portcullis_types::{ApiName, Check, Denial, Mark, Timestamp, Ttl};
use portcullis_verify::{
    Apis, Heard, KnownRevocations, Need, Revocation, RevocationKind, Revocations, Speaks,
    acr_at_least,
};
use serde_json::json;
use std::collections::BTreeSet;

/// The check, what is wrong, the token, and what is changed of the house.
type Attack = (Check, &'static str, String, fn(&mut House));

const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
/// The same bytes to a careless decoder: the last character has a stray bit.
const JKT_SPELT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J";

fn same(_: &mut House) {}

#[expect(clippy::too_many_lines, reason = "a table: one attack a line")]
fn attacks() -> Vec<Attack> {
    let good = claiming(json!({}));
    let (body, _) = good.rsplit_once('.').unwrap();
    let other = portcullis_jose::SigningKey::generate(portcullis_jose::Alg::ES256).unwrap();
    let forged = other.sign_compact(&header(), &claims()).unwrap();
    vec![
        (Check::Credential, "no token", String::new(), same),
        (Check::Credential, "nine kilobytes", "a".repeat(9 << 10), same),
        (Check::CredentialKind, "a vendor's key", "sk-ant-1234567890".into(), same),
        (Check::CredentialKind, "an opaque string", "opaque".into(), same),
        (Check::Format, "two segments", body.into(), same),
        (Check::Format, "a space in it", format!("{good} "), same),
        (Check::Format, "padding", format!("{good}=="), same),
        (Check::Header, "no algorithm", headed(json!({ "alg": "none" })), same),
        (Check::Header, "a shared secret", headed(json!({ "alg": "HS256" })), same),
        (Check::Header, "an algorithm of nobody", headed(json!({ "alg": "ES384" })), same),
        (Check::Header, "crit", headed(json!({ "crit": ["exp"], "exp": 1 })), same),
        (Check::Header, "b64", headed(json!({ "b64": true })), same),
        (Check::Header, "a path as kid", headed(json!({ "kid": "../../etc\u{0}passwd" })), same),
        (Check::Type, "a plain JWT", headed(json!({ "typ": "JWT" })), same),
        (Check::Type, "no type", headed(json!({ "typ": null })), same),
        (Check::Type, "a logout token", headed(json!({ "typ": "logout+jwt" })), same),
        (Check::Issuer, "a stranger", claiming(json!({ "iss": "https://evil.example" })), same),
        (Check::Issuer, "a slash more", claiming(json!({ "iss": "https://id.example/" })), same),
        (Check::Issuer, "no issuer", claiming(json!({ "iss": null })), same),
        (Check::Issuer, "trusted elsewhere", good.clone(), |house| {
            house.issuer.trusted.apis = Apis::Only(vec![ApiName::new("other").unwrap()]);
        }),
        (Check::Key, "another kid", headed(json!({ "kid": "another" })), same),
        (Check::Key, "the keys are away", good.clone(), |house| {
            house.issuer.keys = Err(("connection refused".into(), Ttl::seconds(1)));
        }),
        (Check::Signature, "another key of that name", forged, same),
        (Check::Signature, "no signature", format!("{body}."), same),
        (Check::Claims, "no jti", claiming(json!({ "jti": null })), same),
        (Check::Claims, "no exp", claiming(json!({ "exp": null })), same),
        (Check::Claims, "exp in words", claiming(json!({ "exp": "tomorrow" })), same),
        (Check::Claims, "a list as cnf", claiming(json!({ "cnf": [JKT] })), same),
        (Check::Claims, "a jkt that is none", claiming(json!({ "cnf": { "jkt": "short" } })), same),
        (
            Check::Claims,
            "two spellings of one jkt",
            claiming(json!({ "cnf": { "jkt": JKT_SPELT } })),
            same,
        ),
        (Check::Claims, "a list as acr", claiming(json!({ "acr": ["phr"] })), same),
        (Check::Claims, "auth_time in words", claiming(json!({ "auth_time": "now" })), same),
        (Check::Claims, "a number as sid", claiming(json!({ "sid": 1 })), same),
        (Check::Claims, "a number as aud", claiming(json!({ "aud": 1 })), same),
        (
            Check::Claims,
            "a tenant that cannot be",
            claiming(json!({ "tenant": "Acme Inc." })),
            same,
        ),
        (
            Check::Time,
            "expired",
            claiming(json!({ "exp": 1_799_999_970, "iat": 1_799_999_000 })),
            same,
        ),
        (Check::Time, "from the future", claiming(json!({ "nbf": 1_800_000_031 })), same),
        (Check::Time, "born tomorrow", claiming(json!({ "iat": 1_800_000_031 })), same),
        (Check::Time, "lives too long", claiming(json!({ "exp": 1_800_003_601 })), same),
        (Check::Audience, "another API", claiming(json!({ "aud": "https://gw.example/v2" })), same),
        (
            Check::Audience,
            "a longer path",
            claiming(json!({ "aud": "https://gw.example/v1/" })),
            same,
        ),
        (Check::Purpose, "an ID token's nonce", claiming(json!({ "nonce": "n" })), same),
        (Check::Purpose, "an ID token by use", claiming(json!({ "token_use": "id" })), same),
        (
            Check::Purpose,
            "a use that is no word",
            claiming(json!({ "token_use": ["access"] })),
            same,
        ),
        (Check::Purpose, "a use that is a number", claiming(json!({ "token_use": 1 })), same),
        (Check::Purpose, "a logout token's events", claiming(json!({ "events": {} })), same),
        (Check::Tenant, "another's API", claiming(json!({ "tenant": "globex" })), |house| {
            house.guarded.tenant = Some(tenant("acme"));
        }),
        (Check::Tenant, "nobody's token at a tenant's API", good.clone(), |house| {
            house.guarded.tenant = Some(tenant("acme"));
        }),
        (
            Check::Tenant,
            "an issuer for no tenant",
            claiming(json!({ "tenant": "acme" })),
            |house| {
                house.issuer.trusted.speaks = Speaks::ForNoTenant;
            },
        ),
        (
            Check::Tenant,
            "another tenant's issuer",
            claiming(json!({ "tenant": "acme" })),
            |house| {
                house.issuer.trusted.speaks = Speaks::For(tenant("globex"));
            },
        ),
        (Check::Tenant, "a tenant's issuer for none", good.clone(), |house| {
            house.issuer.trusted.speaks = Speaks::For(tenant("globex"));
        }),
        (Check::Revocation, "a disabled client", good.clone(), |house| {
            let mut list = Revocations::none_by(house.issuer.trusted.issuer.clone());
            list.add(&Revocation {
                kind: RevocationKind::Client,
                value: "app".into(),
                since: Timestamp::from_seconds(1),
                until: Timestamp::from_seconds(2),
            });
            let heard = Heard::AsItHappens;
            house.revocations = vec![KnownRevocations { list: list.into(), heard }];
        }),
        (
            Check::Binding,
            "a bound token as bearer",
            claiming(json!({ "cnf": { "jkt": JKT } })),
            same,
        ),
        (
            Check::Binding,
            "a certificate's, without",
            claiming(json!({ "cnf": { "x5t#S256": JKT } })),
            same,
        ),
        (
            Check::Binding,
            "bound to what nobody knows",
            claiming(json!({ "cnf": { "kid": "x" } })),
            same,
        ),
        (Check::Binding, "bound to nothing said", claiming(json!({ "cnf": {} })), same),
        (Check::Binding, "unbound where keys are demanded", good.clone(), |house| {
            house.demand.dpop = Need::Required;
        }),
        (Check::Binding, "unbound where certificates are demanded", good.clone(), |house| {
            house.demand.client_certificate = Need::Required;
        }),
        (Check::Authentication, "no acr", good.clone(), |house| {
            house.demand.acr = acr_at_least(["mfa"]);
        }),
        (Check::Authentication, "a weaker acr", claiming(json!({ "acr": "pwd" })), |house| {
            house.demand.acr = acr_at_least(["mfa"]);
        }),
        (Check::Authentication, "another spelling", claiming(json!({ "acr": "MFA" })), |house| {
            house.demand.acr = acr_at_least(["mfa"]);
        }),
        (Check::Authentication, "no auth_time", claiming(json!({ "acr": "phr" })), |house| {
            house.demand.max_age = Some(Ttl::seconds(900));
        }),
        (
            Check::Authentication,
            "long ago",
            claiming(json!({ "auth_time": NOW.seconds() - 901 })),
            |house| {
                house.demand.max_age = Some(Ttl::seconds(900));
            },
        ),
        (
            Check::Authentication,
            "tomorrow",
            claiming(json!({ "auth_time": NOW.seconds() + 31 })),
            |house| {
                house.demand.max_age = Some(Ttl::seconds(900));
            },
        ),
        (Check::Scope, "none", claiming(json!({ "scope": null })), same),
        (Check::Scope, "a longer word", claiming(json!({ "scope": "generate:basics" })), same),
        (
            Check::Scope,
            "for another tenant",
            claiming(json!({ "scope": "generate:basic:acme" })),
            same,
        ),
        (Check::Object, "another's", claiming(json!({ "tenant": "globex" })), |house| {
            house.object_tenant = Some(tenant("acme"));
        }),
        (Check::Object, "nobody's token", good, |house| {
            house.object_tenant = Some(tenant("acme"));
        }),
    ]
}

#[test]
fn a_good_token_passes_every_check() {
    let mut house = House::new();
    house.judge(&claiming(json!({}))).unwrap();
    let passed = |check| house.trace.has_passed(check);
    assert!(checks().into_iter().all(passed));
}

#[test]
fn every_attack_fails_at_its_check_and_no_other() {
    for (check, name, token, change) in attacks() {
        let mut house = House::new();
        change(&mut house);
        let denial = house.judge(&token).map(drop).expect_err(name);
        assert_eq!(denial.check(), check, "{name}: {denial:?}");
        assert_eq!(house.trace.failed(), Some(check), "{name}");
        for row in house.trace.rows().filter(|row| checks().contains(&row.check)) {
            let expected = match row.check.cmp(&check) {
                std::cmp::Ordering::Less => Mark::Passed,
                std::cmp::Ordering::Equal => Mark::Failed,
                std::cmp::Ordering::Greater => Mark::NotReached,
            };
            assert_eq!(row.mark, expected, "{name}: {:?}", row.check);
        }
    }
}

#[test]
fn every_check_has_its_attack() {
    let attacked: BTreeSet<Check> = attacks().into_iter().map(|(check, ..)| check).collect();
    assert_eq!(attacked, checks());
}

/// The checks of a request that look at the token.
fn checks() -> BTreeSet<Check> {
    let of_the_request = [Check::Shape, Check::Route, Check::Body, Check::Limits, Check::Rules];
    Check::of(portcullis_types::Stage::Access)
        .filter(|check| !of_the_request.contains(check))
        .collect()
}

#[test]
fn a_member_that_comes_twice_is_refused_though_it_is_signed() {
    let twice = signed(&header(), &Doubled);
    let denial = House::new().judge(&twice).unwrap_err();
    assert!(matches!(denial, Denial::Format { .. }), "{denial:?}");
}

/// Claims with two subjects, which no map can hold.
struct Doubled;

impl serde::Serialize for Doubled {
    fn serialize<S: serde::Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let claims = claims();
        let members = claims.as_object().unwrap().iter();
        sink.collect_map(members.chain([(&"sub".to_owned(), &json!("root"))]))
    }
}
