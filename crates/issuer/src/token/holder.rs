//! The keys that the caller has shown (RFC 9449 §5, RFC 8705 §3): what it gets is good in its hands alone.

use crate::{certificate::peer_certificate, dpop, server::State};
use http::request::Parts;
use portcullis_directory::{
    Client, Fapi2,
    grant::{Bound, ProofMark, use_proof},
};
use portcullis_jose::b64;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, PossessionFault, Thumbprint, Timestamp};
use serde::Serialize;

/// What the caller holds, as far as it counts.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    /// A DPoP proof that is right. Whether it was used before is for [`Holder::spend`] to say.
    proof: Option<ProofMark>,
    /// The thumbprint of its certificate.
    certificate: Option<String>,
}

/// `cnf` (RFC 7800 §3.1).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Confirmation {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<String>,
}

impl Confirmation {
    /// Whether it is the very key that a token says.
    pub(super) fn is_that(&self, cnf: &portcullis_verify::Confirmation) -> bool {
        let same = |own: &Option<String>, said: Option<&Thumbprint>| match said {
            Some(said) => own.as_deref() == Some(said.to_string().as_str()),
            None => true,
        };
        cnf.others.is_empty()
            && same(&self.jkt, cnf.jkt.as_ref())
            && same(&self.x5t_s256, cnf.x5t_s256.as_ref())
    }

    /// Whether its token is shown as `DPoP` (RFC 9449 §7.1).
    pub(super) const fn is_of_a_key(&self) -> bool {
        self.jkt.is_some()
    }
}

impl Holder {
    /// What came with a client's request to the token endpoint.
    pub(super) fn of(
        state: &State,
        parts: &Parts,
        (client, now): (&Client, Timestamp),
    ) -> Result<Self, Denial> {
        let proof = dpop::proven(state, parts, "/token", (client, now))?;
        let certificate = peer_certificate(parts, &state.settings);
        let certificate = certificate.map(|shown| b64::encode(shown.thumbprint()));
        Ok(Self { proof, certificate })
    }

    /// With what this client must show (RFC 9449 §5.2, RFC 8705 §3.4, FAPI 2.0 §5.3.2.1), and without a
    /// certificate that its tokens are not to be bound to.
    pub(super) fn demanded(mut self, client: &Client) -> Result<Self, Denial> {
        let registration = &client.registration;
        let missing = |wanted: &str| {
            let fault = PossessionFault::Missing { wanted: wanted.to_owned() };
            Err(Denial::BadPossession { fault })
        };
        if registration.dpop_bound_access_tokens && self.proof.is_none() {
            return missing("a DPoP proof");
        }
        let by_certificate = registration.tls_client_certificate_bound_access_tokens;
        if by_certificate && self.certificate.is_none() {
            return missing("a client certificate");
        }
        let constrained = registration.fapi2 >= Fapi2::Security;
        if constrained && self.proof.is_none() && self.certificate.is_none() {
            return missing("a DPoP proof or a client certificate");
        }
        if !(by_certificate || constrained && self.proof.is_none()) {
            self.certificate = None;
        }
        Ok(self)
    }

    /// `cnf` of its tokens.
    pub(crate) fn confirmation(&self) -> Option<Confirmation> {
        let jkt = self.proof.as_ref().map(|proof| proof.jkt.clone());
        let x5t_s256 = self.certificate.clone();
        (jkt.is_some() || x5t_s256.is_some()).then_some(Confirmation { jkt, x5t_s256 })
    }

    /// By what its tokens are bound, for the record.
    pub(super) const fn bound_by(&self) -> Option<&'static str> {
        match (&self.proof, &self.certificate) {
            (Some(_), _) => Some("dpop"),
            (None, Some(_)) => Some("mtls"),
            (None, None) => None,
        }
    }

    /// What refresh tokens of a public client are bound to (RFC 9449 §5): anybody could show its name. Another
    /// client proves itself each time.
    pub(super) fn bound(&self, client: &Client) -> Option<Bound> {
        let by_key = self.proof.as_ref().map(|proof| Bound::Dpop(proof.jkt.clone()));
        let by_certificate = || self.certificate.clone().map(Bound::Certificate);
        by_key.or_else(by_certificate).filter(|_| client.is_public())
    }

    /// Whether it holds the key that something is bound to.
    pub(super) fn holds(&self, bound: Option<&Bound>) -> Result<(), Denial> {
        let (held, wanted, kind) = match bound {
            None => return Ok(()),
            Some(Bound::Dpop(jkt)) => {
                (self.proof.as_ref().map(|proof| &proof.jkt), jkt, "a DPoP proof")
            }
            Some(Bound::Certificate(hash)) => {
                (self.certificate.as_ref(), hash, "a client certificate")
            }
        };
        let fault = match held {
            Some(held) if held == wanted => return Ok(()),
            Some(_) => PossessionFault::OtherKey,
            None => PossessionFault::Missing { wanted: kind.to_owned() },
        };
        Err(Denial::BadPossession { fault })
    }

    /// Uses the proof up (RFC 9449 §11.1), in the transaction of what it was used for.
    pub(super) fn spend(&self, tx: &mut Tx<'_>) -> Result<Result<(), Denial>, StoreFault> {
        match &self.proof {
            Some(proof) if !use_proof(tx, proof)? => Ok(Err(dpop::replayed())),
            _ => Ok(Ok(())),
        }
    }
}
