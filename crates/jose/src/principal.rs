//! Who somebody from another provider is here.
//!
//! `sub` is unique at its issuer alone (OpenID Connect Core §2), and of an issuer with many tenants at each of
//! those. So all three are hashed, each after its length, that no two triples are ever written alike.

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::BASE32_NOPAD;
use portcullis_types::{IdFault, PrincipalKey, PrincipalKind};

/// The principal that `sub` is at `iss`, in the tenant `idp_tenant` of that issuer if it has tenants.
///
/// `usr_`, `svc_` or `agt_`, and of SHA-256(len ‖ iss ‖ len ‖ idp_tenant ‖ len ‖ sub) the first 26 characters in
/// base 32 (RFC 4648 §6, lower case, no padding). A length is that in bytes, as a big-endian `u32`; without
/// tenant it is 0. `kind` is how we regard them, and not in the hash: who changes from service to agent is
/// another principal by the prefix.
pub fn principal_key(
    kind: PrincipalKind,
    iss: &str,
    idp_tenant: Option<&str>,
    sub: &str,
) -> Result<PrincipalKey, IdFault> {
    let mut hash = Context::new(&SHA256);
    for part in [iss, idp_tenant.unwrap_or_default(), sub] {
        let length = u32::try_from(part.len()).map_err(|_| IdFault {
            what: "principal",
            problem: "is made of parts that are too long",
        })?;
        hash.update(&length.to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = BASE32_NOPAD.encode(hash.finish().as_ref()).to_ascii_lowercase();
    text.truncate(PrincipalKey::CHARS);
    PrincipalKey::new(&format!("{}{text}", kind.prefix()))
}

#[cfg(test)]
mod tests {
    use super::principal_key;
    use portcullis_types::{ClientId, PrincipalKey, PrincipalKind};
    use std::collections::BTreeSet;

    fn key(iss: &str, tenant: Option<&str>, sub: &str) -> PrincipalKey {
        principal_key(PrincipalKind::Person, iss, tenant, sub).unwrap()
    }

    /// Worked out apart from this program; tokens that are out there hold these values.
    #[test]
    fn one_sub_at_two_issuers_is_two_principals() {
        let keys = [
            key("https://a.example", None, "alice"),
            key("https://b.example", None, "alice"),
            key("https://a.example", Some("t1"), "alice"),
            key("https://a.example/", None, "alice"),
        ];
        let golden = [
            "usr_5fgw325nnxge7p7mfzl4hejc47",
            "usr_jxzptxcm76m2acnjzw5pqyzw67",
            "usr_3ldgwovshtc5arbtrky3265mrh",
            "usr_676eqvnsja7p2ahfl44nlapicz",
        ];
        assert_eq!(keys.each_ref().map(PrincipalKey::as_str), golden);
        let service = principal_key(PrincipalKind::Service, "https://a.example", None, "alice");
        assert_eq!(service.unwrap().as_str(), golden[0].replace("usr_", "svc_"));
    }

    #[test]
    fn what_is_joined_otherwise_is_somebody_else() {
        let keys = [
            key("ab", None, "c"),
            key("a", None, "bc"),
            key("a", Some("b"), "c"),
            key("ab", Some(""), "cd"),
            key("", Some("ab"), "c"),
            key("", None, "abc"),
            key("abc", None, ""),
            key("a\0\0\0\u{1}b", None, "c"),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert_eq!(key("a", Some(""), "b"), key("a", None, "b"), "an empty tenant is none");
    }

    #[test]
    fn no_client_is_taken_for_a_principal() {
        for kind in PrincipalKind::ALL {
            let key = principal_key(kind, "https://a.example", None, "alice").unwrap();
            assert!(ClientId::new(key.as_str()).is_err(), "{key}");
        }
        assert!(ClientId::new("svc_billing").is_ok());
        for bad in [
            "alice",
            "usr_",
            "usr_ALICE",
            "svc_aaaaaaaaaaaaaaaaaaaaaaaaa1",
            "cli_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(PrincipalKey::new(bad).is_err(), "{bad}");
        }
    }
}
