//! Which policies decide, and whether new ones arrive, in numbers.

use portcullis_types::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The numbers of policies. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::serve) struct Numbers {
    revision: Family<Labels, Gauge>,
    broken: Gauge,
    looked: Gauge,
    failures: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    place: &'static str,
    revision: String,
}

impl Numbers {
    pub(in crate::serve) fn register(&self, registry: &mut Registry) {
        let help = "Which policies decide, by the label revision; always 1";
        registry.register("portcullis_policy_revision", help, self.revision.clone());
        let help = "Whether policies that were put into force cannot be used here: 1 or 0";
        registry.register("portcullis_policy_broken", help, self.broken.clone());
        let help =
            "When the source of policies last answered with a good bundle, in seconds since 1970";
        registry.register("portcullis_policy_source_success_seconds", help, self.looked.clone());
        let help = "Looks at the source of policies that failed";
        registry.register("portcullis_policy_source_failures", help, self.failures.clone());
    }

    pub(super) fn decides(&self, force: Option<String>, shadow: Option<String>) {
        self.revision.clear();
        for (place, revision) in [("force", force), ("shadow", shadow)] {
            if let Some(revision) = revision {
                self.revision.get_or_create(&Labels { place, revision }).set(1);
            }
        }
    }

    pub(super) fn broken(&self, broken: bool) {
        self.broken.set(broken.into());
    }

    pub(super) fn answered(&self, now: Timestamp) {
        self.looked.set(now.seconds());
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}
