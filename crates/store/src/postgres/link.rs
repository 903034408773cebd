//! A connection that is made when it is needed, and made anew when it was lost.

use super::{PostgresSettings, Session, fault};
use crate::StoreFault;
use std::time::{Duration, Instant};

/// After the first failure to connect; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Link {
    settings: PostgresSettings,
    setup: &'static str,
    session: Option<Session>,
    failed: Option<Failed>,
}

/// Until then, nobody waits for another attempt.
struct Failed {
    until: Instant,
    pause: Duration,
    fault: StoreFault,
}

impl Link {
    /// `setup` are statements that hold for each session.
    pub(super) const fn new(settings: PostgresSettings, setup: &'static str) -> Self {
        Self { settings, setup, session: None, failed: None }
    }

    /// The connection. Connects if there is none, unless that failed a moment ago.
    pub(super) fn session(&mut self) -> Result<&mut Session, StoreFault> {
        if self.session.is_none() {
            self.session = Some(self.connect()?);
        }
        self.session.as_mut().ok_or(StoreFault::Closed)
    }

    /// Begins a transaction. A connection that turns out to be dead is replaced once: nothing had begun on it.
    pub(super) fn begin(
        &mut self,
        begin: impl Fn(&Session) -> String,
    ) -> Result<&mut Session, StoreFault> {
        let was_open = self.session.is_some();
        match self.try_begin(&begin) {
            Err(StoreFault::Unreachable(_)) if was_open => self.try_begin(&begin)?,
            outcome => outcome?,
        }
        self.session()
    }

    fn try_begin(&mut self, begin: impl Fn(&Session) -> String) -> Result<(), StoreFault> {
        let session = self.session()?;
        let sql = begin(session);
        let Err(error) = session.batch(&sql) else { return Ok(()) };
        match fault::of_statement(&error) {
            StoreFault::Busy => {
                self.settle(Ending::Open);
                Err(StoreFault::Busy)
            }
            // Gone, or a server that has become a standby: the next attempt may find another.
            fault => {
                self.drop_session();
                Err(fault)
            }
        }
    }

    /// After a transaction: what to do with its connection.
    pub(super) fn settle(&mut self, ending: Ending) {
        let closed = match ending {
            Ending::Closed => true,
            Ending::Open => {
                self.session.as_mut().is_some_and(|session| session.batch("ROLLBACK").is_ok())
            }
        };
        if !closed || self.session.as_ref().is_some_and(Session::is_lost) {
            self.drop_session();
        }
    }

    /// Ends the connection, so that the next one may find another server.
    pub(super) fn drop_session(&mut self) {
        self.session = None;
    }

    fn connect(&mut self) -> Result<Session, StoreFault> {
        if let Some(failed) = &self.failed
            && Instant::now() < failed.until
        {
            return Err(failed.fault.clone());
        }
        match Session::connect(&self.settings, self.setup) {
            Ok(session) => {
                self.failed = None;
                Ok(session)
            }
            Err(fault) => {
                let pause = self.failed.as_ref().map_or(FIRST_PAUSE, |failed| failed.pause * 2);
                let pause = pause.min(LONGEST_PAUSE);
                let until = Instant::now() + pause;
                self.failed = Some(Failed { until, pause, fault: fault.clone() });
                Err(fault)
            }
        }
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Committed or rolled back.
    Closed,
    /// To be rolled back; or gone with its connection.
    Open,
}
