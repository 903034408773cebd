//! Steps with names, in order; the first failure ends it.

use crate::trouble::Outcome;
use std::time::{Duration, Instant};

/// The steps taken so far, and how long each took.
#[derive(Default)]
pub(crate) struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    /// Takes a step. `hint` says what to do when it fails.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        hint: &str,
        step: impl FnOnce() -> Outcome<T>,
    ) -> Outcome<T> {
        println!("\n==> {name}");
        let started = Instant::now();
        let outcome = step().map_err(|trouble| trouble.hint(hint));
        let took = started.elapsed();
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("==> {name}: {word} in {:.1} s", took.as_secs_f64());
        self.0.push((name, took));
        outcome
    }

    /// Prints every step with its time.
    pub(crate) fn summary(&self) {
        println!();
        for (name, took) in &self.0 {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        let total: Duration = self.0.iter().map(|(_, took)| *took).sum();
        println!("{:>8.1} s  in all", total.as_secs_f64());
    }
}
