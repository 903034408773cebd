//! `init`, `check` and what every command says about a configuration that cannot be used.

use crate::program::{House, command, fed, run};
use std::os::unix::fs::PermissionsExt;

#[test]
fn init_writes_what_check_accepts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new/portcullis.toml");
    let file = file.to_str().unwrap();
    let written = run(&["init", "--config", file]).good();
    assert_eq!(written.out, "", "talk goes to standard error");
    let checked = run(&["check", "--config", file]).good();
    assert!(checked.out.contains("no mistakes"), "{}", checked.out);
    let key = directory.path().join("new/portcullis.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn init_overwrites_nothing() {
    let house = House::new();
    let before = std::fs::read(house.file("portcullis.toml")).unwrap();
    let refused = house.run(&["init"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("exists already"), "{}", refused.err);
    assert_eq!(std::fs::read(house.file("portcullis.toml")).unwrap(), before);
}

#[test]
fn check_reports_every_mistake_at_once_and_exits_with_1() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/names.toml");
    let check = |more: &[&str]| {
        let mut command = command(&[&["check", "--config", file][..], more].concat());
        fed(command.env("PORTCULLIS_KEY", "set"), "")
    };
    let report = check(&[]);
    assert_eq!(report.code, 1);
    assert!(report.out.contains("names.toml: 17 errors"), "{}", report.out);
    assert!(!report.out.contains('\u{1b}'), "no colours in a pipe");
    let json = check(&["--json"]);
    assert_eq!(json.code, 1);
    let entries = json.json();
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len(), 17);
    let api = entries.iter().find(|entry| entry["key"] == "route[0].api").unwrap();
    assert_eq!((api["line"].as_u64(), api["column"].as_u64()), (Some(35), Some(7)));
    assert_eq!(api["value"], "\"txt\"");
    assert_eq!(api["hint"], "did you mean 'text'?");
}

#[test]
fn a_house_without_configuration_says_where_to_get_one() {
    for command in
        [&["check"][..], &["serve"], &["client", "list"], &["key", "list"], &["audit", "tail"]]
    {
        let directory = tempfile::tempdir().unwrap();
        let absent = directory.path().join("portcullis.toml");
        let arguments = [command, &["--config", absent.to_str().unwrap()]].concat();
        let stopped = run(&arguments);
        assert_eq!(stopped.code, 3, "{command:?}");
        assert!(stopped.err.contains("'portcullis init' writes one"), "{}", stopped.err);
        assert_eq!(stopped.out, "");
    }
}

#[test]
fn a_configuration_with_mistakes_stops_every_command_with_3() {
    let house = House::new();
    std::fs::write(house.file("portcullis.toml"), "data_dri = \"x\"\n").unwrap();
    for command in [&["serve"][..], &["client", "list"]] {
        let stopped = house.run(command);
        assert_eq!(stopped.code, 3);
        assert!(stopped.err.contains("did you mean 'data_dir'?"), "{}", stopped.err);
    }
}

#[test]
fn another_key_encryption_key_is_told_from_a_broken_one() {
    let house = House::new();
    house.run(&["key", "rotate"]).good();
    std::fs::write(house.file("portcullis.key"), "YW5vdGhlci1rZXktb2YtdGhpcnR5LXR3by1ieXRlcyE\n")
        .unwrap();
    let other = house.run(&["key", "list"]);
    assert_eq!(other.code, 3);
    assert!(other.err.contains("is not the one"), "{}", other.err);
    std::fs::write(house.file("portcullis.key"), "short\n").unwrap();
    let broken = house.run(&["key", "list"]);
    assert_eq!(broken.code, 3);
    assert!(broken.err.contains("32 random bytes"), "{}", broken.err);
    assert!(!broken.err.contains("short"), "no secret in a message");
}

#[test]
fn a_key_file_is_looked_into_and_never_shown() {
    let house = House::new();
    let key = house.file("portcullis.key");
    let mode = |mode| std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
    for content in
        [&b"short-secret\n"[..], b"", b"\xff\xfe raw bytes that are thirty-two..", &[b'A'; 5000]]
    {
        std::fs::write(&key, content).unwrap();
        mode(0o600);
        for command in [&["check"][..], &["check", "--json"]] {
            let checked = house.run(command);
            assert_eq!(checked.code, 1, "{}", checked.out);
            assert!(checked.out.contains("64 hex digits"), "{}", checked.out);
            let said = checked.out + &checked.err;
            for secret in ["short-secret", "raw bytes", "AAAA"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }
    std::fs::write(&key, "ab12".repeat(16)).unwrap();
    assert!(house.run(&["check"]).good().out.contains("no mistakes"));
    mode(0o640);
    let seen = house.run(&["check"]).good().out;
    assert!(seen.contains("its file has mode 640") && seen.contains("chmod 600"), "{seen}");
}

#[test]
fn a_directory_that_everybody_can_write_to_is_pointed_at() {
    let house = House::new();
    house.run(&["key", "rotate"]).good();
    assert!(!house.run(&["check"]).good().out.contains("everybody"));
    let data = house.file("portcullis-data");
    std::fs::set_permissions(data, PermissionsExt::from_mode(0o777)).unwrap();
    let seen = house.run(&["check"]).good().out;
    assert!(seen.contains("warning: everybody on this machine can write to"), "{seen}");
}

#[test]
fn usage_is_2_and_help_has_examples() {
    assert_eq!(run(&["client", "remove"]).code, 2);
    assert_eq!(run(&["token", "get", "--resource"]).code, 2);
    for command in [
        &["init"][..],
        &["check"],
        &["serve"],
        &["demo"],
        &["client"],
        &["client", "add"],
        &["client", "update"],
        &["key"],
        &["token"],
        &["token", "get"],
        &["login"],
        &["token", "inspect"],
        &["token", "verify"],
        &["explain"],
        &["audit"],
        &["jose", "sign"],
        &["policy"],
        &["policy", "test"],
        &["policy", "check"],
        &["policy", "fmt"],
        &["policy", "eval"],
        &["policy", "diff"],
        &["policy", "schema"],
        &["completions"],
    ] {
        let help = run(&[command, &["--help"]].concat()).good();
        assert!(help.out.contains("Examples:"), "{command:?}: {}", help.out);
    }
    let help = run(&["--help"]).good().out;
    assert!(help.starts_with("Issues, checks and explains tokens"), "{help}");
    assert!(
        help.contains("Exit codes:") && help.contains("Say why a request was refused"),
        "{help}"
    );
    let help = run(&["client", "add", "--help"]).good().out;
    assert!(
        help.starts_with("Register a client") && help.contains("NAME becomes its client_id"),
        "{help}"
    );
    assert!(run(&["completions", "bash"]).good().out.contains("complete -F"));
}
