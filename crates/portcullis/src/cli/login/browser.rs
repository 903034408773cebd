//! Signing in with the browser of this machine (RFC 8252, RFC 7636): it comes back to a port of ours.

use super::{
    super::{
        Stop,
        authority::{Answer, Authority},
        talk,
    },
    Wish,
};
use crate::clock::Chance;
use aws_lc_rs::digest;
use axum::{
    Router,
    extract::{Query, State},
    response::Html,
    routing::get,
};
use portcullis_jose::b64;
use portcullis_types::Random;
use serde::Deserialize;
use std::{
    net::Ipv4Addr,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc};

/// For the person to sign in.
const PATIENCE: Duration = Duration::from_mins(10);

/// Whether the address is opened or only shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Open,
    Show,
}

/// What the browser brings back (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Deserialize)]
struct Back {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Whether a browser can be opened here: not in a remote shell or a container.
pub(super) fn is_here() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("SSH_CONNECTION")
        && (cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY") || set("BROWSER"))
}

pub(super) async fn sign_in(
    authority: &Authority,
    wish: &Wish,
    opening: Opening,
) -> Result<Answer, Stop> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Stop::cannot_run)?;
    let port = listener.local_addr().map_err(Stop::cannot_run)?.port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let [state, code_verifier] =
        [(); 2].map(|()| b64::encode(Random::<32>::draw(&mut Chance).bytes()));
    let challenge = b64::encode(digest::digest(&digest::SHA256, code_verifier.as_bytes()));
    let mut url = authority.endpoint("authorization_endpoint")?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", wish.client_id.as_str())
        .append_pair("redirect_uri", &redirect_uri)
        .append_pair("scope", &wish.scope)
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if let Some(resource) = &wish.resource {
        url.query_pairs_mut().append_pair("resource", resource.as_str());
    }
    let opened = opening == Opening::Open && open(url.as_str());
    talk(format_args!(
        "{}\n  {url}",
        if opened { "opened in your browser:" } else { "open in a browser:" }
    ));
    let code = wait(authority, listener, &state).await?;
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", wish.client_id.to_string()),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", code_verifier),
    ];
    form.extend(wish.resource.as_ref().map(|resource| ("resource", resource.to_string())));
    let answer = authority.post("token_endpoint", &form).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(answer.refusal()) }
}

/// The code, from the first answer that belongs to this sign-in. Others, which any page may send here, are
/// passed over.
async fn wait(authority: &Authority, listener: TcpListener, state: &str) -> Result<String, Stop> {
    let (sender, mut answers) = mpsc::channel::<Back>(4);
    let router = Router::new().route("/callback", get(callback)).with_state(Arc::new(sender));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());
    let answer = async {
        loop {
            let answer = answers.recv().await;
            let answer = answer.ok_or_else(|| Stop::cannot_run("the answer broke off"))?;
            if answer.state.as_deref() == Some(state) {
                return Ok::<_, Stop>(answer);
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    let _ = stop.send(());
    let _ = tokio::time::timeout(Duration::from_secs(2), server).await;
    let answer = answer.map_err(|_| Stop::refused("nobody signed in within ten minutes"))??;
    // RFC 9207 §2.4: the one who answers must be the one who was asked.
    if answer.iss.as_deref() != Some(authority.issuer.as_str()) {
        return Err(Stop::refused("the answer came from another issuer (iss)"));
    }
    match (answer.code, answer.error) {
        (Some(code), None) => Ok(code),
        (_, error) => {
            let error = error.unwrap_or_else(|| "no code".to_owned());
            let why = answer.error_description.unwrap_or_default();
            Err(Stop::refused(format!("the issuer refused: {error}: {why}")))
        }
    }
}

async fn callback(
    State(answers): State<Arc<mpsc::Sender<Back>>>,
    Query(back): Query<Back>,
) -> Html<&'static str> {
    let _ = answers.try_send(back);
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Portcullis</title>\
         <p>Done. You can close this page and go back to the terminal.</p></html>",
    )
}

/// Hands the address to whatever opens addresses here.
fn open(url: &str) -> bool {
    let usual = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let program = std::env::var("BROWSER").ok().filter(|program| !program.is_empty());
    let program = program.unwrap_or_else(|| usual.to_owned());
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
