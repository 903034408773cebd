//! Policies from the command line: in a directory of their own, with no configuration.

use crate::program::{House, Ran, command, fed};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");

/// Somewhere that has only these files, in `policies`.
struct Place(tempfile::TempDir);

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.add("policies", files);
        place
    }

    /// The shipped policies, and these instead of, or besides, those of the same name.
    fn library(files: &[(&str, &str)]) -> Self {
        let place = Self::with(&[]);
        for entry in fs::read_dir(LIBRARY).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.file(&entry.file_name().into_string().unwrap())).unwrap();
        }
        place.add("policies", files);
        place
    }

    fn add(&self, folder: &str, files: &[(&str, &str)]) {
        let folder = self.0.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("policies").join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.fed(arguments, "")
    }

    fn fed(&self, arguments: &[&str], input: &str) -> Ran {
        fed(command(&[&["policy"], arguments].concat()).current_dir(self.0.path()), input)
    }
}

fn changed(name: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(Path::new(LIBRARY).join(name)).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    text.replacen(from, to, 1)
}

/// A request at the gateway that a tenant's contract covers.
fn request(tier: &str, model: &str) -> String {
    json!({
        "caller": { "sub": "usr_a", "client_id": "cli_a", "tenant": "t123", "scopes": ["generate:standard"] },
        "tenant": { "id": "t123", "tier": tier, "state": "active" },
        "resource": {
            "api": "text", "route": "/v1/chat", "method": "POST", "path": "/v1/chat",
            "scopes": ["generate:standard"], "model": { "name": "a-model", "class": model },
        },
        "context": { "time": 0, "weekday": "monday", "hour": 9, "minute": 0 },
        "behaviour": { "distinct_prompts": 3, "requests_per_minute": 5, "refusals": 0 },
    })
    .to_string()
}

#[test]
fn the_shipped_policies_pass_their_tests_and_every_check() {
    let place = Place::library(&[]);
    let tested = place.run(&["test", "policies"]).good();
    assert!(tested.out.contains(" tests passed; "), "{}", tested.out);
    assert!(tested.out.contains("request.rego"), "coverage, file by file: {}", tested.out);
    let report = place.run(&["test", "--json"]).good().json();
    assert!(report["passed"].as_u64().unwrap() > 20, "{report}");
    assert_eq!(report["failures"], json!([]));
    let checked = place.run(&["check", "policies"]).good();
    assert!(
        checked.out.ends_with("decides at client, token, exchange, request, manage; 0 warnings\n"),
        "{}",
        checked.out
    );
    let checked = place.run(&["check", "--json"]).good().json();
    assert!(checked["revision"].as_str().unwrap().starts_with("sha256:"), "{checked}");
    assert_eq!(checked["findings"], json!([]));
    assert_eq!(place.run(&["fmt", "--check"]).good().out, "");
}

#[test]
fn a_test_that_fails_is_named_with_file_and_line() {
    let text = changed("request_test.rego", "[\"generate:basic\"]", "[\"generate:standard\"]");
    let line = 1 + text.lines().position(|line| line.starts_with("test_too_many")).unwrap();
    let place = Place::library(&[("request_test.rego", &text)]);
    let tested = place.run(&["test", "policies"]);
    assert_eq!(tested.code, 1, "{}", tested.out);
    let place_of_it = format!("policies/request_test.rego:{line}: ");
    assert!(tested.out.starts_with(&place_of_it), "{}", tested.out);
    assert!(tested.out.contains("1 of "), "{}", tested.out);
    let report = place.run(&["test", "--json"]);
    assert_eq!(report.code, 1);
    assert_eq!(report.json()["failures"][0]["line"], line);
}

#[test]
fn policies_without_a_test_do_not_pass() {
    let rules = "package portcullis.request\n\ndefault decision := {\"allow\": false}\n\n\
        decision := {\"allow\": true} if input.resource.method == \"GET\"\n";
    let tested = Place::with(&[("request.rego", rules)]).run(&["test"]);
    assert_eq!(tested.code, 1);
    assert!(tested.out.contains("there is no test: write rules named test_"), "{}", tested.out);
}

#[test]
fn a_mistake_is_named_with_file_line_and_remedy() {
    let rules = "package portcullis.request\n\ndefault decision := {\"allow\": false}\n\n\
        decision := {\"allow\": true} if {\n\tinput.caller.tenent == \"t123\"\n}\n";
    let place = Place::with(&[("request.rego", rules)]);
    let checked = place.run(&["check"]);
    assert_eq!(checked.code, 1, "{}", checked.out);
    assert!(checked.out.contains("policies/request.rego:6: error: "), "{}", checked.out);
    assert!(checked.out.contains("tenent") && checked.out.contains("tenant"), "{}", checked.out);
    assert!(checked.out.contains("\n  hint: "), "{}", checked.out);
    assert!(checked.out.contains("policies: refused: 1 error, "), "{}", checked.out);
    let checked = place.run(&["check", "--json"]);
    assert_eq!(checked.code, 1);
    let answer = checked.json();
    assert_eq!(answer["revision"], Value::Null);
    let of_level = |finding: &&Value| finding["level"] == "error";
    let error = answer["findings"].as_array().unwrap().iter().find(of_level).unwrap();
    assert_eq!((&error["file"], &error["line"]), (&json!("request.rego"), &json!(6)));
    assert!(!error["remedy"].as_str().unwrap().is_empty());
    for command in [&["test"][..], &["eval", "--point", "request", "--input", "-"]] {
        let refused = place.run(command);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{}", refused.err);
        assert!(refused.err.contains("policies/request.rego:6: error: "), "{}", refused.err);
    }
}

#[test]
fn what_is_no_rego_and_what_could_run_for_ever_is_refused() {
    let head = "package portcullis.request\n\ndefault decision := {\"allow\": false}\n\n";
    let endless = format!("{head}decision := {{\"allow\": true}} if again\n\nagain if again\n");
    for (rules, line) in [(format!("{head}decision := {{ if\n"), 5), (endless, 7)] {
        let checked = Place::with(&[("request.rego", &rules)]).run(&["check"]);
        assert_eq!(checked.code, 1, "{}", checked.out);
        let place = format!("policies/request.rego:{line}: error: ");
        assert!(checked.out.contains(&place), "{}", checked.out);
    }
}

#[test]
fn warnings_refuse_nothing() {
    let rules = "package portcullis.request\n\ndefault decision := {\"allow\": false}\n\n\
        decision := {\"allow\": true} if input.resource.method == \"GET\"\n";
    let checked = Place::with(&[("request.rego", rules)]).run(&["check"]).good();
    assert!(
        checked.out.contains("policies: warning: there is no policy for the point 'manage'"),
        "{}",
        checked.out
    );
    assert!(checked.out.contains("decides at request; 4 warnings"), "{}", checked.out);
}

#[test]
fn a_directory_that_is_not_there_or_empty_is_no_policy() {
    let place = Place::with(&[]);
    for command in ["test", "check", "fmt"] {
        let missing = place.run(&[command, "nowhere"]);
        assert_eq!(missing.code, 3, "{}", missing.out);
        assert!(missing.err.contains("cannot read the directory nowhere"), "{}", missing.err);
    }
    for command in ["test", "check"] {
        assert_eq!(place.run(&[command]).code, 1, "{command}");
    }
}

#[test]
fn spacing_is_put_right_once() {
    let place = Place::library(&[]);
    let tidy = fs::read_to_string(place.file("tiers.rego")).unwrap();
    fs::write(place.file("tiers.rego"), tidy.replace('\t', "    ") + "\n\n").unwrap();
    let seen = place.run(&["fmt", "policies", "--check"]);
    assert_eq!((seen.code, seen.out.as_str()), (1, "policies/tiers.rego\n"));
    assert_ne!(fs::read_to_string(place.file("tiers.rego")).unwrap(), tidy, "--check only looks");
    assert_eq!(place.run(&["fmt"]).good().out, "policies/tiers.rego\n");
    assert_eq!(fs::read_to_string(place.file("tiers.rego")).unwrap(), tidy);
    assert_eq!(place.run(&["fmt", "--json"]).good().json(), json!({ "changed": [] }));
}

#[test]
fn one_input_is_decided_and_told_why() {
    let place = Place::library(&[]);
    let eval = ["eval", "policies", "--point", "request", "--input", "-"];
    let allowed = place.fed(&eval, &request("team", "medium")).good();
    assert!(allowed.out.starts_with("allowed by the policy\n"), "{}", allowed.out);
    assert!(allowed.out.contains("max_output_tokens"), "{}", allowed.out);

    fs::write(place.file("request.json"), request("free", "large")).unwrap();
    let eval = ["eval", "--point", "request", "--input", "policies/request.json"];
    let denied = place.run(&eval);
    assert_eq!(denied.code, 1);
    assert!(denied.out.starts_with("denied by the policy\n"), "{}", denied.out);
    assert!(denied.out.contains("tier."), "with a reason: {}", denied.out);
    let denied = place.run(&[&eval[..], &["--json"]].concat());
    assert_eq!(denied.code, 1);
    assert_eq!(denied.json()["allow"], false);
    assert_eq!(denied.json()["cause"], json!({ "by": "policy" }));
}

#[test]
fn an_input_of_another_shape_is_refused() {
    let place = Place::library(&[]);
    let eval = ["eval", "--point", "request", "--input", "-"];
    let surplus = request("team", "medium").replacen('{', "{\"colour\":\"red\",", 1);
    for (input, named) in [("", "EOF"), ("{}", "caller"), (surplus.as_str(), "colour")] {
        let refused = place.fed(&eval, input);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{}", refused.err);
        assert!(refused.err.contains(named), "{}", refused.err);
        assert!(refused.err.contains("portcullis policy schema request"), "{}", refused.err);
    }
    let wrong = place.run(&["eval", "--point", "requests", "--input", "-"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("client, token, exchange, request, manage"), "{}", wrong.err);
    assert_eq!(place.run(&["eval", "--point", "request", "--input", "nothing.json"]).code, 3);
}

#[test]
fn what_is_different_is_told_by_rule() {
    let place = Place::library(&[]);
    assert_eq!(place.run(&["diff", "policies", "policies"]).good().out, "");
    let rules = fs::read_to_string(place.file("tiers.rego")).unwrap();
    for entry in fs::read_dir(LIBRARY).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        place.add("new", &[(&name, &fs::read_to_string(entry.path()).unwrap())]);
    }
    place.add("new", &[("tiers.rego", &format!("# Another word.\n{rules}\nmore := 1\n"))]);
    let told = place.run(&["diff", "policies", "new", "--json"]).good().json();
    assert_eq!(told, json!([{ "name": "portcullis.tiers.more", "change": "added" }]));
    let told = place.run(&["diff", "policies", "new"]).good().out;
    assert!(told.contains("added   portcullis.tiers.more"), "{told}");
}

#[test]
fn every_point_has_a_schema() {
    let place = Place::with(&[]);
    for point in ["client", "token", "exchange", "request", "manage"] {
        let schema = place.run(&["schema", point]).good().json();
        assert_eq!(schema["additionalProperties"], false, "{point}");
        assert!(schema["properties"].is_object(), "{point}");
    }
    assert_eq!(place.run(&["schema", "nothing"]).code, 2);
}

#[test]
fn the_scopes_of_a_configuration_are_known() {
    let house = House::new();
    let rules = "package portcullis.request\n\ndefault decision := {\"allow\": false}\n\n\
        decision := {\"allow\": true} if \"report:sign\" in input.caller.scopes\n";
    fs::create_dir(house.file("policies")).unwrap();
    fs::write(house.file("policies/request.rego"), rules).unwrap();
    let policies = house.file("policies");
    let check = ["policy", "check", policies.to_str().unwrap()];
    let unknown = house.run(&check).good().out;
    assert!(unknown.contains("warning: no one can hold the scope 'report:sign'"), "{unknown}");
    let toml = fs::read_to_string(house.file("portcullis.toml")).unwrap();
    let toml = format!(
        "{toml}\n[[scope]]\nfamily = \"report\"\nverb = \"sign\"\ntitle = \"Sign reports\"\n"
    );
    fs::write(house.file("portcullis.toml"), toml).unwrap();
    let known = house.run(&check).good().out;
    assert!(!known.contains("report:sign"), "{known}");
    assert!(!house.file("portcullis-data").exists(), "nothing is opened");
    let mut lost = house.command(&check);
    lost.stdin(Stdio::null()).env("PORTCULLIS_CONFIG", house.file("no.toml"));
    let lost = Ran::from(lost.output().unwrap());
    assert_eq!(lost.code, 3, "a configuration that was named must be there: {}", lost.err);
}
