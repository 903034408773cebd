use crate::house::{House, NOW, PASSWORD};
use data_encoding::BASE32_NOPAD;
use portcullis_directory::{Means, Person, sign_in::Proven};
use portcullis_types::{Acr, Amr, SignInFault, Timestamp, Ttl};
use totp_rs::Builder;

/// What the app on the phone shows.
fn shown(secret: &str, at: Timestamp) -> String {
    let secret = BASE32_NOPAD.decode(secret.replace(' ', "").as_bytes()).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(at.seconds()).unwrap()).to_string()
}

impl House {
    /// Alice with a password and an app; its secret, and her recovery codes.
    async fn alice_with_app(&mut self) -> (Person, String, Vec<String>) {
        let alice = self.alice_with_password().await;
        let directory = self.directory.clone();
        let mut visitor = self.visitor(NOW);
        let enrolment = directory.begin_totp(&mut visitor, &alice).unwrap();
        let code = shown(&enrolment.secret, NOW);
        let confirmed = directory.confirm_totp(&mut visitor, &alice.id, &enrolment.ticket, &code);
        let codes = confirmed.await.unwrap().unwrap();
        (alice, enrolment.secret, codes)
    }

    async fn second_factor(&mut self, now: Timestamp) -> String {
        let proven = self.try_password("alice@example.com", PASSWORD, (1, None), now).await;
        proven.unwrap().second_factor.unwrap()
    }

    async fn try_code(
        &mut self,
        ticket: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Proven, (SignInFault, bool)> {
        let directory = self.directory.clone();
        let outcome = directory.sign_in_with_code(&mut self.visitor(now), ticket, code).await;
        outcome.unwrap().map_err(|refusal| (refusal.fault().unwrap().clone(), refusal.over))
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Ttl::seconds(seconds))
}

#[tokio::test]
async fn two_factors_are_stronger_than_one() {
    let mut house = House::open().await;
    let (alice, secret, codes) = house.alice_with_app().await;
    assert_eq!(codes.len(), 10);
    let factors = house.directory.person(&alice.id).await.unwrap().unwrap().factors;
    assert!(factors.totp && factors.recovery_codes == 10);
    let at = after(60);
    let ticket = house.second_factor(at).await;
    let code = shown(&secret, at);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let proven = house.try_code(&ticket, &spaced, at).await.unwrap();
    assert_eq!(proven.authentication.acr, Acr::Mfa);
    assert_eq!(proven.authentication.amr, [Amr::Pwd, Amr::Otp, Amr::Mfa]);
}

#[tokio::test]
async fn a_code_counts_once_whoever_saw_it() {
    let mut house = House::open().await;
    let (_, secret, _) = house.alice_with_app().await;
    let enrolled = house.second_factor(NOW).await;
    let again = house.try_code(&enrolled, &shown(&secret, NOW), NOW).await;
    assert!(matches!(again, Err((SignInFault::Code { .. }, false))), "the code of the enrolment");
    let at = after(300);
    let (first, second) = (house.second_factor(at).await, house.second_factor(at).await);
    let code = shown(&secret, at);
    assert!(house.try_code(&first, &code, at).await.is_ok());
    assert!(house.try_code(&second, &code, at).await.is_err(), "replayed");
    let earlier = shown(&secret, at.minus(Ttl::seconds(30)));
    assert!(house.try_code(&second, &earlier, at).await.is_err(), "an earlier step");
    let next = shown(&secret, at.plus(Ttl::seconds(30)));
    assert!(house.try_code(&second, &next, at).await.is_ok(), "a clock that is ahead");
    let far = shown(&secret, at.plus(Ttl::seconds(120)));
    let third = house.second_factor(at).await;
    assert!(house.try_code(&third, &far, at).await.is_err());
}

#[tokio::test]
async fn a_recovery_code_opens_once() {
    let mut house = House::open().await;
    let (alice, _, codes) = house.alice_with_app().await;
    let ticket = house.second_factor(NOW).await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert!(house.try_code(&ticket, &typed, NOW).await.is_ok());
    assert_eq!(house.last().await.detail["recovery_codes_left"], "9");
    let ticket = house.second_factor(NOW).await;
    assert!(house.try_code(&ticket, &codes[3], NOW).await.is_err(), "twice");
    assert!(house.try_code(&ticket, &codes[4], NOW).await.is_ok());

    let directory = house.directory.clone();
    let new = directory.new_recovery_codes(house.acting(NOW), &alice.id).await.unwrap();
    let ticket = house.second_factor(NOW).await;
    assert!(house.try_code(&ticket, &codes[5], NOW).await.is_err(), "replaced");
    assert!(house.try_code(&ticket, &new[0], NOW).await.is_ok());
}

#[tokio::test]
async fn a_second_step_needs_its_first_one() {
    let mut house = House::open().await;
    let (_, secret, _) = house.alice_with_app().await;
    let at = after(60);
    let code = shown(&secret, at);
    for made_up in ["", "x", &"A".repeat(300)] {
        let refused = house.try_code(made_up, &code, at).await;
        assert!(matches!(refused, Err((SignInFault::Over, true))));
    }
    let ticket = house.second_factor(at).await;
    let directory = house.directory.clone();
    let mut elsewhere = house.visitor(at);
    elsewhere.browser = "another browser";
    let refused = directory.sign_in_with_code(&mut elsewhere, &ticket, &code).await.unwrap();
    assert!(refused.unwrap_err().over, "stolen");
    let late = at.plus(Ttl::seconds(600));
    assert!(house.try_code(&ticket, &shown(&secret, late), late).await.is_err(), "expired");
    assert!(house.try_code(&ticket, &code, at).await.is_ok());
    let again = house.try_code(&ticket, &shown(&secret, after(120)), after(120)).await;
    assert!(matches!(again, Err((_, true))), "used");
}

#[tokio::test]
async fn five_wrong_codes_end_a_sign_in() {
    let mut house = House::open().await;
    let (_, secret, _) = house.alice_with_app().await;
    let at = after(60);
    let ticket = house.second_factor(at).await;
    for _ in 0..5 {
        assert!(matches!(house.try_code(&ticket, "000000", at).await, Err((_, false))));
    }
    assert!(matches!(house.try_code(&ticket, &shown(&secret, at), at).await, Err((_, true))));
}

#[tokio::test]
async fn who_is_disabled_between_the_steps_stays_out() {
    let mut house = House::open().await;
    let (alice, secret, _) = house.alice_with_app().await;
    let at = after(60);
    let ticket = house.second_factor(at).await;
    let directory = house.directory.clone();
    directory.disable_person(house.acting(at), &alice.id).await.unwrap();
    let refused = house.try_code(&ticket, &shown(&secret, at), at).await;
    assert!(matches!(refused, Err((SignInFault::Disabled { .. }, true))));
}

#[tokio::test]
async fn a_first_step_with_the_old_password_leads_nowhere() {
    let mut house = House::open().await;
    let (alice, secret, _) = house.alice_with_app().await;
    let at = after(60);
    let ticket = house.second_factor(at).await;
    let directory = house.directory.clone();
    let new = "a violin under the blue umbrella".into();
    directory.set_password(house.acting(at), &alice.id, new, None).await.unwrap().unwrap();
    let refused = house.try_code(&ticket, &shown(&secret, at), at).await;
    assert!(matches!(refused, Err((SignInFault::Over, true))), "{refused:?}");
}

#[tokio::test]
async fn an_operator_takes_a_lost_app_off_its_owner() {
    let mut house = House::open().await;
    let (alice, _, codes) = house.alice_with_app().await;
    let directory = house.directory.clone();
    let ticket = house.second_factor(NOW).await;
    let proven = house.try_code(&ticket, &codes[0], NOW).await.unwrap();
    let new = portcullis_directory::NewSession {
        person: alice.id.clone(),
        authentication: proven.authentication,
        device: String::new(),
        remote: None,
        upstream: None,
    };
    let begun = directory.signed_in(new, None, NOW, &mut house.entropy).await.unwrap();
    let left = directory.remove_means(house.acting(NOW), &alice.id, Means::Totp).await.unwrap();
    assert_eq!((left.factors.totp, left.factors.recovery_codes), (false, 0));
    assert!(left.factors.password);
    let record = house.last().await;
    assert_eq!(
        (&*record.action, record.detail["means"].as_str()),
        ("person.factors_removed", "totp")
    );
    assert!(directory.session(begun.1.expose(), NOW).await.unwrap().is_none(), "signed out");
    let proven = house.try_password("alice@example.com", PASSWORD, (1, None), NOW).await.unwrap();
    assert!(proven.second_factor.is_none());
}

#[tokio::test]
async fn an_enrolment_ends_with_a_code_of_its_own_in_its_own_browser() {
    let mut house = House::open().await;
    let alice = house.alice_with_password().await;
    let directory = house.directory.clone();
    let enrolment = directory.begin_totp(&mut house.visitor(NOW), &alice).unwrap();
    assert!(enrolment.url.starts_with("otpauth://totp/id.example:alice%40example.com?"));
    assert_eq!(format!("{enrolment:?}"), "TotpEnrolment");
    let shown_again = directory.totp_enrolment(&house.visitor(NOW), &enrolment.ticket).unwrap();
    assert_eq!(shown_again.secret, enrolment.secret);
    let code = shown(&enrolment.secret, NOW);
    let mut elsewhere = house.visitor(NOW);
    elsewhere.browser = "another browser";
    let refused = directory.confirm_totp(&mut elsewhere, &alice.id, &enrolment.ticket, &code).await;
    assert!(refused.unwrap().is_err());
    let other = "usr_01jzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
    let refused =
        directory.confirm_totp(&mut house.visitor(NOW), &other, &enrolment.ticket, &code).await;
    assert!(refused.unwrap().is_err(), "another person");
    let wrong = directory
        .confirm_totp(&mut house.visitor(NOW), &alice.id, &enrolment.ticket, "000000")
        .await;
    assert!(!wrong.unwrap().unwrap_err().over);
    assert!(!directory.person(&alice.id).await.unwrap().unwrap().factors.totp);
    let right =
        directory.confirm_totp(&mut house.visitor(NOW), &alice.id, &enrolment.ticket, &code).await;
    assert!(right.unwrap().is_ok());
    let kept = house.store.read(|tx| {
        let row = tx.query_row("SELECT secret FROM person_totp", &[])?.unwrap();
        Ok(row.blob(0)?.to_vec())
    });
    let secret = BASE32_NOPAD.decode(enrolment.secret.replace(' ', "").as_bytes()).unwrap();
    assert!(!kept.await.unwrap().windows(20).any(|window| window == secret), "sealed");
    directory.remove_totp(house.acting(NOW), &alice.id).await.unwrap();
    let factors = directory.person(&alice.id).await.unwrap().unwrap().factors;
    assert!(!factors.totp && factors.recovery_codes == 0);
}
