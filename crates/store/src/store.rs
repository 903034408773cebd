//! The handle that the rooms hold.

use crate::{
    Migration, StoreFault, Tx,
    attached::Attached,
    checkpoint, connection,
    job::{self, Job},
    migration, reader, writer,
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
/// Most asynchronous jobs that wait for a thread; further ones wait before they are queued.
const QUEUE: usize = 8192;

/// An open database. Cloning is cheap; the last clone to go waits for the queue to empty and closes.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// `None` on a store that was opened for reading, and while closing.
    writer: Option<mpsc::Sender<Box<dyn Job>>>,
    readers: Option<mpsc::Sender<Box<dyn Job>>>,
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
        let connection = connection::writer(path)?;
        migration::apply(&connection, migrations)?;
        let mut inner = Inner::new();
        let (jobs, queue) = mpsc::channel();
        let attached = inner.attached.clone();
        inner.writer = Some(jobs);
        let (committed, commits) = mpsc::sync_channel(1);
        let run = move || writer::run(&connection, &attached, &queue, &committed);
        inner.writer_thread = Some(spawn("store-writer", run)?);
        let beside = connection::writer(path)?;
        let run = move || checkpoint::run(&beside, &commits);
        inner.checkpoint_thread = Some(spawn("checkpoint", run)?);
        inner.spawn_readers(path)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Opens an existing database for reading alone: evidence, a copy, a file on a read-only disk.
    /// Every write is [`StoreFault::ReadOnly`].
    pub fn open_read_only(path: &Path, migrations: &[Migration]) -> Result<Self, StoreFault> {
        migration::check(&connection::reader(path)?, migrations)?;
        let mut inner = Inner::new();
        inner.spawn_readers(path)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Runs `job` in a transaction on the writer thread and returns after the commit is on the disk.
    ///
    /// An `Err` from the job, or a panic in it, undoes that job alone. If the commit fails, every job
    /// of the batch gets the fault. A job may be run with up to 511 others in one transaction, in the
    /// order in which they came. Dropping the returned future once the job is queued does not stop
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
    /// file) committed in between. What this store writes does not count: who writes here knows.
    pub async fn changed_elsewhere(&self) -> Result<u64, StoreFault> {
        // `data_version` leaves out the commits of the connection that asks; the writer's is the one
        // connection of ours that commits.
        self.write(|tx| {
            let row = tx.query_row("PRAGMA data_version", &[])?;
            Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0).cast_unsigned())
        })
        .await
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
            let connection = connection::reader(path)?;
            let (attached, queue) = (self.attached.clone(), queue.clone());
            let run = move || reader::run(&connection, &attached, &queue);
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
