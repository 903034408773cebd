//! Whether a client may ask in this way: RFC 7636 §4.4.1, RFC 9101 §10.5, RFC 9126 §6, FAPI 2.0 Security
//! Profile §5.3.2.2 and Message Signing §5.3, §5.4.

use super::{
    decide::Asked,
    parameters::{refuse, unfit},
};
use portcullis_directory::{Fapi2, GrantType, Pkce};
use portcullis_types::{AuthorizationError as Error, Denial, IdentityScope, IdentityScopes};

/// Which way a request is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Through the browser, by itself or by the name under which it was pushed.
    Front,
    /// It is being pushed this very moment.
    Push,
}

/// Checks the request against what its client registered.
pub(crate) fn allowed(asked: &Asked, by: Channel) -> Result<(), Denial> {
    let Asked { client, request } = asked;
    if !client.may(GrantType::AuthorizationCode) {
        let problem = "the app is not registered for the grant authorization_code";
        return Err(refuse(Error::UnauthorizedClient, "client_id", problem));
    }
    let registered = &client.registration;
    let fapi2 = registered.fapi2;
    let pushed = registered.require_pushed_authorization_requests || fapi2 != Fapi2::Off;
    if fapi2 != Fapi2::Off && !request.way_back.named {
        return Err(unfit("redirect_uri", "is missing: FAPI 2.0 demands it in each request"));
    }
    if pushed && by == Channel::Front && request.came.pushed.is_none() {
        return Err(unfit("request_uri", "is missing: this app must push its requests first"));
    }
    signed(asked)?;
    if fapi2 == Fapi2::MessageSigning && !request.way_back.mode.is_signed() {
        return Err(unfit("response_mode", "must be jwt, query.jwt or form_post.jwt for this app"));
    }
    if fapi2 != Fapi2::Off && client.is_public() {
        let problem = "FAPI 2.0 is for apps that authenticate";
        return Err(refuse(Error::UnauthorizedClient, "client_id", problem));
    }
    pkce(asked)
}

fn signed(asked: &Asked) -> Result<(), Denial> {
    let registered = &asked.client.registration;
    let wanted =
        registered.require_signed_request_object || registered.fapi2 == Fapi2::MessageSigning;
    if wanted && !asked.request.came.signed {
        let problem = "request is missing: this app must sign its requests";
        return Err(refuse(Error::InvalidRequest, "request", problem));
    }
    Ok(())
}

/// RFC 7636, OAuth 2.1 §7.5.1: without a challenge a code that leaks is anybody's. One exception, by an
/// operator's word: a confidential OpenID client whose `nonce` ties the code to its own session.
fn pkce(asked: &Asked) -> Result<(), Denial> {
    let Asked { client, request } = asked;
    if request.code_challenge.is_some() {
        return Ok(());
    }
    let (identity, _) = IdentityScopes::part(request.scope.as_deref().unwrap_or_default());
    let tied = request.nonce.is_some() && identity.has(IdentityScope::Openid);
    let excepted = client.registration.pkce == Pkce::OrNonce
        && client.registration.fapi2 == Fapi2::Off
        && !client.is_public();
    match (excepted, tied) {
        (true, true) => Ok(()),
        (true, false) => Err(unfit("code_challenge", "is missing, and so is a nonce with openid")),
        (false, _) => Err(unfit("code_challenge", "is missing: PKCE with S256 is required")),
    }
}
