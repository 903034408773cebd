//! How far a token came: the steps of the walk, in order.

use super::CheckedTrust;
use portcullis_types::{ConditionRow, Denial, Inbound, InboundFault, Judged, MappingRow, Mark};
use serde::{Deserialize, Serialize};

macro_rules! steps {
    ($($name:ident $slug:literal $title:literal $source:literal;)*) => {
        /// One step of the walk. Declaration order is the order of walking.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Step { $(#[doc = concat!($title, " (", $source, ").")] $name,)* }

        impl Step {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in JSON.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// What it asks, in plain words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The standard and section that demand it.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$name => $source,)* }
            }
        }
    };
}

steps! {
    Format "format" "Is it a well-formed signed JWT?" "RFC 7515 §3.1, §7.1";
    Algorithm "algorithm" "Is it signed as agreed?" "RFC 8725 §3.1";
    Type "type" "Is it of an agreed kind?" "RFC 8725 §3.11";
    Issuer "issuer" "Does the tenant trust its issuer?" "RFC 8725 §3.8";
    Key "key" "Does the issuer have this key?" "RFC 7517 §5";
    Signature "signature" "Is the signature right?" "RFC 7515 §5.2";
    Claims "claims" "Are all required claims there, and of their type?" "RFC 7519 §4.1";
    Time "time" "Is it valid now, young enough, and not for too long?" "RFC 7519 §4.1.4–4.1.6";
    Audience "audience" "Was it made for this?" "RFC 7519 §4.1.3";
    Conditions "conditions" "Does it meet the tenant's conditions?" "tenant trust";
    Subject "subject" "Who is it here?" "RFC 9700 §4.15";
    Mapping "mapping" "What may they do here at most?" "tenant trust";
}

/// One line of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StepRow {
    /// Which step.
    pub step: Step,
    /// How it went.
    pub mark: Mark,
}

/// The course of one walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Course {
    /// How many steps were passed, from the first.
    passed: usize,
    failed: bool,
}

impl Course {
    /// The step that ended it, if one did.
    pub fn failed(&self) -> Option<Step> {
        Step::ALL.get(self.passed).copied().filter(|_| self.failed)
    }

    /// Every step, in order.
    pub fn rows(&self) -> impl Iterator<Item = StepRow> {
        let course = *self;
        Step::ALL.iter().enumerate().map(move |(place, step)| {
            let mark = match place.cmp(&course.passed) {
                std::cmp::Ordering::Less => Mark::Passed,
                std::cmp::Ordering::Equal if course.failed => Mark::Failed,
                _ => Mark::NotReached,
            };
            StepRow { step: *step, mark }
        })
    }
}

/// What is noted on the way.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) inbound: Inbound,
    pub(super) course: Course,
    pub(super) conditions: Vec<ConditionRow>,
    pub(super) mapping: Vec<MappingRow>,
}

impl Notes {
    pub(super) const fn new(inbound: Inbound) -> Self {
        let course = Course { passed: 0, failed: false };
        Self { inbound, course, conditions: Vec::new(), mapping: Vec::new() }
    }

    /// As a record keeps them.
    pub(super) fn judged(self, trust: &CheckedTrust) -> Judged {
        let Self { course, mut conditions, mut mapping, .. } = self;
        conditions.truncate(Judged::MOST);
        mapping.truncate(Judged::MOST);
        Judged {
            tenant: trust.tenant().to_string(),
            trust: trust.name().to_owned(),
            failed: course.failed().map(|step| step.title().into()),
            conditions,
            mapping,
        }
    }

    /// Notes how a step went that looks at the token alone.
    pub(super) fn step<T, E: Into<InboundFault>>(
        &mut self,
        step: Step,
        outcome: Result<T, E>,
    ) -> Result<T, Denial> {
        let inbound = self.inbound;
        self.step_as(
            step,
            outcome.map_err(|fault| Denial::BadInbound { inbound, fault: fault.into() }),
        )
    }

    /// The same, for a step with a denial of its own.
    pub(super) fn step_as<T>(
        &mut self,
        step: Step,
        outcome: Result<T, Denial>,
    ) -> Result<T, Denial> {
        let place = Step::ALL.iter().position(|other| *other == step).unwrap_or_default();
        self.course.failed = outcome.is_err();
        self.course.passed = place + usize::from(outcome.is_ok());
        outcome
    }
}
