//! Signing in on another device (RFC 8628).

use super::{
    super::{
        Stop,
        authority::{Answer, Authority},
        talk,
    },
    Wish,
};
use std::time::Duration;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(super) async fn sign_in(authority: &Authority, wish: &Wish) -> Result<Answer, Stop> {
    let mut form = vec![("client_id", wish.client_id.to_string()), ("scope", wish.scope.clone())];
    form.extend(wish.resource.as_ref().map(|resource| ("resource", resource.to_string())));
    let begun = authority.post("device_authorization_endpoint", &form).await?;
    let (Some(device_code), Some(user_code), Some(address)) =
        (begun.text("device_code"), begun.text("user_code"), begun.text("verification_uri"))
    else {
        return Err(begun.refusal());
    };
    talk(format_args!("open  {address}\ntype  {user_code}"));
    if let Some(complete) = begun.text("verification_uri_complete") {
        talk(format_args!("or open  {complete}  and compare the code"));
    }
    let form = [
        ("grant_type", GRANT.to_owned()),
        ("device_code", device_code.to_owned()),
        ("client_id", wish.client_id.to_string()),
    ];
    let mut interval = begun.number("interval").unwrap_or(5);
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        let answer = authority.post("token_endpoint", &form).await?;
        match answer.text("error") {
            None => return Ok(answer),
            Some("authorization_pending") => {}
            // RFC 8628 §3.5: from now on.
            Some("slow_down") => interval += 5,
            Some("expired_token") => {
                return Err(Stop::refused("nobody typed the code in time").hint("portcullis login"));
            }
            Some(_) => return Err(answer.refusal()),
        }
    }
}
