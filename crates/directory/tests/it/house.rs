//! A directory in a database of its own.

use portcullis_audit::{Admin, Event};
use portcullis_directory::sign_in::Visitor;
use portcullis_directory::{
    Acting, Attempt, AuthMethod, Credentials, Directory, GrantType, MIGRATIONS, NewAuth, NewClient,
    NewPerson, PeopleSettings, Person, Profile, Registration, Role, Roles, SecretHashKey,
};
use portcullis_store::{Store, testing::Database};
use portcullis_types::{ClientId, Denial, Entropy, Issuer, Timestamp};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Counts up: each draw differs.
#[derive(Clone)]
pub(crate) struct Counted(u32);

impl Entropy for Counted {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        let number = self.0.to_be_bytes();
        bytes
            .iter_mut()
            .rev()
            .zip(number.into_iter().rev().cycle())
            .for_each(|(to, from)| *to = from);
    }
}

pub(crate) struct House {
    pub(crate) directory: Directory,
    pub(crate) store: Store,
    pub(crate) entropy: Counted,
    pub(crate) database: Database,
}

impl House {
    pub(crate) async fn open() -> Self {
        let database = Database::fresh();
        let (store, directory) = open(&database).await;
        Self { directory, store, entropy: Counted(0), database }
    }

    pub(crate) fn acting(&mut self, now: Timestamp) -> Acting<'_> {
        Acting { actor: "cli:alice", now, entropy: &mut self.entropy }
    }

    pub(crate) async fn alice(&mut self) -> Person {
        let directory = self.directory.clone();
        directory.add_person(self.acting(NOW), alice()).await.unwrap()
    }

    pub(crate) async fn alice_with_password(&mut self) -> Person {
        let directory = self.directory.clone();
        let alice = self.alice().await;
        let set = directory.set_password(self.acting(NOW), &alice.id, PASSWORD.into(), None).await;
        set.unwrap().unwrap();
        alice
    }

    pub(crate) fn visitor(&mut self, now: Timestamp) -> Visitor<'_> {
        Visitor { remote: None, browser: "browser", known: None, now, entropy: &mut self.entropy }
    }

    /// The latest record, and why it was refused.
    pub(crate) async fn last_refusal(&self) -> (Admin<'static>, Option<Denial>) {
        let records = self.store.read(|tx| portcullis_audit::tail(tx, 0, 1000)).await.unwrap();
        let record = records.into_iter().next_back().unwrap().1;
        match record.event {
            Event::Admin(admin) => (admin, record.denial.map(std::borrow::Cow::into_owned)),
            other => panic!("{other:?}"),
        }
    }

    /// The latest administrative record.
    pub(crate) async fn last(&self) -> Admin<'static> {
        let records = self.store.read(|tx| portcullis_audit::tail(tx, 0, 100)).await.unwrap();
        match records.into_iter().next_back().unwrap().1.event {
            Event::Admin(admin) => admin,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn count(&self) -> usize {
        self.store.read(|tx| portcullis_audit::tail(tx, 0, 100)).await.unwrap().len()
    }

    pub(crate) fn attempt(&self, client_id: &str, now: Timestamp) -> Attempt {
        let from = std::net::Ipv4Addr::LOCALHOST.into();
        self.directory.attempt(Some(client_id.to_owned()), Some(from), now).unwrap()
    }

    /// Whether the secret proves the client.
    pub(crate) async fn proves(&self, client_id: &str, secret: &str, now: Timestamp) -> bool {
        let attempt = self.attempt(client_id, now);
        let credentials = Credentials::Secret {
            method: AuthMethod::ClientSecretPost,
            client_id: client_id.to_owned(),
            secret: secret.into(),
        };
        self.directory.authenticate(attempt, &credentials).await.unwrap().is_ok()
    }
}

/// As another process would.
pub(crate) async fn open(database: &Database) -> (Store, Directory) {
    let migrations = [portcullis_audit::MIGRATIONS, MIGRATIONS].concat();
    let store = database.open(&migrations);
    let issuer = Issuer::new("https://id.example").unwrap();
    let key = SecretHashKey::new(&[7; 32]);
    let directory = Directory::open(store.clone(), key, issuer).await.unwrap();
    directory.settle(settings());
    (store, directory)
}

/// Two roles, one of them brought by a group.
pub(crate) fn settings() -> PeopleSettings {
    let role = |title: &str, scopes: &[&str]| Role {
        title: title.into(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
    };
    let roles = Roles {
        by_name: [
            ("viewer".into(), role("Viewer", &["model:list"])),
            ("data-scientist".into(), role("Data scientist", &["model:*", "generate:*"])),
        ]
        .into(),
        groups: [("ml-engineers".into(), vec!["data-scientist".into()])].into(),
        ..Roles::default()
    };
    PeopleSettings { roles, ..PeopleSettings::default() }
}

pub(crate) fn alice() -> NewPerson {
    NewPerson {
        login: "Alice@Example.com".into(),
        profile: Profile {
            name: Some("Alice Example".into()),
            email: Some("Alice@Example.com".into()),
            ..Profile::default()
        },
        roles: vec!["viewer".into()],
        ..NewPerson::default()
    }
}

pub(crate) fn app() -> NewClient {
    NewClient {
        id: Some(id("app")),
        name: "An app".into(),
        auth: NewAuth::Generated,
        grant_types: vec![GrantType::ClientCredentials],
        scopes: vec!["generate:basic".parse().unwrap(), "model:*".parse().unwrap()],
        default_scope: Some("generate:basic model:list".parse().unwrap()),
        resources: vec!["https://api.example/".parse().unwrap()],
        default_resource: None,
        tenant: None,
        registration: Registration::default(),
        expires: None,
    }
}

pub(crate) fn id(text: &str) -> ClientId {
    ClientId::new(text).unwrap()
}
