//! From a [`Jwk`] to JSON: the public half by `Serialize`, the whole only when asked by name.

use super::{Jwk, Material};
use crate::b64;
use serde::{Serialize, Serializer, ser::SerializeMap};
use zeroize::Zeroizing;

impl Jwk {
    /// The members that describe the key itself, public ones only. Empty for a shared secret.
    pub(crate) fn public_members(&self) -> Vec<(&'static str, String)> {
        match &self.material {
            Material::Rsa(rsa) => vec![("n", b64::encode(&rsa.n)), ("e", b64::encode(&rsa.e))],
            Material::Ec(ec) => vec![
                ("crv", ec.crv.name().to_owned()),
                ("x", b64::encode(&ec.x)),
                ("y", b64::encode(&ec.y)),
            ],
            Material::Okp(okp) => {
                vec![("crv", okp.crv.name().to_owned()), ("x", b64::encode(&okp.x))]
            }
            Material::Oct(_) => Vec::new(),
        }
    }

    fn private_members(&self) -> Vec<(&'static str, Zeroizing<String>)> {
        let secret =
            |name, secret: &super::Secret| (name, Zeroizing::new(b64::encode(secret.expose())));
        match &self.material {
            Material::Rsa(rsa) => rsa.private.as_ref().map_or_else(Vec::new, |private| {
                vec![
                    secret("d", &private.d),
                    secret("p", &private.p),
                    secret("q", &private.q),
                    secret("dp", &private.dp),
                    secret("dq", &private.dq),
                    secret("qi", &private.qi),
                ]
            }),
            Material::Ec(ec) => ec.d.iter().map(|d| secret("d", d)).collect(),
            Material::Okp(okp) => okp.d.iter().map(|d| secret("d", d)).collect(),
            Material::Oct(k) => vec![secret("k", k)],
        }
    }

    /// The whole key, secrets and all, as a JSON object. For a key file, never for a log or an answer.
    pub fn to_private_json(&self) -> Zeroizing<String> {
        let shown = serde_json::to_string(self).unwrap_or_default();
        let mut json = Zeroizing::new(String::with_capacity(shown.len() + 2048));
        json.push_str(shown.strip_suffix('}').unwrap_or(&shown));
        for (name, value) in self.private_members() {
            json.push_str(&[",\"", name, "\":\""].concat());
            json.push_str(&value);
            json.push('"');
        }
        json.push('}');
        json
    }
}

impl Serialize for Jwk {
    /// Public members only, so that no answer can leak a private key by mistake.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kty", self.kty())?;
        for (name, value) in [("kid", &self.kid), ("use", &self.usage), ("alg", &self.alg)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(ops) = &self.key_ops {
            map.serialize_entry("key_ops", ops)?;
        }
        for (name, value) in self.public_members() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}
