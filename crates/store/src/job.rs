//! A job on its way through a thread: run inside a transaction, answered after it.

use crate::{StoreFault, Tx};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::Receiver,
};

/// A job whose types are forgotten, so that many sit in one queue.
pub(crate) trait Job: Send {
    /// Does the work and keeps the outcome; an error says that the work must be undone.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreFault>;

    /// Answers the caller. With `lost`, the transaction around the job failed and nothing of it is
    /// on the disk, whatever the job itself returned.
    fn finish(self: Box<Self>, lost: Option<&StoreFault>);
}

/// `job` with the way back to its caller.
pub(crate) fn new<T, F, R>(job: F, reply: R) -> Box<dyn Job>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    R: FnOnce(Result<T, StoreFault>) + Send + 'static,
{
    Box::new(Pending { job: Some(job), outcome: Err(StoreFault::Closed), reply })
}

/// Takes what waits, and lets those who are about to ask for a commit ask for this one: a commit costs as
/// much for one as for many. Where nobody is about to, this costs about a microsecond.
pub(crate) fn gather(jobs: &Receiver<Box<dyn Job>>, batch: &mut Vec<Box<dyn Job>>, most: usize) {
    loop {
        std::thread::yield_now();
        let before = batch.len();
        batch.extend(jobs.try_iter().take(most - before));
        if batch.len() == before || batch.len() >= most {
            return;
        }
    }
}

struct Pending<T, F, R> {
    job: Option<F>,
    outcome: Result<T, StoreFault>,
    reply: R,
}

impl<T, F, R> Job for Pending<T, F, R>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send,
    R: FnOnce(Result<T, StoreFault>) + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreFault> {
        if let Some(job) = self.job.take() {
            // Unwind safety: what the job leaves half done is rolled back, and it is not run again.
            let outcome = catch_unwind(AssertUnwindSafe(|| job(tx)));
            self.outcome = outcome.unwrap_or(Err(StoreFault::Panicked));
        }
        // A fault that the job made light of.
        if let (Some(fault), Ok(_)) = (tx.take_fault(), &self.outcome) {
            self.outcome = Err(fault);
        }
        self.outcome.as_ref().map(drop).map_err(Clone::clone)
    }

    fn finish(self: Box<Self>, lost: Option<&StoreFault>) {
        let this = *self;
        let outcome = match (this.outcome, lost) {
            (Ok(_), Some(lost)) => Err(lost.clone()),
            // Not run at all: the fault of the transaction is the reason.
            (Err(StoreFault::Closed), Some(lost)) if this.job.is_some() => Err(lost.clone()),
            (outcome, _) => outcome,
        };
        (this.reply)(outcome);
    }
}
