//! `serve`, and the commands that talk to a running server.

use crate::program::{House, eventually, fed, get};
use std::net::TcpListener;

#[test]
fn a_token_is_got_inspected_verified_and_used() {
    let house = House::new();
    let secret = house.client("my-app");
    let server = house.serve();
    let got = fed(
        house.command(&["token", "get", "--client-id", "my-app"]).env("CLIENT_SECRET", &secret),
        "",
    )
    .good();
    let token = got.out.trim();
    assert!(got.err.contains("generate:basic"), "{}", got.err);
    assert_eq!(got.out.lines().count(), 1, "the token alone");

    let (status, answer) = get(&format!("{}/v1/health", house.gateway), token);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(get(&format!("{}/v1/health", house.gateway), "").0, 401);
    assert_eq!(get(&format!("{}/elsewhere", house.gateway), token).0, 404);

    let inspected = house.run(&["token", "inspect", token, "--json"]).good().json();
    assert_eq!(inspected["verified"], false);
    assert_eq!(inspected["claims"]["client_id"], "my-app");
    let shown = house.run_with(&["token", "inspect"], token).good().out;
    assert!(shown.starts_with("not verified") && shown.contains("in 14m"), "{shown}");

    let audience = format!("{}/v1", house.gateway);
    let verify = |more: &[&str]| {
        let arguments =
            [&["token", "verify", "--issuer", &house.issuer, "--audience"][..], more].concat();
        house.run_with(&arguments, token)
    };
    verify(&[&audience, "--scope", "generate:basic"]).good();
    let weak = verify(&[&audience, "--scope", "generate:advanced"]);
    assert_eq!(weak.code, 1);
    assert!(weak.out.contains("✗ FAILED  scope"), "{}", weak.out);
    let elsewhere = verify(&["https://elsewhere.example.com", "--json"]);
    assert_eq!(elsewhere.code, 1);
    assert_eq!(elsewhere.json()["outcome"]["code"], "wrong_audience");

    let (_, jwks) = get(&format!("{}/jwks", house.issuer), "");
    let file = house.file("keys.json");
    std::fs::write(&file, jwks.split_once("\r\n\r\n").unwrap().1).unwrap();
    server.stop();
    let offline = ["token", "verify", "--jwks", file.to_str().unwrap(), "--audience", &audience];
    house.run_with(&offline, token).good();
}

#[test]
fn a_wrong_secret_is_refused_with_1_and_an_issuer_that_is_away_with_3() {
    let house = House::new();
    house.client("my-app");
    let ask = || {
        house.run_with(&["token", "get", "--client-id", "my-app", "--client-secret-stdin"], "wrong")
    };
    let away = ask();
    assert_eq!(away.code, 3);
    assert!(away.err.contains("cannot reach the issuer"), "{}", away.err);
    let _server = house.serve();
    let refused = ask();
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("invalid_client"), "{}", refused.err);
    assert_eq!(refused.out, "");
    let id = refused.err.split_once("portcullis explain ").unwrap().1.trim().to_owned();
    assert!(house.run(&["explain", &id]).good().out.contains("FAILED"));
}

#[test]
fn a_client_with_its_own_key_needs_no_secret() {
    let house = House::new();
    let key = house.run(&["jose", "generate", "--alg", "ES256"]).good().out;
    std::fs::write(house.file("key.json"), &key).unwrap();
    let mut public: serde_json::Value = serde_json::from_str(&key).unwrap();
    public.as_object_mut().unwrap().remove("d");
    std::fs::write(house.file("jwks.json"), serde_json::json!({ "keys": [public] }).to_string())
        .unwrap();
    let (key, jwks) = (house.file("key.json"), house.file("jwks.json"));
    let add = ["client", "add", "partner", "--api", "text", "--scope", "generate:basic", "--jwks"];
    house.run(&[&add[..], &[jwks.to_str().unwrap()]].concat()).good();
    let private = house.run(&[
        "client",
        "add",
        "bad",
        "--api",
        "text",
        "--scope",
        "generate:basic",
        "--jwks",
        key.to_str().unwrap(),
    ]);
    assert_eq!(private.code, 1, "a private key is not registered");
    let _server = house.serve();
    let got = house.run(&[
        "token",
        "get",
        "--client-id",
        "partner",
        "--key",
        key.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(got.good().json()["token_type"], "Bearer");
}

#[test]
fn a_running_server_takes_over_what_commands_change() {
    let house = House::new();
    let _server = house.serve();
    let secret = house.client("late");
    let token = || {
        fed(
            house.command(&["token", "get", "--client-id", "late"]).env("CLIENT_SECRET", &secret),
            "",
        )
    };
    eventually(|| token().code == 0);
    let token = token().out.trim().to_owned();
    let health = format!("{}/v1/health", house.gateway);
    assert_eq!(get(&health, &token).0, 200);
    house.run(&["client", "disable", "late"]).good();
    eventually(|| get(&health, &token).0 == 401);
    house.run(&["client", "enable", "late"]).good();
    eventually(|| get(&health, &token).0 == 200);
    house.run(&["key", "rotate", "--now"]).good();
    eventually(|| get(&format!("{}/jwks", house.issuer), "").1.matches("\"kid\"").count() == 6);
    assert_eq!(get(&health, &token).0, 200, "no token fails because of a rotation");
}

#[test]
fn health_and_numbers_are_served_and_a_signal_drains() {
    let house = House::new();
    let server = house.serve();
    get(&format!("{}/v1/health", house.gateway), "");
    get(&format!("{}/.well-known/oauth-authorization-server", house.issuer), "");
    assert_eq!(get(&format!("{}/healthz", house.admin), "").0, 200);
    let (_, metrics) = get(&format!("{}/metrics", house.admin), "");
    for line in [
        "portcullis_gateway_denials_total{check=\"credential\"} 1",
        "portcullis_issuer_answers_total{endpoint=\"/.well-known/oauth-authorization-server\",status=\"200\"} 1",
        "portcullis_audit_waiting_bytes",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string());
    }
    assert!(log.contains("gateway is ready") && log.contains("stopped"), "{log}");
    assert!(house.run(&["audit", "tail"]).good().out.contains("no_credential"));
}

#[test]
fn a_taken_port_names_the_setting_and_who_has_it() {
    let house = House::new();
    let _holder = TcpListener::bind(house.gateway.trim_start_matches("http://")).unwrap();
    let stopped = house.run(&["serve"]);
    assert_eq!(stopped.code, 3);
    assert!(stopped.err.contains("([gateway] listen) is taken: it"), "{}", stopped.err);
    assert!(stopped.err.contains(&format!("process {}", std::process::id())), "{}", stopped.err);
}

/// Takes the issuer out of a house, which then trusts the one of another.
fn leave_alone(here: &House, there: &House, terms: &str) {
    let own = std::fs::read_to_string(here.file("portcullis.toml")).unwrap();
    let (head, rest) = own.split_once("[issuer]").unwrap();
    let alone = format!("{head}{}", &rest[rest.find("[[api]]").unwrap()..]);
    let alone = alone.replace(&format!("{}/v1", here.gateway), &format!("{}/v1", there.gateway));
    let trust =
        format!("\n[[trust]]\nissuer = \"{}\"\nalgs = [\"ES256\"]\n{terms}\n", there.issuer);
    std::fs::write(here.file("portcullis.toml"), alone + &trust).unwrap();
}

fn token_of(house: &House, client: &str, secret: &str) -> String {
    let mut command = house.command(&["token", "get", "--client-id", client]);
    fed(command.env("CLIENT_SECRET", secret), "").good().out.trim().to_owned()
}

#[test]
fn a_client_disabled_at_its_issuer_is_refused_by_a_gateway_elsewhere() {
    let (there, here) = (House::new(), House::new());
    let secret = there.client("my-app");
    let feed = format!("{}/revocations", there.admin);
    leave_alone(&here, &there, &format!("revocations = \"{feed}\"\nrevocations_max_age = \"5s\""));
    let issuer = there.serve();
    let _gateway = here.serve();
    let token = token_of(&there, "my-app", &secret);
    let health = format!("{}/v1/health", here.gateway);
    assert_eq!(get(&health, &token).0, 200);
    assert!(!here.run(&["check"]).good().out.contains("is not heard here"));

    there.run(&["client", "disable", "my-app"]).good();
    eventually(|| get(&health, &token).0 == 401);
    assert!(get(&health, &token).1.contains("revoked"));
    let explain = ["explain", "--token", "-", "--request", "GET /v1/health", "--json"];
    let explained = here.run_with(&explain, &token).good().json();
    assert_eq!(explained["outcome"]["code"], "revoked", "asked by hand, it knows too");
    there.run(&["client", "enable", "my-app"]).good();
    eventually(|| get(&health, &token).0 == 200);

    let (_, answer) = get(&feed, "");
    let page: serde_json::Value =
        serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
    let next = format!("{feed}?after={}", page["cursor"].as_str().unwrap());
    assert!(get(&next, "").1.contains("\"revocations\":[]"), "nothing is told twice");
    assert!(answer.contains("cache-control: no-store"), "{answer}");
    assert_eq!(get(&format!("{}/revocations", here.admin), "").0, 404, "no issuer, no list");

    // Nobody vouches for a token whose issuer has been silent for too long.
    issuer.stop();
    eventually(|| get(&health, &token).0 == 503);
    let (_, answer) = get(&health, &token);
    assert!(
        answer.contains("revocations_unknown") && answer.contains("retry-after: 1"),
        "{answer}"
    );
    let _issuer = there.serve();
    eventually(|| get(&health, &token).0 == 200);
}

#[test]
fn a_gateway_alone_accepts_the_tokens_of_an_issuer_elsewhere() {
    let (there, here) = (House::new(), House::new());
    let secret = there.client("my-app");
    leave_alone(&here, &there, "");
    let checked = here.run(&["check"]).good().out;
    assert!(checked.contains("is not heard here"), "{checked}");
    let _there = there.serve();
    let gateway = here.serve();
    let token = token_of(&there, "my-app", &secret);
    let (status, answer) = get(&format!("{}/v1/health", here.gateway), &token);
    assert_eq!(status, 200, "{answer}");
    let metadata = format!("{}/.well-known/oauth-protected-resource/v1", here.gateway);
    assert!(get(&metadata, "").1.contains(&there.issuer), "clients learn where to get a token");
    eventually(|| here.run(&["audit", "tail"]).good().out.contains("my-app GET /v1/health"));
    assert_eq!(here.run(&["token", "get", "--client-id", "my-app"]).code, 2, "no issuer here");
    let (_, log) = gateway.stop();
    assert!(log.contains("is not heard here"), "{log}");
}
