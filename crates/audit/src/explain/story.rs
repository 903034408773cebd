//! How it came to this: the token's issuance, the keys at that time, who ended what.

use super::{
    OurKey, Surroundings, TokenView, exchange,
    remedy::{dropped_by_policy, not_allowed},
    span,
};
use crate::{Access, Admin, Event, Grant, Record};
use portcullis_types::{
    Audience, Denial, DroppedBy, Issuer, Jti, KnownKey, RevokedBy, Scope, Scopes, Timestamp,
};

pub(super) fn story(record: &Record<'_>, around: &Surroundings<'_>) -> Vec<String> {
    let denial = record.denial.as_deref();
    let mut story = Vec::new();
    match &record.event {
        Event::Access(access) => {
            if let Some(token) = &access.token {
                origin(&mut story, &TokenView::of(token), record.at, around);
            }
            if let Some(denial) = denial {
                of_access(&mut story, denial, access, around);
            }
        }
        Event::Grant(grant) => of_grant(&mut story, denial, grant, record.at, around),
        Event::Admin(admin) => {
            story.extend(admin.detail.iter().map(|(name, value)| format!("{name}: {value}")));
        }
    }
    story.extend(record.ruled.iter().flat_map(|ruled| exchange::ruled(ruled)));
    story
}

/// Where the token comes from.
fn origin(story: &mut Vec<String>, token: &TokenView, at: Timestamp, around: &Surroundings<'_>) {
    if token.is_mute() {
        return;
    }
    if !token.verified {
        story.push(
            "The signature was not verified: what the token says of itself may be false.".into(),
        );
    }
    if let Some(issuance) = around.issuance {
        let Event::Grant(grant) = &issuance.event else { return };
        let who = grant.client_id.as_deref().or(token.client_id.as_deref()).unwrap_or("a client");
        let what = if token.verified { "The token" } else { "A token with this jti" };
        story.push(format!(
            "{what} was issued to {who} at {}, {} before this request (decision {}).",
            issuance.at,
            span(at.millis_since(issuance.at)),
            issuance.id
        ));
        return;
    }
    let Some(iss) = token.iss.as_deref() else { return };
    let jti = token.jti.as_deref();
    let named = jti.map_or_else(String::new, |jti| format!(" with jti {jti}"));
    if around.issuer.is_none_or(|ours| iss != ours.issuer.as_str()) {
        story.push(format!("The token comes from {iss}{named}, whose records are not here."));
        return;
    }
    let made = jti.and_then(|jti| Jti::new(jti).ok()).and_then(|jti| jti.time());
    let when = made.map_or_else(String::new, |at| format!(", made at {at} by its own account"));
    story.push(format!(
        "No issuance of a token{named}{when}, is in this log: another node issued it, or this log \
         began later."
    ));
}

fn of_access(
    story: &mut Vec<String>,
    denial: &Denial,
    access: &Access<'_>,
    around: &Surroundings<'_>,
) {
    match denial {
        Denial::WeakScope { missing, .. } => weak_scope(story, missing, access, around),
        Denial::WrongAudience { found, expected, .. } => audience(story, found, expected, around),
        Denial::UnknownKey { issuer, kid, known, fetched_at, .. } => {
            keys(story, issuer, known, *fetched_at);
            story.extend(kid.as_deref().and_then(|kid| own_key(kid, around.our_keys)));
        }
        Denial::Expired { exp, now, .. } => {
            expired(story, access.token.as_ref().map(TokenView::of).as_ref(), *exp, *now);
        }
        Denial::Revoked { by } => revoked(story, by, around),
        Denial::KeysUnavailable { issuer, reason, retry_after } => story.push(format!(
            "The key set of {issuer} could not be had ({reason}) and none is cached. It is tried \
             again after {retry_after}; until then its tokens get 503, which clients repeat."
        )),
        Denial::RevocationsUnknown { issuer, max_age, .. } => story.push(format!(
            "{issuer} tells this gateway every second what it has revoked; after {max_age} without a \
             word its tokens get 503, which clients repeat."
        )),
        Denial::UntrustedIssuer { trusted, .. } => {
            let names: Vec<_> = trusted.iter().map(Issuer::as_str).collect();
            story.push(format!("Trusted at this API: {}.", or_none(&names.join(", "))));
        }
        Denial::Unmapped { path, allowed, .. } if !allowed.is_empty() => {
            story.push(format!("{path} is mapped for {}.", allowed.join(", ")));
        }
        Denial::NoCredential { in_query: true, .. } => story.push(
            "Addresses end up in logs and histories; that token should be treated as leaked."
                .into(),
        ),
        _ => {}
    }
}

/// From the missing scope back to the token request.
fn weak_scope(
    story: &mut Vec<String>,
    missing: &Scopes,
    access: &Access<'_>,
    around: &Surroundings<'_>,
) {
    if let Some(Event::Grant(grant)) = around.issuance.map(|record| &record.event) {
        for scope in missing {
            story.push(fate(scope, grant, around));
        }
    }
    if let Some(client) = around.client {
        if let Some(since) = client.disabled_since {
            story.push(format!("The client {} is disabled since {since}.", client.id));
        }
        let refused = not_allowed(client, missing, around);
        let lines: Vec<_> = client.scopes.iter().map(ToString::to_string).collect();
        let lines = or_none(&lines.join(" ")).to_owned();
        let by_policy = dropped_by_policy(around, missing).next().is_some();
        story.push(if refused.is_empty() && by_policy {
            format!("The allow-list of the client {} is not the reason: it covers it.", client.id)
        } else if refused.is_empty() {
            format!("The client {} may have it now: it only has to ask.", client.id)
        } else {
            format!(
                "The allow-list of the client {} is {lines}; {refused} is not in it.",
                client.id
            )
        });
    }
    let api = around.apis.iter().find(|api| Some(api.name.as_str()) == access.api.as_deref());
    if let (Some(api), Some(registry)) = (api, around.registry) {
        let lacking = registry.missing(&api.scopes, missing);
        if !lacking.is_empty() {
            story.push(format!(
                "The API {} offers {}; {lacking} is not among them.",
                api.name, api.scopes
            ));
        }
    }
}

/// What became of one scope at the issuance.
fn fate(scope: &Scope, grant: &Grant<'_>, around: &Surroundings<'_>) -> String {
    let granted = grant.granted.clone().unwrap_or_default();
    if let Some(lost) = grant.dropped.iter().find(|lost| lost.scope == *scope) {
        let why = match &lost.by {
            DroppedBy::Client => "it was not in the client's allow-list".into(),
            DroppedBy::Api => "the API did not offer it".into(),
            DroppedBy::Subject => "the subject token did not have it".into(),
            DroppedBy::Tenant => "the tenant's contract did not have it".into(),
            DroppedBy::OtherTenant => "it was about another tenant".into(),
            DroppedBy::Policy(reason) => format!("a policy took it away ({reason})"),
        };
        return format!("{scope} was asked for then, and dropped: {why}.");
    }
    let Some(requested) = &grant.requested_scope else {
        return format!(
            "The token request asked for no scope at all, so the client's default was granted \
             ({granted}); {scope} is not in it."
        );
    };
    let asked = requested.contains(scope)
        || around.registry.is_some_and(|registry| registry.covers(requested, scope));
    if asked {
        format!("{scope} was asked for and granted then ({granted}): this token has less.")
    } else {
        format!("{scope} was never asked for: the token request said scope={requested}.")
    }
}

fn audience(
    story: &mut Vec<String>,
    found: &[String],
    expected: &Audience,
    around: &Surroundings<'_>,
) {
    let name = |resource: &str| {
        around.apis.iter().find(|api| api.resource.as_str() == resource).map(|api| &api.name)
    };
    for aud in found {
        story.push(match name(aud) {
            Some(api) => format!("The token was made for the API {api} ({aud})."),
            None => format!("The token was made for {aud}, which is no API here."),
        });
    }
    let here = name(expected.as_str()).map_or_else(String::new, |api| format!("the API {api}, "));
    story.push(format!(
        "This is {here}{expected}. A token is for one API: ask for another one with \
         resource={expected}."
    ));
    if let Some(Event::Grant(grant)) = around.issuance.map(|record| &record.event)
        && grant.requested_resource.is_empty()
    {
        story.push("The token request named no resource, so the client's default was used.".into());
    }
}

fn keys(story: &mut Vec<String>, issuer: &Issuer, known: &[KnownKey], fetched: Option<Timestamp>) {
    let list: Vec<_> = known
        .iter()
        .map(|key| match &key.kid {
            Some(kid) => format!("{kid} ({})", key.alg),
            None => format!("one without kid ({})", key.alg),
        })
        .collect();
    let when = fetched
        .map_or_else(|| "as configured or our own".into(), |at| format!("as fetched at {at}"));
    story.push(format!("{issuer} had these keys, {when}: {}.", or_none(&list.join(", "))));
}

fn own_key(kid: &str, ours: &[OurKey]) -> Option<String> {
    let key = ours.iter().find(|key| key.kid.as_str() == kid)?;
    let end = match key.retires {
        Some(at) => format!(", retired {at}"),
        None => String::new(),
    };
    Some(format!(
        "{kid} is a key of ours: made {}{end}, now {}. A token that it signed is older than any \
         token should be, or the key was retired early.",
        key.created, key.state
    ))
}

fn expired(story: &mut Vec<String>, token: Option<&TokenView>, exp: Timestamp, now: Timestamp) {
    let ago = span(now.millis_since(exp));
    let Some(iat) = token.and_then(|token| token.issued) else {
        story.push(format!("It ended {ago} before this request, at {exp}."));
        return;
    };
    let life = exp.millis_since(iat);
    let renew = Timestamp::from_millis(exp.millis() - life / 5);
    story.push(format!("It lived {} and ended {ago} before this request, at {exp}.", span(life)));
    story.push(format!(
        "A client should renew a token when a fifth of its life is left: this one from {renew} \
         on. expires_in of the token answer says how long it lives."
    ));
}

fn revoked(story: &mut Vec<String>, by: &RevokedBy, around: &Surroundings<'_>) {
    if let Some(Event::Admin(admin)) = around.ended.map(|record| &record.event) {
        let (at, id) = around
            .ended
            .map_or_else(Default::default, |record| (record.at.to_string(), record.id.to_string()));
        story.push(act(admin, &at, &id));
        return;
    }
    story.push(match by {
        RevokedBy::Token { since } => {
            format!("It was revoked at {since}; by whom is not in this log.")
        }
        RevokedBy::Client { client_id, since } => {
            format!("The client {client_id} was disabled at {since}; by whom is not in this log.")
        }
        RevokedBy::NotBefore { client_id, before } => format!(
            "All tokens of {client_id} from before {before} were ended; by whom is not in this log."
        ),
        RevokedBy::Session { since } => {
            format!("Its session ended at {since}; by whom is not in this log.")
        }
        RevokedBy::Grant { since } => {
            format!("Its grant was revoked at {since}; by whom is not in this log.")
        }
        RevokedBy::PersonNotBefore { before } => format!(
            "All tokens of the person from before {before} were ended; by whom is not in this log."
        ),
        RevokedBy::Tenant { tenant, halt, since } => format!(
            "The tenant {tenant} was {} at {since}; by whom is not in this log.",
            halt.word()
        ),
    });
}

fn act(admin: &Admin<'_>, at: &str, id: &str) -> String {
    let why =
        admin.detail.get("reason").map_or_else(String::new, |why| format!(", because: {why}"));
    format!(
        "{} did {} on {} at {at} (decision {id}){why}.",
        admin.actor, admin.action, admin.target
    )
}

fn of_grant(
    story: &mut Vec<String>,
    denial: Option<&Denial>,
    grant: &Grant<'_>,
    at: Timestamp,
    around: &Surroundings<'_>,
) {
    if let Some(remote) = grant.remote.as_deref() {
        story.push(format!("The request came from {remote}."));
    }
    story.extend(exchange::story(grant));
    if let Some(key) = grant.api_key.as_deref() {
        story.push(format!("It brought the API key {key}."));
    }
    story.extend(on_behalf(grant));
    if grant.default_used && grant.requested_scope.is_none() {
        story.push("It asked for no scope, so the client's default was used.".into());
    }
    if grant.default_used && grant.requested_resource.is_empty() {
        story.push("It named no resource, so the client's default was used.".into());
    }
    story.extend(grant.dropped.iter().map(|lost| {
        let why = match &lost.by {
            DroppedBy::Policy(reason) => format!("a policy took it away ({reason})"),
            other => other.why().to_owned(),
        };
        format!("{} was dropped: {why}.", lost.scope)
    }));
    if let Some(jti) = &grant.jti {
        let exp = grant.exp.map(Timestamp::from_seconds);
        let until = exp.map_or_else(String::new, |exp| format!(", good until {exp}"));
        story.push(format!("The token has jti {jti}{until}."));
    }
    match denial {
        Some(Denial::Throttled { failures, retry_after, .. }) => story.push(format!(
            "{failures} attempts failed; attempts are refused until {}, right or wrong.",
            at.plus(*retry_after)
        )),
        Some(Denial::BadClient { .. }) => story.push(
            "The caller was told only that client authentication failed, never which part.".into(),
        ),
        Some(Denial::ClientDisabled { .. }) => {
            if let Some(Event::Admin(admin)) = around.ended.map(|record| &record.event) {
                let (at, id) = around.ended.map_or_else(Default::default, |record| {
                    (record.at.to_string(), record.id.to_string())
                });
                story.push(act(admin, &at, &id));
            }
        }
        Some(Denial::BadTarget { .. }) => {
            let known: Vec<_> =
                around.apis.iter().map(|api| format!("{} ({})", api.name, api.resource)).collect();
            story.push(format!("The configured APIs: {}.", or_none(&known.join(", "))));
        }
        _ => {}
    }
}

/// Whose rights these are, and by what they got here.
fn on_behalf(grant: &Grant<'_>) -> Option<String> {
    let person = grant.person.as_ref()?;
    let through = grant.grant.as_ref();
    let through = through.map_or_else(String::new, |grant| format!(", through the grant {grant}"));
    let session = grant.session.as_ref();
    let session = session.map_or_else(String::new, |session| format!(" in the session {session}"));
    let acr = grant.acr.map_or_else(String::new, |acr| {
        format!("; the person had signed in{session} with acr {}", acr.name())
    });
    let bound = match grant.bound.as_deref() {
        Some("dpop") => ". The token is good in the hands of the key's holder alone (DPoP)",
        Some("mtls") => ". The token is good in the hands of the certificate's holder alone",
        _ => "",
    };
    Some(format!("It asked on behalf of {person}{through}{acr}{bound}."))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
