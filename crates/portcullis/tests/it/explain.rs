//! "Why 403?", asked of a running house: from the refusal at the gateway back to the token request.

use crate::program::House;
use portcullis_jose::{Alg, SigningKey};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");

/// A demo that runs for as long as this lives.
struct Demo {
    process: Child,
    env: HashMap<String, String>,
}

impl Demo {
    fn start() -> Self {
        let script = "env; echo READY; read -r _ || true";
        let mut process = Command::new(PROGRAM)
            .args(["demo", "--", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let env = lines
            .map(Result::unwrap)
            .take_while(|line| line != "READY")
            .filter_map(|line| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
            .collect();
        Self { process, env }
    }

    fn portcullis(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(PROGRAM)
            .args(arguments)
            .env("PORTCULLIS_CONFIG", &self.env["PORTCULLIS_CONFIG"])
            .env_remove("COLUMNS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        command.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        command.wait_with_output().unwrap()
    }

    fn explain(&self, id: &str) -> Value {
        let output = self.portcullis(&["explain", id, "--json"], "");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends a form or nothing; gives the decision id and the body.
    fn post(&self, to: &str, path: &str, credentials: &str, form: &str) -> (String, String) {
        let address = self.env[to].strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = form.len();
        let credentials = match credentials {
            "" => String::new(),
            _ => format!("authorization: {credentials}\r\n"),
        };
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\n{credentials}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{form}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let id = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("x-decision-id").then(|| value.to_owned())
        });
        (id.unwrap_or_default(), body.to_owned())
    }

    fn token(&self) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            self.env["FREE_CLIENT_ID"], self.env["FREE_CLIENT_SECRET"]
        );
        let (_, body) = self.post("PORTCULLIS_ISSUER", "/token", "", &form);
        let body: Value = serde_json::from_str(&body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[test]
fn a_refusal_is_followed_back_to_the_token_request_and_mended() {
    let demo = Demo::start();
    let token = demo.token();
    let bearer = format!("Bearer {token}");
    let (id, body) = demo.post("PORTCULLIS_GATEWAY", "/generate/premium", &bearer, "");
    assert!(body.contains(&id), "{body}");

    let told = demo.explain(&id);
    assert_eq!(told["outcome"]["code"], "missing_scope");
    assert_eq!(told["remedy"]["by"], "operator");
    let story = told["story"].to_string();
    assert!(story.contains("The token was issued to free-app"), "{story}");
    assert!(story.contains("asked for no scope at all"), "{story}");
    assert!(!told.to_string().contains(&token));

    let text = String::from_utf8(demo.portcullis(&["explain", &id], "").stdout).unwrap();
    assert!(text.contains("✗ FAILED  scope"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe: {text}");

    let command = told["remedy"]["command"].as_str().unwrap();
    let pasted = Command::new("sh")
        .args(["-c", &command.replacen("portcullis", PROGRAM, 1)])
        .env_remove("PORTCULLIS_CONFIG")
        .output()
        .unwrap();
    assert!(pasted.status.success(), "{command}: {pasted:?}");
    let told = demo.explain(&id);
    assert_eq!(told["remedy"]["by"], "caller", "now it only has to ask: {told}");
}

#[test]
fn a_question_by_hand_has_the_answer_of_the_gateway() {
    let demo = Demo::start();
    let token = demo.token();
    for (path, path_verdict) in [("/generate/premium", "denied"), ("/generate", "allowed")] {
        let request = format!("POST {path}");
        let asked = ["explain", "--token", "-", "--request", &request, "--json"];
        let by_hand: Value =
            serde_json::from_slice(&demo.portcullis(&asked, &token).stdout).unwrap();
        let (id, _) = demo.post("PORTCULLIS_GATEWAY", path, &format!("Bearer {token}"), "");
        let at_the_gateway = demo.explain(&id);
        assert_eq!(by_hand["outcome"]["verdict"], path_verdict);
        assert_eq!(by_hand["outcome"], at_the_gateway["outcome"]);
        let marks = |it: &Value| -> Vec<String> {
            let rows = it["rows"].as_array().unwrap();
            rows.iter().map(|row| format!("{} {}", row["check"], row["mark"])).collect()
        };
        assert_eq!(marks(&by_hand), marks(&at_the_gateway));
        assert!(by_hand["decision_id"].is_null());
    }
}

#[test]
fn refusals_at_the_token_endpoint_explain_themselves_and_end_clients_are_named() {
    let demo = Demo::start();
    let bearer = format!("Bearer {}", demo.token());
    let wrong = "grant_type=client_credentials&client_id=free-app&client_secret=wrong";
    let (id, body) = demo.post("PORTCULLIS_ISSUER", "/token", "", wrong);
    assert!(!body.contains("secret"), "the caller does not learn which: {body}");
    let told = demo.explain(&id);
    assert_eq!(told["headline"], "The client secret is wrong.");

    let by = demo.portcullis(&["client", "disable", "free-app"], "");
    assert!(by.status.success());
    let told = (0..500).find_map(|_| {
        let (id, _) = demo.post("PORTCULLIS_GATEWAY", "/generate", &bearer, "");
        let told = demo.explain(&id);
        (told["outcome"]["code"] == "revoked").then_some(told)
    });
    let told = told.unwrap();
    assert!(told["story"].to_string().contains("did client.disable on free-app"), "{told}");
    let command =
        format!("portcullis client enable free-app --config {}", demo.env["PORTCULLIS_CONFIG"]);
    assert_eq!(told["remedy"]["command"], command.as_str());
}

#[test]
fn an_unknown_decision_says_which_log_was_searched() {
    let demo = Demo::start();
    let output = demo.portcullis(&["explain", "dec_01KF0RDQG00W3GE1R70W3GE1R7", "--json"], "");
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["made_at"], "2026-01-15T12:00:00Z");
    assert!(told["searched"].as_str().unwrap().ends_with("portcullis.db"));
}

#[test]
fn a_question_asked_by_hand_changes_nothing_and_shows_what_the_token_says() {
    let house = House::new();
    let key = SigningKey::generate(Alg::ES256).unwrap().with_kid("nobodys");
    let claims = json!({
        "iss": house.issuer, "sub": "app", "client_id": "app", "jti": "j1", "tenant": "acme",
        "aud": ["https://a.example", "https://b.example"], "iat": 1_800_000_000, "exp": 1_800_000_900,
        "scope": "generate:basic",
    });
    let token = key.sign_compact(&key.header("at+jwt"), &claims).unwrap();
    let ask = ["explain", "--token", "-", "--request", "GET /v1/health", "--json"];
    let it = house.run_with(&ask, &token).good().json();
    let failed = it["rows"].as_array().unwrap().iter().find(|row| row["mark"] == "failed").unwrap();
    assert_eq!(failed["check"], "key", "{it}");
    let said = &it["token"];
    assert_eq!(said["verified"], false);
    assert_eq!(said["tenant"], "acme");
    assert_eq!(said["aud"], "https://a.example https://b.example", "{said}");
    assert_eq!(said["issued"], "2027-01-15T08:00:00Z", "{said}");
    let keys = house.run(&["key", "list", "--json"]).good().json();
    assert_eq!(keys.as_array().map(Vec::len), Some(0), "no key was made: {keys}");
}

#[test]
fn a_path_that_can_be_read_in_two_ways_fails_by_hand_too() {
    let house = House::new();
    let ask = ["explain", "--token", "a.b.c", "--request", "GET /v1/%2e%2e/health", "--json"];
    let it = house.run(&ask).good().json();
    assert_eq!(it["outcome"]["code"], "ambiguous_request", "{it}");
    assert_eq!(
        (&it["rows"][0]["check"], &it["rows"][0]["mark"]),
        (&json!("shape"), &json!("failed"))
    );
}
