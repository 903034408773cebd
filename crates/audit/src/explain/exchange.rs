//! How it came to a partner's token being exchanged, or not: which trust, which condition, which mapping; and what a
//! policy said.

use crate::Grant;
use portcullis_types::{Judged, Ruled, Ruling};

/// Whose token came, and what was made of it.
pub(super) fn story(grant: &Grant<'_>) -> Vec<String> {
    let mut story = Vec::new();
    for (whose, judged) in
        [("The token that came", &grant.judged), ("The actor's token", &grant.actor_judged)]
    {
        if let Some(judged) = judged {
            of_judged(&mut story, whose, judged);
        }
    }
    if let Some(subject) = grant.subject.as_deref() {
        let acts = match grant.actor.as_deref() {
            Some(actor) => format!("{actor} acts"),
            None => "nobody is named as acting".to_owned(),
        };
        story.push(format!("The subject is {subject}; {acts}."));
    }
    story
}

fn of_judged(story: &mut Vec<String>, whose: &str, judged: &Judged) {
    let Judged { tenant, trust, failed, conditions, mapping } = judged;
    story.push(match failed {
        None => format!("{whose} was let in by the trust {trust} of the tenant {tenant}."),
        Some(question) => format!(
            "{whose} came furthest by the trust {trust} of the tenant {tenant}, up to: {question}"
        ),
    });
    for row in conditions {
        let found = row.found.as_deref().unwrap_or("nothing");
        let how = if row.held { "holds" } else { "does not hold" };
        story.push(format!("The condition {} = {} {how}: {found}.", row.claim, row.wanted));
    }
    for row in mapping {
        story.push(match &row.dropped {
            None => format!("{} comes from {}.", row.scope, row.from),
            Some(why) => format!("{} from {} does not stay: {why}.", row.scope, row.from),
        });
    }
}

/// What a policy said, and what another would have said in its place.
pub(super) fn ruled(ruled: &Ruled) -> Vec<String> {
    let mut story = vec![format!(
        "The policy {} was asked at the point {} and {}.",
        ruled.ruling.revision.short(),
        ruled.point,
        said(&ruled.ruling)
    )];
    if let Some(id) = &ruled.decision_log_id {
        story.push(format!("The policy server calls this decision {id}."));
    }
    if let Some(shadow) = &ruled.shadow {
        story.push(format!(
            "In shadow, the policy {} would have {}.",
            shadow.revision.short(),
            said(shadow)
        ));
    }
    story
}

fn said(ruling: &Ruling) -> String {
    if !ruling.allow {
        return format!("denied: {}", ruling.grounds().join("; "));
    }
    let most = |what: &str, list: &str| {
        let list = if list.is_empty() { "none" } else { list };
        format!("with at most the {what} {list}")
    };
    let scopes = ruling.scopes.as_ref().map(|scopes| most("scopes", &scopes.to_string()));
    let datasets = ruling.datasets.as_ref().map(|all| most("datasets", &all.join(" ")));
    let reasons = !ruling.reasons.is_empty();
    let reasons = reasons.then(|| format!("because: {}", ruling.words()));
    let said = ["allowed it".to_owned()].into_iter().chain(scopes).chain(datasets).chain(reasons);
    said.collect::<Vec<_>>().join(", ")
}
