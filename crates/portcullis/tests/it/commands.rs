//! Clients, keys and the audit log from the command line, with nothing running.

use crate::program::{House, Ran, command, fed};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

#[test]
fn a_client_lives_its_whole_life() {
    let house = House::new();
    let added = house.run(&[
        "client",
        "add",
        "My app",
        "--id",
        "my-app",
        "--api",
        "text",
        "--scope",
        "generate:basic model:list",
        "--json",
    ]);
    let added = added.good().json();
    let secret = added["client_secret"].as_str().unwrap();
    assert!(secret.starts_with("pcs_"));
    assert_eq!(added["client"]["default_scope"], "generate:basic model:list");

    let listed = house.run(&["client", "list", "--json"]).good();
    assert_eq!(listed.json()[0]["id"], "my-app");
    assert!(!listed.out.contains(secret), "the secret is shown once");
    assert!(house.run(&["client", "list"]).good().out.contains("my-app"));

    let updated = house
        .run(&["client", "update", "my-app", "--add-scope", "generate:advanced", "--json"])
        .good()
        .json();
    assert_eq!(updated["scopes"].as_array().unwrap().len(), 3);
    house.run(&["client", "disable", "my-app"]).good();
    assert!(house.run(&["client", "show", "my-app"]).good().out.contains("disabled since"));
    house.run(&["client", "enable", "my-app"]).good();
    let rotated = house
        .run(&["client", "rotate-secret", "my-app", "--overlap", "1h", "--json"])
        .good()
        .json();
    assert_ne!(rotated["client_secret"], secret);
    assert_eq!(
        house.run(&["client", "show", "my-app", "--json"]).good().json()["secrets"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let tail = house.run(&["audit", "tail"]).good().out;
    for action in
        ["client.add", "client.update", "client.disable", "client.enable", "client.rotate_secret"]
    {
        assert!(tail.contains(action), "{tail}");
    }
    assert!(house.run(&["audit", "verify"]).good().out.starts_with("intact: "));
}

#[test]
fn a_client_cannot_be_promised_what_no_token_can_hold() {
    let house = House::new();
    let add = |more: &[&str]| house.run(&[&["client", "add", "app"][..], more].concat());
    let stray = add(&["--api", "text", "--scope", "embedding:create"]);
    assert_eq!(stray.code, 1);
    assert!(stray.err.contains("they offer generate:advanced"), "{}", stray.err);
    let slip = add(&["--api", "txt", "--scope", "generate:basic"]);
    assert_eq!(slip.code, 1);
    assert!(slip.err.contains("did you mean 'text'?"), "{}", slip.err);
    let unsaid = add(&["--scope", "generate:basic"]);
    assert_eq!(unsaid.code, 2, "two APIs: which one? {}", unsaid.err);
    assert_eq!(add(&["--api", "text", "--scope", "generate:basc"]).code, 1);
    assert_eq!(add(&["--api", "text", "--scope", "*:*"]).code, 2);
    assert_eq!(house.run(&["client", "list", "--json"]).good().json(), serde_json::json!([]));
}

#[test]
fn an_unknown_client_is_answered_with_the_nearest_one() {
    let house = House::new();
    house.client("my-app");
    let unknown = house.run(&["client", "disable", "my-ap"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("did you mean 'my-app'?"), "{}", unknown.err);
    let taken =
        house.run(&["client", "add", "my-app", "--api", "text", "--scope", "generate:basic"]);
    assert_eq!(taken.code, 1);
    let json = house.run(&["client", "show", "nobody", "--json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&json.err).unwrap()["error"].is_string());
}

#[test]
fn keys_rotate_orderly_or_at_once() {
    let house = House::new();
    let states = || {
        let keys = house.run(&["key", "list", "--json"]).good().json();
        let keys = keys.as_array().unwrap().clone();
        keys.iter()
            .map(|key| {
                (key["kid"].as_str().unwrap().to_owned(), key["state"].as_str().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(states(), [], "to list keys makes none");
    }
    assert!(house.run(&["key", "rotate"]).good().out.contains("20"), "put off until a date");
    let first = states();
    let of = |wanted: &str| first.iter().find(|(_, state)| state == wanted).map(|(kid, _)| kid);
    assert_eq!(first.len(), 4, "two for access tokens, two for ID tokens");
    assert!(of("next").is_some());
    let current = of("current").unwrap();
    let refused = house.run(&["key", "retire", current]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("--now forces it"), "{}", refused.err);
    house.run(&["key", "rotate", "--now"]).good();
    let after = states();
    assert!(after.contains(&(current.clone(), "retiring".to_owned())), "{after:?}");
    house.run(&["key", "retire", current, "--now"]).good();
    assert!(states().contains(&(current.clone(), "retired".to_owned())));
    assert_eq!(house.run(&["key", "retire", "no-such-key"]).code, 1);
    for arguments in
        [["key", "retire", "-begins-so", "--now"], ["key", "retire", "--now", "-begins-so"]]
    {
        let refused = house.run(&arguments);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains("-begins-so"), "{}", refused.err);
    }
}

#[test]
fn the_audit_log_is_exported_whole_and_to_an_anchor() {
    let house = House::new();
    house.client("one");
    let anchor = house.run(&["audit", "verify", "--json"]).good().json()["anchor"]
        .as_str()
        .unwrap()
        .to_owned();
    house.client("two");
    house.run(&["audit", "verify", "--anchor", &anchor]).good();
    let other =
        format!("{}{}", &anchor[..anchor.len() - 1], if anchor.ends_with('0') { '1' } else { '0' });
    let rewritten = house.run(&["audit", "verify", "--anchor", &other]);
    assert_eq!(rewritten.code, 1);
    assert!(rewritten.out.contains("NOT intact"), "{}", rewritten.out);
    let export = house.run(&["audit", "export"]).good();
    let records =
        house.run(&["audit", "verify", "--json"]).good().json()["records"].as_u64().unwrap();
    assert_eq!(u64::try_from(export.out.lines().count()).unwrap(), records + 1, "and a last line");
    let file = house.file("export.jsonl");
    house.run(&["audit", "export", "--out", file.to_str().unwrap()]).good();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), export.out);
    assert_eq!(
        house.run(&["audit", "export", "--out", file.to_str().unwrap()]).code,
        3,
        "nothing is overwritten"
    );
    let tail = house.run(&["audit", "tail", "-n", "1", "--json"]).good();
    assert_eq!(tail.out.lines().count(), 1);
    assert_eq!(tail.json()["target"], "two");
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let house = House::new();
    house.client("one");
    house.client("two");
    for command in [&["audit", "export"][..], &["audit", "tail", "--follow", "-n", "1000"]] {
        let mut process = house.command(command);
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process.spawn().unwrap();
        let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
        if command.contains(&"tail") {
            reader.read_line(&mut String::new()).unwrap();
        }
        drop(reader);
        if command.contains(&"tail") {
            house.client("three");
        }
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{command:?}");
        assert!(!String::from_utf8(ended.stderr).unwrap().contains("error"), "{command:?}");
    }
}

#[test]
fn a_log_that_was_erased_whole_is_not_intact() {
    let house = House::new();
    assert!(house.run(&["audit", "verify"]).good().out.starts_with("intact: 0 records"));
    house.client("one");
    let migrations = [
        portcullis_audit::MIGRATIONS,
        portcullis_directory::MIGRATIONS,
        portcullis_keyring::MIGRATIONS,
        portcullis_issuer::MIGRATIONS,
    ];
    let database = house.file("portcullis-data/portcullis.db");
    let store = portcullis_store::Store::open(&database, &migrations.concat()).unwrap();
    let erase = store.write_blocking(|tx| {
        tx.execute("DELETE FROM audit", &[])?;
        tx.execute("DELETE FROM audit_head", &[])
    });
    erase.unwrap();
    let verified = house.run(&["audit", "verify", "--json"]);
    assert_eq!(verified.code, 1, "{}", verified.out);
    assert_eq!(verified.json()["intact"], false);
    assert!(verified.json()["findings"][0].as_str().unwrap().contains("1 clients and 0 keys"));
    assert!(house.run(&["audit", "verify"]).out.starts_with("NOT intact"));
}

#[test]
fn programs_read_every_time_as_rfc_3339() {
    let house = House::new();
    house.client("one");
    house.run(&["client", "rotate-secret", "one"]).good();
    house.run(&["client", "disable", "one"]).good();
    let outputs: Vec<Value> = [
        &["client", "list"][..],
        &["client", "show", "one"],
        &["client", "enable", "one"],
        &["key", "rotate"],
        &["key", "list"],
        &["audit", "verify"],
        &["audit", "tail", "-n", "1"],
    ]
    .iter()
    .map(|command| house.run(&[command, &["--json"][..]].concat()).good().json())
    .collect();
    for output in &outputs {
        let numbers = millis(output);
        assert!(numbers.is_empty(), "{numbers:?} in {output}");
    }
    let client = &outputs[1];
    for time in [&client["created"], &client["disabled_since"], &client["secrets"][1]["expires"]] {
        assert!(time.as_str().unwrap().ends_with('Z'), "{client}");
    }
}

/// Numbers that may be milliseconds since 1970.
fn millis(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => members.values().flat_map(millis).collect(),
        Value::Array(list) => list.iter().flat_map(millis).collect(),
        Value::Number(number) if number.as_i64() > Some(1_000_000_000) => vec![value],
        _ => Vec::new(),
    }
}

#[test]
fn a_token_is_an_argument_or_in_a_file_and_never_repeated() {
    let house = House::new();
    let file = |name: &str| house.file(name).to_str().unwrap().to_owned();
    let key = house.run(&["jose", "generate", "--alg", "ES256"]).good().out;
    std::fs::write(house.file("key.json"), &key).unwrap();
    let sign = ["jose", "sign", "--key", &file("key.json")];
    let token = fed(&mut house.command(&sign), "hello").good().out;
    std::fs::write(house.file("a.b.jwt"), &token).unwrap();
    let verify = |given: &str| house.run(&["jose", "verify", "--key", &file("key.json"), given]);
    assert_eq!(verify(token.trim_end()).good().out, "hello");
    assert_eq!(verify(&file("a.b.jwt")).good().out, "hello");
    let cut = token.trim_end().split('.').next().unwrap();
    let absent = verify(cut);
    assert_eq!(absent.code, 3);
    assert!(absent.err.contains(&format!("cannot read {}…", &cut[..16])), "{}", absent.err);
    let key = house.run(&["jose", "generate", "--alg", "A256KW"]).good().out;
    std::fs::write(house.file("secret.json"), key).unwrap();
    let seal = ["jose", "encrypt", "--key", &file("secret.json")];
    let letter = fed(&mut house.command(&seal), "hello").good().out;
    let open = ["jose", "decrypt", "--key", &file("secret.json"), letter.trim_end()];
    assert_eq!(house.run(&open).good().out, "hello");
    let zip = [&seal[..], &["--zip"]].concat();
    let refused = fed(&mut house.command(&zip), &"x".repeat(256_001));
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("leave --zip out"), "{}", refused.err);
}

#[test]
fn a_token_file_that_is_not_there_or_empty_is_told_from_a_bad_token() {
    let house = House::new();
    std::fs::write(house.file("empty.jwt"), "\n").unwrap();
    let ask =
        |token: &str| house.run(&["explain", "--token", token, "--request", "GET /v1/health"]);
    for (token, said) in [
        ("no-such.jwt", "no-such.jwt: no such file"),
        ("./tokens/mine", "./tokens/mine: no such file"),
        (house.file("empty.jwt").to_str().unwrap(), "the file is empty"),
        (house.directory.path().to_str().unwrap(), "this is a directory"),
    ] {
        let asked = ask(token);
        assert_eq!((asked.code, asked.err.contains(said)), (3, true), "{token}: {}", asked.err);
    }
    let bad = ask("not-a-token").good().out;
    assert!(bad.contains("FAILED"), "{bad}");
    let overflow = house.run(&["explain", "dec_8ZZZZZZZZZZZZZZZZZZZZZZZZZ"]);
    assert_eq!(overflow.code, 2, "{}", overflow.err);
}

#[test]
fn the_oldest_records_are_exported_and_cut_and_the_rest_is_intact() {
    let house = House::new();
    house.client("one");
    house.client("two");
    let file = house.file("oldest.jsonl");
    let file = file.to_str().unwrap();
    let cut = ["audit", "cut", "--through", "1", "--export", file];
    let told = house.run(&cut).good().out;
    assert_eq!(told, format!("records 1 to 1 are in {file} alone\n"));
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 2, "and a last line");
    let verified = house.run(&["audit", "verify"]).good().out;
    assert!(verified.starts_with("intact: "), "{verified}");
    assert!(verified.contains("records 1 to 1 were exported and cut"), "{verified}");
    let tail = house.run(&["audit", "tail", "-n", "1"]).good().out;
    assert!(tail.contains("audit.cut 1 to 1"), "{tail}");
    let other = house.file("again.jsonl");
    let again = ["audit", "cut", "--through", "1", "--export", other.to_str().unwrap()];
    assert_eq!(house.run(&again).code, 1, "it is gone already");
}

#[test]
fn a_client_may_bring_the_secret_it_has() {
    let house = House::new();
    let add = ["client", "add", "moved", "--api", "text", "--scope", "generate:basic"];
    let with =
        |secret: &str| house.run_with(&[&add[..], &["--secret-stdin", "--json"]].concat(), secret);
    assert_eq!(with("short\n").code, 1);
    let added = with("a-secret-from-another-house\n").good().json();
    assert_eq!(added["client_secret"], "a-secret-from-another-house");
    let shown = house.run(&["client", "show", "moved", "--json"]).good();
    assert!(!shown.out.contains("a-secret-from"));
}

#[test]
fn a_client_may_prove_itself_with_a_certificate() {
    let house = House::new();
    let add = |name: &str, flags: &[&str]| {
        let rights =
            ["client", "add", name, "--api", "text", "--scope", "generate:basic", "--json"];
        house.run(&[&rights[..], flags].concat())
    };
    let mesh = add("mesh", &["--tls-san-uri", "spiffe://example.com/job"]).good().json();
    assert_eq!(mesh["client"]["auth"]["method"], "tls_client");
    assert!(mesh["client_secret"].is_null());
    let shown = house.run(&["client", "show", "mesh"]).good().out;
    assert!(shown.contains("tls_client_auth_san_uri=spiffe://example.com/job"), "{shown}");

    let made = rcgen::generate_simple_self_signed(["partner.example.com".to_owned()]).unwrap();
    std::fs::write(house.file("partner.pem"), made.cert.pem()).unwrap();
    let file = house.file("partner.pem");
    let own = add("partner", &["--self-signed-cert", file.to_str().unwrap()]).good().json();
    assert_eq!(own["client"]["auth"]["method"], "self_signed_tls");

    let wrong = add("bad", &["--tls-subject-dn", "somebody"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("CN=app,O=Example,C=CH"), "{}", wrong.err);
    let both = add("bad", &["--tls-san-dns", "a.example", "--tls-san-ip", "192.0.2.1"]);
    assert_eq!(both.code, 2, "{}", both.err);
    let file = house.file("portcullis.toml");
    assert_eq!(add("bad", &["--self-signed-cert", file.to_str().unwrap()]).code, 1);
}

#[test]
fn an_app_that_people_sign_in_to_is_registered_shown_and_changed() {
    let house = House::new();
    let added = house.run(&[
        "client",
        "add",
        "notebook",
        "--public",
        "--native",
        "--json",
        "--redirect-uri",
        "http://127.0.0.1/back",
        "--identity",
        "openid profile offline_access",
        "--default-max-age",
        "12h",
    ]);
    let added = added.good().json();
    assert_eq!(added["client_secret"], Value::Null);
    let client = &added["client"];
    assert_eq!(client["grant_types"], serde_json::json!(["authorization_code", "refresh_token"]));
    assert_eq!(client["registration"]["identity"], "openid profile offline_access");
    let update = |more: &[&str]| house.run(&[&["client", "update", "notebook"][..], more].concat());
    update(&["--backchannel-logout-uri", "https://notebook.example/out", "--dpop"]).good();
    let shown = house.run(&["client", "show", "notebook"]).good().out;
    for line in ["nothing (public)", "https://notebook.example/out", "dpop bound access tokens"] {
        assert!(shown.contains(line), "{shown}");
    }
    update(&["--backchannel-logout-uri", "", "--dpop=false"]).good();
    let shown = house.run(&["client", "show", "notebook"]).good().out;
    assert!(!shown.contains("notebook.example") && !shown.contains("dpop"), "{shown}");
}

#[test]
fn an_app_that_contradicts_itself_is_told_how() {
    let house = House::new();
    let site = ["--redirect-uri", "https://app.example/back"];
    for (more, words) in [
        (&["--public"][..], "required"),
        (&["--public", "--identity", "openid"], "client_credentials"),
        (&["--redirect-uri", "javascript:alert(1)"], "must use https"),
        (&["--redirect-uri", "https://app.example/back", "--pkce", "or-nonce"], "PKCE"),
        (&["--redirect-uri", "https://app.example/back", "--fapi2", "security"], "private_key_jwt"),
        (&["--identity", "openid shoes"], "'shoes'"),
        (&["--identity", "openid", "--id-token-encryption", "dir/A256GCM"], "dir/A256GCM"),
        (&["--identity", "openid", "--jwks-uri", "http://app.example/jwks"], "https"),
        (&["--redirect-uri", "https://app.example/b", "--id-token-alg", "PS512"], "signs with"),
        (&["--identity", "openid", "--sector", "app.example"], "--pairwise"),
    ] {
        let told = house.run(&[&["client", "add", "app"][..], more].concat());
        assert!(told.code != 0 && told.err.contains(words), "{more:?}: {}", told.err);
    }
    assert_eq!(house.run(&["client", "list", "--json"]).good().json(), serde_json::json!([]));
    let add = [&["client", "add", "app", "--jwks-uri", "https://app.example/jwks"][..], &site];
    let fapi = [&add.concat()[..], &["--identity", "openid", "--fapi2", "security", "--json"]];
    let added = house.run(&fapi.concat()).good().json();
    let registration = &added["client"]["registration"];
    assert_eq!(registration["require_pushed_authorization_requests"], true);
    assert_eq!(registration["dpop_bound_access_tokens"], true);
    assert_eq!(added["client"]["auth"]["jwks"]["jwks_uri"], "https://app.example/jwks");
}

#[test]
fn an_invitation_is_made_listed_and_taken_back() {
    let house = House::new();
    let made = house.run(&["client", "invite", "the editor team", "--uses", "5", "--json"]).good();
    let made = made.json();
    let token = made["initial_access_token"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    assert!(token.starts_with(&format!("{id}.")));
    let listed = house.run(&["client", "invitations"]).good().out;
    assert!(listed.contains(id) && listed.contains("the editor team") && !listed.contains(token));
    house.run(&["client", "withdraw", id]).good();
    assert_eq!(house.run(&["client", "withdraw", id]).code, 1);
    assert!(!house.run(&["client", "invitations"]).good().out.contains(id));
    let secret = token.rsplit('.').next().unwrap();
    assert!(!house.run(&["audit", "tail"]).good().out.contains(secret));
}

#[test]
fn somebody_without_a_configuration_is_asked_for_an_issuer_only_where_there_are_several() {
    let laptop = tempfile::tempdir().unwrap();
    let kept = laptop.path().join("logins.json");
    let here = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.current_dir(&laptop).env("PORTCULLIS_LOGINS", &kept).stdin(Stdio::null());
        Ran::from(command.output().unwrap())
    };
    let signed_in = |issuers: &[&str]| {
        let login = serde_json::json!({
            "client_id": "portcullis-cli", "access_token": "a.b.c", "expires": 9_999_999_999_999_i64,
            "scope": "model:list", "resource": null, "refresh_token": "r",
        });
        let all: serde_json::Map<String, Value> =
            issuers.iter().map(|issuer| ((*issuer).to_owned(), login.clone())).collect();
        std::fs::write(&kept, serde_json::to_string(&all).unwrap()).unwrap();
    };
    let (one, two) = ("https://id.example.com", "https://id.example.org");
    signed_in(&[]);
    for of_nobody in [&["token", "get"][..], &["logout"], &["login", "--device"]] {
        let ran = here(of_nobody);
        assert_eq!(ran.code, 1, "{of_nobody:?}: {}", ran.err);
        assert!(ran.err.contains("portcullis login --issuer URL"), "{}", ran.err);
        assert!(!ran.err.contains("init"), "that is for those who run an issuer: {}", ran.err);
    }
    signed_in(&[one]);
    assert_eq!(here(&["token", "get"]).good().out, "a.b.c\n");
    let unnamed = here(&["token", "get", "--api", "text"]);
    assert!(unnamed.code == 2 && unnamed.err.contains("--resource URI"), "{}", unnamed.err);
    let client = here(&["token", "get", "--client-id", "app", "--client-secret", "s"]);
    assert!(client.code == 2 && client.err.contains("--issuer URL"), "{}", client.err);
    let named = here(&["token", "get", "--config", "elsewhere.toml"]);
    assert!(named.code == 3 && named.err.contains("elsewhere.toml"), "{}", named.err);
    signed_in(&[one, two]);
    for of_either in [&["token", "get"][..], &["logout"]] {
        let ran = here(of_either);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(one) && ran.err.contains(two), "{}", ran.err);
        assert!(ran.err.contains(&format!("--issuer {one}")), "{}", ran.err);
    }
    assert_eq!(here(&["token", "get", "--issuer", two]).good().out, "a.b.c\n");
}
