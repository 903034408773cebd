//! The policies that decide now, the ones in shadow beside them, and how they are replaced.

use crate::{Bundle, Cause, Input, Point, Ruling, compiled::Compiled};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

/// Decides by the current bundle.
///
/// Whoever asks intersects what a [`Ruling`] leaves with what there was: a policy only narrows.
pub struct Engine {
    current: ArcSwap<Bundle>,
    shadow: ArcSwapOption<Bundle>,
    /// Desks at rest, for whoever asks without a worker.
    idle: Mutex<Vec<Desk>>,
}

/// Desks that are kept at rest, at most.
const IDLE: usize = 8;

impl Engine {
    /// An engine that decides by `bundle`.
    pub fn new(bundle: Bundle) -> Self {
        Self {
            current: ArcSwap::from_pointee(bundle),
            shadow: ArcSwapOption::empty(),
            idle: Mutex::default(),
        }
    }

    /// The bundle that decides now.
    pub fn current(&self) -> Arc<Bundle> {
        self.current.load_full()
    }

    /// Replaces the bundle, at once and for all workers; gives back the one before.
    ///
    /// A bundle that was refused cannot come here, so the old one stays.
    pub fn swap(&self, bundle: Bundle) -> Arc<Bundle> {
        self.current.swap(Arc::new(bundle))
    }

    /// Sets the bundle that decides in shadow, or none; gives back the one before.
    pub fn set_shadow(&self, bundle: Option<Bundle>) -> Option<Arc<Bundle>> {
        self.shadow.swap(bundle.map(Arc::new))
    }

    /// The bundle that decides in shadow.
    pub fn shadow(&self) -> Option<Arc<Bundle>> {
        self.shadow.load_full()
    }

    /// A worker for one thread, with program and data of its own.
    pub fn worker(self: &Arc<Self>) -> Worker {
        Worker { engine: Arc::clone(self), desk: Desk::default() }
    }

    /// Decides, for those that have no thread of their own. A gateway's thread keeps a [`Worker`].
    pub fn decide(&self, point: Point, input: &Input) -> Ruling {
        self.at_desk(|desk| desk.current.decide(&self.current.load(), point, input))
    }

    /// What the bundle in shadow would have ruled; for the record alone.
    pub fn decide_in_shadow(&self, point: Point, input: &Input) -> Option<Ruling> {
        let shadow = self.shadow.load();
        let shadow = shadow.as_ref()?;
        Some(self.at_desk(|desk| desk.shadow.decide(shadow, point, input)))
    }

    fn at_desk<T>(&self, run: impl FnOnce(&mut Desk) -> T) -> T {
        let rested = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut desk = rested.unwrap_or_default();
        let answer = run(&mut desk);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(desk);
        }
        answer
    }
}

/// Decides on one thread, and shares no count with another.
pub struct Worker {
    engine: Arc<Engine>,
    desk: Desk,
}

impl Worker {
    /// Decides by the bundle that is current now.
    pub fn decide(&mut self, point: Point, input: &Input) -> Ruling {
        self.desk.current.decide(&self.engine.current.load(), point, input)
    }

    /// What the bundle in shadow would have ruled; for the record alone. `None` without one.
    pub fn decide_in_shadow(&mut self, point: Point, input: &Input) -> Option<Ruling> {
        let shadow = self.engine.shadow.load();
        Some(self.desk.shadow.decide(shadow.as_ref()?, point, input))
    }
}

#[derive(Default)]
struct Desk {
    current: Seat,
    shadow: Seat,
}

/// One machine, built anew when its bundle was replaced.
#[derive(Default)]
struct Seat(Option<(Arc<Bundle>, Compiled)>);

impl Seat {
    fn decide(&mut self, bundle: &Arc<Bundle>, point: Point, input: &Input) -> Ruling {
        if self.0.as_ref().is_none_or(|(seated, _)| !Arc::ptr_eq(seated, bundle)) {
            self.0 = match Compiled::new(bundle.files(), bundle.points()) {
                Ok(compiled) => Some((Arc::clone(bundle), compiled)),
                // It compiled when it was loaded; that it does not now is no reason to allow.
                Err(refused) => {
                    return Ruling::failed(Cause::Error(refused.to_string()), bundle.revision());
                }
            };
        }
        let Some((_, compiled)) = &mut self.0 else {
            return Ruling::failed(Cause::Undefined, bundle.revision());
        };
        // A fault of the machine costs this decision, not the thread that serves others.
        catch_unwind(AssertUnwindSafe(|| compiled.decide(point, input))).unwrap_or_else(|_| {
            self.0 = None;
            Ruling::failed(Cause::Error("the machine panicked".to_owned()), bundle.revision())
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current().revision();
        let shadow = self.shadow().map(|bundle| bundle.revision());
        f.debug_struct("Engine").field("current", &current).field("shadow", &shadow).finish()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("engine", &self.engine).finish_non_exhaustive()
    }
}
