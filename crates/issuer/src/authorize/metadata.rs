//! What the metadata says about asking for authorization (RFC 8414 §2, RFC 9101 §10.5, RFC 9126 §5, RFC 9207
//! §3, JARM §4, OpenID Connect Discovery 1.0 §3 and the logout specifications).

use super::{object, prompt::Prompt, way_back::ResponseMode};
use crate::Settings;
use portcullis_jose::{
    Alg,
    jwe::{Enc, KeyAlg},
};
use portcullis_types::Acr;
use portcullis_web::page::languages;
use serde::Serialize;

/// A part of the metadata document.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "standards ask for them one by one")]
pub(crate) struct Metadata {
    authorization_endpoint: String,
    pushed_authorization_request_endpoint: String,
    end_session_endpoint: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 5],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
    prompt_values_supported: [&'static str; 4],
    acr_values_supported: [&'static str; 3],
    ui_locales_supported: Vec<&'static str>,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    /// One that was pushed is; one elsewhere is fetched by nobody, and that is what this asks about.
    request_uri_parameter_supported: bool,
    require_pushed_authorization_requests: bool,
    require_signed_request_object: bool,
    request_object_signing_alg_values_supported: Vec<Alg>,
    authorization_signing_alg_values_supported: Vec<Alg>,
    authorization_encryption_alg_values_supported: Vec<&'static str>,
    authorization_encryption_enc_values_supported: Vec<&'static str>,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
}

/// What is true of this issuer.
pub(crate) fn metadata(settings: &Settings) -> Metadata {
    Metadata {
        authorization_endpoint: settings.url("/authorize"),
        pushed_authorization_request_endpoint: settings.url("/par"),
        end_session_endpoint: settings.url("/logout"),
        response_types_supported: ["code"],
        response_modes_supported: ResponseMode::NAMES,
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
        prompt_values_supported: Prompt::ALL.map(Prompt::name),
        acr_values_supported: Acr::ALL.map(Acr::name),
        ui_locales_supported: languages(),
        claims_parameter_supported: true,
        request_parameter_supported: true,
        request_uri_parameter_supported: false,
        require_pushed_authorization_requests: false,
        require_signed_request_object: false,
        request_object_signing_alg_values_supported: object::algs(),
        authorization_signing_alg_values_supported: settings.signing_algs(),
        authorization_encryption_alg_values_supported: to_clients(),
        authorization_encryption_enc_values_supported: Enc::all().map(Enc::name).collect(),
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
    }
}

/// What we encrypt with to a client: its public key alone.
fn to_clients() -> Vec<&'static str> {
    let public = |alg: &KeyAlg| matches!(alg, KeyAlg::RsaOaep(_) | KeyAlg::EcdhEs(_));
    KeyAlg::all().filter(public).map(KeyAlg::name).collect()
}
