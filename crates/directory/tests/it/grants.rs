//! What is granted: used once, ended together.

mod code;
mod device;
mod endings;
mod family;
mod pushed;
mod refresh;
mod revocations;

use crate::house::{House, NOW, id};
use portcullis_directory::{
    Authorization, ClaimsAsked,
    grant::{self, Bound, Code, NewCode, Redeemed, RefreshToken},
};
use portcullis_store::{Store, Tx};
use portcullis_types::{
    Acr, Amr, Authentication, Denial, GrantId, GrantedFault, IdentityScopes, Jti, PersonId, Random,
    Scopes, SessionId, Timestamp, Ttl,
};

pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.plus(Ttl::seconds(seconds))
}

pub(crate) fn authorization(person: &PersonId, session: Option<SessionId>) -> Authorization {
    let identity = if session.is_none() { "openid offline_access" } else { "openid" };
    Authorization {
        client_id: id("app"),
        person: person.clone(),
        session,
        authentication: Authentication { at: NOW, acr: Acr::Mfa, amr: vec![Amr::Pwd, Amr::Otp] },
        identity: IdentityScopes::part(identity).0,
        scope: Scopes::parse("generate:basic").unwrap(),
        resource: Some("https://api.example/".parse().unwrap()),
        resource_named: true,
        tenant: None,
        nonce: None,
        claims: ClaimsAsked::default(),
    }
}

pub(crate) fn jti(number: u32) -> Jti {
    Jti::new(&format!("jti-{number}")).unwrap()
}

pub(crate) fn fault<T>(outcome: Result<T, Denial>) -> GrantedFault {
    match outcome {
        Err(Denial::BadGranted { fault, .. }) => fault,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was granted"),
    }
}

impl House {
    /// In a transaction.
    pub(crate) async fn within<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> T + Send + 'static,
    ) -> T {
        self.store.write(move |tx| Ok(job(tx))).await.unwrap()
    }

    pub(crate) async fn code(&mut self, authorization: Authorization) -> Code {
        let random = Random::draw(&mut self.entropy);
        let new = NewCode {
            authorization,
            redirect_uri: Some("https://app.example/back".into()),
            code_challenge: Some("challenge".into()),
            dpop_jkt: None,
            expires: later(60),
        };
        self.within(move |tx| grant::issue_code(tx, new, NOW, &random).unwrap()).await
    }

    pub(crate) async fn redeem(
        &self,
        code: &str,
        client: &'static str,
        now: Timestamp,
    ) -> Result<Redeemed, Denial> {
        let code = code.to_owned();
        self.within(move |tx| grant::redeem_code(tx, &code, &id(client), now).unwrap()).await
    }

    /// A grant with its first refresh token.
    pub(crate) async fn granted(
        &mut self,
        authorization: Authorization,
        bound: Option<Bound>,
    ) -> (GrantId, RefreshToken) {
        let code = self.code(authorization).await;
        let redeemed = self.redeem(code.expose(), "app", NOW).await.unwrap();
        let random = Random::draw(&mut self.entropy);
        self.within(move |tx| {
            let Redeemed { grant, authorization, .. } = redeemed;
            grant::begin_grant(tx, &grant, &authorization, &jti(0), NOW).unwrap();
            let token = grant::issue_refresh(tx, &grant, bound.as_ref(), NOW, &random).unwrap();
            (grant, token)
        })
        .await
    }

    /// As a public client would.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        number: u32,
        now: Timestamp,
    ) -> Result<RefreshToken, Denial> {
        refresh(&self.store, token, &Random::draw(&mut self.entropy), (number, now))
    }
}

fn refresh(
    store: &Store,
    token: &str,
    random: &grant::RefreshRandom,
    (number, now): (u32, Timestamp),
) -> Result<RefreshToken, Denial> {
    let (token, random) = (token.to_owned(), *random);
    let write = move |tx: &mut Tx<'_>| {
        let shown = match grant::show_refresh(tx, &token, &id("app"), now)? {
            Ok(shown) => shown,
            Err(denial) => return Ok(Err(denial)),
        };
        if let Err(denial) = shown.living(tx, now)? {
            return Ok(Err(denial));
        }
        Ok(Ok(shown.rotate(tx, &jti(number), now, &random)?.0))
    };
    store.write_blocking(write).unwrap()
}
