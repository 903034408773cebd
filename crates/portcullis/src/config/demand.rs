//! What a route, or a whole API, demands of a token besides its scopes.

use super::{
    cross::{Names, WantedAcr},
    findings::Findings,
    read::{Section, Value},
};
use portcullis_types::{Acr, ApiName, Ttl};
use portcullis_verify::{Demand, Need, acr_at_least};

const KEYS: [&str; 5] = ["dpop", "dpop_nonce", "client_certificate", "acr", "max_age"];
const NEEDS: [(&str, Need); 2] = [("accepted", Need::Accepted), ("required", Need::Required)];

/// `dpop`, `dpop_nonce`, `client_certificate`, `acr` and `max_age`, of tokens for the API of that name.
pub(super) fn demand(
    table: &mut Section<'_>,
    api: Option<&ApiName>,
    names: &mut Names,
    out: &mut Findings,
) -> Demand {
    let dpop = table.get("dpop").and_then(|dpop| dpop.choice(&NEEDS, out));
    let nonce = table.get("dpop_nonce").and_then(|nonce| nonce.flag(out)).unwrap_or(false);
    let certificate = table.get("client_certificate").and_then(|it| {
        let need = it.choice(&NEEDS, out)?;
        if need.is_required() {
            names.want_certificate(it.place());
        }
        Some(need)
    });
    let acr = table.get("acr").map(|acr| self::acr(&acr, (api, names), out)).unwrap_or_default();
    let ages = Ttl::seconds(10)..=Ttl::seconds(30 * 86_400);
    let max_age = table.get("max_age").and_then(|age| age.ttl(ages, out));
    Demand {
        dpop: dpop.unwrap_or_default(),
        dpop_nonce: if nonce { Need::Required } else { Need::Accepted },
        client_certificate: certificate.unwrap_or_default(),
        acr,
        max_age,
    }
}

/// Refuses demands where no token is asked for.
pub(super) fn none(table: &mut Section<'_>, out: &mut Findings) -> Demand {
    for key in KEYS {
        if let Some(value) = table.get(key) {
            out.error(&value.place(), "a public route asks for no token")
                .hint("delete this, or delete public = true");
        }
    }
    Demand::default()
}

/// The values as they are accepted: of our own levels, the stronger ones too.
fn acr(
    value: &Value<'_>,
    (api, names): (Option<&ApiName>, &mut Names),
    out: &mut Findings,
) -> Vec<String> {
    let members = value.list(out);
    if members.is_empty() {
        out.error(&value.place(), "the list is empty").expected("at least one, such as \"mfa\"");
    }
    let (mut wanted, mut foreign) = (Vec::new(), Vec::new());
    for member in &members {
        let Some(text) = member.text(out) else { continue };
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if text.is_empty() || text.len() > 128 || !text.bytes().all(plain) {
            out.error(&member.place(), "this is no value that acr can have").expected(
                "pwd, mfa, phr, or what another issuer calls its own, without spaces and quotes",
            );
            continue;
        }
        if text.parse::<Acr>().is_err() {
            foreign.push((text.to_owned(), member.place()));
        }
        wanted.push(text);
    }
    let alone = foreign.len() == wanted.len();
    if let Some(api) = api {
        names.want_acr(
            api,
            foreign.into_iter().map(|(value, place)| WantedAcr { value, place, alone }),
        );
    }
    acr_at_least(wanted)
}
