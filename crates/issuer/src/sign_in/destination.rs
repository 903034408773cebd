//! Where a sign-in leads: on with an app's request, or to a part of the account. Never to an address that came
//! from outside.

use crate::{
    arrival::{Arrival, Else},
    authorize::pictured,
    interaction::{self, Interaction},
    pages::{self, AppView, Explained, Section, SignInReason},
    server::State,
    step_up::Lack,
    upstream::Demand,
};
use portcullis_directory::{Client, Session, grant::user_code};
use portcullis_types::{ClientId, Ttl};
use portcullis_web::{form::Form, page::Forms};
use std::sync::Arc;

/// How old a sign-in elsewhere may be that opens a part of the account: so that time is left to use it.
const STEP_UP: Ttl = Ttl::seconds(5 * 60);

/// Where a sign-in leads.
pub(crate) enum Destination {
    /// On with a request for authorization.
    Flow(Box<Waiting>),
    /// To a part of the account, and what the session here lacks to change something there.
    Account(Section, Option<Lack>),
    /// Back to a device that waits: `device`, with its user code behind a hyphen if it is known.
    Device(String),
}

/// A request that waits for a sign-in.
pub(crate) struct Waiting {
    flow: String,
    id: ClientId,
    client: Option<Arc<Client>>,
    demand: Demand,
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
            let mut to = Self::named(form.get("return"));
            if let Self::Account(_, lacking) = &mut to {
                *lacking = lack(state, arrival).await?;
            }
            return Ok(to);
        };
        let browser = Some(&arrival.visit.browser);
        let found = interaction::load(&state.store, flow, browser, arrival.now).await;
        let Some(found) = found.map_err(|fault| Else::from(arrival.failed(&fault.into())))? else {
            return Err(Else::from(arrival.explained(Explained::FlowOver)));
        };
        arrival.visit.prefer(found.ui_locales());
        Ok(Self::Flow(Box::new(waiting(state, flow, &found).await)))
    }

    /// A page of ours, out of a closed list.
    pub(crate) fn named(name: Option<&str>) -> Self {
        if let Some(device) = name.and_then(device) {
            return Self::Device(device);
        }
        let section = Section::ALL.into_iter().find(|section| Some(section.name()) == name);
        Self::Account(section.unwrap_or(Section::Overview), None)
    }

    /// What another provider must see to, if the person signs in there.
    pub(crate) fn demand(&self, session: Option<&Session>) -> Demand {
        match self {
            Self::Flow(waiting) => waiting.demand.clone(),
            // Whoever is signed in is here to prove it anew.
            Self::Account(..) if session.is_some() => {
                Demand { max_age: Some(STEP_UP), ..Demand::default() }
            }
            Self::Account(..) | Self::Device(_) => Demand::default(),
        }
    }

    pub(crate) fn flow(&self) -> Option<&str> {
        match self {
            Self::Flow(waiting) => Some(&waiting.flow),
            Self::Account(..) | Self::Device(_) => None,
        }
    }

    pub(crate) fn return_to(&self) -> Option<&str> {
        match self {
            Self::Flow(_) => None,
            Self::Account(section, _) => Some(section.name()),
            Self::Device(device) => Some(device),
        }
    }

    /// The app that the person signs in to.
    pub(crate) async fn app(&self, state: &State, arrival: &Arrival) -> Option<AppView<'_>> {
        match self {
            Self::Flow(waiting) => match &waiting.client {
                Some(client) => Some(pictured(state, &arrival.visit, client, arrival.now).await),
                None => Some(AppView { name: waiting.id.as_str(), ..AppView::default() }),
            },
            Self::Account(..) | Self::Device(_) => None,
        }
    }

    pub(crate) fn login_hint(&self) -> Option<&str> {
        match self {
            Self::Flow(waiting) => waiting.demand.login_hint.as_deref(),
            Self::Account(..) | Self::Device(_) => None,
        }
    }

    /// Why somebody who is signed in is asked again.
    pub(crate) fn reason(&self, session: Option<&Session>) -> Option<SignInReason> {
        let session = session?;
        match self {
            Self::Account(_, lack) => lack.map(SignInReason::StepUp),
            Self::Device(_) => None,
            Self::Flow(waiting) => waiting
                .demand
                .acr
                .is_some_and(|wanted| session.authentication.acr < wanted)
                .then_some(SignInReason::Stronger),
        }
    }

    /// Where the forms of a sign-in may lead in the end.
    pub(crate) const fn forms(&self) -> Forms {
        match self {
            Self::Flow(_) => Forms::Onward,
            Self::Account(..) | Self::Device(_) => Forms::Ours,
        }
    }

    /// The address of ours, below the issuer's path.
    pub(crate) fn below(&self) -> String {
        match self {
            Self::Flow(waiting) => {
                format!("/authorize/continue{}", pages::query(Some(&waiting.flow), None))
            }
            Self::Account(section, _) => section.path().to_owned(),
            Self::Device(device) => match device.split_once('-') {
                Some((_, code)) => format!("/device?user_code={code}"),
                None => "/device".to_owned(),
            },
        }
    }
}

/// What the session that is here lacks.
async fn lack(state: &State, arrival: &Arrival) -> Result<Option<Lack>, Else> {
    let Some(session) = &arrival.session else { return Ok(None) };
    let person = state.directory.person(&session.person).await;
    let person = person.map_err(|fault| Else::from(arrival.failed(&fault)))?;
    Ok(person.and_then(|person| Lack::of(session, &person, arrival.now)))
}

/// `device`, or `device-` and letters that are a user code.
fn device(text: &str) -> Option<String> {
    let code = text.strip_prefix("device")?;
    let fits = code.is_empty() || code.strip_prefix('-').and_then(user_code).is_some();
    fits.then(|| text.to_owned())
}

async fn waiting(state: &State, flow: &str, found: &Interaction) -> Waiting {
    Waiting {
        flow: flow.to_owned(),
        id: found.client_id.clone(),
        client: state.directory.find_client(&found.client_id).await.ok().flatten(),
        demand: found.demand(),
    }
}
