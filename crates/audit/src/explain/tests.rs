//! What the view says beyond the table of refusals, which is tested where it is printed.

use super::{ClientNow, Explanation, LogSpan, Outcome, Surroundings, Unfound};
use crate::{Access, Admin, Event, Grant, Record, TokenFacts};
use portcullis_types::{
    Check, DecisionId, Denial, Entropy, Fixer, Mark, Pattern, Random, Registry, Scopes, Stage,
    Timestamp, Trace, Ttl,
};
use std::borrow::Cow;

const NOW: Timestamp = Timestamp::from_seconds(1_768_478_400);

struct Same;

impl Entropy for Same {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

fn id(at: Timestamp) -> DecisionId {
    DecisionId::fresh(at, &Random::draw(&mut Same))
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn weak() -> Record<'static> {
    let denial = Denial::WeakScope {
        found: scopes("generate:basic"),
        needed: scopes("generate:advanced"),
        missing: scopes("generate:advanced"),
    };
    let mut trace = Trace::new(Stage::Access);
    let _ = trace.step::<()>(Check::Scope, Err(denial.clone()));
    let event = Event::Access(Access {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        token: Some(TokenFacts { verified: true, client_id: "app".into(), ..Default::default() }),
        ..Default::default()
    });
    Record { id: id(NOW), at: NOW, trace, denial: Some(Cow::Owned(denial)), ruled: None, event }
}

fn issued(requested: &str) -> Record<'static> {
    let event = Event::Grant(Grant {
        client_id: Some("app".into()),
        requested_scope: Some(scopes(requested)),
        granted: Some(scopes("generate:basic")),
        ..Default::default()
    });
    let at = NOW.minus(Ttl::seconds(60));
    Record { id: id(at), at, trace: Trace::new(Stage::Grant), denial: None, ruled: None, event }
}

fn client(allowed: &str) -> ClientNow {
    ClientNow {
        id: "app".parse().unwrap(),
        scopes: vec![Pattern::parse(allowed).unwrap()],
        resources: Vec::new(),
        disabled_since: None,
    }
}

#[test]
fn what_implies_a_scope_counts_as_asked_for_and_as_allowed() {
    let (issuance, client) = (issued("generate:premium"), client("generate:premium"));
    let registry = Registry::standard();
    let around = Surroundings {
        issuance: Some(&issuance),
        client: Some(&client),
        registry: Some(&registry),
        ..Surroundings::default()
    };
    let it = Explanation::of(&weak(), &around);
    assert!(it.story.iter().any(|line| line.contains("was asked for and granted then")));
    assert!(it.story.iter().any(|line| line.contains("only has to ask")));
    assert_eq!(it.remedy.map(|step| step.by), Some(Fixer::Caller));
}

#[test]
fn what_the_client_may_not_have_is_the_operators_to_change_first() {
    let (issuance, client) = (issued("generate:basic"), client("generate:basic"));
    let registry = Registry::standard();
    let around = Surroundings {
        issuance: Some(&issuance),
        client: Some(&client),
        registry: Some(&registry),
        ..Surroundings::default()
    };
    let it = Explanation::of(&weak(), &around);
    let command = it.remedy.and_then(|step| step.command);
    assert_eq!(
        command.as_deref(),
        Some("portcullis client update app --add-scope generate:advanced")
    );
    assert_eq!(it.then.first().map(|step| step.by), Some(Fixer::Caller));
}

#[test]
fn a_command_names_the_configuration_that_it_would_not_find() {
    let (issuance, client) = (issued("generate:basic"), client("generate:basic"));
    let registry = Registry::standard();
    let around = Surroundings {
        issuance: Some(&issuance),
        client: Some(&client),
        registry: Some(&registry),
        config: Some("/etc/our gate/portcullis.toml"),
        ..Surroundings::default()
    };
    let command = Explanation::of(&weak(), &around).remedy.and_then(|step| step.command).unwrap();
    assert!(command.ends_with(" --config '/etc/our gate/portcullis.toml'"), "{command}");
}

#[test]
fn without_any_surroundings_the_denial_still_speaks_for_itself() {
    let it = Explanation::of(&weak(), &Surroundings::default());
    assert!(matches!(it.outcome, Outcome::Denied { status: 403, code: "missing_scope", .. }));
    assert!(it.failed().is_some_and(|row| row.mark == Mark::Failed && row.expected.is_some()));
    assert!(it.remedy.is_some_and(|step| step.command.is_none()));
    assert!(Explanation::by_hand(&weak(), &Surroundings::default()).decision_id.is_none());
}

#[test]
fn an_administrative_act_is_told_and_has_no_checks() {
    let admin =
        Admin { actor: "cli:a@b".into(), action: "client.add".into(), ..Default::default() };
    let event = Event::Admin(Admin { target: "app".into(), ..admin });
    let trace = Trace::new(Stage::Grant);
    let record = Record { id: id(NOW), at: NOW, trace, denial: None, ruled: None, event };
    let it = Explanation::of(&record, &Surroundings::default());
    assert_eq!(it.headline, "cli:a@b did client.add on app.");
    assert!(it.rows.is_empty() && it.outcome == Outcome::Done);
}

#[test]
fn a_lost_decision_is_before_in_or_after_the_log() {
    let hour = Ttl::seconds(3_600);
    let log = LogSpan { first: NOW.minus(hour), last: NOW };
    let said = |at: Timestamp, log| Unfound::of(id(at), "x".into(), log, NOW).story.join(" ");
    assert!(said(NOW.minus(hour).minus(hour), Some(log)).contains("This log begins at"));
    assert!(said(NOW.minus(Ttl::seconds(9)), Some(log)).contains("covers that time"));
    assert!(said(NOW.plus(hour), Some(log)).contains("is it copied right?"));
    assert!(said(NOW, None).contains("no record at all"));
}
