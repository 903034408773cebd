use crate::house::House;
use portcullis_jose::{Alg, jwk::KeySet, jws::Compact};

const JWKS: &str = "/tenants/one/jwks";

#[tokio::test]
async fn the_published_keys_verify_what_is_issued() {
    let house = House::signing_batches_with(Alg::RS256).await;
    let secret = house.free_app().await;
    let answer = house.get(JWKS).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=600");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.body.len() < 20_000);
    for private in ["\"d\"", "\"p\"", "\"q\"", "\"k\""] {
        assert!(!answer.body.contains(private), "{private} is published");
    }
    let keys = KeySet::parse(answer.body.as_bytes()).unwrap();
    let batch = "&resource=https://api.example/batch&scope=batch:read";
    for (more, alg) in [("", "ES256"), (batch, "RS256")] {
        let granted = house.ask("free-app", &secret, more).await.json();
        let token = Compact::parse(granted["access_token"].as_str().unwrap()).unwrap();
        assert_eq!(token.header().alg.name(), alg);
        assert_eq!(token.header().typ.as_deref(), Some("at+jwt"));
        let key = keys.find(token.header().kid.as_deref().unwrap(), token.header().alg).unwrap();
        token.verify(key).unwrap();
    }
}

#[tokio::test]
async fn an_unchanged_set_is_not_sent_again() {
    let house = House::open().await;
    let etag = house.get(JWKS).await.header("etag").to_owned();
    let ask = async |tag: &str| {
        let request = house.http.get(format!("{}{JWKS}", house.base)).header("if-none-match", tag);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&etag).await, 304);
    assert_eq!(ask(&format!("\"other\", W/{etag}")).await, 304);
    assert_eq!(ask("\"other\"").await, 200);
}
