//! Where a sign-in leads: on with an app's request, or to a part of the account. Never to an address that came
//! from outside.

use crate::{
    arrival::{Arrival, Else},
    interaction::{self, Interaction},
    pages::{self, Explained, Section, SignInReason},
    server::State,
};
use portcullis_directory::{Session, grant::user_code};
use portcullis_types::Acr;
use portcullis_web::{
    form::Form,
    page::{Forms, Words},
};

/// Where a sign-in leads.
pub(crate) enum Destination {
    /// On with a request for authorization.
    Flow(Box<Waiting>),
    /// To a part of the account.
    Account(Section),
    /// Back to a device that waits: `device`, with its user code behind a hyphen if it is known.
    Device(String),
}

/// A request that waits for a sign-in.
pub(crate) struct Waiting {
    flow: String,
    app: String,
    login_hint: Option<String>,
    wanted: Option<Acr>,
}

impl Destination {
    /// By `flow` and `return` of a query or a form. A flow that is over, or began in another browser, leads
    /// nowhere.
    pub(crate) async fn of(
        state: &State,
        arrival: &mut Arrival,
        form: &Form,
    ) -> Result<Self, Else> {
        let Some(flow) = form.get("flow") else {
            if let Some(device) = form.get("return").and_then(device) {
                return Ok(Self::Device(device));
            }
            let named = |section: &Section| Some(section.name()) == form.get("return");
            let section = Section::ALL.into_iter().find(named).unwrap_or(Section::Overview);
            return Ok(Self::Account(section));
        };
        let browser = Some(&arrival.visit.browser);
        let found = interaction::load(&state.store, flow, browser, arrival.now).await;
        let Some(found) = found.map_err(|fault| Else::from(arrival.failed(&fault.into())))? else {
            return Err(Else::from(arrival.explained(Explained::FlowOver)));
        };
        let locales = found.ui_locales().join(" ");
        if !locales.is_empty() {
            arrival.visit.words = Words::choose(Some(&locales), arrival.headers());
        }
        Ok(Self::Flow(Box::new(waiting(state, flow, &found).await)))
    }

    pub(crate) fn flow(&self) -> Option<&str> {
        match self {
            Self::Flow(waiting) => Some(&waiting.flow),
            Self::Account(_) | Self::Device(_) => None,
        }
    }

    pub(crate) fn return_to(&self) -> Option<&str> {
        match self {
            Self::Flow(_) => None,
            Self::Account(section) => Some(section.name()),
            Self::Device(device) => Some(device),
        }
    }

    pub(crate) fn app(&self) -> Option<&str> {
        match self {
            Self::Flow(waiting) => Some(&waiting.app),
            Self::Account(_) | Self::Device(_) => None,
        }
    }

    pub(crate) fn login_hint(&self) -> Option<&str> {
        match self {
            Self::Flow(waiting) => waiting.login_hint.as_deref(),
            Self::Account(_) | Self::Device(_) => None,
        }
    }

    /// Why somebody who is signed in is asked again.
    pub(crate) fn reason(&self, session: Option<&Session>) -> Option<SignInReason> {
        let session = session?;
        match self {
            Self::Account(_) => Some(SignInReason::StepUp),
            Self::Device(_) => None,
            Self::Flow(waiting) => waiting
                .wanted
                .is_some_and(|wanted| session.authentication.acr < wanted)
                .then_some(SignInReason::Stronger),
        }
    }

    /// Where the forms of a sign-in may lead in the end.
    pub(crate) const fn forms(&self) -> Forms {
        match self {
            Self::Flow(_) => Forms::Onward,
            Self::Account(_) | Self::Device(_) => Forms::Ours,
        }
    }

    /// The address of ours, below the issuer's path.
    pub(crate) fn below(&self) -> String {
        match self {
            Self::Flow(waiting) => {
                format!("/authorize/continue{}", pages::query(Some(&waiting.flow), None))
            }
            Self::Account(section) => section.path().to_owned(),
            Self::Device(device) => match device.split_once('-') {
                Some((_, code)) => format!("/device?user_code={code}"),
                None => "/device".to_owned(),
            },
        }
    }
}

/// Where somebody is sent to prove who they are before a part of the account.
pub(crate) fn step_up(section: Section) -> String {
    format!("/sign-in{}", pages::query(None, Some(section.name())))
}

/// `device`, or `device-` and letters that are a user code.
fn device(text: &str) -> Option<String> {
    let code = text.strip_prefix("device")?;
    let fits = code.is_empty() || code.strip_prefix('-').and_then(user_code).is_some();
    fits.then(|| text.to_owned())
}

async fn waiting(state: &State, flow: &str, found: &Interaction) -> Waiting {
    let client = state.directory.find_client(&found.client_id).await.ok().flatten();
    let name = client.map_or_else(|| found.client_id.to_string(), |client| client.name.clone());
    Waiting {
        flow: flow.to_owned(),
        app: name,
        login_hint: found.login_hint().map(str::to_owned),
        wanted: found.wanted_acr(),
    }
}
