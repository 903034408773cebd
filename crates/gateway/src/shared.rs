//! What all workers share.

use crate::{metadata::Documents, metrics::Metrics, routes::Routes, settings::Settings};
use portcullis_audit::Journal;
use portcullis_types::Timestamp;
use std::sync::Arc;

/// Immutable, or with its own synchronisation.
pub(crate) struct Shared {
    /// What the gateway was told to do.
    pub settings: Settings,
    /// The table of what may pass.
    pub routes: Routes,
    /// RFC 9728 documents.
    pub documents: Documents,
    /// Where decisions are recorded.
    pub journal: Journal,
    /// Numbers.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}
