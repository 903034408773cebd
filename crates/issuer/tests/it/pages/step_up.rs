//! What changes how somebody signs in needs the strongest that they have.

use super::{PASSWORD, Visitor, person};
use crate::{
    house::House,
    pages::visitor::{acting, field},
};
use data_encoding::BASE32_NOPAD;
use portcullis_directory::{LinkKind, NewSession, Person};
use portcullis_types::{Acr, Amr, Authentication, Ttl};
use secrecy::ExposeSecret as _;

/// Forms that bind or remove something.
const CHANGES: [&str; 6] = [
    "/account/passkeys/remove",
    "/account/authenticator",
    "/account/authenticator/confirm",
    "/account/authenticator/remove",
    "/account/recovery-codes",
    "/account/password",
];

/// A passkey: that there is one is all that counts here.
async fn give_passkey(house: &House, person: &Person) {
    let id = person.id.to_string();
    let insert = move |tx: &mut portcullis_store::Tx<'_>| {
        let sql = "INSERT INTO passkey (id, person, name, credential, created) \
             VALUES ('key', $1, 'Laptop', '{}', 1)";
        tx.execute(sql, &[id.as_str().into()])
    };
    house.store.write(insert).await.unwrap();
}

/// A browser with a session of this strength, just begun.
async fn with_session<'h>(
    house: &'h House,
    person: &Person,
    acr: Acr,
    amr: Vec<Amr>,
) -> Visitor<'h> {
    let visitor = Visitor::new(house);
    visitor.get("/sign-in").await;
    let new = NewSession {
        person: person.id.clone(),
        authentication: Authentication { at: house.now(), acr, amr },
        device: "a test".to_owned(),
        remote: None,
        upstream: None,
    };
    let begun = house.directory.signed_in(new, None, house.now(), &mut house.entropy()).await;
    visitor.put("__Host-session", begun.unwrap().1.expose());
    visitor
}

/// What the app on the phone shows.
fn shown(house: &House, secret: &str) -> String {
    let secret = BASE32_NOPAD.decode(secret.replace(' ', "").as_bytes()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(house.now().seconds()).unwrap()).to_string()
}

/// Sets an authenticator app up; gives its key.
async fn give_app(house: &House, owner: &Visitor<'_>) -> String {
    let page = owner.form("/account/authenticator", &[]).await;
    let key = page.body.split_once("totp-key\">").unwrap().1.split_once('<').unwrap().0.to_owned();
    let ceremony = field(&page.body, "ceremony");
    let code = shown(house, &key);
    let form = [("ceremony", ceremony.as_str()), ("otp", code.as_str())];
    let done = owner.form("/account/authenticator/confirm", &form).await;
    assert!(done.body.contains("is set up"), "{}", done.body);
    key
}

#[tokio::test]
async fn a_stolen_password_does_not_become_a_passkey() {
    let house = House::open().await;
    let ada = person(&house, "ada").await;
    give_passkey(&house, &ada).await;
    let thief = Visitor::signed_in(&house, "ada").await;
    let csrf = field(&thief.get("/account").await.body, "csrf");
    for step in ["/account/passkeys/start", "/account/passkeys/finish"] {
        let answer = thief.json(step, &serde_json::json!({ "csrf": csrf, "name": "mine" })).await;
        assert_eq!(
            (answer.status, answer.body.contains("with your passkey")),
            (403, true),
            "{step}"
        );
    }
    for change in CHANGES {
        let answer = thief.form(change, &[("current", PASSWORD), ("passkey", "key")]).await;
        assert!(answer.header("location").starts_with("/tenants/one/sign-in?return="), "{change}");
    }
    let page = thief.get("/sign-in?return=passkeys").await;
    assert!(page.body.contains("You have a passkey") && !page.body.contains("name=\"password\""));
    assert_eq!(house.directory.passkeys_of(&ada.id).await.unwrap().len(), 1);

    let owner = with_session(&house, &ada, Acr::Phr, vec![Amr::Hwk, Amr::User]).await;
    let csrf = field(&owner.get("/account/passkeys").await.body, "csrf");
    let begun = serde_json::json!({ "csrf": csrf, "name": "second" });
    assert_eq!(owner.json("/account/passkeys/start", &begun).await.status, 200);
    house.wait(Ttl::seconds(601));
    assert_eq!(owner.json("/account/passkeys/start", &begun).await.status, 403, "long ago");
}

#[tokio::test]
async fn who_came_from_elsewhere_shows_a_code_before_the_app_goes() {
    let house = House::open().await;
    let ada = person(&house, "ada").await;
    let key = give_app(&house, &Visitor::signed_in(&house, "ada").await).await;
    house.wait(Ttl::seconds(60));
    let visitor = with_session(&house, &ada, Acr::Pwd, vec![Amr::Fed]).await;
    for change in CHANGES {
        let answer = visitor.form(change, &[]).await;
        assert!(answer.header("location").starts_with("/tenants/one/sign-in?return="), "{change}");
    }
    let page = visitor.get("/sign-in?return=authenticator").await;
    let (ceremony, csrf) = (field(&page.body, "ceremony"), field(&page.body, "csrf"));
    let form = |code| {
        let return_to = ("return", "authenticator");
        [("csrf", csrf.as_str()), ("ceremony", ceremony.as_str()), return_to, ("otp", code)]
    };
    assert_eq!(visitor.post("/sign-in/otp", &form("000000")).await.status, 400);
    let code = shown(&house, &key);
    let answer = visitor.post("/sign-in/otp", &form(&code)).await;
    assert_eq!(answer.header("location"), "/tenants/one/account/authenticator");
    let done = visitor.form("/account/authenticator/remove", &[]).await;
    assert_eq!(done.header("location"), "/tenants/one/account/authenticator?done=saved");
}

#[tokio::test]
async fn after_five_wrong_codes_the_reason_is_said() {
    let house = House::open().await;
    person(&house, "ada").await;
    let key = give_app(&house, &Visitor::signed_in(&house, "ada").await).await;
    house.wait(Ttl::seconds(60));
    let visitor = Visitor::new(&house);
    let page = visitor.sign_in("ada", PASSWORD).await;
    let ceremony = field(&page.body, "ceremony");
    let shows = async |code: &str, words: &str| {
        let form = [("ceremony", ceremony.as_str()), ("otp", code)];
        let answer = visitor.form("/sign-in/otp", &form).await;
        assert_eq!((answer.status, answer.body.contains(words)), (400, true), "{}", answer.body);
    };
    for _ in 0..5 {
        shows("000000", "This code is not right").await;
    }
    let right = shown(&house, &key);
    shows(&right, "Too many codes were wrong. Start over.").await;

    // Who goes on guessing must wait, and is told so as everywhere.
    let mut last = (0, String::new());
    for _ in 0..10 {
        let page = Visitor::new(&house);
        page.sign_in("ada", PASSWORD).await;
        let again = page.sign_in("ada", PASSWORD).await;
        let ceremony = field(&again.body, "ceremony");
        let form = [("ceremony", ceremony.as_str()), ("otp", "000000")];
        let answer = page.form("/sign-in/otp", &form).await;
        last = (answer.status, answer.header("retry-after").to_owned());
    }
    assert_eq!(last, (429, "30".to_owned()));
}

#[tokio::test]
async fn a_code_that_counted_counts_once() {
    let house = House::open().await;
    person(&house, "ada").await;
    let key = give_app(&house, &Visitor::signed_in(&house, "ada").await).await;
    house.wait(Ttl::seconds(60));
    let visitor = Visitor::new(&house);
    let ceremony = field(&visitor.sign_in("ada", PASSWORD).await.body, "ceremony");
    let form = [("ceremony", ceremony.as_str()), ("otp", &shown(&house, &key))];
    assert_eq!(visitor.form("/sign-in/otp", &form).await.status, 303);
    let again = visitor.form("/sign-in/otp", &form).await;
    assert!(again.body.contains("This sign-in took too long"), "{}", again.body);
}

#[tokio::test]
async fn the_code_that_sets_an_app_up_counts_for_the_session() {
    let house = House::open().await;
    person(&house, "ada").await;
    let owner = Visitor::signed_in(&house, "ada").await;
    let before = owner.cookie("__Host-session");
    give_app(&house, &owner).await;
    assert_ne!(owner.cookie("__Host-session"), before, "a stronger session has another cookie");
    let done = owner.form("/account/authenticator/remove", &[]).await;
    assert_eq!(done.header("location"), "/tenants/one/account/authenticator?done=saved");
}

#[tokio::test]
async fn a_code_alone_refreshes_no_old_session_and_no_ended_one() {
    let house = House::open().await;
    let ada = person(&house, "ada").await;
    let key = give_app(&house, &Visitor::signed_in(&house, "ada").await).await;
    house.wait(Ttl::seconds(60));
    let visitor = with_session(&house, &ada, Acr::Pwd, vec![Amr::Fed]).await;
    let page = visitor.get("/sign-in?return=authenticator").await;
    let (ceremony, csrf) = (field(&page.body, "ceremony"), field(&page.body, "csrf"));
    house.wait(Ttl::seconds(545));
    let stale = visitor.get("/sign-in?return=authenticator").await;
    assert!(stale.body.contains("name=\"login\""), "{}", stale.body);
    let mut entropy = house.entropy();
    let by = acting(&house, &mut entropy);
    house.directory.end_sessions(by, &ada.id, None).await.unwrap();
    let code = shown(&house, &key);
    let form = [("csrf", csrf.as_str()), ("ceremony", &ceremony), ("otp", &code)];
    let answer = visitor.post("/sign-in/otp", &form).await;
    assert_eq!((answer.status, answer.body.contains("took too long")), (400, true));
}

#[tokio::test]
async fn a_mailbox_does_not_become_a_password_where_a_passkey_signs_in() {
    let house = House::open().await;
    let mut entropy = house.entropy();
    let by = acting(&house, &mut entropy);
    let profile = portcullis_directory::Profile {
        email: Some("eve@example.com".into()),
        ..Default::default()
    };
    let new =
        portcullis_directory::NewPerson { login: "eve".into(), profile, ..Default::default() };
    let eve = house.directory.add_person(by, new).await.unwrap();
    let by = acting(&house, &mut entropy);
    let early = house.directory.make_link(by, &eve.id, LinkKind::Reset).await.unwrap();
    give_passkey(&house, &eve).await;
    let by = acting(&house, &mut entropy);
    assert!(house.directory.forgotten(by, "eve").await.unwrap().is_none());
    let by = acting(&house, &mut entropy);
    assert!(house.directory.make_link(by, &eve.id, LinkKind::Reset).await.is_err());
    // A link from before there was the passkey.
    let by = acting(&house, &mut entropy);
    let used = house.directory.use_link(by, early.token.expose_secret(), PASSWORD.into()).await;
    assert!(used.unwrap().is_err());
    // The operator may.
    let by = acting(&house, &mut entropy);
    let invited = house.directory.make_link(by, &eve.id, LinkKind::Invitation).await.unwrap();
    let by = acting(&house, &mut entropy);
    let used = house.directory.use_link(by, invited.token.expose_secret(), PASSWORD.into()).await;
    assert!(used.unwrap().is_ok());
}
