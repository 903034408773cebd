use crate::house::{House, NOW, open, settings};
use crate::sessions::sign_in;
use portcullis_directory::{
    Fault, Group, LinkFault, LinkedAccount, Members, NewPerson, Page, PeopleSettings, Person,
    Provisioned, Provisioner, Roles, Wanted,
};
use portcullis_store::testing::Database;
use portcullis_types::{Acr, PersonId, Tenant, Ttl};
use secrecy::ExposeSecret as _;
use std::collections::BTreeSet;

const ALL: Page = Page { start: 0, count: 100 };

async fn provisioner(house: &mut House, name: &str, tenant: Option<&str>) -> Provisioner {
    let directory = house.directory.clone();
    let tenant = tenant.map(|tenant| Tenant::new(tenant).unwrap());
    directory.add_scim_directory(house.acting(NOW), name, tenant).await.unwrap();
    let made = directory.make_scim_token(house.acting(NOW), name, Ttl::seconds(60)).await;
    let secret = made.unwrap().1;
    directory.provisioner(secret.expose_secret(), NOW).await.unwrap().unwrap()
}

async fn join(house: &mut House, company: &Provisioner, login: &str) -> Person {
    let new = NewPerson {
        login: login.into(),
        external_id: Some("same".into()),
        roles: vec!["data-scientist".into()],
        groups: vec!["ml-engineers".into()],
        ..NewPerson::default()
    };
    company.add_person(house.acting(NOW), new).await.unwrap()
}

fn only(people: &[&PersonId]) -> BTreeSet<PersonId> {
    people.iter().map(|id| (*id).clone()).collect()
}

#[tokio::test]
async fn a_directory_has_its_own_people_and_no_others() {
    let mut house = House::open().await;
    let acme = provisioner(&mut house, "acme", Some("acme")).await;
    let globex = provisioner(&mut house, "globex", Some("globex")).await;
    let admin = house.alice().await;
    let bob = join(&mut house, &acme, "bob").await;
    assert_eq!((bob.directory.as_deref(), bob.tenant.as_ref()), (Some("acme"), acme.tenant()));
    assert!(bob.roles.is_empty() && bob.groups.is_empty(), "roles are the operator's to give");
    let eve = join(&mut house, &globex, "eve").await;

    for stranger in [&admin, &bob] {
        assert_eq!(globex.person(&stranger.id).await.unwrap(), None);
        let mut next = stranger.clone();
        next.profile.email = Some("eve@evil.example".into());
        let changed = globex.change_person(house.acting(NOW), stranger, next).await;
        assert!(matches!(changed, Err(Fault::UnknownPerson(_))), "{changed:?}");
        let removed = globex.remove_person(house.acting(NOW), stranger).await;
        assert!(matches!(removed, Err(Fault::UnknownPerson(_))), "{removed:?}");
        let found = globex.people(Wanted::Login(stranger.login.clone()), ALL).await.unwrap();
        assert_eq!(found.total, 0);
        assert_eq!(house.directory.person(&stranger.id).await.unwrap().as_ref(), Some(stranger));
    }
    for wanted in [
        Wanted::All,
        Wanted::ExternalId("same".into()),
        Wanted::Test(Box::new(|_| true)),
        Wanted::Login("eve".into()),
    ] {
        let found = globex.people(wanted, ALL).await.unwrap();
        assert_eq!((found.total, found.items), (1, vec![eve.clone()]));
    }
    let mail = Wanted::Email("alice@example.com".into());
    assert_eq!(globex.people(mail, ALL).await.unwrap().total, 0);
    let mut renamed = eve.clone();
    renamed.login = "bob".into();
    let taken = globex.change_person(house.acting(NOW), &eve, renamed).await;
    assert!(matches!(taken, Err(Fault::LoginTaken(_))));
}

#[tokio::test]
async fn groups_of_a_directory_hold_its_people_and_bring_what_the_operator_said_of_it() {
    let mut house = House::open().await;
    let acme = provisioner(&mut house, "acme", Some("acme")).await;
    let own = provisioner(&mut house, "entra", None).await;
    let admin = house.alice().await;
    let (bob, carol) =
        (join(&mut house, &acme, "bob").await, join(&mut house, &own, "carol").await);
    let name = || "ml-engineers".to_owned();

    for stranger in [&admin, &carol] {
        let by = house.acting(NOW);
        let with = only(&[&bob.id, &stranger.id]);
        let refused = acme.add_group(by, name(), None, with).await;
        assert!(matches!(refused, Err(Fault::UnknownPerson(id)) if id == stranger.id.to_string()));
    }
    let group = acme.add_group(house.acting(NOW), name(), None, only(&[&bob.id])).await.unwrap();
    let theirs = own.add_group(house.acting(NOW), name(), None, only(&[&carol.id])).await.unwrap();
    assert_eq!(own.group(&group.id).await.unwrap(), None);
    assert_eq!(own.groups(|_| true, ALL).await.unwrap().items, std::slice::from_ref(&theirs));
    for outcome in [
        own.change_group(house.acting(NOW), &group, group.clone(), Members::default()).await.err(),
        own.remove_group(house.acting(NOW), &group).await.err(),
    ] {
        assert!(matches!(outcome, Some(Fault::UnknownGroup(_))), "{outcome:?}");
    }
    let roles = async |house: &House, person: &Person| {
        house.directory.person(&person.id).await.unwrap().unwrap().roles
    };
    assert_eq!(roles(&house, &carol).await, ["data-scientist"], "[groups]");
    assert!(roles(&house, &bob).await.is_empty(), "a customer's directory chooses its names");

    let scim = [("acme".into(), [(name(), vec!["viewer".into()])].into())].into();
    let roles_then = Roles { scim, ..settings().roles };
    house.directory.settle(PeopleSettings { roles: roles_then, ..settings() });
    assert_eq!(roles(&house, &bob).await, ["viewer"], "[scim.acme.groups]");

    // Whoever is another directory's now has nothing of the one before.
    let directory = house.directory.clone();
    let adopted = directory.adopt_person(house.acting(NOW), "entra", &bob.id).await.unwrap();
    assert_eq!((adopted.directory.as_deref(), adopted.tenant), (Some("entra"), None));
    assert!(adopted.roles.is_empty() && adopted.groups.is_empty());
    assert!(acme.members(&group).await.unwrap().is_empty());
    let nowhere = directory.adopt_person(house.acting(NOW), "x", &bob.id).await;
    assert!(matches!(nowhere, Err(Fault::Invalid(_))));
}

#[tokio::test]
async fn a_group_changes_as_a_whole_or_not_at_all() {
    let mut house = House::open().await;
    let company = provisioner(&mut house, "entra", None).await;
    let mut people = Vec::new();
    for number in 0..45 {
        people.push(join(&mut house, &company, &format!("user{number}")).await.id);
    }
    let everybody: BTreeSet<PersonId> = people.iter().cloned().collect();
    let with = only(&[people.first().unwrap()]);
    let group = company.add_group(house.acting(NOW), "ops".into(), None, with).await.unwrap();
    let taken = company.add_group(house.acting(NOW), "ops".into(), None, BTreeSet::new()).await;
    assert!(matches!(taken, Err(Fault::GroupTaken(_))));

    let stranger: PersonId = "usr_01jzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
    let mut add = everybody.clone();
    add.insert(stranger.clone());
    let change = Members { only: true, add, ..Members::default() };
    let next = Group { name: "operations".into(), ..group.clone() };
    let refused = company.change_group(house.acting(NOW), &group, next, change).await;
    assert!(matches!(refused, Err(Fault::UnknownPerson(id)) if id == stranger.to_string()));
    assert_eq!(company.group(&group.id).await.unwrap().as_ref(), Some(&group));
    assert_eq!(company.members(&group).await.unwrap().len(), 1);

    let change = Members { only: true, add: everybody, ..Members::default() };
    let full =
        company.change_group(house.acting(NOW), &group, group.clone(), change).await.unwrap();
    assert_eq!(company.members(&full).await.unwrap().len(), 45, "in more than one portion");
    let nothing = Members { add: only(&[people.last().unwrap()]), ..Members::default() };
    let same = company.change_group(house.acting(NOW), &full, full.clone(), nothing).await;
    assert_eq!(same.unwrap(), full, "no change is no version");
    let stale = company.change_group(house.acting(NOW), &group, full.clone(), Members::default());
    assert!(matches!(stale.await, Err(Fault::Stale)));
    assert!(matches!(company.remove_group(house.acting(NOW), &group).await, Err(Fault::Stale)));
    let remove = people.iter().skip(30).cloned().collect();
    let change = Members { remove, ..Members::default() };
    let left = company.change_group(house.acting(NOW), &full, full.clone(), change).await.unwrap();
    assert_eq!(company.members(&left).await.unwrap().len(), 30);
    company.remove_group(house.acting(NOW), &left).await.unwrap();
    assert_eq!(company.group(&left.id).await.unwrap(), None);
}

#[tokio::test]
async fn nobody_lifts_what_somebody_else_forbade() {
    let mut house = House::open().await;
    let company = provisioner(&mut house, "entra", None).await;
    let directory = house.directory.clone();
    let bob = join(&mut house, &company, "bob").await;
    let since = NOW.plus(Ttl::seconds(5));
    let say = async |house: &mut House, out: bool| {
        let before = company.person(&bob.id).await.unwrap().unwrap();
        let mut after = before.clone();
        after.disabled_by.directory = out;
        after.disabled_by.operator = false;
        company.change_person(house.acting(since), &before, after).await.unwrap()
    };
    directory.disable_person(house.acting(NOW), &bob.id).await.unwrap();
    let kept = say(&mut house, false).await;
    assert_eq!(kept.disabled_since, Some(NOW), "the directory does not lift the operator's word");
    assert!(say(&mut house, true).await.disabled_by.directory);
    let kept = directory.enable_person(house.acting(since), &bob.id).await.unwrap();
    assert_eq!(kept.disabled_since, Some(NOW), "nor the operator the directory's");
    assert_eq!(say(&mut house, false).await.disabled_since, None);
    assert_eq!(say(&mut house, true).await.disabled_since, Some(since));
}

#[tokio::test]
async fn the_provider_of_a_company_leads_to_whom_its_directory_made_and_to_nobody_else() {
    let mut house = House::open().await;
    let acme = provisioner(&mut house, "acme", Some("acme")).await;
    let globex = provisioner(&mut house, "globex", Some("globex")).await;
    let bob = join(&mut house, &acme, "bob").await;
    let eve = join(&mut house, &globex, "eve").await;
    let account = |subject: &str| LinkedAccount {
        provider: "acme-idp".into(),
        issuer: "https://idp.acme.example".into(),
        subject: subject.into(),
        groups: Vec::new(),
    };
    let named = |directory: &str, external_id: &str| Provisioned {
        directory: directory.into(),
        external_id: external_id.into(),
    };
    let directory = house.directory.clone();
    for stranger in [named("acme", "other"), named("acme", ""), named("nobody", "same")] {
        let found = directory.person_of_or_provisioned(house.acting(NOW), account("1"), stranger);
        assert!(matches!(found.await, Err(LinkFault::Unknown)));
    }
    let same = named("acme", "same");
    let found = directory.person_of_or_provisioned(house.acting(NOW), account("1"), same).await;
    assert_eq!(found.unwrap().id, bob.id);
    let again = directory.person_of(house.acting(NOW), account("1")).await.unwrap();
    assert_eq!(again.id, bob.id, "linked from now on");
    // Whoever is linked stays so, whatever a directory says of another.
    let other = named("globex", "same");
    let found = directory.person_of_or_provisioned(house.acting(NOW), account("1"), other).await;
    assert_eq!(found.unwrap().id, bob.id);
    // What was taken back stays so, until its person says otherwise.
    let password = "correct horse battery staple".into();
    directory.set_password(house.acting(NOW), &bob.id, password, None).await.unwrap().unwrap();
    directory.unlink_accounts(house.acting(NOW), &bob.id, "acme-idp", None).await.unwrap();
    let same = named("acme", "same");
    let found = directory.person_of_or_provisioned(house.acting(NOW), account("1"), same).await;
    assert!(matches!(found, Err(LinkFault::Unknown)));
    let (session, _) = house.begin(sign_in(&bob.id, NOW, Acr::Pwd), NOW).await;
    directory.link_account(house.acting(NOW), &session, account("1")).await.unwrap();
    assert_eq!(directory.person_of(house.acting(NOW), account("1")).await.unwrap().id, bob.id);
    // Two of one name are nobody.
    join(&mut house, &globex, "eve-too").await;
    let two = named("globex", "same");
    let found = directory.person_of_or_provisioned(house.acting(NOW), account("2"), two).await;
    assert!(matches!(found, Err(LinkFault::Unknown)), "not {}", eve.id);
}

#[tokio::test]
async fn what_a_lone_directory_provisioned_before_is_its_own() {
    for (names, owner) in [(&["entra"][..], Some("entra")), (&["entra", "okta"], None)] {
        let database = Database::fresh();
        let before: Vec<_> =
            portcullis_directory::MIGRATIONS.iter().filter(|one| one.number < 9).copied().collect();
        let store = database.open(&[portcullis_audit::MIGRATIONS, &before].concat());
        let tokens: Vec<String> = names
            .iter()
            .map(|name| format!("INSERT INTO scim_token (id, secret, name, created, expires) VALUES ('scm_{name}', '', '{name}', 1, 2)"))
            .collect();
        let write = move |tx: &mut portcullis_store::Tx<'_>| {
            for token in tokens {
                // A statement is a literal; these are made once for a test.
                tx.execute(Box::leak(token.into_boxed_str()), &[])?;
            }
            for sql in [
                "INSERT INTO person (id, login, profile, roles, external_id, version, created, updated, disabled_since) \
                 VALUES ('usr_01jzzzzzzzzzzzzzzzzzzzzzzz', 'bob', '{}', '[]', 'x', 1, 1, 1, 5)",
                "INSERT INTO person (id, login, profile, roles, version, created, updated) \
                 VALUES ('usr_01jzzzzzzzzzzzzzzzzzzzzzzy', 'admin', '{}', '[]', 1, 1, 1)",
                "INSERT INTO people_group (id, name, version, created, updated) VALUES ('grp_a', 'ml-engineers', 1, 1, 1)",
                "INSERT INTO people_group (id, name, version, created, updated) VALUES ('grp_b', 'lunch', 1, 1, 1)",
                "INSERT INTO group_member (group_id, person) VALUES ('grp_a', 'usr_01jzzzzzzzzzzzzzzzzzzzzzzz')",
                "INSERT INTO group_member (group_id, person) VALUES ('grp_b', 'usr_01jzzzzzzzzzzzzzzzzzzzzzzz')",
                "INSERT INTO group_member (group_id, person) VALUES ('grp_b', 'usr_01jzzzzzzzzzzzzzzzzzzzzzzy')",
            ] {
                tx.execute(sql, &[])?;
            }
            Ok(())
        };
        store.write(write).await.unwrap();
        drop(store);
        let (_store, directory) = open(&database).await;
        let bob = directory.person_by_login("bob").await.unwrap().unwrap();
        let admin = directory.person_by_login("admin").await.unwrap().unwrap();
        assert_eq!((bob.directory.as_deref(), admin.directory), (owner, None));
        assert!(bob.disabled_by.operator, "nobody lifts it unasked");
        assert_eq!(bob.groups, ["lunch", "ml-engineers"], "nobody leaves a group");
        assert_eq!(bob.roles, ["data-scientist"], "nor loses what it brings");
        let own: &[&str] = if owner.is_some() { &["lunch"] } else { &["lunch", "ml-engineers"] };
        assert_eq!(bob.own_groups, own);
        assert_eq!(directory.scim_directories().await.unwrap().len(), names.len());
    }
}
