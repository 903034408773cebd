//! The handle that the rooms hold.

use crate::{
    Migration, PostgresSettings, StoreFault, Tx,
    attached::Attached,
    job::{self, Job},
    postgres, sqlite,
};
use std::{
    any::Any,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
};
use tokio::sync::{Semaphore, oneshot};

/// Reader threads: two for look-ups, one to spare for a long read.
const READERS: usize = 3;
/// As many for PostgreSQL, and one more: a read waits for the network too.
const REMOTE_READERS: usize = 4;
/// Most asynchronous jobs that wait for a thread; further ones wait before they are queued.
const QUEUE: usize = 8192;

/// An open database, SQLite or PostgreSQL. Cloning is cheap; the last clone to go waits for the queue to empty and closes.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// `None` on a store that was opened for reading, and while closing.
    writer: Option<mpsc::Sender<Box<dyn Job>>>,
    readers: Option<mpsc::Sender<Box<dyn Job>>>,
    /// This store's name among all that write to a PostgreSQL database; `None` on a file.
    node: Option<i64>,
    places: Arc<Semaphore>,
    attached: Arc<Attached>,
    writer_thread: Option<JoinHandle<()>>,
    checkpoint_thread: Option<JoinHandle<()>>,
    reader_threads: Vec<JoinHandle<()>>,
}

impl Store {
    /// Opens or creates the database file (mode 0600) and applies the migrations it lacks.
    ///
    /// `migrations` must be those of every room that ever wrote to this file: a step or a room in
    /// the file that is not among them is [`StoreFault::Newer`]. Safe while other processes open or
    /// use the same file. Blocks shortly: call it at start.
    pub fn open(path: &Path, migrations: &[Migration]) -> Result<Self, StoreFault> {
        let connection = sqlite::open_writer(path)?;
        sqlite::apply(&connection, migrations)?;
        let mut inner = Inner::new();
        let (jobs, queue) = mpsc::channel();
        let attached = inner.attached.clone();
        inner.writer = Some(jobs);
        let (committed, commits) = mpsc::sync_channel(1);
        let run = move || sqlite::write(&connection, &attached, &queue, &committed);
        inner.writer_thread = Some(spawn("store-writer", run)?);
        let beside = sqlite::open_writer(path)?;
        let run = move || sqlite::keep_checkpoints(&beside, &commits);
        inner.checkpoint_thread = Some(spawn("checkpoint", run)?);
        inner.spawn_readers(path)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Opens an existing database for reading alone: evidence, a copy, a file on a read-only disk.
    /// Every write is [`StoreFault::ReadOnly`].
    pub fn open_read_only(path: &Path, migrations: &[Migration]) -> Result<Self, StoreFault> {
        sqlite::check(&sqlite::open_reader(path)?, migrations)?;
        let mut inner = Inner::new();
        inner.spawn_readers(path)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Opens a PostgreSQL database (13 or later, UTF-8) and applies the migrations it lacks, in the schema
    /// that comes first in the role's `search_path`.
    ///
    /// As with [`open`](Self::open), `migrations` must be those of every room that ever wrote there. Any
    /// number of stores may have the same database open: their commits exclude each other, so that a job
    /// reads and writes as if it were alone. A connection that is lost is made anew when the next job comes.
    /// Blocks: call it at start.
    pub fn open_postgres(
        settings: &PostgresSettings,
        migrations: &[Migration],
    ) -> Result<Self, StoreFault> {
        let mut inner = Inner::new();
        let (jobs, queue) = mpsc::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let attached = inner.attached.clone();
        let (to, steps) = (settings.clone(), migrations.to_vec());
        // The driver blocks on a runtime of its own, which no thread of another runtime may.
        let run = move || match postgres::open(to, &steps) {
            Ok(writer) => {
                let _ = tell.send(Ok(writer.node()));
                writer.run(&attached, &queue);
            }
            Err(fault) => drop(tell.send(Err(fault))),
        };
        inner.writer_thread = Some(spawn("store-writer", run)?);
        inner.node = Some(told.recv().unwrap_or(Err(StoreFault::Closed))?);
        inner.writer = Some(jobs);
        inner.spawn_remote_readers(settings)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Connects to a PostgreSQL database and looks whether [`open_postgres`](Self::open_postgres) could open
    /// it. Changes nothing there; does not prove that tables could be made.
    pub fn probe_postgres(
        settings: &PostgresSettings,
        migrations: &[Migration],
    ) -> Result<(), StoreFault> {
        let (tell, told) = mpsc::sync_channel(1);
        let (to, steps) = (settings.clone(), migrations.to_vec());
        let run = move || drop(tell.send(postgres::probe(to, &steps)));
        let thread = spawn("store-probe", run)?;
        let outcome = told.recv().unwrap_or(Err(StoreFault::Closed));
        join(thread);
        outcome
    }

    /// Runs `job` in a transaction on the writer thread and returns after the commit is on the disk.
    ///
    /// An `Err` from the job, or a panic in it, undoes that job alone. If the commit fails, every job
    /// of the batch gets the fault; only [`StoreFault::Unknown`] leaves open whether the work was kept. A
    /// job may be run with up to 511 others in one transaction, in the order in which they came. Dropping the returned future once the job is queued does not stop
    /// the job.
    pub async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        self.submit(self.0.writer.as_ref().ok_or(StoreFault::ReadOnly)?, job).await
    }

    /// [`write`](Self::write) for a thread that may block; not for asynchronous code.
    pub fn write_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        submit_blocking(self.0.writer.as_ref().ok_or(StoreFault::ReadOnly)?, job)
    }

    /// Runs `job` on a reader thread; all that it reads is of one moment.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        self.submit(self.0.readers.as_ref().ok_or(StoreFault::Closed)?, job).await
    }

    /// [`read`](Self::read) for a thread that may block; not for asynchronous code.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        submit_blocking(self.0.readers.as_ref().ok_or(StoreFault::Closed)?, job)
    }

    /// A number that differs from the last one when another process (or another `Store` on this
    /// database) committed in between. What this store writes does not count: who writes here knows.
    pub async fn changed_elsewhere(&self) -> Result<u64, StoreFault> {
        let number = match self.0.node {
            Some(node) => self.read(move |tx| postgres::commits_elsewhere(tx, node)).await,
            // `data_version` leaves out the commits of the connection that asks; the writer's is the one
            // connection of ours that commits.
            None => self.write(|tx| tx.query_row("PRAGMA data_version", &[])).await,
        };
        Ok(number?.map(|row| row.int(0)).transpose()?.unwrap_or(0).cast_unsigned())
    }

    /// Fastens `thing` to this store, replacing one of the same type; each transaction finds it with
    /// [`Tx::attached`].
    pub fn attach<T: Any + Send + Sync>(&self, thing: T) {
        self.0.attached.insert(thing);
    }

    async fn submit<T: Send + 'static>(
        &self,
        queue: &mpsc::Sender<Box<dyn Job>>,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let place = self.0.places.clone().acquire_owned().await.map_err(|_| StoreFault::Closed)?;
        let (reply, answer) = oneshot::channel();
        let reply = move |outcome| {
            drop(place);
            // The caller may have gone; the work is done all the same.
            let _ = reply.send(outcome);
        };
        queue.send(job::new(job, reply)).map_err(|_| StoreFault::Closed)?;
        answer.await.unwrap_or(Err(StoreFault::Closed))
    }
}

fn submit_blocking<T: Send + 'static>(
    queue: &mpsc::Sender<Box<dyn Job>>,
    job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
) -> Result<T, StoreFault> {
    let (reply, answer) = mpsc::sync_channel(1);
    let reply = move |outcome| drop(reply.send(outcome));
    queue.send(job::new(job, reply)).map_err(|_| StoreFault::Closed)?;
    answer.recv().unwrap_or(Err(StoreFault::Closed))
}

impl Inner {
    fn new() -> Self {
        Self {
            writer: None,
            readers: None,
            node: None,
            places: Arc::new(Semaphore::new(QUEUE)),
            attached: Arc::default(),
            writer_thread: None,
            checkpoint_thread: None,
            reader_threads: Vec::new(),
        }
    }

    fn spawn_readers(&mut self, path: &Path) -> Result<(), StoreFault> {
        let (jobs, queue) = mpsc::channel();
        self.readers = Some(jobs);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..READERS {
            let connection = sqlite::open_reader(path)?;
            let (attached, queue) = (self.attached.clone(), queue.clone());
            let run = move || sqlite::read(&connection, &attached, &queue);
            self.reader_threads.push(spawn("store-reader", run)?);
        }
        Ok(())
    }

    fn spawn_remote_readers(&mut self, settings: &PostgresSettings) -> Result<(), StoreFault> {
        let (jobs, queue) = mpsc::channel();
        self.readers = Some(jobs);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..REMOTE_READERS {
            let (settings, attached) = (settings.clone(), self.attached.clone());
            let queue = queue.clone();
            let run = move || postgres::read(settings, &attached, &queue);
            self.reader_threads.push(spawn("store-reader", run)?);
        }
        Ok(())
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreFault> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|e| StoreFault::Sql(e.to_string()))
}

/// The readers go first: the last connection to close tidies the write-ahead log away, and only a
/// connection that may write can do that.
impl Drop for Inner {
    fn drop(&mut self) {
        self.readers = None;
        self.reader_threads.drain(..).for_each(join);
        self.writer = None;
        self.writer_thread.take().into_iter().for_each(join);
        self.checkpoint_thread.take().into_iter().for_each(join);
    }
}

/// A job that held the last handle drops it on one of these very threads.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        let _ = thread.join();
    }
}
