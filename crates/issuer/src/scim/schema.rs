//! The attributes that RFC 7643 §3.1, §4.1 and §4.2 know, and which of them a PATCH may change. What is known and not
//! kept here is taken without an error, as directories send it; a name that no schema has is a mistake.

use super::{
    error::{Kind, ScimError},
    patch::{Op, Operation},
};

/// The attributes of a kind of resource.
pub(super) struct Schema {
    /// Never without a value.
    pub(super) required: &'static str,
    /// What the server says; a path to it is a mistake, in an object it is passed over: directories send back what
    /// they read.
    read_only: &'static [&'static str],
    plain: &'static [&'static str],
    /// With the names of their parts.
    complex: &'static [(&'static str, &'static [&'static str])],
}

const VALUE: &[&str] = &["value", "display", "type", "primary", "$ref"];

/// RFC 7643 §4.1.
pub(super) const USER: Schema = Schema {
    required: "username",
    read_only: &["id", "meta", "groups"],
    plain: &[
        "schemas",
        "externalid",
        "username",
        "displayname",
        "nickname",
        "profileurl",
        "title",
        "usertype",
        "preferredlanguage",
        "locale",
        "timezone",
        "active",
        "password",
    ],
    complex: &[
        (
            "name",
            &[
                "formatted",
                "familyname",
                "givenname",
                "middlename",
                "honorificprefix",
                "honorificsuffix",
            ],
        ),
        (
            "addresses",
            &[
                "formatted",
                "streetaddress",
                "locality",
                "region",
                "postalcode",
                "country",
                "type",
                "primary",
                "display",
                "value",
            ],
        ),
        ("emails", VALUE),
        ("phonenumbers", VALUE),
        ("ims", VALUE),
        ("photos", VALUE),
        ("entitlements", VALUE),
        ("roles", VALUE),
        ("x509certificates", VALUE),
    ],
};

/// RFC 7643 §4.2.
pub(super) const GROUP: Schema = Schema {
    required: "displayname",
    read_only: &["id", "meta"],
    plain: &["schemas", "externalid", "displayname"],
    complex: &[("members", VALUE)],
};

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// It says what the server says.
    PassedOver,
}

impl Schema {
    /// Whether an operation may be (RFC 7644 §3.5.2).
    pub(super) fn judge(&self, operation: &Operation) -> Result<Fate, ScimError> {
        let Operation { path, op, spelled, .. } = operation;
        let name = path.name.as_str();
        if self.read_only.contains(&name) {
            if !spelled {
                return Ok(Fate::PassedOver);
            }
            let problem = format!("'{name}' is the server's to say");
            return Err(ScimError::new(Kind::Mutability, problem));
        }
        if name == self.required && *op == Op::Remove {
            let problem = format!("'{name}' is required, and cannot be removed");
            return Err(ScimError::new(Kind::Mutability, problem));
        }
        let parts = self.complex.iter().find(|(known, _)| *known == name).map(|(_, parts)| *parts);
        let is_known = match (parts, &path.sub) {
            (Some(parts), Some(sub)) => parts.contains(&sub.as_str()),
            (Some(_), None) => true,
            (None, sub) => self.plain.contains(&name) && sub.is_none(),
        };
        if is_known {
            return Ok(Fate::Done);
        }
        let sub = path.sub.as_ref().map(|sub| format!(".{sub}")).unwrap_or_default();
        let seen = portcullis_directory::excerpt(&format!("{name}{sub}"));
        Err(ScimError::new(Kind::Path, format!("no schema has the attribute '{seen}'")))
    }
}
