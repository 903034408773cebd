//! Whoever is asked at the five points, with all that an answer needs.

use crate::{Engine, Input, Point, Recent, Surroundings, Worker};
use portcullis_types::{Json, Ruled, Ruling};
use std::{cell::RefCell, sync::Arc};

/// Asked wherever something is decided. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Judge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Arc<Engine>,
    points: Vec<Point>,
    surroundings: Surroundings,
    recent: Recent,
}

impl Judge {
    /// Asks `engine` at `points`; at others nobody is asked.
    pub fn new(engine: Arc<Engine>, points: Vec<Point>, surroundings: Surroundings) -> Self {
        Self(Arc::new(Inner { engine, points, surroundings, recent: Recent::default() }))
    }

    /// The policies in force.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// Whether a policy has a say at `point`.
    pub fn is_asked(&self, point: Point) -> bool {
        self.0.points.contains(&point)
    }

    /// The clock and the map.
    pub fn surroundings(&self) -> &Surroundings {
        &self.0.surroundings
    }

    /// How subjects have behaved of late.
    pub fn recent(&self) -> &Recent {
        &self.0.recent
    }

    /// Asks. Whatever fails denies; whoever asked intersects what is left with what there was.
    #[expect(clippy::unused_async, reason = "a policy server elsewhere has to be waited for")]
    pub async fn rule(&self, input: &Input) -> Ruled {
        let engine = &self.0.engine;
        let ruling = engine.decide(input.point(), input);
        ruled(input, ruling, engine.decide_in_shadow(input.point(), input))
    }

    /// The same for one thread, which shares nothing with others.
    pub fn clerk(&self) -> Clerk {
        Clerk { judge: self.clone(), worker: RefCell::new(self.0.engine.worker()) }
    }
}

/// Asks on one thread.
pub struct Clerk {
    judge: Judge,
    worker: RefCell<Worker>,
}

impl Clerk {
    /// Of whom it asks.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// As [`Judge::rule`].
    #[expect(clippy::unused_async, reason = "a policy server elsewhere has to be waited for")]
    pub async fn rule(&self, input: &Input) -> Ruled {
        let mut worker = self.worker.borrow_mut();
        let ruling = worker.decide(input.point(), input);
        ruled(input, ruling, worker.decide_in_shadow(input.point(), input))
    }
}

fn ruled(input: &Input, ruling: Ruling, shadow: Option<Ruling>) -> Ruled {
    let (point, told) = (input.point(), Json(input.to_json().into()));
    Ruled { point, ruling, input: told, shadow, decision_log_id: None }
}
