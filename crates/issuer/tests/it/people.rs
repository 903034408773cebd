//! People of the house, and what became of them.

use crate::house::House;
use portcullis_audit::{Event, Grant, Record};
use portcullis_directory::{
    Acting, NewPerson, NewSession, PeopleSettings, Person, Profile, Role, Roles,
};
use portcullis_jose::jwk::KeySet;
use portcullis_types::{Acr, Amr, Authentication};
use std::{collections::BTreeMap, sync::Arc};

impl House {
    /// A person who can sign in. Scientists may generate and run batches, viewers read batches.
    pub(crate) async fn person(&self, login: &str, roles: &[&str]) -> Person {
        self.join(NewPerson { login: login.to_owned(), ..in_roles(roles) }).await
    }

    pub(crate) async fn tenant_person(&self, login: &str, roles: &[&str], tenant: &str) -> Person {
        let tenant = Some(tenant.parse().unwrap());
        self.join(NewPerson { login: login.to_owned(), tenant, ..in_roles(roles) }).await
    }

    async fn join(&self, new: NewPerson) -> Person {
        self.directory.settle(PeopleSettings { roles: roles(), ..PeopleSettings::default() });
        let mut entropy = self.entropy.clone();
        let by = Acting { actor: "test", now: self.now(), entropy: &mut entropy };
        self.directory.add_person(by, new).await.unwrap()
    }

    pub(crate) async fn disable_person(&self, login: &str) {
        let person = self.directory.person_by_login(login).await.unwrap().unwrap();
        let mut entropy = self.entropy.clone();
        let by = Acting { actor: "test", now: self.now(), entropy: &mut entropy };
        self.directory.disable_person(by, &person.id).await.unwrap();
    }

    /// The cookie of a session that began with a password, just now.
    pub(crate) async fn session(&self, login: &str) -> String {
        self.session_with(login, Acr::Pwd).await
    }

    pub(crate) async fn session_with(&self, login: &str, acr: Acr) -> String {
        let person = self.directory.person_by_login(login).await.unwrap().unwrap();
        let new = NewSession {
            person: person.id,
            authentication: Authentication { at: self.now(), acr, amr: vec![Amr::Pwd] },
            device: "a test".to_owned(),
            remote: None,
            upstream: None,
        };
        let mut entropy = self.entropy.clone();
        let begun = self.directory.signed_in(new, None, self.now(), &mut entropy).await;
        begun.unwrap().1.expose().to_owned()
    }

    /// An address of ours, by the path below the issuer.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}/tenants/one{path}", self.base)
    }

    pub(crate) fn keys(&self) -> Arc<KeySet> {
        self.state.keys.public()
    }

    /// The latest record about a grant.
    pub(crate) async fn last_grant(&self) -> (Grant<'static>, Record<'static>) {
        let all = self.store.read(|tx| portcullis_audit::tail(tx, 0, 1000)).await.unwrap();
        let grants = all.into_iter().rev().filter_map(|(_, record)| match record.event.clone() {
            Event::Grant(grant) => Some((grant, record)),
            _ => None,
        });
        grants.into_iter().next().expect("a record of a grant")
    }

    /// How many codes there are that nobody has used.
    pub(crate) async fn codes(&self) -> i64 {
        let row = self
            .store
            .read(|tx| tx.query_row("SELECT count(*) FROM authorization_code", &[]))
            .await;
        row.unwrap().unwrap().int(0).unwrap()
    }
}

fn in_roles(roles: &[&str]) -> NewPerson {
    NewPerson {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        profile: Profile { name: Some("Ada Lovelace".to_owned()), ..Profile::default() },
        ..NewPerson::default()
    }
}

fn roles() -> Roles {
    let role = |title: &str, scopes: &[&str]| Role {
        title: title.to_owned(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
    };
    let by_name = [
        ("scientist".to_owned(), role("Data Scientist", &["generate:*", "batch:*"])),
        ("viewer".to_owned(), role("Viewer", &["batch:read", "model:list"])),
    ];
    Roles { by_name: BTreeMap::from(by_name), ..Roles::default() }
}
