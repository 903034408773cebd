//! Spans of time as people write them, in the configuration as in the API: `15m`.

use portcullis_types::Ttl;
use serde::{Deserialize as _, Deserializer, Serializer, de::Error};
use std::borrow::Cow;

#[expect(clippy::ref_option, reason = "as serde asks")]
pub(super) fn serialize<S: Serializer>(ttl: &Option<Ttl>, sink: S) -> Result<S::Ok, S::Error> {
    match ttl {
        Some(ttl) => sink.collect_str(ttl),
        None => sink.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Ttl>, D::Error> {
    let text = Cow::<'de, str>::deserialize(source)?;
    text.parse().map(Some).map_err(D::Error::custom)
}
