//! How tokens are signed, of which kinds, for whom, for how long, and on what conditions.

use super::{Faults, Globs, Home, MOST_LIFETIME, MOST_SKEW, condition};
use crate::subject::{Preset, TokenKind, Trust, kind::is_foreign, preset::ALGS};
use portcullis_jose::Alg;
use portcullis_types::Ttl;

const MOST_AUDIENCES: usize = 32;
const MOST_CONDITIONS: usize = 64;

pub(super) fn algs(trust: &Trust, faults: &mut Faults) -> Vec<Alg> {
    let allowed = trust.preset.terms().algs;
    let Some(names) = &trust.algs else { return allowed.to_vec() };
    let spelt = || allowed.iter().map(|alg| alg.name()).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        faults.add("algs", "allows nothing", format!("choose among {}", spelt()));
    }
    let mut pinned = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let field = || format!("algs[{place}]");
        match name.parse::<Alg>() {
            Ok(alg) if alg.is_symmetric() => {
                let what = format!("{name} is a shared secret: whoever checks could sign");
                faults.add(field(), what, format!("choose among {}", spelt()));
            }
            Ok(alg) if ALGS.contains(&alg) && allowed.iter().any(|one| one.is(alg)) => {
                pinned.push(alg);
            }
            _ => {
                let what = format!("'{name}' is not accepted of {}", trust.preset.terms().title);
                faults.add(field(), what, format!("choose among {}", spelt()));
            }
        }
    }
    pinned
}

pub(super) fn typ(trust: &Trust, faults: &mut Faults) -> Vec<String> {
    let usual = || trust.preset.terms().typ.iter().map(|typ| (*typ).to_owned()).collect();
    let Some(own) = &trust.typ else { return usual() };
    if trust.preset != Preset::Custom {
        faults.add("typ", "is the preset's to say", "leave it out, or use the preset custom");
        return usual();
    }
    if own.is_empty() {
        faults.add("typ", "allows nothing", "write \"JWT\", or \"\" for a header without typ");
    }
    for (place, typ) in own.iter().enumerate().filter(|(_, typ)| is_foreign(typ)) {
        let what = format!("'{typ}' is another kind of token, and never exchanged");
        faults.add(format!("typ[{place}]"), what, "leave it out");
    }
    own.clone()
}

pub(super) fn kinds(trust: &Trust, faults: &mut Faults) {
    let terms = trust.preset.terms();
    let offered: Vec<_> = terms.kinds.iter().map(|kind| kind.name()).collect();
    if trust.kinds.is_empty() {
        faults.add("kinds", "allows nothing", format!("choose among {}", offered.join(", ")));
    }
    for (place, kind) in trust.kinds.iter().enumerate() {
        let field = format!("kinds[{place}]");
        if !terms.kinds.contains(kind) {
            let what = format!("{} has no {} that says who somebody is", terms.title, kind.name());
            faults.add(field, what, format!("choose among {}", offered.join(", ")));
        } else if trust.kinds.iter().take(place).any(|before| before == kind) {
            faults.add(field, "is there twice", "leave one out");
        }
    }
}

/// `aud` is never guessed: without a value, it is our issuer, which a token for somebody else does not have.
pub(super) fn audiences(trust: &Trust, home: &Home<'_>, faults: &mut Faults) -> Vec<String> {
    let terms = trust.preset.terms();
    let Some(own) = &trust.audiences else {
        let by_client = trust
            .kinds
            .iter()
            .find(|kind| **kind == TokenKind::IdToken || terms.aud.may_be_absent(**kind));
        if let Some(kind) = by_client {
            let what = format!("are needed: an {} is for a client of the provider", kind.name());
            faults.add("audiences", what, "write the client_id that the tenant's app has there");
        }
        return vec![home.issuer.to_string()];
    };
    if own.is_empty() || own.len() > MOST_AUDIENCES {
        let what = if own.is_empty() { "allows nothing" } else { "has more than 32 values" };
        faults.add("audiences", what, "write each value of aud that tokens for us have");
    }
    for (place, audience) in own.iter().enumerate() {
        let field = format!("audiences[{place}]");
        let visible = audience.bytes().all(|b| b.is_ascii_graphic() && b != b'*');
        if !visible || !(1..=512).contains(&audience.len()) {
            let what = format!("'{}' is no exact value", audience.escape_default());
            faults.add(field, what, "write it as in aud, without wildcards");
        } else if terms.common_audience == Some(&**audience) {
            let what = format!("'{audience}' stands in tokens for other apps as well");
            faults.add(field, what, "add an audience mapper at the provider, and write its value");
        }
    }
    own.clone()
}

pub(super) fn times(trust: &Trust, faults: &mut Faults) {
    let spans = [
        ("skew", trust.skew, Ttl::seconds(0), MOST_SKEW),
        ("max_age", trust.max_age, Ttl::seconds(1), MOST_LIFETIME),
        ("max_lifetime", trust.max_lifetime, Ttl::seconds(1), MOST_LIFETIME),
        ("max_ttl", trust.max_ttl, Ttl::seconds(10), Ttl::LONGEST_ACCESS_TOKEN),
    ];
    for (field, span, least, most) in spans {
        if let Some(span) = span.filter(|span| *span < least || *span > most) {
            faults.add(
                field,
                format!("{span} is out of range"),
                format!("choose {least} to {most}"),
            );
        }
    }
}

pub(super) fn uses(trust: &Trust, faults: &mut Faults) {
    let terms = trust.preset.terms();
    if trust.one_time == Some(true) && terms.reused {
        let what = format!("{} keeps tokens and shows them again", terms.title);
        faults.add("one_time", what, "leave it out; the rate limits how often they are exchanged");
    }
    if trust.rate.is_some_and(|rate| !(1..=100_000).contains(&rate)) {
        faults.add("rate", "is out of range", "choose 1 to 100000 exchanges a minute");
    }
    if trust.max_uses.is_some_and(|uses| !(1..=100_000).contains(&uses)) {
        faults.add("max_uses", "is out of range", "choose 1 to 100000 uses of one ID-JAG");
    }
}

pub(super) fn authentication(trust: &Trust, faults: &mut Faults) {
    let Some(wanted) = &trust.authentication else { return };
    let at = |field: &str| format!("authentication.{field}");
    if wanted.max_age.is_none() && wanted.acr_values.is_empty() {
        faults.add("authentication", "demands nothing", "write max_age or acr_values into it");
    }
    let span = Ttl::seconds(1)..=Ttl::seconds(366 * 24 * 3600);
    if wanted.max_age.is_some_and(|age| !span.contains(&age)) {
        faults.add(at("max_age"), "is out of range", "choose 1s to 366d");
    }
    let word =
        |acr: &String| (1..=256).contains(&acr.len()) && acr.bytes().all(|b| b.is_ascii_graphic());
    if wanted.acr_values.len() > MOST_AUDIENCES || !wanted.acr_values.iter().all(word) {
        let what = "are at most 32, of visible ASCII without spaces";
        faults.add(at("acr_values"), what, "write them as the provider does");
    }
}

/// A workload proves itself by its token alone: a kind of token that is good for that must be among those trusted.
pub(super) fn federation(trust: &Trust, faults: &mut Faults) {
    let good = |kind: &TokenKind| matches!(kind, TokenKind::Jwt | TokenKind::IdToken);
    if trust.federation.is_some() && !trust.kinds.iter().any(good) {
        let what = "is for workloads, and this trust takes neither jwt nor id_token";
        faults.add("federation", what, "add the kind of token that they have, or leave it out");
    }
}

pub(super) fn conditions(trust: &Trust, faults: &mut Faults) -> Vec<condition::Checked> {
    if trust.conditions.len() > MOST_CONDITIONS {
        faults.add("conditions", "has more than 64 entries", "say less, or in a policy");
    }
    let mut checked = Vec::new();
    for (place, one) in trust.conditions.iter().enumerate() {
        match one.checked() {
            Ok(one) => {
                if let Some((what, remedy)) = trap(trust, &one) {
                    faults.add(format!("conditions[{place}].glob"), what, remedy);
                }
                checked.push(one);
            }
            Err(wrong) => wrong.into_iter().for_each(|(field, (what, remedy))| {
                faults.add(format!("conditions[{place}].{field}"), what, remedy);
            }),
        }
    }
    let workload = trust.kinds.contains(&TokenKind::Jwt) || trust.federation.is_some();
    if workload && !checked.iter().any(|one| one.claim.is("sub")) {
        let what = "none is on sub: every workload of that issuer would be let in";
        faults.add(
            "conditions",
            what,
            "add one on sub: its exact value, or a glob as far as it goes",
        );
    }
    checked
}

/// A glob that looks like a condition and is none.
fn trap(trust: &Trust, one: &condition::Checked) -> Option<(String, &'static str)> {
    let condition::Test::Beneath(prefix) = &one.test else { return None };
    let terms = trust.preset.terms();
    if let Globs::OnlyOn(claims) = terms.globs
        && !claims.iter().any(|claim| one.claim.is(claim))
    {
        let what = format!("{} of {} is a name, and names change hands", one.claim, terms.title);
        return Some((what, "write exact values, of claims that end in _id where there are such"));
    }
    let always = match trust.preset {
        Preset::Spiffe => format!("{}/", trust.issuer),
        _ => terms.sub_prefix.to_owned(),
    };
    if one.claim.is("sub") && !always.is_empty() && always.starts_with(&**prefix) {
        let what = format!("holds for every sub of {}", terms.title);
        return Some((what, "write more of it, as far as the tenant's own workloads agree"));
    }
    None
}
