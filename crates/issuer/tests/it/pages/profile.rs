//! `/account/profile`.

use super::{Visitor, person};
use crate::{
    apps::{server, text},
    house::House,
};
use serde_json::json;

const FIELDS: [(&str, &str); 16] = [
    ("name", "Ada King"),
    ("given_name", "Ada"),
    ("family_name", "King"),
    ("nickname", ""),
    ("gender", "female"),
    ("birthdate", "1815-12-10"),
    ("locale", "en-GB"),
    ("zoneinfo", "Europe/London"),
    ("website", "https://ada.example/"),
    ("picture", "https://ada.example/me.png"),
    ("phone_number", "+44 20 7946 0000"),
    ("street_address", "12 St James's Square"),
    ("postal_code", "SW1Y 4JH"),
    ("locality", "London"),
    ("region", ""),
    ("country", "GB"),
];

#[tokio::test]
async fn what_a_person_tells_is_told_by_its_scope() {
    let house = House::open().await;
    house.client(server()).await;
    person(&house, "ada").await;
    let owner = Visitor::signed_in(&house, "ada").await;
    let saved = owner.form("/account/profile", &FIELDS).await;
    assert_eq!(saved.header("location"), "/tenants/one/account/profile?done=saved");
    let page = owner.get("/account/profile").await.body;
    assert!(page.contains("value=\"1815-12-10\"") && page.contains("St James&#39;s"), "{page}");
    let told = async |scope: &str| {
        let body = house.tokens("server", scope).await;
        house.userinfo(&format!("Bearer {}", text(&body, "access_token"))).await.json()
    };
    let profile = told("openid profile").await;
    for (claim, value) in &FIELDS[..10] {
        let value = Some(*value).filter(|value| !value.is_empty());
        assert_eq!(profile[*claim].as_str(), value, "{claim}");
    }
    assert!(profile.get("phone_number").is_none() && profile.get("address").is_none());
    let phone = told("openid phone").await;
    assert_eq!(
        (text(&phone, "phone_number"), &phone["phone_number_verified"]),
        ("+44 20 7946 0000", &json!(false))
    );
    let address = json!({ "street_address": "12 St James's Square", "locality": "London",
        "postal_code": "SW1Y 4JH", "country": "GB" });
    assert_eq!(told("openid address").await["address"], address);
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_nothing_is_saved() {
    let house = House::open().await;
    person(&house, "ada").await;
    let owner = Visitor::signed_in(&house, "ada").await;
    for (field, value) in [
        ("birthdate", "10.12.1815"),
        ("website", "javascript:alert(1)"),
        ("zoneinfo", "Europe/"),
        ("locale", "en_GB"),
        ("phone_number", "020 7946 0000"),
        ("name", &"x".repeat(201)),
    ] {
        let answer =
            owner.form("/account/profile", &[("nickname", "Countess"), (field, value)]).await;
        assert_eq!(answer.status, 400, "{field}");
        assert!(answer.body.contains(&format!("id=\"{field}-wrong\"")), "{field}: {}", answer.body);
        assert!(answer.body.contains("value=\"Countess\""), "what was typed is kept");
    }
    // Attack: what only the operator may set.
    let more =
        [("email", "eve@example.com"), ("email_verified", "true"), ("preferred_username", "root")];
    owner.form("/account/profile", &more).await;
    let ada = house.directory.person_by_login("ada").await.unwrap().unwrap();
    assert_eq!(
        (ada.profile.email, ada.profile.nickname, ada.profile.preferred_username),
        (None, None, None)
    );
}
