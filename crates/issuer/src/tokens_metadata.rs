//! What the metadata says about tokens and about people (RFC 7662, RFC 7009, RFC 8628 §4, RFC 9449 §5.1, OpenID
//! Connect Discovery 1.0 §3).

use crate::{Settings, claims};
use portcullis_jose::{
    Alg,
    jwe::{Enc, KeyAlg},
};
use portcullis_verify::dpop;
use serde::Serialize;

/// A part of the metadata document.
#[derive(Serialize)]
pub(crate) struct Metadata {
    userinfo_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    device_authorization_endpoint: String,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: Vec<Alg>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: Vec<Alg>,
    introspection_signing_alg_values_supported: Vec<Alg>,
    introspection_encryption_alg_values_supported: Vec<&'static str>,
    introspection_encryption_enc_values_supported: Vec<&'static str>,
    dpop_signing_alg_values_supported: [Alg; 6],
    subject_types_supported: [&'static str; 2],
    id_token_signing_alg_values_supported: Vec<Alg>,
    id_token_encryption_alg_values_supported: Vec<&'static str>,
    id_token_encryption_enc_values_supported: Vec<&'static str>,
    userinfo_signing_alg_values_supported: Vec<Alg>,
    userinfo_encryption_alg_values_supported: Vec<&'static str>,
    userinfo_encryption_enc_values_supported: Vec<&'static str>,
    claim_types_supported: [&'static str; 1],
    claims_supported: Vec<&'static str>,
}

/// What is true of this issuer. `methods`: how clients prove themselves.
pub(crate) fn metadata(settings: &Settings, methods: &[&'static str]) -> Metadata {
    let algs = settings.signing_algs();
    let asymmetric: Vec<Alg> = Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()).collect();
    let encs = || Enc::all().map(Enc::name).collect::<Vec<_>>();
    Metadata {
        userinfo_endpoint: settings.url("/userinfo"),
        introspection_endpoint: settings.url("/introspect"),
        revocation_endpoint: settings.url("/revoke"),
        device_authorization_endpoint: settings.url("/device_authorization"),
        introspection_endpoint_auth_methods_supported: methods
            .iter()
            .copied()
            .filter(|method| *method != "none")
            .collect(),
        introspection_endpoint_auth_signing_alg_values_supported: asymmetric.clone(),
        revocation_endpoint_auth_methods_supported: methods.to_vec(),
        revocation_endpoint_auth_signing_alg_values_supported: asymmetric,
        introspection_signing_alg_values_supported: algs.clone(),
        introspection_encryption_alg_values_supported: to_clients(),
        introspection_encryption_enc_values_supported: encs(),
        dpop_signing_alg_values_supported: dpop::ALGS,
        subject_types_supported: ["public", "pairwise"],
        id_token_signing_alg_values_supported: algs.clone(),
        id_token_encryption_alg_values_supported: to_clients(),
        id_token_encryption_enc_values_supported: encs(),
        userinfo_signing_alg_values_supported: algs,
        userinfo_encryption_alg_values_supported: to_clients(),
        userinfo_encryption_enc_values_supported: encs(),
        claim_types_supported: ["normal"],
        claims_supported: claims::names(),
    }
}

/// What we encrypt with to a client: its public key alone.
fn to_clients() -> Vec<&'static str> {
    let public = |alg: &KeyAlg| matches!(alg, KeyAlg::RsaOaep(_) | KeyAlg::EcdhEs(_));
    KeyAlg::all().filter(public).map(KeyAlg::name).collect()
}
