//! `{issuer}/sign-in/with/…`: signing in with the provider of a company.

mod company;

use crate::{
    authorize::ask,
    browser::{Browser, field},
    house::{Answer, House},
};
use company::Company;
use portcullis_directory::{Acting, NewPerson, Person};
use portcullis_issuer::upstream::{ClaimPath, Newcomers, Provider, SameCompany};
use portcullis_types::Ttl;
use secrecy::ExposeSecret as _;
use serde_json::json;

const PASSWORD: &str = "correct horse battery staple";

const HOUR: Ttl = Ttl::seconds(3600);

/// From an app's request to the provider.
async fn off(browser: &Browser<'_>, changes: &[(&str, &str)]) -> Answer {
    let answer = ask(browser, changes).await;
    let flow = answer.header("location").split_once("/sign-in?flow=").expect("a sign-in").1;
    browser.get(&format!("/sign-in/with/company?flow={flow}")).await
}

/// To an app and back, by way of the provider: the error that the app gets, `code`, or the page at which the
/// person is.
async fn through(
    company: &Company,
    house: &House,
    browser: &Browser<'_>,
    changes: &[(&str, &str)],
) -> String {
    let sent = off(browser, changes).await;
    let back = company.back(browser, house, &sent).await;
    if back.status != 303 {
        return format!("page {}", back.status);
    }
    let go_on = back.header("location").trim_start_matches("/tenants/one").to_owned();
    let answer = browser.get(&go_on).await;
    match answer.header("location") {
        to if to.contains("/sign-in") => "sign-in".to_owned(),
        to if to.contains("code=") => "code".to_owned(),
        _ => answer.redirected_error(),
    }
}

#[tokio::test]
async fn the_provider_is_asked_for_what_the_app_asks() {
    let company = Company::open().await;
    let house = company.house().await;
    let browser = Browser::new(&house);
    let asked = company.asked(&off(&browser, &[]).await);
    for name in ["max_age", "prompt", "acr_values"] {
        assert!(!asked.contains_key(name), "{name}");
    }
    let asked = company.asked(&off(&browser, &[("max_age", "300")]).await);
    assert_eq!((asked["max_age"].as_str(), asked.get("prompt")), ("300", None));
    for anew in [("prompt", "login"), ("max_age", "0")] {
        let asked = company.asked(&off(&browser, &[anew]).await);
        assert_eq!((asked["max_age"].as_str(), asked["prompt"].as_str()), ("0", "login"));
    }
    let asked = company.asked(&off(&browser, &[("acr_values", "mfa")]).await);
    assert_eq!(asked["acr_values"], "gold", "by the provider's own name");
}

#[tokio::test]
async fn a_session_at_the_provider_is_no_new_sign_in() {
    let company = Company::open().await;
    let house = company.house().await;
    let old = house.now().minus(HOUR);
    for (changes, untold, old_one, new_one) in [
        (&[][..], "code", "code", "code"),
        (&[("prompt", "login")], "page 403", "page 403", "code"),
        (&[("max_age", "0")], "page 403", "page 403", "code"),
        (&[("max_age", "300")], "page 403", "page 403", "code"),
        (&[("max_age", "7200")], "page 403", "code", "code"),
    ] {
        company.say("auth_time", ());
        let through = async || through(&company, &house, &Browser::new(&house), changes).await;
        assert_eq!(through().await, untold, "{changes:?}, not told");
        company.signed_in_at(old);
        assert_eq!(through().await, old_one, "{changes:?}, an hour ago");
        company.signed_in_at(house.now());
        assert_eq!(through().await, new_one, "{changes:?}, now");
    }
}

#[tokio::test]
async fn what_the_provider_cannot_do_is_told_once() {
    let company = Company::open().await;
    let house = company.house().await;
    company.signed_in_at(house.now().minus(HOUR));
    let weak = through(&company, &house, &Browser::new(&house), &[("acr_values", "mfa")]).await;
    assert_eq!(weak, "unmet_authentication_requirements", "and not another sign-in, without end");
    company.say("acr", "gold");
    let strong = through(&company, &house, &Browser::new(&house), &[("acr_values", "mfa")]).await;
    assert_eq!(strong, "code");
}

#[tokio::test]
async fn a_time_that_nobody_told_is_told_to_nobody() {
    let company = Company::open().await;
    let house = company.house().await;
    let browser = Browser::new(&house);
    let times = async |changes: &[(&str, &str)]| {
        let sent = off(&browser, changes).await;
        let back = company.back(&browser, &house, &sent).await;
        let go_on = back.header("location").trim_start_matches("/tenants/one").to_owned();
        let code = browser.get(&go_on).await.redirect().1["code"].clone();
        let verifier = crate::authorize::VERIFIER;
        let tokens = house.form("/token", &crate::authorize::redemption(&code, verifier)).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let tokens = tokens.json();
        ["id_token", "access_token"]
            .map(|name| crate::apps::claims(&tokens[name])["auth_time"].clone())
    };
    assert_eq!(times(&[("prompt", "")]).await, [(); 2].map(|()| serde_json::Value::Null));
    let before = house.now().minus(Ttl::seconds(100));
    company.signed_in_at(before);
    // Whoever is signed in since a time that nobody knows signs in again.
    let told = times(&[("max_age", "300")]).await;
    assert_eq!(told, [(); 2].map(|()| serde_json::Value::from(before.seconds())));
}

#[tokio::test]
async fn an_account_opens_for_a_new_sign_in_at_the_provider_alone() {
    let company = Company::open().await;
    let house = company.house().await;
    let browser = Browser::new(&house);
    let sent = browser.get("/sign-in/with/company").await;
    company.back(&browser, &house, &sent).await;
    house.wait(Ttl::seconds(601));
    let csrf = field(&browser.get("/account").await.body, "csrf");
    let change = async || browser.post("/account/authenticator", &[("csrf", &csrf)]).await;
    let sent_off = change().await;
    assert!(sent_off.header("location").ends_with("/sign-in?return=authenticator"));
    let again = "/sign-in/with/company?return=authenticator";

    for silent in [().into(), house.now().minus(HOUR).seconds().into()] {
        company.say("auth_time", serde_json::Value::clone(&silent));
        let sent = browser.get(again).await;
        assert_eq!(company.asked(&sent)["max_age"], "300");
        assert_eq!(company.back(&browser, &house, &sent).await.status, 403, "{silent}");
        assert_eq!(change().await.status, 303, "still closed");
    }
    company.signed_in_at(house.now());
    let sent = browser.get(again).await;
    let back = company.back(&browser, &house, &sent).await;
    assert_eq!(back.header("location"), "/tenants/one/account/authenticator");
    assert_eq!(change().await.status, 200);
    assert!(browser.cookie("__Host-known").is_some(), "they were here before");
}

#[tokio::test]
async fn a_sign_in_leads_back_to_where_it_began_and_nowhere_else() {
    let company = Company::open().await;
    let house = company.house().await;
    for (named, leads) in [
        ("passkeys", "/account/passkeys"),
        ("device-BCDFGHJK", "/device?user_code=BCDFGHJK"),
        ("https://evil.example", "/account"),
    ] {
        let browser = Browser::new(&house);
        let sent = browser.get(&format!("/sign-in/with/company?return={named}")).await;
        let back = company.back(&browser, &house, &sent).await;
        assert_eq!(back.header("location"), format!("/tenants/one{leads}"));
    }
}

#[tokio::test]
async fn a_page_elsewhere_signs_nobody_in() {
    let company = Company::open().await;
    let house = company.house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    for site in ["cross-site", "same-site"] {
        let request = house.http.get(house.at("/sign-in/with/company?return=passkeys"));
        let answer = browser.send(request.header("sec-fetch-site", site)).await;
        assert_eq!(answer.header("location"), "/tenants/one/sign-in?return=passkeys", "{site}");
    }
    let request = house.http.get(house.at("/sign-in/with/company?return=passkeys"));
    let answer = browser.send(request.header("sec-fetch-site", "same-origin")).await;
    company.asked(&answer);
}

#[tokio::test]
async fn a_link_that_was_begun_is_worth_nothing_after_its_owner_ended_all() {
    let company = Company::open().await;
    let house = company.house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let linked = async || {
        let ada = house.directory.person_by_login("ada").await.unwrap().unwrap();
        house.directory.accounts_of(&ada.id).await.unwrap().len()
    };
    let begin = async || {
        let csrf = field(&browser.get("/account").await.body, "csrf");
        browser.post("/account/link", &[("csrf", &csrf), ("provider", "company")]).await
    };
    let sent = begin().await;
    let ada = house.directory.person_by_login("ada").await.unwrap().unwrap();
    let mut entropy = house.entropy();
    house.directory.end_sessions(house.acting(&mut entropy), &ada.id, None).await.unwrap();
    let back = company.back(&browser, &house, &sent).await;
    assert!(back.header("location").contains("/sign-in?return="), "{}", back.body);
    assert_eq!(linked().await, 0);

    browser.put("__Host-session", &house.session("ada").await);
    let sent = begin().await;
    house.person("bob", &[]).await;
    browser.put("__Host-session", &house.session("bob").await);
    company.back(&browser, &house, &sent).await;
    assert_eq!(linked().await, 0, "somebody else is signed in now");

    browser.put("__Host-session", &house.session("ada").await);
    let sent = begin().await;
    house.wait(Ttl::seconds(601));
    company.back(&browser, &house, &sent).await;
    assert_eq!(linked().await, 0, "too late");

    browser.put("__Host-session", &house.session("ada").await);
    let sent = begin().await;
    assert_eq!(
        company.back(&browser, &house, &sent).await.header("location"),
        "/tenants/one/account"
    );
    assert_eq!(linked().await, 1);
}

/// Somebody signs in by way of the provider; their roles here.
async fn arrive(company: &Company, house: &House) -> Person {
    let browser = Browser::new(house);
    let sent = browser.get("/sign-in/with/company").await;
    let back = company.back(&browser, house, &sent).await;
    assert_eq!(back.status, 303, "{}", back.body);
    let session = browser.cookie("__Host-session").unwrap();
    let session = house.directory.session(&session, house.now()).await.unwrap().unwrap();
    house.directory.person(&session.person).await.unwrap().unwrap()
}

#[tokio::test]
async fn roles_of_a_provider_are_the_operators_word_of_today() {
    let company = Company::open().await;
    let house = company.house().await;
    let person = arrive(&company, &house).await;
    let now = async || house.directory.person(&person.id).await.unwrap().unwrap();
    assert_eq!((person.roles.clone(), person.upstream_groups.len()), (vec!["scientist".into()], 1));

    let mut roles = company.provider(Newcomers::Join).roles;
    roles.rules[0].ours = vec!["viewer".into()];
    Company::settle(&house, vec![roles.clone()]);
    assert_eq!(now().await.roles, ["viewer"], "what was written wrong is mended for all");
    Company::settle(&house, Vec::new());
    let gone = now().await;
    assert!(gone.roles.is_empty() && gone.upstream_groups.is_empty(), "a provider that is gone");
    Company::settle(&house, vec![roles]);
    assert_eq!(now().await.roles, ["viewer"]);
}

#[tokio::test]
async fn whom_the_provider_lets_go_keeps_no_roles_for_ever() {
    let company = Company::open().await;
    let house = company.house().await;
    let mut roles = company.provider(Newcomers::Join).roles;
    roles.everybody = vec!["viewer".into()];
    Company::settle(&house, vec![roles]);
    let person = arrive(&company, &house).await;
    let mut entropy = house.entropy();
    let by = house.acting(&mut entropy);
    let set = house.directory.set_password(by, &person.id, PASSWORD.into(), None).await;
    set.unwrap().unwrap();

    let now = async || {
        house.directory.purge_people(house.now()).await.unwrap();
        house.directory.person(&person.id).await.unwrap().unwrap().roles
    };
    house.wait(Ttl::seconds(7 * 24 * 3600 - 1));
    assert_eq!(now().await, ["scientist", "viewer"]);
    house.wait(Ttl::seconds(1));
    assert!(now().await.is_empty(), "however they sign in here meanwhile");
    assert_eq!(
        arrive(&company, &house).await.roles,
        ["scientist", "viewer"],
        "until they come again"
    );
}

#[tokio::test]
async fn a_name_chosen_elsewhere_takes_no_login_here() {
    let company = Company::open().await;
    let house = company.house().await;
    company.say("preferred_username", "boss@corp.example");
    company.say("email", "boss@corp.example");
    assert_eq!(arrive(&company, &house).await.login, "company:u1");
    // Two that differ in nothing that a login can show.
    company.say("sub", "U1");
    let other = arrive(&company, &house).await;
    assert_eq!(other.login, format!("company:{}", other.id).to_lowercase());
    let long = "x".repeat(300);
    for sub in ["two  spaces", "zero\u{200b}width", long.as_str()] {
        company.say("sub", sub);
        let person = arrive(&company, &house).await;
        assert_eq!(person.login, format!("company:{}", person.id).to_lowercase(), "{sub}");
    }
}

#[tokio::test]
async fn a_login_is_a_claim_where_the_operator_says_so() {
    let company = Company::open().await;
    let login = Some(ClaimPath::parse("preferred_username"));
    let provider = Provider { login, ..company.provider(Newcomers::Join) };
    let house = House::behind_providers(vec![provider]).await;
    company.say("preferred_username", "grace");
    assert_eq!(arrive(&company, &house).await.login, "grace");
    company.say("sub", "u2");
    company.say("preferred_username", "two  spaces");
    assert_eq!(arrive(&company, &house).await.login, "company:u2");
    company.say("sub", "u3");
    company.say("preferred_username", "grace");
    let browser = Browser::new(&house);
    let sent = browser.get("/sign-in/with/company").await;
    assert_eq!(company.back(&browser, &house, &sent).await.status, 403, "it is somebody's");
}

#[tokio::test]
async fn an_account_can_be_taken_back_unless_it_is_the_last_way_in() {
    let company = Company::open().await;
    let house = company.house().await;
    let browser = Browser::new(&house);
    company.signed_in_at(house.now());
    let sent = browser.get("/sign-in/with/company").await;
    company.back(&browser, &house, &sent).await;
    let elsewhere = Browser::new(&house);
    let sent = elsewhere.get("/sign-in/with/company").await;
    company.back(&elsewhere, &house, &sent).await;
    let person = house.directory.person_by_login("company:u1").await.unwrap().unwrap();
    let page = browser.get("/account").await;
    assert!(page.body.contains("account-unlink"), "{}", page.body);
    let csrf = field(&page.body, "csrf");
    let fields = [("csrf", csrf.as_str()), ("provider", "company")];
    let linked = async || house.directory.accounts_of(&person.id).await.unwrap().len();

    let answer = browser.post("/account/unlink", &fields).await;
    assert_eq!(answer.header("location"), "/tenants/one/account?done=last_means");
    assert_eq!(linked().await, 1);
    let mut entropy = house.entropy();
    let password =
        house.directory.set_password(house.acting(&mut entropy), &person.id, PASSWORD.into(), None);
    password.await.unwrap().unwrap();
    let sent = elsewhere.get("/sign-in/with/company").await;
    company.back(&elsewhere, &house, &sent).await;
    let sent = browser.get("/sign-in/with/company").await;
    company.back(&browser, &house, &sent).await;
    house.wait(Ttl::seconds(601));
    let old = browser.post("/account/unlink", &fields).await;
    assert!(old.header("location").contains("/sign-in?return=account"), "a sensitive change");
    company.signed_in_at(house.now());
    assert!(browser.get("/sign-in?return=account").await.body.contains("Confirm that it is you"));
    let sent = browser.get("/sign-in/with/company?return=account").await;
    company.back(&browser, &house, &sent).await;

    let answer = browser.post("/account/unlink", &fields).await;
    assert_eq!(answer.header("location"), "/tenants/one/account?done=unlinked");
    assert_eq!(linked().await, 0);
    assert_eq!(browser.get("/account").await.status, 200, "this session stays");
    assert_eq!(elsewhere.get("/account").await.status, 303, "what came from there ends");
    let person = house.directory.person(&person.id).await.unwrap().unwrap();
    assert!(person.roles.is_empty());
}

#[tokio::test]
async fn a_password_is_no_way_around_the_provider() {
    let company = Company::open().await;
    let house = company.house().await;
    company.say("email", "gone@company.example");
    let person = arrive(&company, &house).await;
    assert_eq!(person.profile.email.as_deref(), Some("gone@company.example"));
    let mut entropy = house.entropy();
    let by = house.acting(&mut entropy);
    let link = house.directory.forgotten(by, "gone@company.example").await.unwrap();
    assert!(link.is_none(), "who has nothing here gets no first password by mail");
}

#[tokio::test]
async fn an_answer_counts_once_and_for_its_own_provider() {
    let company = Company::open().await;
    let other = Provider { name: "other".into(), ..company.provider(Newcomers::Join) };
    let house = House::behind_providers(vec![company.provider(Newcomers::Join), other]).await;
    let browser = Browser::new(&house);
    let sent = browser.get("/sign-in/with/other").await;
    assert_eq!(company.back(&browser, &house, &sent).await.status, 410, "begun at another");
    let sent = browser.get("/sign-in/with/company").await;
    let stranger = Browser::new(&house);
    assert_eq!(company.back(&stranger, &house, &sent).await.status, 410, "begun elsewhere");
    assert_eq!(company.back(&browser, &house, &sent).await.status, 303);
    assert_eq!(company.back(&browser, &house, &sent).await.status, 410, "a second time");
    let sent = browser.get("/sign-in/with/company").await;
    house.wait(Ttl::seconds(30 * 60));
    assert_eq!(company.back(&browser, &house, &sent).await.status, 410, "too late");
}

#[tokio::test]
async fn a_sign_out_there_ends_the_session_however_often_it_was_renewed() {
    let company = Company::open().await;
    let house = company.house().await;
    for told in [json!({ "sub": "u1", "sid": "a" }), json!({ "sid": "b" }), json!({ "sub": "u1" })]
    {
        let browser = Browser::new(&house);
        company.signed_in_at(house.now());
        for sid in ["a", "b"] {
            company.say("sid", sid);
            let sent = browser.get("/sign-in/with/company").await;
            assert_eq!(company.back(&browser, &house, &sent).await.status, 303);
        }
        assert_eq!(browser.get("/account").await.status, 200);
        let mut told = told.clone();
        told["jti"] = told.to_string().into();
        let token = format!("logout_token={}", company.logout_token(&house, &told));
        let answer = house.form("/sign-in/with/company/logout", &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(browser.get("/account").await.status, 303, "{told}");
        let again = house.form("/sign-in/with/company/logout", &token).await;
        assert_eq!(again.status, 400, "once");
    }
}

#[tokio::test]
async fn whom_the_directory_made_signs_in_with_the_provider_of_the_same_company() {
    let company = Company::open().await;
    let same = SameCompany { directory: "acme".into(), claim: ClaimPath::parse("employee") };
    let provider = Provider { directory: Some(same), ..company.provider(Newcomers::Refused) };
    let house = House::behind_providers(vec![provider]).await;
    let (now, actor) = (house.now(), "operator");
    let mut entropy = house.entropy();
    let directory = house.directory.clone();
    let by = Acting { actor, now, entropy: &mut entropy };
    directory.add_scim_directory(by, "acme", None).await.unwrap();
    let by = Acting { actor, now, entropy: &mut entropy };
    let token = directory.make_scim_token(by, "acme", HOUR).await.unwrap().1;
    let acme = directory.provisioner(token.expose_secret(), now).await.unwrap().unwrap();
    let new = NewPerson {
        login: "bob@acme.example".into(),
        external_id: Some("e7".into()),
        ..NewPerson::default()
    };
    let by = Acting { actor, now, entropy: &mut entropy };
    let bob = acme.add_person(by, new).await.unwrap();
    let comes = async || {
        let browser = Browser::new(&house);
        let sent = browser.get("/sign-in/with/company").await;
        company.back(&browser, &house, &sent).await
    };
    company.say("email", "bob@acme.example");
    assert_eq!(comes().await.status, 403, "an address proves nothing");
    company.say("employee", "e7");
    let back = comes().await;
    assert_eq!((back.status, back.header("location")), (303, "/tenants/one/account"));
    let accounts = house.directory.accounts_of(&bob.id).await.unwrap();
    assert_eq!(accounts.iter().map(|account| account.subject.as_str()).collect::<Vec<_>>(), ["u1"]);
}
