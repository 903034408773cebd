//! `demo`: the main job, from a script that knows nothing but its environment.

use crate::program::{Ran, command, exists, run, signal};
use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::Stdio,
};

/// As a newcomer would write it.
const MAIN_JOB: &str = r#"
set -eu
token() {
    curl -sf "$PORTCULLIS_ISSUER/token" -u "$1:$2" -d grant_type=client_credentials "${@:3}" |
        sed 's/.*"access_token": *"\([^"]*\)".*/\1/'
}
FREE=$(token "$FREE_CLIENT_ID" "$FREE_CLIENT_SECRET")
PREMIUM=$(token "$PREMIUM_CLIENT_ID" "$PREMIUM_CLIENT_SECRET")
ask() {
    curl -s -o "${4:-/dev/null}" -w '%{http_code}\n' "$PORTCULLIS_GATEWAY$2" -H "Authorization: Bearer $1" \
        -H 'Content-Type: application/json' ${3:+-d "$3"}
}
CHAT='{"model":"portcullis-ngram-basic","messages":[{"role":"user","content":"What is a token?"}]'
echo "chat $(ask "$FREE" /v1/chat/completions "$CHAT}")"
echo "models $(ask "$FREE" /v1/models)"
echo "generate $(ask "$FREE" '/generate?prompt=Hello')"
echo "premium, free $(ask "$FREE" '/generate/premium?prompt=Hello')"
echo "premium, premium $(ask "$PREMIUM" '/generate/premium?prompt=Hello')"
echo "premium by its name $(ask "$FREE" /v1/chat/completions "${CHAT/basic/premium}}")"
echo "messages $(ask "$FREE" /v1/messages '{"model":"portcullis-ngram-basic","max_tokens":20,"messages":[{"role":"user","content":"Hello"}]}')"
echo "unmapped $(ask "$PREMIUM" /v1/files)"
echo "stream $(curl -sN "$PORTCULLIS_GATEWAY/v1/chat/completions" -H "Authorization: Bearer $FREE" \
    -H 'Content-Type: application/json' -d "$CHAT,\"stream\":true}" | tail -n 2 | head -n 1)"
ID=$(curl -s -o /dev/null -D - "$PORTCULLIS_GATEWAY/generate/premium?prompt=x" -H "Authorization: Bearer $FREE" |
    sed -n 's/^x-decision-id: *\(dec_[0-9A-Z]*\).*/\1/p')
portcullis explain "$ID" | grep -q 'FAILED  scope' && echo explained
CLIENT_SECRET=$FREE_CLIENT_SECRET portcullis token get --client-id "$FREE_CLIENT_ID" 2>/dev/null |
    portcullis token verify --audience "$PORTCULLIS_GATEWAY" --scope generate:basic >/dev/null && echo verified
portcullis audit verify | head -n 1 | cut -d: -f1
dirname "$PORTCULLIS_CONFIG"
exit 7
"#;

fn demo(script: &str) -> Ran {
    command(&["demo", "--", "bash", "-c", script]).stdin(Stdio::null()).output().unwrap().into()
}

/// Whatever is free.
const ANY_PORTS: [&str; 8] =
    ["--issuer-port", "0", "--gateway-port", "0", "--admin-port", "0", "--app-port", "0"];

#[test]
fn the_main_job_is_done_and_the_exit_code_is_the_commands() {
    let ran = demo(MAIN_JOB);
    let (told, directory) = ran.out.trim_end().rsplit_once('\n').unwrap();
    let expected = "chat 200\nmodels 200\ngenerate 200\npremium, free 403\npremium, premium 200\n\
        premium by its name 404\nmessages 200\n\
        unmapped 404\nstream data: [DONE]\nexplained\nverified\nintact";
    assert_eq!(told, expected, "{}", ran.err);
    assert_eq!(ran.code, 7);
    assert_eq!(ran.err, "", "standard error is the command's too");
    assert!(
        directory.contains("portcullis-demo-") && !exists(directory),
        "{directory} is left behind"
    );
}

#[test]
fn many_demos_run_at_once() {
    let script =
        "echo $PORTCULLIS_ISSUER; portcullis client list --json | grep -c '\"id\"'; sleep 0.3";
    let spawn = || {
        let mut demo = command(&["demo", "--", "sh", "-c", script]);
        demo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let all: Vec<_> = (0..3).map(|_| spawn()).collect();
    let mut issuers = Vec::new();
    for demo in all {
        let ran: Ran = demo.wait_with_output().unwrap().into();
        let ran = ran.good();
        let (issuer, clients) = ran.out.trim_end().split_once('\n').unwrap();
        assert_eq!(clients, "4", "two services, the app and the command line");
        issuers.push(issuer.to_owned());
    }
    issuers.sort();
    issuers.dedup();
    assert_eq!(issuers.len(), 3, "each has an issuer of its own");
}

#[test]
fn signals_reach_the_command() {
    let script = "trap 'echo told; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut demo =
        command(&["demo", "--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    signal(demo.id(), "TERM");
    out.read_to_string(&mut line).unwrap();
    assert_eq!(line, "ready\ntold\n");
    assert_eq!(demo.wait().unwrap().code(), Some(9));
}

#[test]
fn a_command_that_is_killed_or_not_there_ends_as_in_a_shell() {
    assert_eq!(demo("kill -KILL $$").code, 128 + 9);
    let absent = run(&["demo", "--", "no-such-command-anywhere"]);
    assert_eq!(absent.code, 127);
    assert!(absent.err.contains("cannot run no-such-command-anywhere"), "{}", absent.err);
}

#[test]
fn a_taken_port_names_the_flag() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    for flag in ["--issuer-port", "--gateway-port", "--admin-port"] {
        let stopped = run(&["demo", flag, &port, "--", "true"]);
        assert_eq!(stopped.code, 3);
        assert!(stopped.err.contains(&format!("({flag}) is taken")), "{}", stopped.err);
    }
}

#[test]
fn a_port_that_is_given_twice_names_both_flags() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    drop(holder);
    let stopped = run(&["demo", "--issuer-port", &port, "--admin-port", &port, "--", "true"]);
    assert_eq!(stopped.code, 2);
    let said = format!("--issuer-port and --admin-port are both {port}");
    assert!(stopped.err.contains(&said), "{}", stopped.err);
}

#[test]
fn programs_are_told_in_one_object_what_runs() {
    let mut demo = command(&[&["demo", "--json"][..], &ANY_PORTS].concat());
    let mut demo = demo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(demo.stdout.take().unwrap());
    let mut objects = serde_json::Deserializer::from_reader(out).into_iter();
    let told: serde_json::Value = objects.next().unwrap().unwrap();
    let client = &told["clients"][0];
    assert_eq!(client["client_id"], "free-app");
    assert!(client["client_secret"].as_str().unwrap().starts_with("pcs_"));
    assert!(exists(told["config"].as_str().unwrap()));
    assert!(told["issuer"].as_str().unwrap().starts_with("http://localhost:"));
    let roles: Vec<_> = told["people"].as_array().unwrap().iter().map(|one| &one["role"]).collect();
    assert_eq!(roles, ["admin", "data-scientist", "viewer"]);
    let token = told["commands"][0]["command"].as_str().unwrap();
    let ran: Ran = std::process::Command::new("sh").args(["-c", token]).output().unwrap().into();
    assert!(ran.out.starts_with("eyJ"), "{}", ran.err);
    signal(demo.id(), "INT");
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(objects.next().is_none(), "and nothing else");
}

#[test]
fn it_welcomes_with_commands_to_paste_and_goes_without_a_trace() {
    let mut demo = command(&[&["demo"][..], &ANY_PORTS].concat());
    let mut demo = demo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut page = String::new();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    while !page.contains("5  Stream") || !page.ends_with("\n\n") {
        assert_ne!(out.read_line(&mut page).unwrap(), 0, "{page}");
    }
    let commands: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("1  ")).collect();
    let commands = commands.iter().filter(|line| !line.starts_with(|c: char| c.is_ascii_digit()));
    let script = commands.copied().collect::<Vec<_>>().join("\n");
    let ran: Ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap().into();
    assert!(ran.out.starts_with("eyJ"), "{}\n{}", ran.out, ran.err);
    for part in ["chat.completion\"", "HTTP/1.1 403", "FAILED  scope", "data: [DONE]"] {
        assert!(ran.out.contains(part), "{part}: {}\n{}", ran.out, ran.err);
    }
    let directory =
        page.split_once("--config ").unwrap().1.split_once("/portcullis.toml").unwrap().0;
    assert!(exists(directory));
    signal(demo.id(), "INT");
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(!exists(directory), "{directory} is left behind");
}

#[test]
fn a_directory_that_is_named_is_kept_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("kept");
    let data = data.to_str().unwrap();
    let script = "curl -sf $PORTCULLIS_ISSUER/token -u $FREE_CLIENT_ID:$FREE_CLIENT_SECRET -d grant_type=client_credentials | grep -c access_token";
    for _ in 0..2 {
        let ran = run(&["demo", "--data", data, "--", "sh", "-c", script]).good();
        assert_eq!(ran.out, "1\n");
    }
    let config = format!("{data}/portcullis.toml");
    let tail = run(&["audit", "tail", "--config", &config]).good().out;
    assert_eq!(tail.matches("free-app token").count(), 2, "{tail}");
    run(&["audit", "verify", "--config", &config]).good();
}

/// Own rows, the other's refused, at both doors; both in the log.
const PARTNERS: &str = r#"
set -eu
one() { sed 's/.*"'"$1"'": *"\([^"]*\)".*/\1/'; }
trade() {
    curl -s "$PORTCULLIS_ISSUER/token" -u "$1:$2" -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
        -d subject_token_type="urn:ietf:params:oauth:token-type:$3" -d subject_token="$4" "${@:5}"
}
read_rows() { curl -s -o "$3" -w '%{http_code}\n' "$PORTCULLIS_GATEWAY/t/$2/rows" -H "Authorization: Bearer $1"; }
DIR=$(dirname "$PORTCULLIS_CONFIG")
ACME=$(curl -sf "$ACME_ISSUER/token" -u "$ACME_CLIENT_ID:$ACME_CLIENT_SECRET" -d grant_type=client_credentials | one access_token)
A=$(trade "$ACME_APP_ID" "$ACME_APP_SECRET" access_token "$ACME" | one access_token)
echo "own $(read_rows "$A" t123/datasets/ds_claims "$DIR/rows")"
grep -c C-20418 "$DIR/rows"
echo "foreign $(read_rows "$A" t456/datasets/ds_shipments "$DIR/refused")"
portcullis explain "$(one decision_id <"$DIR/refused")" | grep -c 'FAILED  object'
NO=$(trade "$ACME_APP_ID" "$ACME_APP_SECRET" access_token "$ACME" -d scope=analytics:read:t456)
echo "$NO" | one error
portcullis explain "$(echo "$NO" | one decision_id)" | grep -c 'FAILED  grant scope'
NOW=$(date +%s)
GLOBEX=$(printf '{"iss":"https://globex.example","sub":"dispatch","roles":["dispatcher"],"aud":"%s","iat":%d,"exp":%d}' \
    "$PORTCULLIS_ISSUER" "$NOW" $((NOW + 300)) | portcullis jose sign --typ JWT --key "$GLOBEX_KEY")
B=$(trade "$GLOBEX_APP_ID" "$GLOBEX_APP_SECRET" jwt "$GLOBEX" | one access_token)
echo "own $(read_rows "$B" t456/datasets/ds_shipments "$DIR/rows")"
echo "foreign $(read_rows "$B" t123/datasets/ds_claims "$DIR/refused")"
echo "crossed $(trade "$ACME_APP_ID" "$ACME_APP_SECRET" jwt "$GLOBEX" | one error)"
portcullis can-i --tenant t123 analytics:read >/dev/null && echo t123 may
portcullis can-i --tenant t456 dataset:read >/dev/null || echo t456 may not
portcullis audit tail -n 20 | grep -c -e 'not_found .* GET /t/t456/' -e 'ok .* GET /t/t456/'
portcullis audit verify | head -n 1 | cut -d: -f1
echo "$DIR"
"#;

#[test]
fn two_tenants_read_their_own_and_are_refused_the_others() {
    let mut demo = command(&["demo", "partners", "--", "bash", "-c", PARTNERS]);
    let ran: Ran = demo.stdin(Stdio::null()).output().unwrap().into();
    let (told, directory) = ran.out.trim_end().rsplit_once('\n').unwrap();
    let expected = "own 200\n1\nforeign 404\n1\ninvalid_scope\n1\nown 200\nforeign 404\n\
        crossed invalid_request\nt123 may\nt456 may not\n2\nintact";
    assert_eq!(told, expected, "{}", ran.err);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(!exists(directory), "{directory} is left behind");
}

#[test]
fn the_partners_demo_keeps_what_it_is_told_to_keep() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("kept");
    let data = data.to_str().unwrap();
    let script = "cksum <$GLOBEX_KEY; portcullis tenant list --json | grep -c '\"id\"'";
    let run = || run(&["demo", "partners", "--data", data, "--", "sh", "-c", script]).good().out;
    let first = run();
    assert!(first.ends_with("\n2\n"), "{first}");
    assert_eq!(run(), first, "the same key, the same tenants");
}
