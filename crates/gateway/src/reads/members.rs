//! The members of a JSON object, each as it was written.

use portcullis_types::BodyFault;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::Range};

/// One object. Its members occur once; what they hold was only skimmed.
pub(super) struct Members<'a> {
    body: &'a str,
    members: Vec<(Cow<'a, str>, &'a str)>,
}

/// More members than any API knows.
const MOST: usize = 256;

impl<'a> Members<'a> {
    /// Reads one object and nothing after it. Of the names in `watched` no other spelling may occur: services
    /// that are lax about case or underscores would take it for the name.
    pub(super) fn read(body: &'a [u8], watched: &[&[&str]]) -> Result<Self, BodyFault> {
        let syntax = |problem: String| BodyFault::NotJson { problem };
        let body = std::str::from_utf8(body).map_err(|_| syntax("it is not UTF-8".into()))?;
        if body.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[') {
            return Err(BodyFault::Batch);
        }
        let object: Object<'a> = serde_json::from_str(body).map_err(|fault| {
            // The message says nothing of the content but the place.
            syntax(fault.to_string())
        })?;
        let members = Self { body, members: object.0 };
        members.unambiguous(watched)?;
        Ok(members)
    }

    /// What a member holds, as it was written; `null` is nothing.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.members.iter().find(|(known, _)| known == name);
        found.map(|(_, raw)| *raw).filter(|raw| *raw != "null")
    }

    /// Every member.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.members.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// Where a piece of the body stands in it.
    pub(super) fn place(&self, piece: &str) -> Range<usize> {
        let start = piece.as_ptr().addr().saturating_sub(self.body.as_ptr().addr());
        start..start + piece.len()
    }

    /// Just after the brace that opens it.
    pub(super) fn start(&self) -> usize {
        self.body.find('{').map_or(0, |brace| brace + 1)
    }

    fn unambiguous(&self, watched: &[&[&str]]) -> Result<(), BodyFault> {
        let ambiguous = |problem: String| Err(BodyFault::Ambiguous { problem });
        for (place, (name, _)) in self.members.iter().enumerate() {
            let earlier = self.members.get(..place).unwrap_or_default();
            if earlier.iter().any(|(other, _)| other == name) {
                return ambiguous(format!("the member '{}' occurs twice", shown(name)));
            }
            let names = || watched.iter().copied().flatten().copied();
            if names().any(|known| known == name) {
                continue;
            }
            let folded = folded(name);
            if let Some(known) = names().find(|known| self::folded(known) == folded) {
                return ambiguous(format!("'{}' may be taken for '{known}'", shown(name)));
            }
        }
        Ok(())
    }
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// As Go and protobuf compare names: without case, `ſ` and `K` being letters too, `maxTokens` as `max_tokens`.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| match c {
            'ſ' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

struct Object<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(name) = source.next_key::<Name<'de>>()? {
            if members.len() == MOST {
                return Err(A::Error::custom("too many members"));
            }
            members.push((name.0, source.next_value::<&'de RawValue>()?.get()));
        }
        Ok(Object(members))
    }
}

/// Borrowed unless it was written with escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        source.deserialize_str(Text)
    }
}
