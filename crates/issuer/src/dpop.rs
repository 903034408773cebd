//! DPoP at the authorization server (RFC 9449 §5, §8): a proof with a request binds what is granted to its key.

use crate::{DpopNonce, Settings, server::State};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use portcullis_directory::{
    Client, Fapi2, Fault,
    grant::{self, ProofMark},
};
use portcullis_jose::Alg;
use portcullis_store::StoreFault;
use portcullis_types::{ClientId, Denial, DpopFault, PossessionFault, Timestamp};
use portcullis_verify::{
    Admission,
    dpop::{self, Expected, Header, Htu, NonceRule, Proof},
};

/// RFC 9449 §5.
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// RFC 9449 §8.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The proof that came with a client's request to this endpoint of ours; `None` if none came. That it was not used before
/// is for the transaction to say.
pub(crate) fn proven(
    state: &State,
    parts: &Parts,
    endpoint: &str,
    (client, now): (&Client, Timestamp),
) -> Result<Option<ProofMark>, Denial> {
    let headers = parts.headers.get_all(DPOP).into_iter().map(HeaderValue::as_bytes);
    let header = Header::of(headers);
    if matches!(header, Header::Absent) {
        return Ok(None);
    }
    let bases = bases(&state.settings);
    let expected = Expected {
        htm: parts.method.as_str(),
        htu: Htu::below(&bases, endpoint),
        access_token: None,
        nonce: match state.settings.dpop_nonce {
            DpopNonce::Offered => NonceRule::Ignored,
            DpopNonce::Required => NonceRule::Required(&state.possession.nonces),
        },
        algs: if client.registration.fapi2 == Fapi2::Off { &dpop::ALGS } else { &Alg::FAPI },
    };
    let proof = header.only().and_then(|proof| Proof::verify(proof, &expected, now));
    let proof = proof.map_err(|fault| Denial::BadPossession {
        fault: if fault.wants_nonce() {
            PossessionFault::Nonce
        } else {
            PossessionFault::Proof { problem: fault.found() }
        },
    })?;
    Ok(Some(ProofMark { iat: proof.iat, jkt: proof.jkt.to_string(), jti: proof.jti }))
}

/// RFC 9449 §11.1: the proof that came to an API of our own is used up. What was used at another node was used.
pub(crate) async fn spent(
    state: &State,
    parts: &Parts,
    endpoint: &str,
    (client, now): (&Client, Timestamp),
) -> Result<Result<(), Denial>, StoreFault> {
    let proof = match proven(state, parts, endpoint, (client, now)) {
        Ok(Some(proof)) => proof,
        Ok(None) => return Ok(Ok(())),
        Err(denial) => return Ok(Err(denial)),
    };
    let jti = proof.jti.clone();
    let first = state.store.write(move |tx| grant::use_proof(tx, &proof)).await?;
    let replayed = DpopFault::Replayed { jti };
    Ok(if first { Ok(()) } else { Err(Denial::BadProof { fault: replayed }) })
}

/// The same for whoever's token an API of our own has just admitted.
pub(crate) async fn spent_by_holder(
    state: &State,
    parts: &Parts,
    (admission, now): (&Admission, Timestamp),
) -> Result<Result<(), Denial>, Fault> {
    let client = match ClientId::new(&admission.claims().client_id) {
        Ok(id) => state.directory.find_client(&id).await?,
        Err(_) => None,
    };
    let Some(client) = client else { return Ok(Ok(())) };
    let path = parts.uri.path();
    let endpoint = path.strip_prefix(&state.settings.path()).unwrap_or(path);
    Ok(spent(state, parts, endpoint, (&client, now)).await?)
}

/// Where our endpoints are, as the world sees them.
pub(crate) fn bases(settings: &Settings) -> Vec<String> {
    [settings.url("")].into_iter().chain(settings.certificates.mtls_url.clone()).collect()
}

/// Of two requests with one proof, the second.
pub(crate) fn replayed() -> Denial {
    let problem = "a proof that was used before".to_owned();
    Denial::BadPossession { fault: PossessionFault::Proof { problem } }
}

/// The nonce for the next proof, for whoever sends proofs.
pub(crate) fn nonce(state: &State, headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.contains_key(DPOP) || state.settings.dpop_nonce == DpopNonce::Required;
    let nonce = wanted.then(|| state.possession.nonces.current((state.clock)()))?;
    HeaderValue::try_from(nonce).ok()
}
