//! Taking over what the database says is in force. A bundle that cannot be used leaves the one before in place.

use super::Live;
use portcullis_directory::{AppliedPolicy, PolicyPlace};
use portcullis_policy::{Bundle, source::Archive};
use std::sync::PoisonError;

impl Live {
    /// Takes over what was put into force and into shadow since it was last looked. What cannot be read now leaves it
    /// behind.
    pub(crate) async fn follow(&self) {
        let _following = self.0.following.lock().await;
        self.standing().behind = false;
        match self.0.policies.at(PolicyPlace::Force).await {
            Ok(Some(applied)) => self.take_force(applied).await,
            Ok(None) => {}
            Err(fault) => self.later(&fault),
        }
        if !self.0.shadow_is_fixed {
            match self.0.policies.at(PolicyPlace::Shadow).await {
                Ok(Some(applied)) => self.take_shadow(applied).await,
                Ok(None) => {}
                Err(fault) => self.later(&fault),
            }
        }
        self.count();
    }

    /// Whether the last look could not read everything, so that there must be another one.
    pub(crate) fn is_behind(&self) -> bool {
        self.standing().behind
    }

    fn later(&self, fault: &dyn std::fmt::Display) {
        tracing::warn!(%fault, "cannot read which policies are in force");
        self.standing().behind = true;
    }

    async fn take_force(&self, applied: AppliedPolicy) {
        let known = self.standing().force.as_ref().map(|known| known.seq);
        if known == Some(applied.seq) {
            return;
        }
        let fault = match self.load(&applied).await {
            Ok(Some(bundle)) => {
                let before = self.0.engine.swap(bundle).revision();
                if known.is_some() {
                    let revision = applied.revision.as_deref();
                    tracing::info!(revision, by = applied.by, %before, "other policies are in force");
                }
                None
            }
            // Emptied: nobody may.
            Ok(None) => {
                self.0.engine.swap(Bundle::none());
                None
            }
            Err(Unusable::Later(fault)) => return self.later(&fault),
            Err(Unusable::Never(fault)) => {
                let revision = applied.revision.as_deref();
                tracing::error!(revision, %fault, "policies cannot be used; those before stay");
                Some(fault)
            }
        };
        let mut standing = self.standing();
        (standing.force, standing.fault) = (Some(applied), fault);
    }

    async fn take_shadow(&self, applied: AppliedPolicy) {
        if self.standing().shadow.as_ref().is_some_and(|known| known.seq == applied.seq) {
            return;
        }
        let fault = match self.load(&applied).await {
            Ok(bundle) => {
                self.0.engine.set_shadow(bundle);
                None
            }
            Err(Unusable::Later(fault)) => return self.later(&fault),
            Err(Unusable::Never(fault)) => Some(fault),
        };
        let mut standing = self.standing();
        (standing.shadow, standing.shadow_fault) = (Some(applied), fault);
    }

    async fn load(&self, applied: &AppliedPolicy) -> Result<Option<Bundle>, Unusable> {
        let Some(revision) = &applied.revision else { return Ok(None) };
        let packed = self.0.policies.packed(revision).await;
        let packed = packed.map_err(|fault| Unusable::Later(fault.to_string()))?;
        let packed = packed.ok_or_else(|| Unusable::Never("the bundle is not there".to_owned()))?;
        let (registry, wanted) = (self.0.registry.clone(), revision.clone());
        let compiled = tokio::task::spawn_blocking(move || {
            let bundle = Archive::read(&packed)?.files();
            let bundle = bundle.and_then(|files| Bundle::of(files, &registry))?;
            Ok((bundle.revision().to_string() == wanted).then_some(bundle))
        });
        let compiled = compiled.await.map_err(|fault| Unusable::Never(fault.to_string()))?;
        let compiled: Result<_, portcullis_policy::Refused> = compiled;
        let bundle = compiled.map_err(|refused| Unusable::Never(refused.to_string()))?;
        let altered = || Unusable::Never("its files are not those of its revision".to_owned());
        bundle.map(Some).ok_or_else(altered)
    }

    /// Brings the numbers up to date.
    pub(super) fn count(&self) {
        let standing = self.0.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let force = standing.force.as_ref().map(|_| self.0.engine.current().revision().to_string());
        let shadow = self.0.engine.shadow().map(|shadow| shadow.revision().to_string());
        self.0.numbers.decides(force, shadow);
        self.0.numbers.broken(standing.fault.is_some());
    }
}

/// Why a bundle is not taken over.
enum Unusable {
    /// It may be another time.
    Later(String),
    /// It is no good.
    Never(String),
}
