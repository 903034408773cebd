//! What a decision needs, without a server: for questions that are asked by hand.

use super::{gateway, issuer};
use crate::cli::{House, Stop};
use portcullis_gateway::Routes;
use portcullis_keyring::Circle;
use std::sync::Arc;

/// The same routes, trust, keys and revocations as the gateway has.
pub(crate) struct ByHand {
    pub(crate) routes: Routes,
    pub(crate) circle: Arc<Circle>,
}

/// Gathers them. Secrets of upstreams are not read: nothing is sent anywhere.
pub(crate) async fn by_hand(house: &mut House) -> Result<ByHand, Stop> {
    for upstream in &mut house.config.upstreams {
        upstream.credential = None;
    }
    let issuing = match &house.config.issuer {
        Some(issuing) => Some(issuer::look(house, issuing).await?),
        None => None,
    };
    let guard = gateway::open(house, issuing.as_ref()).await?;
    let guard = guard.ok_or_else(|| {
        Stop::cannot_run(format!(
            "{} has no [gateway]: nothing is guarded here",
            house.config.file.display()
        ))
    })?;
    let routes = Routes::new(&gateway::settings(&house.config)?).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        Stop::cannot_run(faults.join("; "))
    })?;
    Ok(ByHand { routes, circle: guard.circle })
}
