//! Numbers for Prometheus. Every series is made at start, so that counting on a request's path is an
//! atomic addition, and no label is looked up.

use crate::{refuse::Fault, routes::Routes};
use portcullis_types::{Check, Stage};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{collections::BTreeMap, time::Duration};

/// All of the gateway's numbers.
pub(crate) struct Metrics {
    routes: Vec<RouteCounters>,
    denials: BTreeMap<Check, Counter>,
    faults: BTreeMap<&'static str, Counter>,
    /// Open client connections.
    pub connections: Gauge,
    /// Verified tokens that were found in the cache.
    pub cache_hits: Counter,
    /// Tokens that had to be verified.
    pub cache_misses: Counter,
    latency: Histogram,
}

struct RouteCounters {
    allowed: Counter,
    denied: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    api: String,
    decision: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    check: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    fault: String,
}

/// Which faults are counted, and under what name.
const FAULTS: [(Fault, &str); 6] = [
    (Fault::BadGateway, "bad_gateway"),
    (Fault::Timeout, "timeout"),
    (Fault::Unrecorded, "unrecorded"),
    (Fault::BrokenBody, "broken_body"),
    (Fault::StalledBody, "stalled_body"),
    (Fault::Internal, "internal"),
];

impl Metrics {
    /// Makes every series and registers it.
    pub(crate) fn new(routes: &Routes, registry: &mut Registry) -> Self {
        let decisions = Family::<RouteLabels, Counter>::default();
        let denials = Family::<CheckLabels, Counter>::default();
        let faults = Family::<FaultLabels, Counter>::default();
        let seconds = [
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            30.0,
        ];
        let metrics = Self {
            routes: routes
                .lines()
                .iter()
                .map(|line| RouteCounters {
                    allowed: count(&decisions, line, "allow"),
                    denied: count(&decisions, line, "deny"),
                })
                .collect(),
            denials: Check::of(Stage::Access)
                .map(|check| {
                    (
                        check,
                        denials.get_or_create(&CheckLabels { check: check.slug().into() }).clone(),
                    )
                })
                .collect(),
            faults: FAULTS
                .map(|(_, name)| {
                    (name, faults.get_or_create(&FaultLabels { fault: name.into() }).clone())
                })
                .into(),
            connections: Gauge::default(),
            cache_hits: Counter::default(),
            cache_misses: Counter::default(),
            latency: Histogram::new(seconds),
        };
        registry.register(
            "portcullis_gateway_decisions",
            "Requests by route and decision",
            decisions,
        );
        registry.register(
            "portcullis_gateway_denials",
            "Denied requests by the check that failed",
            denials,
        );
        registry.register(
            "portcullis_gateway_faults",
            "Requests that were allowed and came to nothing",
            faults,
        );
        metrics.register(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        let name = |what: &str| format!("portcullis_gateway_{what}");
        registry.register(name("connections"), "Open client connections", self.connections.clone());
        registry.register(
            name("token_cache_hits"),
            "Tokens found verified",
            self.cache_hits.clone(),
        );
        registry.register(
            name("token_cache_misses"),
            "Tokens verified anew",
            self.cache_misses.clone(),
        );
        registry.register(
            name("upstream_seconds"),
            "From the decision to the head of the answer",
            self.latency.clone(),
        );
    }

    /// A request on `route` was let through.
    pub(crate) fn allowed(&self, route: usize) {
        if let Some(counters) = self.routes.get(route) {
            counters.allowed.inc();
        }
    }

    /// A request was denied by `check`; `route` is where it would have gone, if anywhere.
    pub(crate) fn denied(&self, route: Option<usize>, check: Check) {
        if let Some(counters) = route.and_then(|route| self.routes.get(route)) {
            counters.denied.inc();
        }
        if let Some(counter) = self.denials.get(&check) {
            counter.inc();
        }
    }

    /// A token was looked up; whether it had been verified before.
    pub(crate) fn remembered(&self, cached: bool) {
        if cached {
            self.cache_hits.inc()
        } else {
            self.cache_misses.inc()
        };
    }

    /// A request failed.
    pub(crate) fn failed(&self, fault: Fault) {
        let name = FAULTS.iter().find(|(known, _)| *known == fault).map(|(_, name)| *name);
        if let Some(counter) = name.and_then(|name| self.faults.get(name)) {
            counter.inc();
        }
    }

    /// How long an upstream took to begin its answer.
    pub(crate) fn answered(&self, after: Duration) {
        self.latency.observe(after.as_secs_f64());
    }
}

fn count(
    family: &Family<RouteLabels, Counter>,
    line: &crate::routes::Line,
    decision: &str,
) -> Counter {
    let labels = RouteLabels {
        route: line.route.name.clone(),
        api: line.guarded.api.to_string(),
        decision: decision.into(),
    };
    family.get_or_create(&labels).clone()
}
