//! Why there is no code: their mistake, told here or at the app; or ours.

use super::{decide::Asked, parameters::Parameters, prompt::Prompt, way_back::WayBack};
use crate::{shape::ShapeFault, token::TokenError};
use portcullis_directory::{self as directory, Client};
use portcullis_store::StoreFault;
use portcullis_types::Denial;
use std::sync::Arc;

/// A failure of ours. Its inside is logged and never shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Directory(#[from] directory::Fault),
    #[error(transparent)]
    Shape(#[from] ShapeFault),
}

impl From<Fault> for TokenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(fault) => fault.into(),
            Fault::Directory(fault) => fault.into(),
            Fault::Shape(fault) => crate::token::Fault::from(fault).into(),
        }
    }
}

/// The way back to an app.
#[derive(Clone, Debug)]
pub(crate) struct Back {
    pub(crate) client: Arc<Client>,
    pub(crate) to: WayBack,
    /// Whether the app wants its answer without any page (`prompt=none`).
    pub(crate) quiet: bool,
}

impl From<&Asked> for Back {
    fn from(asked: &Asked) -> Self {
        Self {
            client: asked.client.clone(),
            to: asked.request.way_back.clone(),
            quiet: asked.request.prompt.has(Prompt::None),
        }
    }
}

impl Back {
    /// Of a request that cannot be read to its end.
    pub(crate) fn of(client: &Arc<Client>, to: WayBack, parameters: &Parameters) -> Self {
        let quiet = parameters.peek("prompt") == Some(Prompt::None.name());
        Self { client: client.clone(), to, quiet }
    }
}

/// Why a request is not gone on with.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Told to the person: there is no way back, or none that can be trusted.
    Here(Box<Denial>),
    /// Told to the app (RFC 6749 §4.1.2.1).
    There(Box<(Back, Denial)>),
    /// Whatever waited is over, or began in another browser.
    FlowOver,
    /// Ours.
    Fault(Fault),
}

impl Refusal {
    pub(crate) fn here(denial: Denial) -> Self {
        Self::Here(Box::new(denial))
    }

    pub(crate) fn there(back: Back, denial: Denial) -> Self {
        Self::There(Box::new((back, denial)))
    }
}

impl<F: Into<Fault>> From<F> for Refusal {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}
