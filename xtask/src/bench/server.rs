//! A process that is measured from outside.

use super::{Bench, MEASURED};
use crate::trouble::{Outcome, Trouble};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; it is stopped when this is dropped.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts it on the core that is measured, and waits until `port` is listened on.
    pub(super) fn start(
        bench: &Bench<'_>,
        name: &str,
        command: &[&OsStr],
        port: u16,
    ) -> Outcome<Self> {
        Self::start_on(bench, MEASURED, (name, command), port)
    }

    pub(super) fn start_on(
        bench: &Bench<'_>,
        core: &str,
        (name, command): (&str, &[&OsStr]),
        port: u16,
    ) -> Outcome<Self> {
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", core]).args(command);
        let mut server = Self::spawn(bench, name, pinned)?;
        server.wait(name, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(server)
    }

    /// Starts it, with its output in a file.
    pub(super) fn spawn(bench: &Bench<'_>, name: &str, mut command: Command) -> Outcome<Self> {
        let log = File::create(bench.dir.join(format!("{name}.log")))?;
        command.env("PATH", bench.house.sh.var("PATH")?).current_dir(&bench.dir);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command
            .spawn()
            .map_err(|fault| Trouble::new(format!("{name} does not start: {fault}")))?;
        Ok(Self { child })
    }

    /// Waits until `ready`; says so if the process ends before.
    pub(super) fn wait(
        &mut self,
        name: &str,
        mut ready: impl FnMut() -> bool,
    ) -> Outcome<Duration> {
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                return Err(Trouble::new(format!(
                    "{name} ended before it was ready: {status}; see {name}.log"
                )));
            }
            if started.elapsed() > PATIENCE {
                return Err(Trouble::new(format!(
                    "{name} is not ready after {PATIENCE:?}; see {name}.log"
                )));
            }
            sleep(Duration::from_millis(1));
        }
        Ok(started.elapsed())
    }

    /// Nanoseconds of processor time that it and its children have used.
    pub(super) fn cpu_nanos(&self) -> u64 {
        cpu_nanos(self.child.id())
    }

    /// MiB that it and its children hold in memory.
    pub(super) fn memory_mib(&self) -> f64 {
        tree(self.child.id()).into_iter().map(resident_mib).sum()
    }

    /// MiB that it holds, without its children.
    pub(super) fn own_memory_mib(&self) -> f64 {
        resident_mib(self.child.id())
    }

    /// Ends it.
    pub(super) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A parent that is asked to stop stops its children; one that is killed leaves them behind.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Nanoseconds of processor time that a process and its children have used, those of ended threads aside.
pub(super) fn cpu_nanos(pid: u32) -> u64 {
    let tasks = tree(pid).into_iter().flat_map(tasks);
    tasks.filter_map(|task| first_number(&format!("{task}/schedstat"))).sum()
}

fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        at += 1;
    }
    all
}

fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn tasks(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.map(|task| task.path().display().to_string()).collect()
}

fn first_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

/// The status that a request written out in full is answered with; 0 if there is no answer.
pub(super) fn status(port: u16, request: &str) -> u16 {
    let ask = || -> Option<u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        line.split(' ').nth(1)?.parse().ok()
    };
    ask().unwrap_or(0)
}
