//! The answer in one sentence, for the operator.

mod exchange;

use super::span;
use crate::{Event, Record};
use portcullis_types::{
    ApiName, AssertionFault, CertificateFault, ClientProof, Denial, DpopFault, HeaderFault,
    HolderFault, RevokedBy, Stage, Tenant,
};

pub(super) fn headline(record: &Record<'_>) -> String {
    match (&record.denial, &record.event) {
        (Some(denial), _) => denied(denial),
        (None, Event::Admin(admin)) => {
            format!("{} did {} on {}.", admin.actor, admin.action, admin.target)
        }
        (None, Event::Grant(grant)) if grant.is_elsewhere() => {
            format!("The {} was accepted: every check passed.", grant.kind())
        }
        (None, _) if record.trace.stage() == Stage::Access => {
            "The request was allowed: every check that it needs passed.".into()
        }
        (None, _) if record.trace.stage() == Stage::Authorize => {
            "The app was authorized: every check passed.".into()
        }
        (None, _) => "The token was issued: every check passed.".into(),
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one line a denial")]
fn denied(denial: &Denial) -> String {
    match denial {
        Denial::Ambiguous { .. } => "The request could be read in two ways.".into(),
        Denial::Unmapped { allowed, .. } if allowed.is_empty() => {
            "No route maps this path to an API, and what is not mapped is denied.".into()
        }
        Denial::Unmapped { method, .. } => format!("The path is mapped, but not for {method}."),
        Denial::NoCredential { in_query: true, .. } => {
            "The token was put into the query, where it is never read.".into()
        }
        Denial::NoCredential { .. } => "The request carried no access token.".into(),
        Denial::ManyCredentials { found } => {
            format!("The request carried {found} credentials where one is allowed.")
        }
        Denial::CredentialTooLarge { .. } => "The credential is too large.".into(),
        Denial::NotAToken { looks_like } => {
            format!("The credential is not an access token but {looks_like}.")
        }
        Denial::Format { .. } => "The token is not a well-formed signed JWT.".into(),
        Denial::Header { fault: HeaderFault::Algorithm { .. } } => {
            "The token is signed in a way that is not accepted here.".into()
        }
        Denial::Header { .. } => "The header of the token is not acceptable.".into(),
        Denial::WrongType { .. } => "This is another kind of token, by its type.".into(),
        Denial::UntrustedIssuer { .. } => {
            "The token comes from an issuer that is not trusted here.".into()
        }
        Denial::UnknownKey { .. } => "The issuer has no such signing key.".into(),
        Denial::KeysUnavailable { .. } => {
            "The keys of the issuer could not be fetched, so nobody can be let in.".into()
        }
        Denial::BadSignature { .. } => {
            "The signature is wrong: the token was altered, or another key signed it.".into()
        }
        Denial::MissingClaim { claim } => format!("The token has no claim {claim}."),
        Denial::BadClaim { claim, .. } => format!("The claim {claim} of the token is malformed."),
        Denial::Expired { exp, now, .. } => {
            format!("The token had expired {} before this request.", span(now.millis_since(*exp)))
        }
        Denial::NotYetValid { from, now, .. } => {
            format!("The token is not valid until {} later.", span(from.millis_since(*now)))
        }
        Denial::LivesTooLong { .. } => {
            "The token lives longer than tokens of this issuer may.".into()
        }
        Denial::WrongAudience { made_for, .. } if made_for.is_empty() => {
            "The token was not made for this API, nor for another one of ours.".into()
        }
        Denial::WrongAudience { made_for, .. } => {
            format!("The token was made for {}, not for this API.", names(made_for))
        }
        Denial::WrongPurpose { claim } => {
            format!("This is another kind of token: it has the claim {claim}.")
        }
        Denial::WrongTenant { found, expected } => wrong_tenant(found.as_ref(), expected.as_ref()),
        Denial::BadProof { fault } => bad_proof(fault).into(),
        Denial::ProofsFull { .. } => {
            "So many DPoP proofs were in use that no more could be remembered, so none was accepted."
                .into()
        }
        Denial::NotTheHolder { fault } => not_the_holder(fault).into(),
        Denial::Revoked { by } => revoked(by),
        Denial::RevocationsUnknown { .. } => {
            "Nobody could say whether the token was revoked, so it was not let in.".into()
        }
        Denial::WeakAuthentication { .. } => {
            "The person behind the token did not sign in as strongly or as recently as the route \
             demands."
                .into()
        }
        Denial::WeakScope { missing, .. } => {
            format!("The token lacks the scope {missing}, which this request needs.")
        }
        Denial::ForeignObject { .. } => {
            "The object belongs to another tenant; the caller was told that nothing is there."
                .into()
        }
        Denial::Barred { bar } => bar.headline(),
        Denial::BadRequest { .. } => "The request is malformed.".into(),
        Denial::Throttled { .. } => {
            "Too many attempts failed in a row; the client has to wait.".into()
        }
        Denial::BadClient { proof, .. } => unproven(proof).into(),
        Denial::ClientDisabled { client_id, .. } => format!("The client {client_id} is disabled."),
        Denial::UnknownGrantType { .. } => "This grant type does not exist here.".into(),
        Denial::GrantNotAllowed { client_id, grant_type, .. } => {
            format!("The client {client_id} may not use the grant type {grant_type}.")
        }
        Denial::BadTarget { found, .. } if found.is_empty() => {
            "No API was named, and the client has no default.".into()
        }
        Denial::BadTarget { .. } => "The client may not have a token for this resource.".into(),
        Denial::BadScope { .. } => "A requested scope does not exist.".into(),
        Denial::NoScopeLeft { .. } => {
            "No requested scope is both allowed for the client and offered by the API.".into()
        }
        Denial::BadPossession { .. } => "The caller did not prove that it holds the key.".into(),
        Denial::BadGranted { grant_type, fault } => {
            format!("The {grant_type} yields nothing: {}.", fault.found())
        }
        Denial::BadClientDocument { fault, .. } => {
            format!("The app is known by a document of its own: {}.", fault.found())
        }
        Denial::BadInbound { .. }
        | Denial::ConditionNotMet { .. }
        | Denial::TenantHalted { .. }
        | Denial::BadActor { .. }
        | Denial::NoImpersonation { .. }
        | Denial::PolicyRefused { .. }
        | Denial::BadDetails { .. }
        | Denial::ForeignScope { .. }
        | Denial::NothingLeft { .. } => exchange::headline(denial),
        Denial::BadRedirect { .. } => {
            "The way back is not registered for the app, so nobody was sent there.".into()
        }
        Denial::BadAuthorization { problem, .. } => {
            format!("The app's request for authorization was refused: {problem}.")
        }
        Denial::BadSignIn { fault, .. } => format!("Nobody was signed in: {}.", fault.found()),
    }
}

fn wrong_tenant(found: Option<&Tenant>, expected: Option<&Tenant>) -> String {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            format!("The token belongs to tenant {found}, and this is tenant {expected}'s.")
        }
        (None, Some(expected)) => {
            format!("The token belongs to no tenant, and this is tenant {expected}'s.")
        }
        (_, None) => "The issuer may not speak for the tenant that the token names.".into(),
    }
}

const fn bad_proof(fault: &DpopFault) -> &'static str {
    match fault {
        DpopFault::Missing => "The request carried no DPoP proof.",
        DpopFault::Many { .. } => "The request carried more than one DPoP proof.",
        DpopFault::PrivateKey => "The DPoP proof gave the private key away.",
        DpopFault::Algorithm { .. } => "The DPoP proof is signed in a way that is not accepted.",
        DpopFault::Signature => "The signature of the DPoP proof is wrong.",
        DpopFault::Method { .. } | DpopFault::Url { .. } => {
            "The DPoP proof was made for another request."
        }
        DpopFault::OtherToken => "The DPoP proof was made for another access token.",
        DpopFault::TooOld { .. } => "The DPoP proof is too old.",
        DpopFault::FromFuture { .. } => "The DPoP proof comes from the future.",
        DpopFault::NoNonce | DpopFault::StaleNonce => {
            "The DPoP proof holds no fresh nonce of ours; the client was given one."
        }
        DpopFault::Replayed { .. } => "The DPoP proof was used before.",
        DpopFault::TooLong { .. }
        | DpopFault::Malformed { .. }
        | DpopFault::Type { .. }
        | DpopFault::Key { .. }
        | DpopFault::Claim { .. } => "The DPoP proof is not acceptable.",
    }
}

const fn not_the_holder(fault: &HolderFault) -> &'static str {
    match fault {
        HolderFault::UnknownBinding { .. } => {
            "The token is bound in a way that nobody here can check."
        }
        HolderFault::Downgraded { .. } => {
            "The token is bound to a key, and was shown as if it were not."
        }
        HolderFault::Unbound => "The token was shown with DPoP, and is bound to no key.",
        HolderFault::OtherKey { .. } => {
            "The token is bound to another key than the DPoP proof was made with."
        }
        HolderFault::NoCertificate { .. } => {
            "The token is bound to a client certificate, and the connection has none."
        }
        HolderFault::OtherCertificate { .. } => "The token is bound to another client certificate.",
        HolderFault::KeyDemanded => {
            "Only tokens bound to a DPoP key are accepted here, and this one is not."
        }
        HolderFault::CertificateDemanded => {
            "Only tokens bound to a client certificate are accepted here, and this one is not."
        }
    }
}

fn revoked(by: &RevokedBy) -> String {
    match by {
        RevokedBy::Token { .. } => "The token was revoked.".into(),
        RevokedBy::Client { client_id, .. } => {
            format!("The token ended when its client {client_id} was disabled.")
        }
        RevokedBy::NotBefore { client_id, .. } => {
            format!("The token ended when all tokens of {client_id} were.")
        }
        RevokedBy::Session { .. } => "The token ended with the session that it came from.".into(),
        RevokedBy::Grant { .. } => "The token ended when the grant behind it was revoked.".into(),
        RevokedBy::PersonNotBefore { .. } => {
            "The token ended when all tokens of its person were.".into()
        }
        RevokedBy::Tenant { tenant, halt, .. } => {
            format!("The token ended when its tenant {tenant} was {}.", halt.word())
        }
    }
}

const fn unproven(proof: &ClientProof) -> &'static str {
    match proof {
        ClientProof::Missing => "The request carried no client credentials.",
        ClientProof::UnknownClient => "No client has this client_id.",
        ClientProof::WrongSecret => "The client secret is wrong.",
        ClientProof::WrongMethod { .. } => {
            "The client is registered for another way to prove itself."
        }
        ClientProof::Certificate { fault } => match fault {
            CertificateFault::Absent => "The client showed no certificate.",
            CertificateFault::Malformed { .. } => "The client's certificate cannot be read.",
            CertificateFault::Untrusted { .. } => "Nobody vouches for the client's certificate.",
            CertificateFault::Time { .. } => "The client's certificate is not valid now.",
            CertificateFault::Name { .. } => "The client's certificate names somebody else.",
            CertificateFault::UnknownKey { .. } => {
                "The key of the client's certificate is not registered."
            }
        },
        ClientProof::Assertion { fault } => match fault {
            AssertionFault::Replayed { .. } => "The client_assertion was used before.",
            AssertionFault::Audience { .. } => {
                "The client_assertion is addressed to another server."
            }
            AssertionFault::Signature => "The signature of the client_assertion is wrong.",
            AssertionFault::UnknownKey { .. } => {
                "The client_assertion is signed with a key that is not registered."
            }
            AssertionFault::Time { .. } => "The client_assertion is not valid now.",
            AssertionFault::Keys { .. } => "The client's keys cannot be fetched.",
            AssertionFault::Algorithm { .. }
            | AssertionFault::Type { .. }
            | AssertionFault::Malformed { .. }
            | AssertionFault::Claim { .. }
            | AssertionFault::Subject { .. } => "The client_assertion is not acceptable.",
        },
    }
}

fn names(apis: &[ApiName]) -> String {
    let names: Vec<_> = apis.iter().map(|name| format!("the API {name}")).collect();
    names.join(" and ")
}
