//! What policies leave of tokens.

use crate::{
    apps::text,
    house::{BATCH, House, new},
};
use portcullis_audit::Event;
use portcullis_directory::NewAuth;
use portcullis_policy::Point;
use portcullis_types::{Check, Denial, Dropped, DroppedBy, Mark};

const CLIENT: &str = r#"
package portcullis.client
import rego.v1
default decision := {"allow": false}
decision := {
    "allow": true,
    "scopes": {"batch:read"},
    "obligations": {"max_ttl": 60},
    "reasons": [{"code": "house.small", "text": "clients here only look"}],
} if {
    input.client.id == "free-app"
    "batch:read" in input.requested
    count(input.client.labels) == 0
}
"#;

/// Who signed in strongly gets what was granted, but never `generate:basic` in a refresh.
const TOKEN: &str = r#"
package portcullis.token
import rego.v1
default decision := {"allow": false}
decision := {"allow": true, "obligations": {"max_ttl": 120}} if {
    input.grant == "authorization_code"
    input.caller.acr == "mfa"
    "otp" in input.caller.amr
}
decision := {"allow": false, "reasons": [{"code": "house.once", "text": "nothing is renewed"}]} if {
    input.grant == "refresh_token"
}
"#;

#[tokio::test]
async fn a_client_gets_what_the_policy_leaves_and_the_record_says_why() {
    let house = House::ruled_by(&[("client.rego", CLIENT)]).await;
    let secret = house.free_app().await;
    let more = format!("&scope=batch:read+batch:create&resource={BATCH}");
    let answer = house.ask("free-app", &secret, &more).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["scope"], "batch:read");
    assert_eq!(answer.json()["expires_in"], 60);
    let record = house.record(answer.decision()).await;
    assert!(record.trace.has_passed(Check::Policy));
    let shown: Vec<_> = record.trace.rows().map(|row| row.check).collect();
    assert!(!shown.contains(&Check::SubjectToken), "this is no exchange");
    let ruled = record.ruled.unwrap();
    assert_eq!((ruled.point, ruled.ruling.allow), (Point::Client, true));
    assert!(ruled.input.0.contains(r#""requested":["batch:create","batch:read"]"#));
    let Event::Grant(grant) = record.event else { panic!() };
    let why = "clients here only look (house.small)".to_owned();
    let by = DroppedBy::Policy(why);
    assert_eq!(grant.dropped, [Dropped { scope: "batch:create".parse().unwrap(), by }]);
}

#[tokio::test]
async fn what_no_rule_allows_is_denied_and_the_answer_is_mute() {
    let house = House::ruled_by(&[("client.rego", CLIENT)]).await;
    let secret = house.client(new("other-app", NewAuth::Generated)).await;
    let answer = house.ask("other-app", &secret, "&scope=model:list").await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.json()["error"], "unauthorized_client");
    assert!(!answer.body.contains("house."), "{}", answer.body);
    let record = house.record(answer.decision()).await;
    assert!(matches!(record.denial.as_deref(), Some(Denial::PolicyRefused { .. })));
    assert_eq!(record.trace.failed(), Some(Check::Policy));
    let Event::Grant(grant) = record.event else { panic!() };
    assert_eq!((grant.granted, grant.jti), (None, None), "nothing was issued");
}

#[tokio::test]
async fn a_code_is_used_up_by_the_question_of_the_policy() {
    let house = House::ruled_by(&[("token.rego", TOKEN)]).await;
    let code = house.code("desk", "openid generate:basic").await;
    let answer = house.redeem("desk", &code).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["expires_in"], 120);
    let record = house.record(answer.decision()).await;
    assert!(record.trace.rows().all(|row| row.mark == Mark::Passed));
    assert_eq!(record.ruled.unwrap().point, Point::Token);

    let refresh_token = text(&answer.json(), "refresh_token").to_owned();
    let answer = house.refresh("desk", &refresh_token, "").await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"unauthorized_client".into()));
    let record = house.record(answer.decision()).await;
    let Some(Denial::PolicyRefused { reasons, .. }) = record.denial.as_deref() else { panic!() };
    assert_eq!(*reasons, ["nothing is renewed (house.once)"]);

    let again = house.redeem("desk", &code).await;
    assert_eq!(again.json()["error"], "invalid_grant", "used once, whatever came of it");
}

#[tokio::test]
async fn of_what_is_no_code_no_policy_is_asked() {
    let house = House::ruled_by(&[("token.rego", TOKEN)]).await;
    let code = house.code("desk", "openid generate:basic").await;
    let forged = format!("{}{}", &code[..code.len() - 4], "AAAA");
    for shown in [forged.as_str(), "pac_nothing.at_all", "x"] {
        let answer = house.redeem("desk", shown).await;
        assert_eq!(answer.json()["error"], "invalid_grant", "{shown}");
        assert!(house.record(answer.decision()).await.ruled.is_none(), "{shown}");
    }
}

#[tokio::test]
async fn a_policy_for_one_point_denies_at_the_others() {
    let house = House::ruled_by(&[("client.rego", CLIENT)]).await;
    let code = house.code("desk", "openid generate:basic").await;
    let answer = house.redeem("desk", &code).await;
    assert_eq!(answer.json()["error"], "unauthorized_client", "default deny");
}
