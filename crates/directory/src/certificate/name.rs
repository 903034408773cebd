//! Distinguished names: as RFC 4514 writes them, and as certificates hold them.
//!
//! Two names are equal if they have the same attributes with the same values in the same order. Values are
//! compared to the letter, which is stricter than X.520.

use std::{fmt, str::FromStr};
use x509_parser::x509::X509Name;

/// The most specific part first. Each part is a set of attributes, in order, mostly of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name(Vec<Vec<Attribute>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    /// Dotted.
    oid: String,
    value: String,
}

/// Why a text is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// It is empty, or a part of it is.
    #[error("a part of it is empty")]
    Empty,
    /// No `=`.
    #[error("'{0}' has no '='")]
    NoValue(String),
    /// The name of an attribute that is not known here.
    #[error("the attribute '{0}' is not known; write its number, such as 2.5.4.3")]
    Attribute(String),
    /// An escape that RFC 4514 does not have, or a value in hexadecimal form, which is not read here.
    #[error(
        "the value of '{0}' cannot be read: a sign with a meaning of its own needs a '\\' before it"
    )]
    Value(String),
}

/// RFC 4514 §3 and RFC 4519, and those that certificates have besides.
const KNOWN: [(&str, &str); 20] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("serialNumber", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("title", "2.5.4.12"),
    ("businessCategory", "2.5.4.15"),
    ("postalCode", "2.5.4.17"),
    ("name", "2.5.4.41"),
    ("GN", "2.5.4.42"),
    ("dnQualifier", "2.5.4.46"),
    ("organizationIdentifier", "2.5.4.97"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
    ("jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"),
];

/// Other names of the same.
const ALSO: [(&str, &str); 4] = [
    ("S", "2.5.4.8"),
    ("givenName", "2.5.4.42"),
    ("surname", "2.5.4.4"),
    ("E", "1.2.840.113549.1.9.1"),
];

/// The name in a certificate; `None` if a value of it is no text.
pub(super) fn of(name: &X509Name<'_>) -> Option<Name> {
    let mut parts = Vec::new();
    // A certificate has the least specific part first.
    for part in name.iter_rdn() {
        let mut attributes = Vec::new();
        for attribute in part.iter() {
            let oid = attribute.attr_type().to_id_string();
            attributes.push(Attribute { oid, value: attribute.as_str().ok()?.to_owned() });
        }
        attributes.sort();
        parts.push(attributes);
    }
    parts.reverse();
    Some(Name(parts))
}

impl FromStr for Name {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        let mut parts = Vec::new();
        for part in unescaped_split(text, ',') {
            let mut attributes = Vec::new();
            for attribute in unescaped_split(part, '+') {
                attributes.push(attribute.parse()?);
            }
            attributes.sort();
            parts.push(attributes);
        }
        Ok(Self(parts))
    }
}

impl FromStr for Attribute {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        if text.trim().is_empty() {
            return Err(NameFault::Empty);
        }
        let Some((kind, value)) = text.split_once('=') else {
            return Err(NameFault::NoValue(crate::excerpt(text)));
        };
        let kind = kind.trim();
        let dotted = |kind: &str| {
            kind.contains('.') && kind.split('.').all(|arc| arc.parse::<u64>().is_ok())
        };
        let known = KNOWN.iter().chain(&ALSO).find(|(name, _)| name.eq_ignore_ascii_case(kind));
        let oid = match known {
            Some((_, oid)) => (*oid).to_owned(),
            None if dotted(kind) => kind.to_owned(),
            None => return Err(NameFault::Attribute(crate::excerpt(kind))),
        };
        let value = unescaped(value).ok_or_else(|| NameFault::Value(kind.to_owned()))?;
        Ok(Self { oid, value })
    }
}

/// Parts between signs that no backslash precedes.
fn unescaped_split(text: &str, sign: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let ends = c == sign && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
}

/// RFC 4514 §3: `\` before a sign or before two hexadecimal digits, which are a byte of UTF-8. Spaces
/// around a value are no part of it, unless escaped.
fn unescaped(value: &str) -> Option<String> {
    const SIGNS: &str = " \"#+,;<=>\\";
    let value = value.trim_start_matches(' ');
    if value.starts_with(['#', '"']) {
        return None;
    }
    let (mut bytes, mut kept) = (Vec::new(), 0);
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c == '\\' {
            let tail = rest.as_str();
            let next = rest.next()?;
            if SIGNS.contains(next) {
                bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                bytes.push(u8::from_str_radix(tail.get(..2)?, 16).ok()?);
                rest.next();
            }
            kept = bytes.len();
        } else if "\";<>".contains(c) || c == '\0' {
            return None;
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            if c != ' ' {
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            for (place, Attribute { oid, value }) in part.iter().enumerate() {
                f.write_str(if place == 0 { "" } else { "+" })?;
                let known = KNOWN.iter().find(|(_, known)| known == oid);
                write!(f, "{}=", known.map_or(oid.as_str(), |(name, _)| name))?;
                escape(value, f)?;
            }
        }
        Ok(())
    }
}

fn escape(value: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = value.chars().count().saturating_sub(1);
    for (place, c) in value.chars().enumerate() {
        let special = "\"+,;<>\\".contains(c)
            || (place == 0 && c == '#')
            || (c == ' ' && (place == 0 || place == last));
        if special {
            f.write_str("\\")?;
        }
        if c.is_control() { write!(f, "\u{fffd}")? } else { write!(f, "{c}")? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn writing_differs_and_the_name_is_the_same() {
        let plain = name("CN=app,O=Example\\, Inc.,C=CH");
        for text in [
            "cn=app, o=Example\\2c Inc., c=CH",
            "2.5.4.3=app,2.5.4.10=Example\\2C\\20Inc.,C=CH",
            "CN = app , O = Example\\, Inc. , C = CH",
        ] {
            assert_eq!(name(text), plain, "{text}");
        }
        assert_eq!(name("CN=a+UID=b,O=x"), name("UID=b+CN=a,O=x"));
        assert_eq!(name("CN=Lu\\C4\\8Di\\C4\\87"), name("CN=Lučić"));
        assert_eq!(plain.to_string(), "CN=app,O=Example\\, Inc.,C=CH");
        assert_eq!(name("CN=\\ a\\ ").to_string(), "CN=\\ a\\ ");
    }

    #[test]
    fn another_name_is_another_name() {
        let plain = name("CN=app,O=Example");
        for text in [
            "O=Example,CN=app",
            "CN=app",
            "CN=App,O=Example",
            "CN=app\\,O=Example",
            "OU=app,O=Example",
        ] {
            assert_ne!(name(text), plain, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "", ",", "CN", "app", "CN=a,", "XY=a", "CN=#0403", "CN=\"a\"", "CN=a\\", "CN=a\\q",
            "CN=a;b", "CN=\\ff", "CN=\\é0",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
