//! People from the command line, with nothing running.

use crate::program::House;

/// The configuration of a house with two roles.
fn house() -> House {
    let house = House::new();
    let file = house.file("portcullis.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let roles = "[roles.viewer]\nscopes = [\"model:list\"]\n[groups]\nops = [\"viewer\"]\n";
    std::fs::write(file, format!("{text}\n{roles}")).unwrap();
    house
}

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn a_person_lives_their_whole_life() {
    let house = house();
    let add =
        ["person", "add", "Alice@Example.com", "--role", "viewer", "--password-stdin", "--json"];
    let added = house.run_with(&add, &format!("{PASSWORD}\n")).good();
    assert!(!added.out.contains("horse") && !added.err.contains("horse"));
    let alice = added.json();
    assert_eq!(alice["login"], "alice@example.com");
    assert_eq!(alice["profile"]["email"], "Alice@Example.com");
    assert_eq!(alice["factors"]["password"], true);
    let twice = house.run(&["person", "add", "alice@example.com"]);
    assert_eq!(twice.code, 1);
    assert!(twice.err.contains("signs in as alice@example.com already"), "{}", twice.err);

    let shown = house.run(&["person", "show", "alice@example.com"]).good().out;
    assert!(shown.contains("viewer") && shown.contains("password"), "{shown}");
    assert!(house.run(&["person", "list"]).good().out.contains("alice@example.com"));
    let id = alice["id"].as_str().unwrap();
    let edited = house.run(&["person", "roles", id, "--json"]).good().json();
    assert_eq!(edited["roles"], serde_json::json!([]));
    let slip = house.run(&["person", "roles", id, "vewer"]);
    assert!(slip.code == 1 && slip.err.contains("there are viewer"), "{}", slip.err);
    let lost = house.run(&["person", "factors", "remove", id, "--all"]).good();
    assert!(lost.err.contains("signs in by: password"), "{}", lost.err);
    assert_eq!(house.run(&["person", "factors", "remove", id]).code, 2, "it is not said which");
    let unlinked = house.run(&["person", "unlink", id, "--provider", "acme"]);
    assert!(unlinked.code == 1 && unlinked.err.contains("no account at acme"), "{}", unlinked.err);
    house.run(&["person", "disable", id]).good();
    assert!(house.run(&["person", "list"]).good().out.contains("disabled"));
    house.run(&["person", "enable", id]).good();
    assert_eq!(house.run(&["session", "list", id, "--json"]).good().json(), serde_json::json!([]));
    house.run(&["session", "end", id, "--all"]).good();
    house.run(&["person", "remove", id]).good();
    let gone = house.run(&["person", "show", id]);
    assert!(gone.code == 1 && gone.err.contains("person list"), "{}", gone.err);

    let tail = house.run(&["audit", "tail"]).good().out;
    for action in [
        "person.add",
        "person.password",
        "person.update",
        "person.factors_removed",
        "person.disable",
        "person.remove",
    ] {
        assert!(tail.contains(action), "{tail}");
    }
    assert!(!tail.contains("horse"));
}

#[test]
fn what_is_told_about_a_person_is_set_by_the_names_of_claims() {
    let house = house();
    let add = [
        "person",
        "add",
        "alice",
        "--claim",
        "birthdate=1990-12-31",
        "--claim",
        "locale=de-CH",
        "--json",
    ];
    let added = house.run(&add).good().json();
    assert_eq!(added["profile"]["birthdate"], "1990-12-31");
    let update = |claims: &[&str]| {
        let claims = claims.iter().flat_map(|claim| ["--claim", claim]);
        let all: Vec<_> =
            ["person", "update", "alice", "--json"].into_iter().chain(claims).collect();
        house.run(&all)
    };
    let country = ["address.country=CH", "website=https://alice.example/", "locale="];
    let profile = update(&country).good().json()["profile"].clone();
    assert_eq!(profile["address"], serde_json::json!({ "country": "CH" }));
    assert_eq!(
        (profile["locale"].as_str(), profile["birthdate"].as_str()),
        (None, Some("1990-12-31"))
    );
    for (claims, words) in [
        (&["nickname=Al", "birthdate=31.12.1990"][..], "birthdate must be a date as 1990-12-31"),
        (&["sub=x"], "there is no claim sub to set; there are: name"),
        (&["website"], "write --claim NAME=VALUE"),
        (&[], "add --claim NAME=VALUE"),
    ] {
        let refused = update(claims);
        assert!(refused.code != 0 && refused.err.contains(words), "{}", refused.err);
    }
    let shown = house.run(&["person", "show", "alice", "--json"]).good().json();
    assert_eq!(shown["profile"]["nickname"], serde_json::Value::Null, "all or none");
}

#[test]
fn a_weak_password_leaves_nobody_behind() {
    let house = house();
    let weak = house.run_with(&["person", "add", "bob", "--password-stdin"], "12345678\n");
    assert_eq!(weak.code, 1);
    assert!(weak.err.contains("easy to guess") && !weak.err.contains("12345678"), "{}", weak.err);
    assert_eq!(house.run(&["person", "list", "--json"]).good().json(), serde_json::json!([]));
    let unsaid = house.run(&["person", "password", "bob"]);
    assert_eq!(unsaid.code, 1, "nobody is called that: {}", unsaid.err);
}

#[test]
fn an_invitation_is_a_link_or_a_mail() {
    let house = house();
    let link =
        house.run(&["person", "add", "carol@example.com", "--group", "ops", "--invite"]).good();
    assert!(link.out.contains("/invitation?token=lnk_"), "{}", link.out);
    assert!(!link.err.contains("token="), "only where data goes");
    let carol = house.run(&["person", "show", "carol@example.com", "--json"]).good().json();
    assert_eq!(carol["roles"], serde_json::json!(["viewer"]));
    let sent = house.run(&["person", "reset", "carol@example.com", "--mail"]).good();
    assert!(sent.out.is_empty());
    let mail = house.file("data/mail/00001.eml");
    let mail = std::fs::read_to_string(&mail)
        .or_else(|_| std::fs::read_to_string(house.file("portcullis-data/mail/00001.eml")));
    let mail = mail.unwrap();
    assert!(
        mail.contains("To: carol@example.com") && mail.contains("password-reset/choose"),
        "{mail}"
    );
    assert!(!house.run(&["audit", "tail"]).good().out.contains("lnk_"));
}

#[test]
fn a_directory_gets_a_token_and_loses_it() {
    let house = house();
    let missing = house.run(&["scim", "token", "entra"]);
    assert!(missing.code == 1 && missing.err.contains("scim add entra"), "{}", missing.err);
    let made = house.run(&["scim", "add", "entra", "--tenant", "acme"]).good();
    assert!(made.out.starts_with("scm_") && made.err.contains("/scim/v2"), "{}", made.err);
    let listed = house.run(&["scim", "list", "--json"]).good();
    assert!(!listed.out.contains(made.out.trim().split_once('.').unwrap().1));
    let id = listed.json()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed.json()[0]["directory"], "entra");
    house.run(&["person", "add", "bob"]).good();
    house.run(&["scim", "adopt", "entra", "bob"]).good();
    let bob = house.run(&["person", "show", "bob", "--json"]).good().json();
    assert_eq!((&bob["directory"], &bob["tenant"]), (&"entra".into(), &"acme".into()));
    house.run(&["scim", "remove", &id]).good();
    assert!(house.run(&["scim", "list"]).good().out.contains("none"));
    assert_eq!(house.run(&["scim", "remove", &id]).code, 1);
}
