//! The program on a PostgreSQL server: two of it are one issuer.

use crate::program::{House, eventually, fed, get};
use portcullis_store::testing::Database;

/// Adds `[store]` to what the house says.
fn on_server(house: &House, store: &str) {
    let file = house.file("portcullis.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}[store]\n{store}\n")).unwrap();
}

#[test]
fn two_programs_on_one_database_are_one_issuer() {
    let database = Database::postgres();
    let store = format!("url = \"{}\"", database.address());
    let (house, office) = (House::new(), House::new());
    // The office speaks in the name of the same issuer.
    let text = std::fs::read_to_string(office.file("portcullis.toml")).unwrap();
    let text = text.replacen(
        &format!("url = \"{}\"", office.issuer),
        &format!("url = \"{}\"", house.issuer),
        1,
    );
    let text = text.replace(&format!("{}/v1", office.gateway), &format!("{}/v1", house.gateway));
    std::fs::write(office.file("portcullis.toml"), text).unwrap();
    on_server(&house, &store);
    on_server(&office, &store);
    assert!(house.run(&["check"]).good().out.contains("no mistakes"));

    let secret = house.client("my-app");
    let (one, two) = (house.serve(), office.serve());
    let got = fed(
        office.command(&["token", "get", "--client-id", "my-app"]).env("CLIENT_SECRET", &secret),
        "",
    );
    let token = got.good().out;
    let ask = |house: &House| get(&format!("{}/v1/health", house.gateway), token.trim()).0;
    assert_eq!((ask(&house), ask(&office)), (200, 200));

    // A change by a third process reaches both.
    office.run(&["client", "disable", "my-app"]).good();
    eventually(|| {
        (ask(&house), ask(&office)) == (403, 403) || (ask(&house), ask(&office)) == (401, 401)
    });
    assert_eq!((one.stop().0, two.stop().0), (Some(0), Some(0)));
    let verified = house.run(&["audit", "verify"]).good().out;
    assert!(verified.starts_with("intact"), "{verified}");
    assert!(!house.file("portcullis-data").exists(), "nothing is kept here");
}

#[test]
fn check_asks_the_server_and_says_what_to_do() {
    let database = Database::postgres();
    let server = database.server().unwrap().0;
    let house = House::new();
    let good = std::fs::read_to_string(house.file("portcullis.toml")).unwrap();
    let check = |store: &str| {
        std::fs::write(house.file("portcullis.toml"), &good).unwrap();
        on_server(&house, store);
        let ran = house.run(&["check"]);
        assert_eq!(ran.code, 1, "{store}\n{}", ran.out);
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{}", ran.out);
        ran.out
    };
    let away = check("url = \"postgres://portcullis@127.0.0.1:1/portcullis\"");
    assert!(away.contains("refused") && away.contains("whether the server runs"), "{away}");
    assert!(away.contains("1 error"), "{away}");
    let nobody = check(&format!("url = \"{}\"", database.address().replace("portcullis@", "ada@")));
    assert!(nobody.contains("does not exist") && nobody.contains("CREATE ROLE"), "{nobody}");
    let port = server.port();
    let written =
        check(&format!("url = \"postgres://portcullis:hunter2@127.0.0.1:{port}/portcullis\""));
    assert!(written.contains("a password is written in this file"), "{written}");
    let clear = check("url = \"postgres://portcullis@db.example.com/portcullis?sslmode=disable\"");
    assert!(clear.contains("verify-full"), "{clear}");
    let stopped = house.run(&["client", "list"]);
    assert_eq!(stopped.code, 3, "{}", stopped.err);
}
