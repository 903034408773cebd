//! What the jobs of one transaction leave to its end, so that it is done once for all of them.

use crate::{StoreFault, Tx};
use std::any::Any;

/// Things that jobs put together and that are written right before the commit.
///
/// What a job adds counts if and only if the job does; if [`close`](Self::close) fails, nothing of the
/// transaction is kept and every job of it gets the fault.
pub trait Closing: Any + Send {
    /// How many things there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len` things.
    fn truncate(&mut self, len: usize);

    /// Writes them. More than one transaction may be under way elsewhere, but none that writes.
    fn close(self: Box<Self>, tx: &mut Tx<'_>) -> Result<(), StoreFault>;
}

/// All that is left to the end of one transaction, by type.
#[derive(Default)]
pub(crate) struct Closings(Vec<Left>);

struct Left {
    closing: Box<dyn Closing>,
    /// How many of its things are of jobs that are done.
    kept: usize,
}

impl Closings {
    /// The things of one type.
    pub(crate) fn of<T: Closing + Default>(&mut self) -> Option<&mut T> {
        let is_one = |left: &Left| {
            let any: &dyn Any = &*left.closing;
            any.is::<T>()
        };
        let place = self.0.iter().position(is_one).unwrap_or_else(|| {
            self.0.push(Left { closing: Box::new(T::default()), kept: 0 });
            self.0.len() - 1
        });
        let any: &mut dyn Any = &mut *self.0.get_mut(place)?.closing;
        any.downcast_mut()
    }

    /// The job that ran last is done.
    pub(crate) fn keep(&mut self) {
        for left in &mut self.0 {
            left.kept = left.closing.len();
        }
    }

    /// The job that ran last is undone.
    pub(crate) fn undo(&mut self) {
        for left in &mut self.0 {
            left.closing.truncate(left.kept);
        }
    }

    /// All that is to be written now.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Box<dyn Closing>> + use<> {
        let all = std::mem::take(&mut self.0).into_iter();
        all.map(|left| left.closing).filter(|closing| !closing.is_empty())
    }
}
