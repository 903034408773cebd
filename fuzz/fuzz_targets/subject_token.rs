//! A partner's token: whatever comes is answered, and what a partner signs is let in only as its record says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_jose::{Alg, SigningKey, b64, jwk::KeySet};
use portcullis_types::{ClientId, Issuer, Registry, Stage, Tenant, Timestamp, Trace, Ttl};
use portcullis_verify::{
    IssuerKeys,
    subject::{CheckedTrust, Home, Offered, Preset, TokenKind, Trust, admit, examine},
};
use serde_json::json;
use std::sync::{Arc, LazyLock};

struct Partner {
    key: SigningKey,
    keys: Result<IssuerKeys, (String, Ttl)>,
    trusts: Vec<CheckedTrust>,
    client: ClientId,
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://idp.example";

static PARTNER: LazyLock<Partner> = LazyLock::new(|| {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let mut set = KeySet::new([]);
    set.push(&key.public_jwk().unwrap());
    let record = |preset: Preset, issuer: &str, kinds: &[TokenKind]| -> Trust {
        let record = json!({ "name": "partner", "preset": preset, "issuer": issuer,
            "keys": { "jwks_uri": "https://idp.example/jwks" }, "kinds": kinds,
            "audiences": ["api"],
            "conditions": [{ "claim": "sub", "glob": "spiffe://td/ns/*" }],
            "mapping": { "roles": ["roles", "a.b"], "groups": { "path": "groups" } },
            "grants": [{ "to": { "role": "r" }, "scopes": ["model:list"] }],
            "ceiling": { "scopes": ["model:*", "generate:basic"] } });
        serde_json::from_value(record).unwrap()
    };
    let (tenant, issuer) =
        (Tenant::new("t123").unwrap(), Issuer::new("https://id.example").unwrap());
    let registry = Registry::standard();
    let home = Home { tenant: &tenant, issuer: &issuer, registry: &registry };
    let trusts = [
        record(Preset::Custom, ISSUER, &TokenKind::ALL),
        record(Preset::Spiffe, "spiffe://td", &[TokenKind::Jwt]),
    ];
    Partner {
        key,
        keys: Ok(IssuerKeys { set: Arc::new(set), fetched_at: None }),
        trusts: trusts.map(|trust| trust.checked(&home).unwrap()).into(),
        client: ClientId::new("cli_app").unwrap(),
    }
});

fuzz_target!(|input: (&str, &[u8], u8)| {
    let (text, payload, choice) = input;
    let partner = &*PARTNER;
    judge(text, choice, false);
    // Signed, so that the claims are reached.
    let typ = if choice & 8 == 0 { "JWT" } else { "oauth-id-jag+jwt" };
    let header = format!(r#"{{"alg":"ES256","typ":"{typ}","kid":"{}"}}"#, partner.key.kid());
    let signed = format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload));
    let signature = partner.key.sign(signed.as_bytes()).unwrap();
    judge(&format!("{signed}.{}", b64::encode(&signature)), choice, true);
});

fn judge(token: &str, choice: u8, signed: bool) {
    let partner = &*PARTNER;
    let offered = match TokenKind::ALL.get(usize::from(choice & 3)) {
        Some(kind) if choice & 4 == 0 => Offered::subject(token, *kind, &partner.client),
        _ => Offered::assertion(token, &partner.client),
    };
    for trust in &partner.trusts {
        let mut trace = Trace::new(Stage::Grant);
        let outcome = admit(&offered, trust, &partner.keys, NOW, &mut trace);
        let seen = examine(&offered, trust, &partner.keys, NOW);
        assert_eq!(seen.outcome.is_ok(), outcome.is_ok());
        match outcome {
            Ok(subject) => {
                assert!(signed, "nobody signed this");
                assert!(subject.expires.seconds() > NOW.seconds() - 61);
                assert!(subject.scopes.lies_within(trust.reach().0));
                assert!(seen.conditions.iter().all(|row| row.held));
                assert!(subject.sub.starts_with("spiffe://td/ns/"));
            }
            Err(denial) => {
                assert_eq!(trace.failed(), Some(denial.check()));
                let _ = (denial.code(), denial.told(), denial.remedy(), denial.found());
            }
        }
    }
}
