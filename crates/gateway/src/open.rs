//! The connections that are open on one thread: so that they can be told to end, and so that those that
//! keep us waiting for a request are closed, without a timer for each.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tokio::sync::Notify;

/// All open connections of a worker.
#[derive(Default)]
pub(crate) struct Open {
    stopping: Cell<bool>,
    /// Seconds since the worker's start, as of the last [`Open::tick`].
    second: Cell<u64>,
    next: Cell<u64>,
    connections: RefCell<BTreeMap<u64, Rc<Seat>>>,
    last_left: Notify,
    stopped: Notify,
}

/// What is known of one connection.
#[derive(Default)]
pub(crate) struct Seat {
    waker: RefCell<Option<Waker>>,
    /// How many requests on it are being answered.
    busy: Cell<u32>,
    /// How many of them are streaming an answer.
    streaming: Cell<u32>,
    /// Since when it has been waiting for a request, or when its streams moved last.
    moved: Cell<u64>,
    patience: Cell<Patience>,
}

/// How much of it is left with a connection that sends nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Patience {
    #[default]
    Full,
    /// It was told to end; HTTP/2 says so to the other side.
    Ending,
    /// It is dropped.
    Over,
}

/// A request that is being answered; ends when dropped.
pub(crate) struct Busy {
    open: Rc<Open>,
    seat: Rc<Seat>,
    streaming: bool,
}

/// How long a connection that was told to end may take for it, in seconds.
const GRACE: u64 = 5;

/// A connection's place among the open ones; left when dropped.
pub(crate) struct Ticket {
    open: Rc<Open>,
    number: u64,
    seat: Rc<Seat>,
}

impl Open {
    /// Takes a connection in. It counts as waiting for its first request.
    pub(crate) fn enter(self: &Rc<Self>) -> Ticket {
        let number = self.next.get();
        self.next.set(number + 1);
        let seat = Rc::new(Seat { moved: Cell::new(self.second.get()), ..Seat::default() });
        self.connections.borrow_mut().insert(number, seat.clone());
        Ticket { open: self.clone(), number, seat }
    }

    /// To be called once a second. Connections without a request for `silent` seconds are closed: the
    /// defence against those who send slowly or never. So are those that take nothing of an answer for
    /// `stalled` seconds.
    pub(crate) fn tick(&self, silent: u64, stalled: u64) {
        let second = self.second.get() + 1;
        self.second.set(second);
        for seat in self.connections.borrow().values() {
            let limit = match (seat.busy.get(), seat.streaming.get()) {
                (0, _) => silent,
                (_, 0) => continue,
                _ => stalled,
            };
            let patience = match second.saturating_sub(seat.moved.get()) {
                waited if waited > limit + GRACE => Patience::Over,
                waited if waited > limit => Patience::Ending,
                _ => Patience::Full,
            };
            if seat.patience.replace(patience) != patience {
                seat.wake();
            }
        }
    }

    /// Tells every connection, and every later one, to end after the request it is answering.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
        self.stopped.notify_waiters();
        self.connections.borrow().values().for_each(|seat| seat.wake());
    }

    /// Waits for [`Open::stop`].
    async fn stopped(&self) {
        while !self.stopping.get() {
            self.stopped.notified().await;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Waits until there are none.
    pub(crate) async fn empty(&self) {
        while self.len() > 0 {
            self.last_left.notified().await;
        }
    }
}

impl Seat {
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Ticket {
    /// A request has come; it is being answered until the guard is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.seat.busy.set(self.seat.busy.get() + 1);
        Busy { open: self.open.clone(), seat: self.seat.clone(), streaming: false }
    }

    /// Does `first` unless all are told to end before it is done.
    pub(crate) async fn unless_stopped<T>(&self, first: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = first => Some(done),
            () = self.open.stopped() => None,
        }
    }

    /// Drives `connection` to its end; when all are told to end, `tell`s it once.
    pub(crate) async fn drive<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        tell: impl Fn(Pin<&mut C>),
    ) {
        let mut told = false;
        let ended = std::future::poll_fn(|cx| {
            self.register(cx);
            let patience = self.seat.patience.get();
            if patience == Patience::Over {
                return Poll::Ready(Ok(()));
            }
            if (self.open.stopping.get() || patience == Patience::Ending) && !told {
                told = true;
                tell(connection.as_mut());
            }
            connection.as_mut().poll(cx)
        })
        .await;
        if let Err(error) = ended {
            tracing::debug!(%error, "a client connection ended");
        }
    }

    /// A task's waker stays the same for life; it is taken once.
    fn register(&self, cx: &Context<'_>) {
        let mut waker = self.seat.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(cx.waker().clone());
        }
    }
}

impl Busy {
    /// The answer is a stream, of which a part was taken just now.
    pub(crate) fn moved(&mut self) {
        if !self.streaming {
            self.streaming = true;
            self.seat.streaming.set(self.seat.streaming.get() + 1);
        }
        self.seat.moved.set(self.open.second.get());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.seat.busy.set(self.seat.busy.get().saturating_sub(1));
        if self.streaming {
            self.seat.streaming.set(self.seat.streaming.get().saturating_sub(1));
        }
        self.seat.moved.set(self.open.second.get());
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.open.connections.borrow_mut().remove(&self.number);
        if self.open.len() == 0 {
            self.open.last_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task::Waker};

    /// A connection that never ends by itself; counts how often it was told to.
    async fn endless(told: &Cell<u32>, ticket: &Ticket) {
        ticket.drive(pin!(std::future::pending()), |_| told.set(told.get() + 1)).await;
    }

    fn ended(connection: Pin<&mut impl Future<Output = ()>>) -> bool {
        connection.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_sends_no_request_is_told_to_end_and_then_dropped() {
        let (open, told) = (Rc::new(Open::default()), Cell::new(0));
        let ticket = open.enter();
        let mut connection = pin!(endless(&told, &ticket));
        for second in 1..=30 {
            open.tick(30, 60);
            assert!(!ended(connection.as_mut()), "after {second} s");
        }
        assert_eq!(told.get(), 0);
        open.tick(30, 60);
        assert!(!ended(connection.as_mut()));
        assert_eq!(told.get(), 1);
        (0..GRACE).for_each(|_| open.tick(30, 60));
        assert!(ended(connection.as_mut()));
        assert_eq!(told.get(), 1);
    }

    #[test]
    fn a_request_that_is_being_answered_may_take_its_time() {
        let (open, told) = (Rc::new(Open::default()), Cell::new(0));
        let ticket = open.enter();
        let busy = ticket.busy();
        let mut connection = pin!(endless(&told, &ticket));
        (0..1000).for_each(|_| open.tick(30, 60));
        assert!(!ended(connection.as_mut()));
        drop(busy);
        (0..30).for_each(|_| open.tick(30, 60));
        assert!(!ended(connection.as_mut()));
        (0..=GRACE).for_each(|_| open.tick(30, 60));
        assert!(ended(connection.as_mut()));
    }

    #[test]
    fn who_takes_nothing_of_an_answer_is_dropped_and_who_takes_some_is_not() {
        let (open, told) = (Rc::new(Open::default()), Cell::new(0));
        let ticket = open.enter();
        let mut busy = ticket.busy();
        let mut connection = pin!(endless(&told, &ticket));
        for _ in 0..200 {
            busy.moved();
            open.tick(30, 60);
            assert!(!ended(connection.as_mut()));
        }
        (0..60).for_each(|_| open.tick(30, 60));
        assert!(!ended(connection.as_mut()));
        (0..=GRACE).for_each(|_| open.tick(30, 60));
        assert!(ended(connection.as_mut()));
    }

    #[test]
    fn a_stop_reaches_those_who_come_later_too() {
        let (open, told) = (Rc::new(Open::default()), Cell::new(0));
        open.stop();
        let ticket = open.enter();
        let mut connection = pin!(endless(&told, &ticket));
        assert!(!ended(connection.as_mut()));
        assert_eq!((told.get(), open.len()), (1, 1));
        drop(ticket.busy());
    }
}
