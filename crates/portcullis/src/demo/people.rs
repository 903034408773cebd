//! The people of the demo: one in each role, each with a password of this start.

use super::acting;
use crate::{cli::Stop, clock::Chance};
use portcullis_directory::{Directory, NewPerson, Profile};
use portcullis_types::{Entropy, Random};
use secrecy::{ExposeSecret, SecretString};

/// Login, name and role.
pub(super) type Somebody = (&'static str, &'static str, &'static str);

/// Those of the models' demo.
pub(super) const PEOPLE: [Somebody; 3] = [
    ("admin", "Demo Admin", "admin"),
    ("scientist", "Demo Data Scientist", "data-scientist"),
    ("viewer", "Demo Viewer", "viewer"),
];

/// The roles, as the configuration has them.
pub(super) const ROLES: &str = r#"
[roles.admin]
title = "Admin"
scopes = ["generate:*", "model:*"]

[roles.data-scientist]
title = "Data Scientist"
scopes = ["generate:advanced", "generate:basic", "model:list"]

[roles.viewer]
title = "Viewer"
scopes = ["generate:basic", "model:list"]
"#;

/// Somebody who can sign in.
pub(crate) struct Person {
    pub(super) login: &'static str,
    pub(super) password: SecretString,
    pub(super) role: &'static str,
}

impl Person {
    /// The password, for who starts the demo.
    pub(super) fn password(&self) -> &str {
        self.password.expose_secret()
    }
}

/// Makes them, or gives those of an earlier start new passwords.
pub(super) async fn invite(directory: Directory, all: &[Somebody]) -> Result<Vec<Person>, Stop> {
    let mut people = Vec::new();
    for (login, name, role) in all.iter().copied() {
        people.push(one(&directory, login, name, role).await?);
    }
    Ok(people)
}

async fn one(
    directory: &Directory,
    login: &'static str,
    name: &str,
    role: &'static str,
) -> Result<Person, Stop> {
    let mut chance = Chance;
    let known = directory.person_by_login(login).await.map_err(Stop::cannot_run)?;
    let id = if let Some(person) = known {
        person.id
    } else {
        let added = directory.add_person(acting(&mut chance), new(login, name, role)).await;
        added.map_err(Stop::cannot_run)?.id
    };
    let password = password(&mut chance);
    let set = directory.set_password(acting(&mut chance), &id, password.clone(), None).await;
    set.map_err(Stop::cannot_run)?.map_err(Stop::cannot_run)?;
    Ok(Person { login, password, role })
}

fn new(login: &str, name: &str, role: &str) -> NewPerson {
    let (given_name, family_name) = name.split_once(' ').unwrap_or((name, ""));
    NewPerson {
        login: login.to_owned(),
        profile: Profile {
            name: Some(name.to_owned()),
            given_name: Some(given_name.to_owned()),
            family_name: Some(family_name.to_owned()),
            preferred_username: Some(login.to_owned()),
            email: Some(format!("{login}@demo.example")),
            ..Profile::default()
        },
        roles: vec![role.to_owned()],
        ..NewPerson::default()
    }
}

/// Four groups of letters and digits that cannot be confused: easy to copy, 80 bits.
fn password(entropy: &mut dyn Entropy) -> SecretString {
    const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let random = Random::<16>::draw(entropy);
    let letter = |b: &u8| LETTERS.get(usize::from(b % 32)).copied().map_or('x', char::from);
    let groups: Vec<String> =
        random.bytes().chunks(4).map(|group| group.iter().map(letter).collect()).collect();
    groups.join("-").into()
}
