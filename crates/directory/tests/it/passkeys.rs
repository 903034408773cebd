use crate::{
    authenticator::Authenticator,
    house::{House, NOW},
};
use portcullis_directory::{Fault, PasskeyOptions, Person, sign_in::Proven};
use portcullis_types::{Acr, Amr, SignInFault, Timestamp, Ttl};

impl House {
    /// Alice's passkey, and the handle by which the authenticator knows her.
    async fn passkey(&mut self, alice: &Person) -> (Authenticator, String) {
        let authenticator = Authenticator::new("first");
        let directory = self.directory.clone();
        let mut visitor = self.visitor(NOW);
        let begun = directory.begin_passkey(&mut visitor, alice).await.unwrap().unwrap();
        let selection = &begun.options["publicKey"]["authenticatorSelection"];
        assert_eq!(selection["residentKey"], "required");
        assert_eq!(selection["userVerification"], "required");
        let answer = authenticator.create(&begun.options);
        let parts = (begun.ticket.as_str(), answer.as_str());
        let made = directory.finish_passkey(&mut visitor, &alice.id, parts, "My phone").await;
        made.unwrap().unwrap();
        let handle = begun.options["publicKey"]["user"]["id"].as_str().unwrap().to_owned();
        (authenticator, handle)
    }

    fn begin_passkey(&mut self, now: Timestamp) -> PasskeyOptions {
        let directory = self.directory.clone();
        directory.begin_passkey_sign_in(&mut self.visitor(now)).unwrap().unwrap()
    }

    async fn try_passkey(
        &mut self,
        ticket: &str,
        answer: &str,
        now: Timestamp,
    ) -> Result<Proven, SignInFault> {
        let directory = self.directory.clone();
        let outcome = directory.sign_in_with_passkey(&mut self.visitor(now), ticket, answer).await;
        outcome.unwrap().map_err(|refusal| refusal.fault().unwrap().clone())
    }
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_login() {
    let mut house = House::open().await;
    let alice = house.alice().await;
    let (mut authenticator, handle) = house.passkey(&alice).await;
    let records = house.count().await;
    let begun = house.begin_passkey(NOW);
    assert_eq!(house.count().await, records, "a beginning writes nothing");
    authenticator.counter = 2;
    let answer = authenticator.get(&begun.options, &handle);
    let proven = house.try_passkey(&begun.ticket, &answer, NOW).await.unwrap();
    assert_eq!(proven.person.id, alice.id);
    assert_eq!(proven.authentication.acr, Acr::Phr);
    assert_eq!(proven.authentication.amr, [Amr::Hwk, Amr::User]);
    let facts = house.directory.passkeys_of(&alice.id).await.unwrap();
    assert_eq!((facts[0].name.as_str(), facts[0].last_used), ("My phone", Some(NOW)));
}

#[tokio::test]
async fn a_ceremony_ends_once_in_its_own_browser_in_time() {
    let mut house = House::open().await;
    let alice = house.alice().await;
    let (mut authenticator, handle) = house.passkey(&alice).await;
    authenticator.counter = 2;
    let begun = house.begin_passkey(NOW);
    let answer = authenticator.get(&begun.options, &handle);
    let directory = house.directory.clone();
    let mut elsewhere = house.visitor(NOW);
    elsewhere.browser = "another browser";
    let stolen = directory.sign_in_with_passkey(&mut elsewhere, &begun.ticket, &answer).await;
    assert!(stolen.unwrap().is_err());
    let late = NOW.plus(Ttl::seconds(300));
    assert!(house.try_passkey(&begun.ticket, &answer, late).await.is_err());
    assert!(house.try_passkey(&begun.ticket, &answer, NOW).await.is_ok());
    assert!(house.try_passkey(&begun.ticket, &answer, NOW).await.is_err(), "replayed");
}

#[tokio::test]
async fn what_an_authenticator_must_not_answer_is_refused() {
    let mut house = House::open().await;
    let alice = house.alice().await;
    let (mut authenticator, handle) = house.passkey(&alice).await;
    authenticator.counter = 5;
    let (begun, other) = (house.begin_passkey(NOW), house.begin_passkey(NOW));
    let mut refused = async |answer: &str| {
        matches!(
            house.try_passkey(&begun.ticket, answer, NOW).await,
            Err(SignInFault::Passkey { .. })
        )
    };
    for junk in ["", "{}", "null", "[]", &"x".repeat(100_000)] {
        assert!(refused(junk).await);
    }
    let stranger = Authenticator::new("stranger").get(&begun.options, &handle);
    assert!(refused(&stranger).await, "not registered");
    let forged = Authenticator::new("first").get(&begun.options, &handle);
    assert!(refused(&forged).await, "another key");
    let nobody = authenticator.get(&begun.options, "AAAAAAAAAAAAAAAAAAAAAA");
    assert!(refused(&nobody).await, "another person's handle");
    assert!(refused(&authenticator.get(&other.options, &handle)).await, "another challenge");
    authenticator.origin = "https://evil.example".into();
    assert!(refused(&authenticator.get(&begun.options, &handle)).await, "phished");
    authenticator.origin = "https://id.example".into();
    authenticator.verifies = false;
    assert!(refused(&authenticator.get(&begun.options, &handle)).await, "nobody was verified");
    authenticator.verifies = true;
    let good = authenticator.get(&begun.options, &handle);
    assert!(house.try_passkey(&begun.ticket, &good, NOW).await.is_ok());
    let again = house.begin_passkey(NOW);
    let cloned = authenticator.get(&again.options, &handle);
    let refused = house.try_passkey(&again.ticket, &cloned, NOW).await;
    assert!(matches!(refused, Err(SignInFault::Passkey { .. })), "the counter did not grow");
}

#[tokio::test]
async fn a_passkey_of_somebody_disabled_or_one_that_was_removed_opens_nothing() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await;
    let (mut authenticator, handle) = house.passkey(&alice).await;
    directory.disable_person(house.acting(NOW), &alice.id).await.unwrap();
    authenticator.counter = 2;
    let begun = house.begin_passkey(NOW);
    let answer = authenticator.get(&begun.options, &handle);
    let refused = house.try_passkey(&begun.ticket, &answer, NOW).await;
    assert!(matches!(refused, Err(SignInFault::Disabled { .. })));
    directory.enable_person(house.acting(NOW), &alice.id).await.unwrap();
    let id = directory.passkeys_of(&alice.id).await.unwrap()[0].id.clone();
    let mallory = "usr_01jzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
    for stranger in [
        directory.remove_passkey(house.acting(NOW), &mallory, &id).await,
        directory.rename_passkey(house.acting(NOW), &mallory, &id, "mine").await,
    ] {
        assert!(matches!(stranger, Err(Fault::UnknownPasskey)), "{stranger:?}");
    }
    directory.remove_passkey(house.acting(NOW), &alice.id, &id).await.unwrap();
    let begun = house.begin_passkey(NOW);
    authenticator.counter = 3;
    let answer = authenticator.get(&begun.options, &handle);
    assert!(house.try_passkey(&begun.ticket, &answer, NOW).await.is_err());
}

#[tokio::test]
async fn a_passkey_belongs_to_one_person() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await;
    let (authenticator, _) = house.passkey(&alice).await;
    let mut visitor = house.visitor(NOW);
    let begun = directory.begin_passkey(&mut visitor, &alice).await.unwrap().unwrap();
    let excluded = begun.options["publicKey"]["excludeCredentials"].as_array().unwrap();
    assert_eq!(excluded.len(), 1);
    let answer = authenticator.create(&begun.options);
    let again =
        directory.finish_passkey(&mut visitor, &alice.id, (&begun.ticket, &answer), "x").await;
    assert!(again.unwrap().is_err());
    assert_eq!(directory.passkeys_of(&alice.id).await.unwrap().len(), 1);
}
