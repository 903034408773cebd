//! Good tokens, and requests that may not pass all the same.

use super::{Case, access, scopes};
use portcullis_types::{Bar, BodyFault, Denial, Ttl};

pub(super) fn all() -> Vec<Case> {
    let reasons = || vec!["the tenant's tier does not reach this model (tier.model)".to_owned()];
    let bars = [
        (
            "body_ambiguous",
            Bar::Body {
                fault: BodyFault::Ambiguous { problem: "the member 'model' occurs twice".into() },
            },
        ),
        ("body_too_large", Bar::Body { fault: BodyFault::TooLarge { limit: 4 << 20 } }),
        (
            "outside_details",
            Bar::Details {
                kind: "ai_model".into(),
                wanted: "invoke text-large".into(),
                named: vec!["ai_model text-small".into()],
            },
        ),
        ("refused_by_policy", Bar::Policy { reasons: reasons() }),
        (
            "policy_unreachable",
            Bar::NoPolicy { reason: "no answer in 200ms".into(), retry_after: Ttl::seconds(1) },
        ),
        (
            "scope_withheld",
            Bar::Scopes {
                left: scopes("generate:basic"),
                needed: scopes("generate:premium"),
                missing: scopes("generate:premium"),
                reasons: vec!["too many different prompts; reduced for now (brake.steady)".into()],
            },
        ),
        ("too_fast", Bar::Rate { limit: 60, seen: 61, retry_after: Ttl::seconds(5) }),
    ];
    bars.into_iter().map(|(name, bar)| access(name, Denial::Barred { bar })).collect()
}
