//! Running the program, and looking at what it says.

use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Nothing of the tester's own environment reaches the program.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    for name in [
        "PORTCULLIS_CONFIG",
        "PORTCULLIS_ISSUER",
        "CLIENT_ID",
        "CLIENT_SECRET",
        "PORTCULLIS_LOG",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    command(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// A directory with a configuration, its key, and nothing running.
pub(crate) struct House {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) issuer: String,
    pub(crate) gateway: String,
    pub(crate) admin: String,
}

impl House {
    /// An issuer and a gateway in front of itself: the upstream is the admin listener, which answers.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let held: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> =
            held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let url = |at: usize| format!("http://127.0.0.1:{}", ports[at]);
        let house = Self { issuer: url(0), gateway: url(1), admin: url(2), directory };
        std::fs::write(house.file("portcullis.toml"), house.toml()).unwrap();
        let key = "dGhpcy1pcy1ub3QtYS1zZWNyZXQtYnV0LTMyLWJ5dGU\n";
        std::fs::write(house.file("portcullis.key"), key).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(house.file("portcullis.key"), owner).unwrap();
        house
    }

    fn toml(&self) -> String {
        let listen = |url: &str| url.trim_start_matches("http://").to_owned();
        let (issuer, gateway, admin) = (&self.issuer, &self.gateway, &self.admin);
        format!(
            r#"key_encryption_key = {{ file = "portcullis.key" }}
[issuer]
url = "{issuer}"
listen = "{}"
[[api]]
name = "text"
resource = "{gateway}/v1"
scopes = ["generate:basic", "generate:advanced", "model:list"]
[[api]]
name = "other"
resource = "{gateway}/other"
scopes = ["embedding:create"]
[gateway]
url = "{gateway}"
listen = "{}"
[admin]
listen = "{}"
[[upstream]]
name = "self"
url = "{admin}"
[[route]]
methods = ["GET"]
path = "/v1/health"
api = "text"
scopes = ["generate:basic"]
upstream = "self"
upstream_path = "/healthz"
"#,
            listen(issuer),
            listen(gateway),
            listen(admin),
        )
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self) -> String {
        self.file("portcullis.toml").to_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("PORTCULLIS_CONFIG", self.config());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).stdin(Stdio::null()).output().unwrap().into()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        fed(&mut self.command(arguments), input)
    }

    /// Registers a client and gives its secret.
    pub(crate) fn client(&self, name: &str) -> String {
        let added = self.run(&[
            "client",
            "add",
            name,
            "--api",
            "text",
            "--scope",
            "generate:basic",
            "--json",
        ]);
        added.good().json()["client_secret"].as_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self) -> Server {
        let child =
            self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let server = Server(child);
        eventually(|| {
            TcpStream::connect(self.admin.trim_start_matches("http://")).is_ok()
                && get(&format!("{}/readyz", self.admin), "").0 == 200
        });
        server
    }
}

pub(crate) fn fed(command: &mut Command, input: &str) -> Ran {
    let pipe = || Stdio::piped();
    let mut child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A server that is stopped when this goes.
pub(crate) struct Server(Child);

impl Server {
    /// Asks it to stop; gives its exit code and its log.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        signal(self.0.id(), "TERM");
        let code = self.0.wait().unwrap().code();
        let mut log = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (code, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    assert!(
        Command::new("kill")
            .args([&format!("-{name}"), &process.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// GETs a URL; gives status and whole answer.
pub(crate) fn get(url: &str, bearer: &str) -> (u16, String) {
    let credentials = format!("authorization: Bearer {bearer}\r\n");
    get_with(url, if bearer.is_empty() { "" } else { &credentials })
}

/// GETs a URL with some more header lines.
fn get_with(url: &str, headers: &str) -> (u16, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// Waits until it is so: for what another process does in its own time.
#[track_caller]
pub(crate) fn eventually(so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came to be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn exists(path: &str) -> bool {
    Path::new(path).exists()
}
