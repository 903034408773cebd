//! `{issuer}/userinfo`.

use crate::{
    apps::{claims, server, text},
    house::{Answer, FORM, House, ISSUER_ID},
};
use portcullis_directory::{Shape, SubjectType};
use portcullis_jose::{Alg, jws::Compact};
use portcullis_types::Ttl;

#[tokio::test]
async fn an_app_learns_what_it_was_granted_and_no_more() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid profile roles generate:basic").await;
    let token = text(&body, "access_token").to_owned();
    let answer = house.userinfo(&format!("Bearer {token}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["sub"], claims(&body["id_token"])["sub"]);
    assert_eq!((text(&told, "name"), text(&told, "preferred_username")), ("Ada Lovelace", "ada"));
    assert_eq!(told["roles"], serde_json::json!(["scientist"]));
    assert!(told.get("email").is_none() && told.get("groups").is_none());
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("cache-control"), "no-store");
    for (headers, body) in [
        (vec![("authorization", format!("bearer {token}"))], String::new()),
        (vec![(FORM.0, FORM.1.to_owned())], format!("access_token={token}")),
    ] {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = house.post_to("/userinfo", &headers, &body).await;
        assert_eq!((answer.status, answer.json()), (200, told.clone()), "{headers:?}");
    }
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid generate:basic").await;
    let token = text(&body, "access_token").to_owned();
    let none = house.get("/tenants/one/userinfo").await;
    assert_eq!(none.status, 401);
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"userinfo\"");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    for bad in ["x", &forged, text(&body, "id_token"), text(&body, "refresh_token"), ""] {
        let answer = house.userinfo(&format!("Bearer {bad}")).await;
        assert_eq!(answer.status, 401, "{bad}");
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
    }
    let basic = house.userinfo("Basic eDp5").await;
    assert_eq!(basic.status, 401);
    let bearer = format!("Bearer {token}");
    let headers = [FORM, ("authorization", bearer.as_str())];
    let both = house.post_to("/userinfo", &headers, &format!("access_token={token}")).await;
    assert_eq!(both.status, 400);
    let twice =
        house.form("/userinfo", &format!("access_token={token}&access_token={token}")).await;
    assert_eq!(twice.status, 400);
    let json = house.post_to("/userinfo", &[crate::house::JSON], "{}").await;
    assert_eq!(json.status, 400);
    let query = house.get(&format!("/tenants/one/userinfo?access_token={token}")).await;
    assert_eq!(query.status, 401, "never from the query");
    let secret = house.free_app().await;
    let own = house.ask("free-app", &secret, "").await.json();
    let machine = house.userinfo(&format!("Bearer {}", text(&own, "access_token"))).await;
    assert_eq!((machine.status, machine.error().as_str()), (403, "insufficient_scope"));
    house.wait(Ttl::seconds(600));
    assert_eq!(house.userinfo(&format!("Bearer {token}")).await.status, 401, "expired");
}

#[tokio::test]
async fn what_is_asked_for_by_name_is_told() {
    let house = House::with_apps().await;
    let mut granted = house.authorization("server", "openid").await;
    granted.claims.userinfo = vec!["name".to_owned(), "no_such".to_owned()];
    granted.claims.id_token = vec!["updated_at".to_owned()];
    let code = house.code_for(granted, |_| ()).await;
    let body = house.redeem("server", &code).await.json();
    let told = house.userinfo(&format!("Bearer {}", text(&body, "access_token"))).await.json();
    assert_eq!(text(&told, "name"), "Ada Lovelace");
    assert_eq!(told.as_object().unwrap().len(), 2, "sub and name: {told}");
    assert!(claims(&body["id_token"])["updated_at"].is_number());
}

#[tokio::test]
async fn an_app_that_registered_it_gets_a_signed_answer_and_a_subject_of_its_own() {
    let house = House::open().await;
    let mut new = server();
    new.registration.userinfo = Shape { signed: Some(Alg::ES256), ..Shape::default() };
    new.registration.subject_type = SubjectType::Pairwise;
    house.client(new).await;
    let ada = house.person("ada", &["scientist"]).await;
    let body = house.tokens("server", "openid generate:basic").await;
    let answer = house.userinfo(&format!("Bearer {}", text(&body, "access_token"))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/jwt"));
    let told = claims(&answer.body.clone().into());
    assert_eq!((text(&told, "iss"), text(&told, "aud")), (ISSUER_ID, "server"));
    assert_ne!(text(&told, "sub"), ada.id.as_str());
    assert_eq!(told["sub"], claims(&body["id_token"])["sub"]);
    assert_eq!(told["sub"], claims(&body["access_token"])["sub"]);
    let jws = Compact::parse(&answer.body).unwrap();
    assert_eq!(jws.header().alg, Alg::ES256);
}

#[tokio::test]
async fn apps_in_browsers_may_ask() {
    let house = House::with_apps().await;
    let url = house.at("/userinfo");
    let asked = house.http.request(reqwest::Method::OPTIONS, url);
    let asked = asked.header("origin", "https://desk.example");
    let answer = Answer::of(asked.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "*"));
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
}
