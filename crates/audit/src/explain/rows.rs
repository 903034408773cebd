//! The checklist: what each check compared, and where it ended.

use super::{ExplainedRow, Surroundings, TokenView, span};
use crate::{Access, Event, Grant, Record};
use portcullis_types::{Check, Denial, Mark, RevokedBy, Row, Timestamp};

pub(super) fn rows(record: &Record<'_>, around: &Surroundings<'_>) -> Vec<ExplainedRow> {
    if matches!(record.event, Event::Admin(_)) {
        return Vec::new();
    }
    let denial = record.denial.as_deref();
    record.trace.rows().map(|row| explained(row, record, denial, around)).collect()
}

fn explained(
    Row { check, mark }: Row,
    record: &Record<'_>,
    denial: Option<&Denial>,
    around: &Surroundings<'_>,
) -> ExplainedRow {
    let (expected, found, note) = match (mark, denial) {
        (Mark::Failed, Some(denial)) => {
            (Some(denial.expected()), Some(denial.found()), note(denial, around))
        }
        (Mark::Passed, _) => (None, compared(check, record), None),
        (Mark::Failed | Mark::NotReached, _) => (None, None, None),
    };
    ExplainedRow {
        check,
        title: check.title(),
        source: check.source(),
        mark,
        expected,
        found,
        note,
    }
}

/// A fact that makes the difference between expected and found plain.
fn note(denial: &Denial, around: &Surroundings<'_>) -> Option<String> {
    match denial {
        Denial::WeakScope { missing, .. } => Some(format!("missing: {missing}")),
        Denial::Expired { exp, now, .. } => {
            Some(format!("expired {} before the request", span(now.millis_since(*exp))))
        }
        Denial::NotYetValid { from, now, .. } => {
            Some(format!("{} in the future", span(from.millis_since(*now))))
        }
        Denial::WrongAudience { made_for, .. } => {
            let api = made_for.first()?;
            Some(format!("that is the API {api}"))
        }
        Denial::UnknownKey { kid: Some(kid), .. } => {
            let ours = around.our_keys.iter().find(|ours| ours.kid.as_str() == *kid)?;
            Some(format!("a key of ours, {}", ours.state))
        }
        Denial::BadTarget { found, .. } => {
            let known =
                around.apis.iter().any(|api| found.iter().any(|one| one == api.resource.as_str()));
            let text = if known {
                "a configured API, not this client's"
            } else {
                "no API has this identifier"
            };
            (!found.is_empty()).then(|| text.into())
        }
        Denial::WeakAuthentication { auth_time: Some(at), max_age: Some(_), now, .. } => {
            Some(format!("signed in {} before the request", span(now.millis_since(*at))))
        }
        Denial::Revoked { by: RevokedBy::Token { since } } => Some(format!("since {since}")),
        _ => None,
    }
}

/// What a check that passed has compared.
fn compared(check: Check, record: &Record<'_>) -> Option<String> {
    match &record.event {
        Event::Access(access) => match &access.token {
            _ if check == Check::Shape => Some("it reads in one way only".into()),
            _ if check == Check::Route => Some(route(access)),
            _ if check == Check::Credential => Some("one bearer credential".into()),
            _ if check == Check::CredentialKind => Some("a token, not an API key".into()),
            _ if check == Check::Format => Some("three segments of base64url".into()),
            Some(token) => in_token(check, access, &TokenView::of(token), record.at),
            None => None,
        },
        Event::Grant(grant) => in_grant(check, grant),
        Event::Admin(_) => None,
    }
}

fn route(access: &Access<'_>) -> String {
    let route = access.route.as_deref().unwrap_or(&access.path);
    match &access.api {
        Some(api) => format!("{} {route}, API {api}", access.method),
        None => format!("{} {route}", access.method),
    }
}

fn in_token(check: Check, access: &Access<'_>, token: &TokenView, at: Timestamp) -> Option<String> {
    let key = token.kid.as_deref().unwrap_or("the only key that fits");
    match check {
        Check::Header => token.alg.as_deref().map(|alg| format!("alg {alg}")),
        Check::Type => Some("an access token".into()),
        Check::Issuer => token.iss.clone(),
        Check::Key => Some(key.into()),
        Check::Signature => token.alg.as_deref().map(|alg| format!("{alg}, verified")),
        Check::Claims => Some(format!(
            "sub {}, client {}",
            token.sub.as_deref().unwrap_or("none"),
            token.client_id.as_deref().unwrap_or("none")
        )),
        Check::Time => {
            let exp = token.expires?;
            Some(match exp.millis_since(at) {
                left if left < 0 => format!("ended {exp}, within the leeway"),
                left => format!("good for another {}", span(left)),
            })
        }
        Check::Audience => access.resource.as_deref().map(str::to_owned),
        Check::Purpose => Some("no claim of another kind of token".into()),
        Check::Tenant => Some(match token.tenant.as_deref() {
            Some(tenant) => format!("tenant {tenant}"),
            None => "no tenant is bound here".into(),
        }),
        Check::Binding => Some("bound to nothing, or shown by its holder".into()),
        Check::Revocation => Some("neither it nor what it comes from was ended".into()),
        Check::Authentication => Some("as strong and as fresh as the route asks".into()),
        Check::Scope => Some(match access.needed.as_deref() {
            Some(needed) if !needed.is_empty() => needed.to_string(),
            _ => "none is needed".into(),
        }),
        Check::Object => Some("the tenant's own, or no tenant's".into()),
        _ => None,
    }
}

fn in_grant(check: Check, grant: &Grant<'_>) -> Option<String> {
    match check {
        Check::Request => Some("a well-formed form".into()),
        Check::Throttle => Some("not throttled".into()),
        Check::Client => {
            let who = grant.client_id.as_deref()?;
            Some(match grant.auth_method.as_deref() {
                Some(method) => format!("{who} by {method}"),
                None => who.to_owned(),
            })
        }
        Check::ClientActive => Some("enabled".into()),
        Check::GrantType => Some(grant.grant_type.to_string()),
        Check::Resource => grant.resource.as_deref().map(str::to_owned),
        Check::SubjectToken if grant.api_key.is_some() => Some("an API key in force".into()),
        Check::SubjectToken => Some("valid, of an issuer that the tenant trusts".into()),
        Check::Conditions => Some("every condition is met".into()),
        Check::TenantActive => Some("active".into()),
        Check::ActorToken => Some("may act for the subject, or there is none".into()),
        Check::Impersonation => Some("an actor is named, or need not be".into()),
        Check::Policy => Some("not refused".into()),
        Check::Details => Some("within what every side allows".into()),
        Check::GrantScope => grant.granted.as_ref().map(ToString::to_string),
        _ => None,
    }
}
