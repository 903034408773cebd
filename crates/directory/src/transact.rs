//! A job in a transaction that ends with a fault of ours, not only with one of the store's.

use crate::Fault;
use portcullis_store::{Store, StoreFault, Tx};

/// Runs `job` in a transaction; an error undoes it.
pub(crate) async fn transact<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (sender, refused) = std::sync::mpsc::channel();
    let outcome = store.write(move |tx| {
        job(tx).map_err(|fault| match fault {
            Fault::Store(fault) => fault,
            // Undoes the job; the fault itself goes another way.
            other => {
                let rejected = StoreFault::rejected(&other);
                let _ = sender.send(other);
                rejected
            }
        })
    });
    match outcome.await {
        Ok(outcome) => Ok(outcome),
        Err(fault) => Err(refused.try_recv().unwrap_or(Fault::Store(fault))),
    }
}
