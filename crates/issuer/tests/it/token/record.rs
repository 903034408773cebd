use crate::house::{FORM, House};
use portcullis_audit::Event;
use portcullis_types::{Check, ClientProof, Denial, Jti, Mark};

#[tokio::test]
async fn a_grant_is_found_by_decision_and_by_token() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer = house.ask("free-app", &secret, "&scope=generate:basic").await;
    let record = house.record(answer.decision()).await;
    assert!(record.denial.is_none());
    let mut made = record.trace.rows().filter(|row| row.check != Check::Granted);
    assert!(made.all(|row| row.mark == Mark::Passed), "a client asks for itself");
    let jti = Jti::new(answer.claims()["jti"].as_str().unwrap()).unwrap();
    let same = house.store.read(move |tx| portcullis_audit::find_issuance(tx, &jti)).await.unwrap();
    assert_eq!(same.as_ref(), Some(&record));
    let Event::Grant(grant) = record.event else { panic!() };
    assert_eq!(grant.client_id.as_deref(), Some("free-app"));
    assert_eq!(grant.auth_method.as_deref(), Some("client_secret_post"));
    assert_eq!(grant.api.as_deref(), Some("textgen"));
    assert_eq!(grant.exp, answer.claims()["exp"].as_i64());
    assert_eq!(grant.remote.as_deref(), Some("127.0.0.1"));
    let rows = house.store.read(|tx| tx.query("SELECT client_id, scope FROM issued_token", &[]));
    assert_eq!(rows.await.unwrap()[0].text(1).unwrap(), "generate:basic");
}

#[tokio::test]
async fn a_refusal_is_found_with_its_reason() {
    let house = House::open().await;
    house.free_app().await;
    let answer = house.ask("free-app", "wrong-secret", "").await;
    let record = house.record(answer.decision()).await;
    assert_eq!(record.trace.failed(), Some(Check::Client));
    let Some(Denial::BadClient { client_id, proof }) = record.denial.as_deref() else { panic!() };
    assert_eq!((client_id.as_deref(), proof), (Some("free-app"), &ClientProof::WrongSecret));
    let answer = house.ask("nobody", "wrong-secret", "").await;
    let record = house.record(answer.decision()).await;
    let Some(Denial::BadClient { proof, .. }) = record.denial.as_deref() else { panic!() };
    assert_eq!(proof, &ClientProof::UnknownClient);
}

#[tokio::test]
async fn no_secret_and_no_token_is_kept_anywhere() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let wrong = "pcs_wrong-secret-of-which-nothing-may-remain";
    let granted = house.ask("free-app", &secret, "").await;
    house.ask("free-app", wrong, "").await;
    // Each in the other's place, and in places where none belongs.
    house.ask(&secret, "free-app", "").await;
    house.ask("free-app", &secret, &format!("&scope={wrong}")).await;
    house.ask("free-app", &secret, &format!("&resource={wrong}")).await;
    let odd = format!("grant_type={wrong}&client_id=free-app&client_secret={secret}");
    house.post(&[FORM], odd).await;
    let token = granted.json()["access_token"].as_str().unwrap().to_owned();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    for secret in [secret.as_str(), wrong, &signature] {
        assert!(!house.database.holds(secret.as_bytes()), "{secret} is in the store");
    }
}

#[tokio::test]
async fn without_a_record_there_is_no_token() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let count = async || {
        let all = house.store.read(|tx| portcullis_audit::tail(tx, 0, 1000)).await;
        all.unwrap().len()
    };
    let before = count().await;
    house.store.write(|tx| tx.execute("DROP TABLE issued_token", &[])).await.unwrap();
    let answer = house.ask("free-app", &secret, "").await;
    assert_eq!((answer.status, answer.error().as_str()), (500, "server_error"));
    assert_eq!(answer.header("retry-after"), "", "it does not get better by itself");
    assert!(!answer.body.contains("issued_token"), "the inside is not shown: {}", answer.body);
    answer.decision();
    assert_eq!(count().await, before, "the grant is recorded with the token, or not at all");
}

#[tokio::test]
async fn old_grants_are_purged_and_young_ones_stay() {
    let house = House::open().await;
    let secret = house.free_app().await;
    house.ask("free-app", &secret, "").await;
    house.wait(portcullis_types::Ttl::seconds(6 * 24 * 3600));
    house.ask("free-app", &secret, "").await;
    assert_eq!(portcullis_issuer::purge(&house.store, house.now()).await.unwrap(), 0);
    house.wait(portcullis_types::Ttl::seconds(2 * 24 * 3600));
    assert_eq!(portcullis_issuer::purge(&house.store, house.now()).await.unwrap(), 1);
}
