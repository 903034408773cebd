//! How an app will prove itself, and its keys (RFC 7591 §2, RFC 8705 §2).

use super::{Fields, MetadataError};
use crate::Ceiling;
use portcullis_directory::{AuthMethod, CertificateMatcher, ClientKeys, NameKind, NewAuth};

const METHODS: [AuthMethod; 6] = [
    AuthMethod::None,
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::PrivateKeyJwt,
    AuthMethod::TlsClientAuth,
    AuthMethod::SelfSignedTlsClientAuth,
];

/// The method, with what it needs; and the keys, if they are for something else.
pub(super) fn read(
    fields: &Fields<'_>,
    ceiling: &Ceiling,
) -> Result<(NewAuth, Option<ClientKeys>), MetadataError> {
    let keys = keys(fields)?;
    let method = method(fields, ceiling)?;
    let needed = || {
        let problem = format!("{} needs jwks or jwks_uri", method.name());
        MetadataError::Metadata(problem)
    };
    Ok(match method {
        AuthMethod::None => (NewAuth::Public, keys),
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => (NewAuth::Generated, keys),
        AuthMethod::PrivateKeyJwt => (NewAuth::Keys(keys.ok_or_else(needed)?), None),
        AuthMethod::SelfSignedTlsClientAuth => {
            (NewAuth::SelfSigned(keys.ok_or_else(needed)?), None)
        }
        AuthMethod::TlsClientAuth => (NewAuth::Certificate(certificate(fields)?), keys),
    })
}

/// What a client with a secret said, for the answer.
pub(super) fn secret_method(
    fields: &Fields<'_>,
    auth: &NewAuth,
) -> Result<Option<AuthMethod>, MetadataError> {
    let secret = matches!(auth, NewAuth::Generated);
    let said = fields.text("token_endpoint_auth_method")?;
    let post = said == Some(AuthMethod::ClientSecretPost.name());
    Ok(secret.then_some(if post {
        AuthMethod::ClientSecretPost
    } else {
        AuthMethod::ClientSecretBasic
    }))
}

/// Without one, `client_secret_basic` (RFC 7591 §2), or what such clients may have in its place.
fn method(fields: &Fields<'_>, ceiling: &Ceiling) -> Result<AuthMethod, MetadataError> {
    let allowed = &ceiling.auth_methods;
    let usual = AuthMethod::ClientSecretBasic;
    let Some(said) = fields.text("token_endpoint_auth_method")? else {
        return Ok(if allowed.contains(&usual) {
            usual
        } else {
            allowed.first().copied().unwrap_or(AuthMethod::None)
        });
    };
    let method = METHODS.into_iter().find(|method| method.name() == said);
    method.filter(|method| allowed.contains(method)).ok_or_else(|| {
        let names: Vec<_> = allowed.iter().map(|method| method.name()).collect();
        fields.wrong("token_endpoint_auth_method", &names.join(" or "))
    })
}

fn keys(fields: &Fields<'_>) -> Result<Option<ClientKeys>, MetadataError> {
    let refuse = |fault: &dyn std::fmt::Display| MetadataError::Metadata(format!("jwks: {fault}"));
    match (fields.value("jwks"), fields.text("jwks_uri")?) {
        (Some(_), Some(_)) => {
            let problem = "jwks and jwks_uri exclude each other";
            Err(MetadataError::Metadata(problem.to_owned()))
        }
        (Some(jwks), None) => {
            ClientKeys::registered(jwks).map(Some).map_err(|fault| refuse(&fault))
        }
        (None, Some(uri)) => ClientKeys::published(uri).map(Some).map_err(|fault| refuse(&fault)),
        (None, None) => Ok(None),
    }
}

/// RFC 8705 §2.1.2: exactly one way to name the certificate.
fn certificate(fields: &Fields<'_>) -> Result<CertificateMatcher, MetadataError> {
    let kinds = [
        (NameKind::SubjectDn, "tls_client_auth_subject_dn"),
        (NameKind::SanDns, "tls_client_auth_san_dns"),
        (NameKind::SanUri, "tls_client_auth_san_uri"),
        (NameKind::SanIp, "tls_client_auth_san_ip"),
        (NameKind::SanEmail, "tls_client_auth_san_email"),
    ];
    let mut found = Vec::new();
    for (kind, name) in kinds {
        found.extend(fields.text(name)?.map(|value| (kind, value)));
    }
    let [(kind, value)] = found.as_slice() else {
        let problem = "tls_client_auth needs exactly one tls_client_auth_… member";
        return Err(MetadataError::Metadata(problem.to_owned()));
    };
    CertificateMatcher::new(*kind, value)
        .map_err(|fault| MetadataError::Metadata(fault.to_string()))
}
