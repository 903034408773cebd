//! How JWTs for the app look, and what it signs its own with.

use super::{Fields, MetadataError};
use portcullis_directory::{Registration, Shape, encryption_algs};
use portcullis_jose::Alg;

/// The members `…_signed_response_alg`, `…_encrypted_response_alg`, `…_encrypted_response_enc`, and the
/// algorithms of request objects and assertions.
pub(super) fn read(
    fields: &Fields<'_>,
    to: &mut Registration,
    ours: &[Alg],
) -> Result<(), MetadataError> {
    to.id_token = shape(fields, "id_token", ours)?;
    to.userinfo = shape(fields, "userinfo", ours)?;
    to.introspection = shape(fields, "introspection", ours)?;
    to.authorization = shape(fields, "authorization", ours)?;
    let theirs: Vec<Alg> = Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()).collect();
    to.request_object_signing_alg = signed(fields, "request_object_signing_alg", &theirs)?;
    to.token_endpoint_auth_signing_alg =
        signed(fields, "token_endpoint_auth_signing_alg", &theirs)?;
    Ok(())
}

fn shape(fields: &Fields<'_>, what: &str, ours: &[Alg]) -> Result<Shape, MetadataError> {
    let signed = signed(fields, &format!("{what}_signed_response_alg"), ours)?;
    Ok(Shape { signed, ..encrypted(fields, what)? })
}

/// `none` is not an algorithm, here or anywhere.
fn signed(fields: &Fields<'_>, name: &str, known: &[Alg]) -> Result<Option<Alg>, MetadataError> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let alg = text.parse::<Alg>().ok().filter(|alg| known.contains(alg));
    alg.map(Some).ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|alg| alg.name()).collect();
        fields.wrong(name, &known.join(" or "))
    })
}

fn encrypted(fields: &Fields<'_>, what: &str) -> Result<Shape, MetadataError> {
    let (alg_name, enc_name) =
        (format!("{what}_encrypted_response_alg"), format!("{what}_encrypted_response_enc"));
    let (alg, enc) = (fields.text(&alg_name)?, fields.text(&enc_name)?);
    let Some(alg) = alg else {
        return match enc {
            None => Ok(Shape::default()),
            Some(_) => Err(fields.wrong(&enc_name, &format!("beside {alg_name}"))),
        };
    };
    let Some((alg, enc)) = encryption_algs(alg, enc) else {
        let expected =
            "RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW or the like, with a known enc";
        return Err(fields.wrong(&alg_name, expected));
    };
    let (encrypted_alg, encrypted_enc) = (Some(alg.to_string()), Some(enc.to_string()));
    Ok(Shape { signed: None, encrypted_alg, encrypted_enc })
}
