//! Whoever is asked at the five points, with all that an answer needs.

use crate::{Answered, Engine, Input, Opa, Point, Recent, Surroundings, Worker};
use portcullis_types::{Json, Ruled, Ruling};
use std::{cell::RefCell, sync::Arc};

/// Asked wherever something is decided. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Judge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Arc<Engine>,
    points: Vec<Point>,
    /// Who is asked instead of the engine, point by point.
    elsewhere: [Option<Opa>; Point::ALL.len()],
    surroundings: Surroundings,
    recent: Recent,
}

impl Judge {
    /// Asks `engine` at `points`; at others nobody is asked.
    pub fn new(engine: Arc<Engine>, points: Vec<Point>, surroundings: Surroundings) -> Self {
        Self::with_opa(engine, points, surroundings, Vec::new())
    }

    /// The same, but at the points of `elsewhere` those are asked instead of the engine. What the engine has in
    /// shadow is still asked beside them.
    pub fn with_opa(
        engine: Arc<Engine>,
        points: Vec<Point>,
        surroundings: Surroundings,
        elsewhere: Vec<Opa>,
    ) -> Self {
        let mut places = [const { None }; Point::ALL.len()];
        for opa in elsewhere {
            if let Some(place) = places.get_mut(opa.point() as usize) {
                *place = Some(opa);
            }
        }
        let (elsewhere, recent) = (places, Recent::default());
        Self(Arc::new(Inner { engine, points, elsewhere, surroundings, recent }))
    }

    /// Who is asked at `point` instead of the engine.
    pub fn opa(&self, point: Point) -> Option<&Opa> {
        self.0.elsewhere.get(point as usize)?.as_ref()
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
    pub async fn rule(&self, input: &Input) -> Ruled {
        let (engine, point) = (&self.0.engine, input.point());
        let answered = match self.opa(point) {
            Some(opa) => opa.rule(input).await,
            None => here(engine.decide(point, input)),
        };
        ruled(input, answered, engine.decide_in_shadow(point, input))
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
    pub async fn rule(&self, input: &Input) -> Ruled {
        let point = input.point();
        let elsewhere = match self.judge.opa(point) {
            Some(opa) => Some(opa.rule(input).await),
            None => None,
        };
        // Borrowed after the last wait: others of this thread ask meanwhile.
        let mut worker = self.worker.borrow_mut();
        let answered = elsewhere.unwrap_or_else(|| here(worker.decide(point, input)));
        ruled(input, answered, worker.decide_in_shadow(point, input))
    }
}

fn here(ruling: Ruling) -> Answered {
    Answered { ruling, decision_log_id: None }
}

fn ruled(input: &Input, answered: Answered, shadow: Option<Ruling>) -> Ruled {
    let (point, told) = (input.point(), Json(input.to_json().into()));
    let Answered { ruling, decision_log_id } = answered;
    Ruled { point, ruling, input: told, shadow, decision_log_id }
}
