//! The policies of the repository in a real Open Policy Agent rule as they do here. Runs where `opa` is on the PATH.

use crate::{
    differential::{Draw, input},
    support::library,
};
use portcullis_policy::{
    Answered, Bundle, Cause, Engine, Opa, OpaAddress, OpaSettings, Point, Reference, Revision,
    Ruling,
};
use portcullis_types::Ttl;
use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::Duration,
};
use tempfile::TempDir;

/// A server with our policies, as a bundle named `corpus`, on a port and on a socket.
struct Server {
    process: Child,
    dir: TempDir,
    port: u16,
}

impl Server {
    /// None where there is no `opa`.
    fn start(bundle: &Bundle) -> Option<Self> {
        let found = Command::new("opa").arg("version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no 'opa' on the PATH to compare with");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policies");
        fs::create_dir(&policies).unwrap();
        for (name, text) in bundle.files().rules() {
            fs::write(policies.join(name), text).unwrap();
        }
        fs::write(policies.join("data.json"), bundle.files().data().unwrap()).unwrap();
        fs::write(policies.join(".manifest"), r#"{"revision": "corpus", "roots": [""]}"#).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let socket = dir.path().join("opa.sock");
        let process = Command::new("opa")
            .args(["run", "--server", "--disable-telemetry", "--log-level=error"])
            .args(["--set", "decision_logs.console=true"])
            .args(["--addr", &format!("127.0.0.1:{port}")])
            .args(["--addr", &format!("unix://{}", socket.display())])
            .arg("--bundle")
            .arg(&policies)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, dir, port };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() && socket.exists() {
                return Some(server);
            }
            sleep(Duration::from_millis(50));
        }
        panic!("opa does not listen after 30 seconds");
    }

    fn addresses(&self) -> [OpaAddress; 2] {
        let socket = self.dir.path().join("opa.sock");
        let port = format!("http://127.0.0.1:{}", self.port);
        [port.parse().unwrap(), format!("unix://{}", socket.display()).parse().unwrap()]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// As it is compared: the same policies have one name here and another there, and a set has no order.
fn plain(mut ruling: Ruling) -> Ruling {
    ruling.revision = Revision::of_server("corpus");
    ruling.reasons.sort();
    if let Some(datasets) = &mut ruling.datasets {
        datasets.sort();
    }
    ruling
}

#[tokio::test]
async fn a_real_opa_rules_as_both_engines_over_http_and_over_a_socket() {
    let bundle = library();
    let Some(server) = Server::start(&bundle) else { return };
    let engine = Arc::new(Engine::new(bundle.clone()));
    let mut fast = engine.worker();
    let mut reference = Reference::new(&bundle).unwrap();
    let mut draw = Draw(0x5eed_0f0b_5e55_ed01);
    for address in server.addresses() {
        for point in Point::ALL {
            // It shares the machine with other tests.
            let settings =
                OpaSettings { time_out: Ttl::seconds(10), ..OpaSettings::at(address.clone()) };
            let opa = Opa::new(point, settings).unwrap();
            let mut allowed = 0;
            for _ in 0..400 {
                let input = input(point, &mut draw);
                let Answered { ruling: theirs, decision_log_id } = opa.rule(&input).await;
                assert_eq!(theirs.revision.to_string(), "opa:corpus");
                assert!(decision_log_id.is_some(), "its log names the decision");
                let theirs = plain(theirs);
                assert_eq!(
                    plain(fast.decide(point, &input)),
                    theirs,
                    "{point}: {}",
                    input.to_json()
                );
                assert_eq!(plain(reference.decide(point, &input)), theirs, "{point}");
                allowed += usize::from(theirs.allow);
            }
            assert!(allowed >= 2, "{point}: {allowed} of 400 were allowed");
        }
    }
}

#[tokio::test]
async fn what_a_real_opa_does_not_know_is_undefined_and_one_that_ended_is_unreachable() {
    let bundle = library();
    let Some(server) = Server::start(&bundle) else { return };
    let [address, socket] = server.addresses();
    let asking = |address: OpaAddress, path: &str| {
        let path = Some(path.to_owned());
        let settings = OpaSettings { path, time_out: Ttl::seconds(10), ..OpaSettings::at(address) };
        Opa::new(Point::Request, settings).unwrap()
    };
    let input = input(Point::Request, &mut Draw(7));
    let opa = asking(address, "/v1/data/portcullis/request/nothing");
    assert_eq!(opa.rule(&input).await.ruling.cause, Cause::Undefined);
    let opa = asking(socket.clone(), "/v1/nothing");
    assert!(matches!(opa.rule(&input).await.ruling.cause, Cause::Unreachable(_)));
    let opa = asking(socket.clone(), "/v1/data/portcullis/request/decision");
    assert!(!matches!(opa.rule(&input).await.ruling.cause, Cause::Unreachable(_)));
    drop(server);
    let OpaAddress::Unix(socket) = socket else { panic!("the second is the socket") };
    assert!(!Path::new(&socket).exists());
    let ruling = opa.rule(&input).await.ruling;
    assert!(!ruling.allow && matches!(ruling.cause, Cause::Unreachable(_)), "{:?}", ruling.cause);
}
