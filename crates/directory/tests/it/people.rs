use crate::house::{House, NOW, alice, id, open};
use portcullis_directory::{
    Consent, Fault, NewPerson, Page, Wanted, forget_consent, person_in, remember_consent,
};
use portcullis_types::{IdentityScope, IdentityScopes, Scopes, Ttl};

#[tokio::test]
async fn a_person_is_found_however_the_login_is_typed() {
    let mut house = House::open().await;
    let alice = house.alice().await;
    assert_eq!(alice.login, "alice@example.com");
    assert_eq!(alice.roles, ["viewer"]);
    assert_eq!(house.last().await.action, "person.add");
    let directory = &house.directory;
    for typed in ["alice@example.com", " ALICE@example.com "] {
        assert_eq!(directory.person_by_login(typed).await.unwrap().unwrap(), alice);
    }
    assert_eq!(directory.person_by_login("bob").await.unwrap(), None);
    assert_eq!(directory.person_by_login("a\0").await.unwrap(), None);
    let id = alice.id.clone();
    let read = house.store.read(move |tx| person_in(tx, &id)).await.unwrap();
    assert_eq!(read.unwrap(), alice);
}

#[tokio::test]
async fn a_login_belongs_to_one_person() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    house.alice().await;
    let other = NewPerson { login: "bob".into(), ..NewPerson::default() };
    let bob = directory.add_person(house.acting(NOW), other).await.unwrap();
    let before = house.count().await;
    let again = directory.add_person(house.acting(NOW), alice()).await;
    assert!(matches!(again, Err(Fault::LoginTaken(login)) if login == "alice@example.com"));
    let rename = |person: &mut portcullis_directory::Person| {
        person.login = "ALICE@example.com".into();
        Ok(())
    };
    let renamed = directory.edit_person(house.acting(NOW), &bob.id, rename).await;
    assert!(matches!(renamed, Err(Fault::LoginTaken(_))));
    assert_eq!(house.count().await, before, "what was not done leaves no record");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let bad: [fn(&mut NewPerson); 5] = [
        |new| new.login = String::new(),
        |new| new.roles = vec!["vewer".into()],
        |new| new.groups = vec![" ".into()],
        |new| new.profile.name = Some("a\u{1b}[31m".into()),
        |new| new.profile.picture = Some("x".repeat(3000)),
    ];
    for spoil in bad {
        let mut new = alice();
        spoil(&mut new);
        let refused = directory.add_person(house.acting(NOW), new).await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{refused:?}");
    }
    assert_eq!(house.count().await, 0);
}

#[tokio::test]
async fn groups_bring_roles_and_take_them_away() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await;
    let join = |person: &mut portcullis_directory::Person| {
        person.own_groups = vec!["ml-engineers".into(), "lunch".into()];
        person.profile.nickname = Some("Al".into());
        person.disabled_by.operator = true;
        Ok(())
    };
    let joined = directory.edit_person(house.acting(NOW), &alice.id, join).await.unwrap();
    assert_eq!(joined.groups, ["lunch", "ml-engineers"]);
    assert_eq!(joined.roles, ["data-scientist", "viewer"]);
    assert_eq!(joined.own_roles, ["viewer"]);
    assert_eq!((joined.disabled_since, joined.version), (None, 2), "an edit disables nobody");
    let detail = house.last().await.detail;
    assert_eq!(detail["groups"], "lunch ml-engineers");
    assert_eq!(detail["profile"], "nickname", "not what it is");
    let may = directory.roles().scopes(&joined.roles);
    assert!(may.iter().any(|pattern| pattern.matches(&"generate:basic".parse().unwrap())));

    let leave = |person: &mut portcullis_directory::Person| {
        person.own_groups = vec!["lunch".into()];
        Ok(())
    };
    let left = directory.edit_person(house.acting(NOW), &alice.id, leave).await.unwrap();
    assert_eq!((left.roles, left.groups), (vec!["viewer".into()], vec!["lunch".into()]));
}

#[tokio::test]
async fn many_people_are_read_a_page_at_a_time() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    for number in 0..25 {
        let login = format!("user{number:02}");
        let new = NewPerson {
            login,
            external_id: Some(format!("x{}", number % 2)),
            ..Default::default()
        };
        directory.add_person(house.acting(NOW.plus(Ttl::seconds(number))), new).await.unwrap();
    }
    let page = Page { start: 20, count: 10 };
    let found = directory.people(Wanted::All, page).await.unwrap();
    assert_eq!((found.total, found.items.len()), (25, 5));
    assert_eq!(found.items[0].login, "user20");
    let even = Wanted::ExternalId("x0".into());
    let found = directory.people(even, Page { start: 0, count: 3 }).await.unwrap();
    assert_eq!((found.total, found.items.len()), (13, 3));
    let nines = Wanted::Test(Box::new(|person| person.login.ends_with('9')));
    let found = directory.people(nines, Page { start: 1, count: 10 }).await.unwrap();
    assert_eq!((found.total, found.items[0].login.as_str()), (2, "user19"));
}

#[tokio::test]
async fn who_is_removed_leaves_the_login_free_and_nothing_behind() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let first = house.alice().await;
    directory.remove_person(house.acting(NOW), &first.id).await.unwrap();
    assert_eq!(house.last().await.action, "person.remove");
    assert_eq!(directory.person(&first.id).await.unwrap(), None);
    let later = NOW.plus(Ttl::seconds(1));
    let second = directory.add_person(house.acting(later), alice()).await.unwrap();
    assert_ne!(first.id, second.id);
    let gone = directory.remove_person(house.acting(NOW), &first.id).await;
    assert!(matches!(gone, Err(Fault::UnknownPerson(_))));
}

#[tokio::test]
async fn a_consent_is_remembered_api_by_api() {
    let mut house = House::open().await;
    let person = house.alice().await.id;
    let app = id("app");
    let identity: IdentityScopes = [IdentityScope::Openid].into_iter().collect();
    let consent = |scope: &str| Consent {
        identity,
        scope: Scopes::parse(scope).unwrap(),
        resource: Some("https://api.example/".parse().unwrap()),
        given: NOW,
    };
    let (basic, list) = (consent("generate:basic"), consent("model:list"));
    let (who, which) = (person.clone(), app.clone());
    let remember = move |tx: &mut portcullis_store::Tx<'_>| {
        remember_consent(tx, &who, &which, &basic)?;
        remember_consent(tx, &who, &which, &list)
    };
    house.store.write(remember).await.unwrap();
    let (_store, other) = open(&house.database).await;
    let resource = "https://api.example/".parse().unwrap();
    let known = other.consent(&person, &app, Some(&resource)).await.unwrap().unwrap();
    assert!(known.covers(identity, &Scopes::parse("generate:basic model:list").unwrap()));
    assert!(!known.covers(identity, &Scopes::parse("generate:premium").unwrap()));
    assert!(!known.covers(IdentityScopes::all(), &Scopes::default()));
    assert_eq!(other.consent(&person, &app, None).await.unwrap(), None);
    assert_eq!(other.consent(&person, &id("other"), Some(&resource)).await.unwrap(), None);
    let who = person.clone();
    house.store.write(move |tx| forget_consent(tx, &who, &app)).await.unwrap();
    assert_eq!(other.consent(&person, &id("app"), Some(&resource)).await.unwrap(), None);
}

#[tokio::test]
async fn consents_never_add_up_to_a_row_that_cannot_be_read() {
    let mut house = House::open().await;
    let person = house.alice().await.id;
    let resource: portcullis_types::Audience = "https://api.example/".parse().unwrap();
    let agree = async |scope: String| {
        let (who, app) = (person.clone(), id("app"));
        let consent = Consent {
            identity: [IdentityScope::Openid].into_iter().collect(),
            scope: Scopes::parse(&scope).unwrap(),
            resource: Some(resource.clone()),
            given: NOW,
        };
        house.store.write(move |tx| remember_consent(tx, &who, &app, &consent)).await.unwrap();
    };
    let known = async || {
        let known = house.directory.consent(&person, &id("app"), Some(&resource)).await;
        known.unwrap().map(|consent| consent.scope)
    };
    // Attack: each is small enough, and together they are more than a list may be.
    for round in 0..3 {
        let many: Vec<String> = (0..40).map(|n| format!("model:read/m-{round}-{n}")).collect();
        agree(many.join(" ")).await;
        assert!(Scopes::parse(&many.join(" ")).unwrap().lies_within(&known().await.unwrap()));
    }
    assert_eq!(
        known().await.unwrap().len(),
        40,
        "what was agreed to last took the place of the rest"
    );
    agree("model:read".to_owned()).await;
    assert_eq!(known().await.unwrap().to_string(), "model:read", "it covers them all");
    assert!(Scopes::parse("model:read/a/b").unwrap().lies_within(&known().await.unwrap()));
    let spoil = "UPDATE consent SET scope = 'no scope at  all'";
    house.store.write(move |tx| tx.execute(spoil, &[])).await.unwrap();
    assert_eq!(known().await, None, "what cannot be read is asked again");
    agree("model:list".to_owned()).await;
    assert_eq!(known().await.unwrap().to_string(), "model:list");
}

#[tokio::test]
async fn an_account_elsewhere_leads_to_one_person_and_an_address_proves_nothing() {
    use crate::house::settings;
    use crate::sessions::sign_in;
    use portcullis_directory::{
        LinkFault, LinkedAccount, Newcomer, PeopleSettings, ProviderRoles, RoleRule,
    };
    use portcullis_types::Acr;
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let rule = RoleRule { theirs: "ml".into(), ours: vec!["viewer".into()] };
    let roles = ProviderRoles { rules: vec![rule], ..ProviderRoles::none("acme".into()) };
    directory.settle(PeopleSettings { providers: vec![roles], ..settings() });
    let account = |subject: &str, groups: &[&str]| LinkedAccount {
        provider: "acme".into(),
        issuer: "https://idp.example".into(),
        subject: subject.into(),
        groups: groups.iter().map(ToString::to_string).collect(),
    };
    let join = async |house: &mut House, account, login: &str| {
        let directory = house.directory.clone();
        let profile = portcullis_directory::Profile {
            email: Some(login.into()),
            email_verified: true,
            ..Default::default()
        };
        let newcomer = Newcomer { profile, login: Some(login.into()), ..Newcomer::default() };
        directory.person_of_or_join(house.acting(NOW), account, newcomer).await
    };
    let joined = join(&mut house, account("1", &["ml", "x"]), "new@acme.example").await.unwrap();
    assert_eq!(joined.roles, ["viewer"]);
    let again = join(&mut house, account("1", &[]), "renamed@acme.example").await.unwrap();
    assert_eq!(again.id, joined.id, "the subject decides, not the name");
    assert!(again.roles.is_empty(), "what was taken away there is taken away here");
    let other = join(&mut house, account("2", &[]), "new@acme.example").await;
    assert!(
        matches!(other, Err(LinkFault::Taken { .. })),
        "the same address is not the same person"
    );
    let unknown = directory.person_of(house.acting(NOW), account("3", &[])).await;
    assert!(matches!(unknown, Err(LinkFault::Unknown)));
    let (session, _) = house.begin(sign_in(&joined.id, NOW, Acr::Pwd), NOW).await;
    let linked = directory.link_account(house.acting(NOW), &session, account("3", &[])).await;
    assert!(linked.is_ok());
    directory.end_sessions(house.acting(NOW), &joined.id, None).await.unwrap();
    let late = directory.link_account(house.acting(NOW), &session, account("4", &[])).await;
    assert!(late.is_err(), "the session is over");
    let found = directory.person_of(house.acting(NOW), account("3", &[])).await.unwrap();
    assert_eq!(found.id, joined.id);
}
