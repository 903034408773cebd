use super::later;
use crate::house::{House, NOW, id};
use portcullis_directory::grant::{self, ProofMark, use_proof};
use portcullis_store::Tx;
use portcullis_types::Random;

#[tokio::test]
async fn a_pushed_request_stays_until_it_is_taken() {
    let mut house = House::open().await;
    let random = Random::draw(&mut house.entropy);
    let push = move |tx: &mut Tx<'_>| grant::push(tx, &id("app"), "{}", (NOW, later(60)), &random);
    let uri = house.store.write(push).await.unwrap();
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    let pushed = async |uri: &str, client: &'static str, now| {
        let uri = uri.to_owned();
        house.within(move |tx| grant::pushed(tx, &uri, &id(client), now).unwrap()).await
    };
    assert_eq!(pushed(&uri, "app", NOW).await.as_deref(), Some("{}"));
    assert_eq!(pushed(&uri, "app", later(59)).await.as_deref(), Some("{}"));
    assert_eq!(pushed(&uri, "app", later(60)).await, None);
    assert_eq!(pushed(&uri, "other", NOW).await, None);
    assert_eq!(pushed(&uri[..uri.len() - 1], "app", NOW).await, None);
    let take = async || {
        let uri = uri.clone();
        house.within(move |tx| grant::take_pushed(tx, &uri, &id("app"), NOW).unwrap()).await
    };
    assert_eq!(take().await.as_deref(), Some("{}"));
    assert_eq!(take().await, None);
    assert_eq!(pushed(&uri, "app", NOW).await, None);
}

#[tokio::test]
async fn a_proof_is_good_once_on_all_nodes() {
    let house = House::open().await;
    let used = async |jkt: &str, jti: &str| {
        let mark = ProofMark { iat: NOW, jkt: jkt.into(), jti: jti.into() };
        house.within(move |tx| use_proof(tx, &mark).unwrap()).await
    };
    assert!(used("a", "1").await && !used("a", "1").await);
    assert!(used("a", "2").await && used("b", "1").await);
    assert_eq!(house.directory.purge(later(60)).await.unwrap(), 0);
    assert_eq!(house.directory.purge(later(601)).await.unwrap(), 3);
}
