//! Every kind of refusal is explained, as people and as programs read it.

mod cases;

use super::paint;
use cases::{Case, NOW, decision};
use portcullis_audit::explain::{Explanation, LogSpan, Unfound};
use portcullis_types::{Denial, Mark, Ttl};
use std::collections::BTreeSet;

const WIDTH: usize = 80;

/// Names every denial. A new one does not compile until it is named here, and fails the test below
/// until a case shows it.
macro_rules! denials {
    ($($name:ident)*) => {
        const DENIALS: &[&str] = &[$(stringify!($name)),*];

        fn name(denial: &Denial) -> &'static str {
            match denial { $(Denial::$name { .. } => stringify!($name),)* }
        }
    };
}

denials! {
    Ambiguous Unmapped NoCredential ManyCredentials CredentialTooLarge NotAToken Format Header
    WrongType UntrustedIssuer UnknownKey KeysUnavailable BadSignature MissingClaim BadClaim Expired
    NotYetValid LivesTooLong WrongAudience WrongPurpose WrongTenant Revoked RevocationsUnknown WeakScope
    ForeignObject Barred BadProof ProofsFull NotTheHolder WeakAuthentication
    BadRequest Throttled BadClient ClientDisabled UnknownGrantType GrantNotAllowed BadTarget BadScope
    NoScopeLeft BadPossession BadGranted BadClientDocument BadRedirect BadAuthorization BadSignIn
    BadInbound ConditionNotMet TenantHalted BadActor NoImpersonation PolicyRefused BadDetails ForeignScope
    NothingLeft
}

fn explain(case: &Case) -> Explanation {
    Explanation::of(&case.record, &case.around())
}

fn plain(painted: &str) -> String {
    anstream::adapter::strip_str(painted).to_string()
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn every_denial_is_explained() {
    let shown: BTreeSet<_> =
        cases::all().iter().filter_map(|case| case.record.denial.as_deref().map(name)).collect();
    assert_eq!(shown, DENIALS.iter().copied().collect());
}

#[test]
fn a_refusal_shows_what_failed_and_what_would_help() {
    for case in cases::all() {
        let it = explain(&case);
        let Some(denial) = case.record.denial.as_deref() else {
            assert!(it.failed().is_none(), "{}", case.name);
            assert!(it.remedy.is_none(), "{}", case.name);
            continue;
        };
        let failed = it.failed().unwrap();
        assert_eq!(failed.check, denial.check(), "{}", case.name);
        assert!(failed.expected.as_ref().is_some_and(|text| !text.is_empty()), "{}", case.name);
        assert!(failed.found.as_ref().is_some_and(|text| !text.is_empty()), "{}", case.name);
        assert!(it.remedy.is_some(), "{}", case.name);
        let after = it.rows.iter().skip_while(|row| row.mark != Mark::Failed).skip(1);
        assert!(after.into_iter().all(|row| row.mark == Mark::NotReached), "{}", case.name);
    }
}

#[test]
fn explanations_look_like_this() {
    snapshots().bind(|| {
        for case in cases::all() {
            let it = explain(&case);
            let text = plain(&paint::explanation(&it, WIDTH));
            let json = serde_json::to_string_pretty(&it).unwrap();
            insta::assert_snapshot!(case.name, format!("{text}\n{json}"));
        }
    });
}

#[test]
fn no_line_is_wider_than_the_page_unless_one_word_is() {
    for case in cases::all() {
        for width in [60, 80, 100] {
            let it = explain(&case);
            let commands: Vec<_> =
                it.remedy.iter().chain(&it.then).filter_map(|s| s.command.as_ref()).collect();
            for line in plain(&paint::explanation(&it, width)).lines() {
                let whole = commands.iter().any(|command| command.contains(line.trim()));
                let indent = line.chars().take_while(|c| *c == ' ').count();
                let words = line.split_whitespace().count();
                let fits =
                    line.chars().count() <= width || words <= 1 || (indent > 0 && words <= 2);
                assert!(fits || whole, "{} at {width}: {line}", case.name);
            }
        }
    }
}

#[test]
fn nothing_is_said_by_colour_alone() {
    for case in cases::all() {
        let painted = paint::explanation(&explain(&case), WIDTH);
        let text = plain(&painted);
        assert!(painted.contains('\u{1b}') && !text.contains('\u{1b}'), "{}", case.name);
        let words = if case.record.denial.is_some() {
            ["✗ DENIED", "✗ FAILED"]
        } else {
            ["✓ ALLOWED", "✓ passed"]
        };
        assert!(words.iter().all(|word| text.contains(word)), "{}: {text}", case.name);
    }
}

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let mut case = cases::all().swap_remove(0);
    if let portcullis_audit::Event::Access(access) = &mut case.record.event {
        access.path = "/\u{1b}[2J\u{202e}evil\r".into();
    }
    let text = plain(&paint::explanation(&explain(&case), WIDTH));
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text}");
}

#[test]
fn a_caller_learns_nothing_about_who_is_registered_or_what_exists() {
    let view = |name: &str| {
        let case = cases::all().into_iter().find(|case| case.name == name).unwrap();
        Explanation::for_caller(&case.record)
    };
    let [secret, unknown, disabled, assertion] =
        ["wrong_secret", "unknown_client", "client_disabled", "assertion_audience"].map(view);
    assert_eq!(secret, unknown);
    assert_eq!(secret, disabled);
    assert_eq!(secret, assertion);
    let told = serde_json::to_string(&view("foreign_object")).unwrap();
    assert!(!told.contains("globex") && !told.contains("tenant"), "{told}");
    let told = serde_json::to_string(&view("untrusted_issuer")).unwrap();
    assert!(!told.contains("id.example.com"), "{told}");
}

#[test]
fn a_decision_that_is_not_here_says_where_it_may_be() {
    let made = NOW.minus(Ttl::seconds(7_200));
    let log = LogSpan { first: NOW.minus(Ttl::seconds(3_600)), last: NOW };
    let searched = "portcullis-data/portcullis.db".to_owned();
    let it = Unfound::of(decision(made), searched, Some(log), NOW);
    snapshots().bind(|| insta::assert_snapshot!("unfound", plain(&paint::unfound(&it, WIDTH))));
}
