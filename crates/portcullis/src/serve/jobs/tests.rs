use super::*;
use crate::{
    cli::{House, Stop},
    clock,
    serve::issuer,
};
use portcullis_directory::{Acting, GrantType, NewAuth, NewClient, Registration};
use portcullis_types::{ClientId, Jti};

const TOML: &str = r#"key_encryption_key = { file = "portcullis.key" }
[issuer]
url = "http://127.0.0.1:1"
[[api]]
name = "text"
resource = "http://127.0.0.1:2/v1"
scopes = ["generate:basic"]
"#;

fn good<T>(outcome: Result<T, Stop>) -> T {
    outcome.unwrap_or_else(|_| panic!("it cannot be opened"))
}

fn acting(entropy: &mut Chance) -> Acting<'_> {
    Acting { actor: "test", now: clock::now(), entropy }
}

#[tokio::test]
async fn what_another_process_did_before_the_first_look_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    std::fs::write(&file, TOML).unwrap();
    let key = "dGhpcy1pcy1ub3QtYS1zZWNyZXQtYnV0LTMyLWJ5dGU\n";
    std::fs::write(folder.path().join("portcullis.key"), key).unwrap();
    let elsewhere = good(House::open(&file));
    let clients = good(elsewhere.directory().await);
    let id = ClientId::new("app").unwrap();
    let new = NewClient {
        id: Some(id.clone()),
        name: "An app".into(),
        auth: NewAuth::Generated,
        grant_types: vec![GrantType::ClientCredentials],
        scopes: Vec::new(),
        default_scope: None,
        resources: Vec::new(),
        default_resource: None,
        tenant: None,
        registration: Registration::default(),
        expires: None,
    };
    clients.add(acting(&mut Chance), new).await.unwrap();

    let house = good(House::open(&file));
    let issuing = house.config.issuer.as_ref().unwrap();
    let issuing = good(issuer::open(&house, issuing).await);
    let mut revocations = issuing.directory.revocations();
    assert!(revocations.borrow_and_update().disabled_clients.is_empty());
    clients.disable(acting(&mut Chance), &id).await.unwrap();
    let jti = Jti::new("01JZZZZZZZZZZZZZZZZZZZZZZZ").unwrap();
    clients.revoke_token(acting(&mut Chance), &jti).await.unwrap();

    let (stop, stopped) = watch::channel(false);
    let jobs = Jobs {
        store: house.store.clone(),
        issuing: Some(issuing),
        guarding: None,
        watches: Watches::default(),
        policies: None,
    };
    let running = tokio::spawn(jobs.run(clock::clock(), stopped));
    let heard = revocations.wait_for(|revoked| {
        revoked.disabled_clients.has(id.as_str()) && revoked.tokens.has(jti.as_str())
    });
    let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
    assert!(
        heard.is_ok_and(|heard| heard.is_ok()),
        "the disabled client and the revoked token are heard of"
    );
    stop.send_replace(true);
    running.await.unwrap();
}
