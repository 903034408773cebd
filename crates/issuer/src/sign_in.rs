//! How people sign in: with a password and a second factor, or with a passkey. What counts is the directory's to
//! say; here it is asked, and the browser led on.

mod destination;
mod finish;
mod forgotten;
mod link;
mod otp;
mod passkey;
mod password;

pub(crate) use destination::Destination;
pub(crate) use finish::{Entering, enter};
pub(crate) use forgotten::{ask as forgotten_ask, page as forgotten};
pub(crate) use link::{LEAST, choose, chosen, invitation, invited, said};
pub(crate) use otp::endpoint as otp;
pub(crate) use passkey::{
    answer as passkey_options, finish as passkey_finish, start as passkey_start,
};
pub(crate) use password::{endpoint as password, page};

use crate::{
    arrival::Arrival,
    pages::{self, Problem, SignInView, wait},
    server::State,
};
use axum::response::Response;
use http::StatusCode;
use portcullis_directory::sign_in::Refusal;
use portcullis_types::{SignInFault, Ttl};

/// What a person reads when they were refused. The reason is the operator's to know: whether a login exists is
/// nobody else's business.
fn sentence(arrival: &Arrival, refusal: &Refusal, usual: &'static str) -> Sentence {
    if let Some(SignInFault::Throttled { retry_after, .. }) = refusal.fault() {
        let words = arrival.visit.words;
        let text = words.fill("sign_in.throttled", &[&wait(words, *retry_after)]);
        Sentence { status: StatusCode::TOO_MANY_REQUESTS, text, retry_after: Some(*retry_after) }
    } else {
        let text = arrival.visit.say(usual).to_owned();
        Sentence { status: StatusCode::BAD_REQUEST, text, retry_after: None }
    }
}

/// What a person reads, and a program as well.
struct Sentence {
    status: StatusCode,
    text: String,
    retry_after: Option<Ttl>,
}

impl Sentence {
    /// The answer that says it, with its status and how long to wait.
    fn heads(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        if let Some(retry_after) = self.retry_after {
            pages::retry_after(&mut response, retry_after);
        }
        response
    }
}

/// The sign-in page for a destination.
async fn shown(
    state: &State,
    arrival: &Arrival,
    to: &Destination,
    login: &str,
    wrong: Option<(StatusCode, &str)>,
) -> Response {
    let upstreams = state.upstreams.offers();
    let view = SignInView {
        flow: to.flow(),
        return_to: to.return_to(),
        app: to.app(state, arrival).await,
        reason: to.reason(arrival.session.as_ref()),
        login,
        upstreams: &upstreams,
        problem: wrong.map(|(_, text)| Problem { field: "login", text }),
        refused: wrong.map(|(status, _)| status),
        forms: to.forms(),
    };
    pages::sign_in(&arrival.visit, &view)
}
