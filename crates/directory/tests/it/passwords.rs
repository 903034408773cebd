use crate::house::{House, NOW, PASSWORD};
use argon2::{Argon2, Params, PasswordHasher as _};
use portcullis_directory::{Fault, NewPerson, NewSession, WeakPassword, sign_in::Proven};
use portcullis_types::{Acr, Amr, SignInFault, Timestamp, Ttl};
use std::net::Ipv4Addr;

impl House {
    /// From the address with this last number.
    pub(crate) async fn try_password(
        &mut self,
        login: &str,
        password: &str,
        (from, known): (u8, Option<&str>),
        now: Timestamp,
    ) -> Result<Proven, SignInFault> {
        let directory = self.directory.clone();
        let mut visitor = self.visitor(now);
        visitor.remote = Some(Ipv4Addr::new(192, 0, 2, from).into());
        visitor.known = known;
        let outcome = directory.sign_in_with_password(&mut visitor, login, password.into()).await;
        outcome.unwrap().map_err(|refusal| refusal.fault().unwrap().clone())
    }

    async fn hash(&self) -> String {
        let read = |tx: &mut portcullis_store::Tx<'_>| {
            let row = tx.query_row("SELECT hash FROM person_password", &[])?.unwrap();
            Ok(row.text(0)?.to_owned())
        };
        self.store.read(read).await.unwrap()
    }
}

#[tokio::test]
async fn a_password_signs_in_however_the_login_is_typed() {
    let mut house = House::open().await;
    let alice = house.alice_with_password().await;
    let proven = house.try_password(" ALICE@example.com", PASSWORD, (1, None), NOW).await.unwrap();
    assert_eq!(proven.person.id, alice.id);
    assert_eq!((proven.authentication.acr, proven.authentication.amr), (Acr::Pwd, vec![Amr::Pwd]));
    assert!(proven.second_factor.is_none());
}

#[tokio::test]
async fn whatever_is_wrong_costs_the_same_and_is_recorded() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice_with_password().await;
    for login in ["bare", "gone"] {
        let new = NewPerson { login: login.into(), ..NewPerson::default() };
        let person = directory.add_person(house.acting(NOW), new).await.unwrap();
        if login == "gone" {
            let set =
                directory.set_password(house.acting(NOW), &person.id, PASSWORD.into(), None).await;
            set.unwrap().unwrap();
            directory.disable_person(house.acting(NOW), &person.id).await.unwrap();
        }
    }
    let attempts = [
        ("nobody@example.com", "wrong-horse"),
        ("a\u{200b}b", "wrong-horse"),
        ("bare", "wrong-horse"),
        ("alice@example.com", "wrong-horse"),
        ("gone", "wrong-horse"),
        ("gone", PASSWORD),
    ];
    let mut faults = Vec::new();
    for (number, (login, password)) in attempts.into_iter().enumerate() {
        let before = directory.passwords_checked();
        let from = u8::try_from(number).unwrap();
        faults.push(house.try_password(login, password, (from, None), NOW).await.unwrap_err());
        assert_eq!(directory.passwords_checked(), before + 1, "{login}");
        let (record, denial) = house.last_refusal().await;
        assert_eq!(record.action, "person.sign_in");
        assert!(denial.is_some());
        assert!(!format!("{record:?}{denial:?}").contains("horse"), "no password in a record");
    }
    assert_eq!(faults[0], SignInFault::Unknown);
    assert_eq!(faults[1], SignInFault::Unknown);
    assert!(matches!(&faults[2], SignInFault::NoPassword { .. }));
    assert_eq!(faults[3], SignInFault::Password { person: alice.id });
    assert!(matches!(&faults[4], SignInFault::Password { .. }));
    assert!(matches!(&faults[5], SignInFault::Disabled { .. }));
}

#[tokio::test]
async fn a_password_typed_where_the_login_belongs_is_not_written_down() {
    let mut house = House::open().await;
    house.alice().await;
    house.try_password(PASSWORD, "x", (1, None), NOW).await.unwrap_err();
    let (record, denial) = house.last_refusal().await;
    assert!(!format!("{record:?}{denial:?}").contains("staple"));
    house.try_password("bob@example.com", "x", (1, None), NOW).await.unwrap_err();
    assert!(format!("{:?}", house.last_refusal().await.1).contains("bob@example.com"));
}

#[tokio::test]
async fn an_attacker_locks_nobody_out() {
    let mut house = House::open().await;
    house.alice_with_password().await;
    let login = "alice@example.com";
    let directory = house.directory.clone();
    let cookie = directory.known_cookie(None, login, &mut house.entropy);
    // Guesses from many addresses, hers among them.
    for number in 0..12 {
        for from in 0..10 {
            let _ = house.try_password(login, &format!("guess {number}"), (from, None), NOW).await;
        }
    }
    let stranger = house.try_password(login, PASSWORD, (200, None), NOW).await;
    assert!(matches!(stranger, Err(SignInFault::Throttled { .. })), "{stranger:?}");
    assert!(house.try_password(login, PASSWORD, (1, Some(&cookie)), NOW).await.is_ok());

    // Her cookie, in the attacker's hands, guesses no faster; and not for another login.
    let other = directory.known_cookie(None, "bob", &mut house.entropy);
    let refused = house.try_password(login, PASSWORD, (201, Some(&other)), NOW).await;
    assert!(matches!(refused, Err(SignInFault::Throttled { .. })));
    for from in 0..10 {
        let _ = house.try_password(login, "guess", (from, Some(&cookie)), NOW).await;
    }
    let refused = house.try_password(login, PASSWORD, (202, Some(&cookie)), NOW).await;
    assert!(matches!(refused, Err(SignInFault::Throttled { .. })));
    let both = directory.known_cookie(Some(&cookie), "bob", &mut house.entropy);
    assert_eq!(both.split('.').count(), 2);
    for junk in ["", "....", "AAAA", "\u{0}"] {
        let refused = house.try_password(login, PASSWORD, (203, Some(junk)), NOW).await;
        assert!(matches!(refused, Err(SignInFault::Throttled { .. })));
    }
}

#[tokio::test]
async fn a_hash_of_yesterday_is_made_anew_at_the_next_sign_in() {
    let mut house = House::open().await;
    let alice = house.alice_with_password().await;
    let weaker = Argon2::from(Params::new(8192, 1, 1, None).unwrap());
    let weaker = weaker.hash_password_with_salt(PASSWORD.as_bytes(), b"sixteen bytes...").unwrap();
    let (id, old) = (alice.id.clone(), weaker.to_string());
    let put = move |tx: &mut portcullis_store::Tx<'_>| {
        let sql = "UPDATE person_password SET hash = $1 WHERE person = $2";
        tx.execute(sql, &[old.into(), id.as_str().into()])
    };
    house.store.write(put).await.unwrap();
    house.try_password("alice@example.com", "wrong", (1, None), NOW).await.unwrap_err();
    assert!(house.hash().await.contains("m=8192,t=1"), "a failure changes nothing");
    house.try_password("alice@example.com", PASSWORD, (1, None), NOW).await.unwrap();
    let hash = house.hash().await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    house.try_password("alice@example.com", PASSWORD, (1, None), NOW).await.unwrap();
    assert_eq!(house.hash().await, hash, "once");
}

#[tokio::test]
async fn a_password_must_be_hard_to_guess_for_those_who_know_the_person() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await;
    for (password, problem) in [
        ("short", WeakPassword::TooShort),
        ("alice-example1", WeakPassword::Guessable),
        ("portcullis12", WeakPassword::Guessable),
        ("Tr0ub4dour", WeakPassword::Guessable),
    ] {
        let set = directory.set_password(house.acting(NOW), &alice.id, password.into(), None).await;
        assert_eq!(set.unwrap(), Err(problem), "{password}");
    }
    let nobody = "usr_01jzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
    let set = directory.set_password(house.acting(NOW), &nobody, PASSWORD.into(), None).await;
    assert!(matches!(set, Err(Fault::UnknownPerson(_))));
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice_with_password().await;
    let mut cookies = Vec::new();
    for _ in 0..2 {
        let proven =
            house.try_password("alice@example.com", PASSWORD, (1, None), NOW).await.unwrap();
        let new = NewSession {
            person: alice.id.clone(),
            authentication: proven.authentication,
            device: String::new(),
            remote: None,
            upstream: None,
        };
        cookies.push(directory.signed_in(new, None, NOW, &mut house.entropy).await.unwrap());
    }
    let keep = cookies[0].0.id.clone();
    let new = "another long way home";
    let set = directory.set_password(house.acting(NOW), &alice.id, new.into(), Some(&keep)).await;
    set.unwrap().unwrap();
    assert!(directory.session(cookies[0].1.expose(), NOW).await.unwrap().is_some());
    assert!(directory.session(cookies[1].1.expose(), NOW).await.unwrap().is_none());
    let later = NOW.plus(Ttl::seconds(60));
    assert!(house.try_password("alice@example.com", PASSWORD, (1, None), later).await.is_err());
    assert!(house.try_password("alice@example.com", new, (1, None), later).await.is_ok());
}
