//! Which credentials came with the request (RFC 6749 §2.3.1, RFC 7521 §4.2): one method, once.

use super::form::{self, TokenRequest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use portcullis_directory::{AuthMethod, Credentials, excerpt};
use portcullis_types::{AssertionFault, ClientProof, Denial};

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Takes the credentials out of the request: nothing behind this can log or record them.
pub(crate) fn take(headers: &HeaderMap, form: &mut TokenRequest) -> Result<Credentials, Denial> {
    let basic = basic(headers)?;
    let (client_id, secret) = (form.client_id.take(), form.client_secret.take());
    let (assertion, kind) = (form.client_assertion.take(), form.client_assertion_type.take());
    let in_header = headers.contains_key(header::AUTHORIZATION);
    let methods = [in_header, secret.is_some(), assertion.is_some()];
    if methods.into_iter().filter(|used| *used).count() > 1 {
        return Err(bad("client_secret", "the client authenticates in more than one way; use one"));
    }
    if let Some((name, secret)) = basic {
        if client_id.is_some_and(|other| other != name) {
            return Err(bad("client_id", "client_id names another client than the header does"));
        }
        let method = AuthMethod::ClientSecretBasic;
        return Ok(Credentials::Secret { method, client_id: name, secret: secret.into() });
    }
    match (client_id, secret, assertion, kind) {
        (client_id, None, Some(assertion), Some(kind)) if kind == JWT_BEARER => {
            Ok(Credentials::Assertion { client_id, assertion })
        }
        (client_id, None, Some(_), Some(found)) => {
            let fault = AssertionFault::Type { found: excerpt(&found) };
            let client_id = client_id.map(|id| excerpt(&id));
            Err(Denial::BadClient { client_id, proof: ClientProof::Assertion { fault } })
        }
        (_, None, Some(_), None) => {
            Err(bad("client_assertion_type", "client_assertion has no client_assertion_type"))
        }
        (_, _, None, Some(_)) => {
            Err(bad("client_assertion", "client_assertion_type has no client_assertion"))
        }
        (Some(client_id), Some(secret), _, _) => {
            Ok(Credentials::Secret { method: AuthMethod::ClientSecretPost, client_id, secret })
        }
        (None, Some(_), _, _) => Err(bad("client_id", "client_secret has no client_id")),
        (client_id, None, None, None) => Ok(Credentials::Missing { client_id }),
    }
}

/// RFC 7617, with id and secret form-encoded first (RFC 6749 §2.3.1). `None` for no header, and for a
/// scheme that is not Basic: such a client authenticates in no way that we know.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Denial> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let malformed = |problem| bad("Authorization", problem);
    if all.next().is_some() {
        return Err(malformed("there is more than one Authorization header"));
    }
    let value = value.to_str().map_err(|_| malformed("the Authorization header is not ASCII"))?;
    let (scheme, encoded) = value.trim().split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok();
    let decoded = decoded.as_deref().and_then(|pair| {
        let colon = pair.iter().position(|b| *b == b':')?;
        let (id, secret) = pair.split_at_checked(colon)?;
        Some((form::decode(id)?, form::decode(secret.get(1..)?)?))
    });
    match decoded {
        Some(pair) => Ok(Some(pair)),
        None => Err(malformed(
            "Basic credentials must be base64 of client_id:client_secret, each form-encoded",
        )),
    }
}

fn bad(parameter: &str, problem: &str) -> Denial {
    Denial::BadRequest { parameter: Some(parameter.to_owned()), problem: problem.to_owned() }
}
