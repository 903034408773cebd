//! A PostgreSQL server of the test's own.

use postgres::{Client, NoTls};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
    thread,
};

const SCRIPT: &str = include_str!("server.sh");

/// What a crash of the machine may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was answered, as in earnest.
    Full,
    /// Everything: tests are faster.
    None,
}

/// A certificate chain and its key, both PEM. A server that has one wants TLS and a password from whoever
/// comes by TCP.
#[derive(Clone, Copy)]
pub struct Tls<'a> {
    /// The chain.
    pub certificate: &'a str,
    /// Its private key.
    pub key: &'a str,
}

/// A running server. It ends when this value is dropped or this process ends, however it ends: a shell beside
/// it waits for that.
pub struct Server {
    folder: PathBuf,
    port: u16,
    talk: Mutex<Talk>,
}

struct Talk {
    shell: Child,
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// The one server of this process, started when first asked for.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Durability::None, None))
    }

    /// Starts one that listens on a UNIX socket and on a free port of 127.0.0.1. It has a role and a database
    /// named `portcullis`.
    pub fn start(durability: Durability, tls: Option<Tls<'_>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let papers = tempfile::tempdir().expect("a temporary folder");
        let mut shell = unprivileged();
        shell.args(["-c", SCRIPT, "sh"]).arg(programs()).arg(std::env::temp_dir());
        shell.args(["127.0.0.1", &port.to_string()]);
        shell.arg(if durability == Durability::Full { "durable" } else { "fast" });
        if let Some(tls) = tls {
            shell.args(write(papers.path(), tls));
        }
        // In a process group of its own: what ends the tests must not end it before it has tidied up.
        shell.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut shell = shell.spawn().expect("a shell");
        let words = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut talk = Talk { shell, words, answers };
        let folder = PathBuf::from(talk.hear());
        talk.expect("ready");
        let server = Self { folder, port, talk: Mutex::new(talk) };
        server.sql("CREATE ROLE portcullis LOGIN PASSWORD 'of the tests'");
        server.sql("CREATE DATABASE portcullis OWNER portcullis");
        server
    }

    /// The URL of a schema, by the socket.
    pub fn url(&self, schema: &str) -> String {
        format!(
            "postgres://portcullis@/portcullis?host={}&port={}&options=-c%20search_path%3D{schema}",
            self.folder.display(),
            self.port
        )
    }

    /// The port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as the superuser; `CREATE SCHEMA` and the like belong to the database `portcullis`.
    pub fn sql(&self, statements: &str) {
        let database =
            if statements.contains("CREATE ROLE") || statements.contains("CREATE DATABASE") {
                "postgres"
            } else {
                "portcullis"
            };
        self.with_client(database, |client| {
            client.batch_execute(statements).unwrap_or_else(|error| panic!("{error:?}"));
        });
    }

    /// Whether any column of a table in `schema` holds these bytes.
    pub(super) fn holds(&self, schema: &str, bytes: &[u8]) -> bool {
        let columns = "SELECT table_name, column_name, data_type FROM information_schema.columns \
                       WHERE table_schema = $1 AND data_type IN ('text', 'bytea')";
        self.with_client("portcullis", |client| {
            let columns = client.query(columns, &[&schema]).expect("the catalogue");
            assert!(!columns.is_empty(), "there are no tables in {schema}");
            columns.iter().any(|column| {
                let [table, name, kind]: [String; 3] = [0, 1, 2].map(|at| column.get(at));
                let value = match kind.as_str() {
                    "text" => format!("convert_to(\"{name}\", 'UTF8')"),
                    _ => format!("\"{name}\""),
                };
                let sql = format!(
                    "SELECT EXISTS (SELECT 1 FROM {schema}.\"{table}\" WHERE position($1 IN {value}) > 0)"
                );
                client.query_one(&sql, &[&bytes]).expect("a search").get(0)
            })
        })
    }

    /// As the superuser.
    fn with_client<T: Send>(
        &self,
        database: &str,
        work: impl FnOnce(&mut Client) -> T + Send,
    ) -> T {
        let (host, port) = (self.folder.display(), self.port);
        let url = format!("postgres://postgres@/{database}?host={host}&port={port}");
        // The driver blocks on a runtime of its own, which no thread of another runtime may.
        thread::scope(|scope| {
            let run = || work(&mut Client::connect(&url, NoTls).expect("a connection"));
            scope.spawn(run).join().expect("the statements")
        })
    }

    /// Kills it with all its processes, as a crash would.
    pub fn crash(&self) {
        self.say("crash", "crashed");
    }

    /// Starts it again.
    pub fn restart(&self) {
        self.say("start", "ready");
    }

    fn say(&self, word: &str, answer: &str) {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let words = talk.words.as_mut().expect("the shell listens");
        writeln!(words, "{word}").expect("the shell listens");
        talk.expect(answer);
    }
}

impl Talk {
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the shell speaks");
        line.trim().to_owned()
    }

    fn expect(&mut self, answer: &str) {
        let heard = self.hear();
        assert_eq!(heard, answer, "PostgreSQL for the tests; what it says is above");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let talk = self.talk.get_mut().unwrap_or_else(PoisonError::into_inner);
        talk.words = None;
        let _ = talk.shell.wait();
    }
}

/// A shell that is not root, because PostgreSQL refuses to be.
fn unprivileged() -> Command {
    let id = |args: &[&str]| Command::new("id").args(args).output().expect("the program id");
    if id(&["-u"]).stdout != b"0\n" {
        return Command::new("sh");
    }
    let user = if id(&["-u", "postgres"]).status.success() { "postgres" } else { "nobody" };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid"]);
    command.arg(String::from_utf8_lossy(&id(&["-g", user]).stdout).trim());
    command.args(["--clear-groups", "sh"]);
    command
}

/// The newest of those that Debian installs side by side, or what `pg_config` names.
fn programs() -> PathBuf {
    let version = |path: &Path| -> Option<u32> {
        path.join("bin/initdb").exists().then(|| path.file_name()?.to_str()?.parse().ok())?
    };
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|entry| entry.path()).max_by_key(|path| version(path));
    if let Some(path) = newest.filter(|path| version(path).is_some()) {
        return path.join("bin");
    }
    let found = Command::new("pg_config").arg("--bindir").output();
    let found = found.ok().filter(|output| output.status.success());
    let found = found.expect("PostgreSQL's programs; on Debian: apt-get install postgresql");
    PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
}

/// Where another user can read them.
fn write(folder: &Path, tls: Tls<'_>) -> [PathBuf; 2] {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("our folder");
    let files = [("server.crt", tls.certificate), ("server.key", tls.key)];
    files.map(|(name, pem)| {
        let path = folder.join(name);
        fs::write(&path, pem).expect("our folder");
        path
    })
}
