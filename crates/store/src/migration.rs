//! Tables are made in numbered steps; each room owns its own.

use crate::StoreFault;

/// One step in the life of a room's tables. Never changed once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Whose tables.
    pub room: &'static str,
    /// Its place among the steps of the room, from 1.
    pub number: u32,
    /// One or more statements, with the words of SQL in capitals. For PostgreSQL, `BLOB` becomes `BYTEA`,
    /// `TEXT` gets the order of its bytes (as in SQLite, whatever the locale), and `WITHOUT ROWID` goes.
    pub sql: &'static str,
}

/// The steps of which a database has applied some.
#[derive(Debug)]
pub(crate) struct Applied(pub(crate) Vec<(String, u32)>);

impl Applied {
    /// What a database lacks.
    pub(crate) fn missing<'a>(
        &self,
        ours: &'a [Migration],
    ) -> Result<Vec<&'a Migration>, StoreFault> {
        self.refuse_newer(ours)?;
        let done =
            |room| self.0.iter().find(|(name, _)| name == room).map_or(0, |(_, number)| *number);
        // In the order of the numbers within a room; rooms in the order given.
        let place = |step: &Migration| ours.iter().position(|other| other.room == step.room);
        let mut steps: Vec<_> = ours.iter().filter(|step| step.number > done(step.room)).collect();
        steps.sort_by_key(|step| (place(step), step.number));
        Ok(steps)
    }

    /// For a database that is only read: it must be exactly as new as this program.
    pub(crate) fn complete(&self, ours: &[Migration]) -> Result<(), StoreFault> {
        match self.missing(ours)?.first() {
            Some(step) => Err(StoreFault::Older { room: step.room, number: step.number }),
            None => Ok(()),
        }
    }

    /// A step, or a whole room, that this program does not know may hold a rule that it would break.
    fn refuse_newer(&self, ours: &[Migration]) -> Result<(), StoreFault> {
        for (room, found) in &self.0 {
            let known = ours.iter().filter(|step| step.room == room).map(|step| step.number).max();
            let known = known.unwrap_or(0);
            if *found > known {
                return Err(StoreFault::Newer { room: room.clone(), found: *found, known });
            }
        }
        Ok(())
    }
}
