//! What is wrong with a client as a whole: what no single member can say.

use super::{Client, ClientAuth, GrantType};
use crate::{
    AssertionAudience, ClientSecret, Fapi2, Origin, Pkce, Registration, Shape, SubjectType,
    encryption_algs,
};
use portcullis_jose::Alg;
use portcullis_types::{AssertionFault, IdentityScope, RedirectUri, Scopes};

/// Longer lists help nobody.
const MOST_URIS: usize = 50;

/// A sentence about it, if something is wrong.
type Problem = Option<String>;

impl Client {
    /// What is wrong with it as a whole, if anything.
    pub fn problem(&self) -> Option<String> {
        self.names()
            .or_else(|| self.rights())
            .or_else(|| self.grants())
            .or_else(|| self.addresses())
            .or_else(|| self.introspection())
            .or_else(|| self.subjects())
            .or_else(|| self.algorithms())
            .or_else(|| self.encryption())
            .or_else(|| self.fapi())
    }

    fn names(&self) -> Problem {
        if self.name.is_empty() || self.name.len() > 200 || self.name.chars().any(char::is_control)
        {
            return Some("the name must be 1 to 200 bytes without control characters".into());
        }
        if self.id.as_str().contains(ClientSecret::PREFIX) {
            return Some("the id must not contain pcs_, which marks secrets".into());
        }
        let document = self.registration.origin == Origin::Document;
        if document != self.id.as_str().starts_with("https://") {
            return Some("an id that begins with https:// is the address of a document".into());
        }
        None
    }

    fn rights(&self) -> Problem {
        let outside = |scope: &_| !self.scopes.iter().any(|pattern| pattern.matches(scope));
        if self.default_scope.as_ref().is_some_and(Scopes::is_empty) {
            return Some("a default scope of nothing is no default; leave it out".into());
        }
        if let Some(scope) = self.default_scope.iter().flatten().find(|scope| outside(scope)) {
            return Some(format!("the default scope {scope} is not in the client's allow-list"));
        }
        match &self.default_resource {
            Some(resource) if !self.resources.contains(resource) => {
                Some(format!("the default resource {resource} is not among the client's resources"))
            }
            _ => None,
        }
    }

    fn grants(&self) -> Problem {
        let registration = &self.registration;
        let people = self.may(GrantType::AuthorizationCode) || self.may(GrantType::DeviceCode);
        let identity = registration.identity;
        if self.grant_types.is_empty() {
            return Some("without a grant type the client can do nothing".into());
        }
        if self.is_public() && self.may(GrantType::ClientCredentials) {
            return Some("a public client has no credentials for client_credentials".into());
        }
        let trades = self.grant_types.iter().find(|grant| grant.is_for_what_others_hold());
        if let Some(grant) = trades.filter(|_| self.is_public()) {
            return Some(format!(
                "a public client proves nothing, so it may not use {grant}; give it a secret or keys"
            ));
        }
        if self.may(GrantType::AuthorizationCode) && registration.redirect_uris.is_empty() {
            return Some("the grant authorization_code needs a redirect URI".into());
        }
        if self.may(GrantType::RefreshToken) && !people {
            return Some("refresh_token comes with authorization_code or the device grant".into());
        }
        if !identity.is_empty() && !people {
            return Some(format!("'{identity}' is about people, whom this client signs not in"));
        }
        if identity.has(IdentityScope::OfflineAccess) && !self.may(GrantType::RefreshToken) {
            return Some("offline_access needs the grant refresh_token".into());
        }
        let asks = identity.has(IdentityScope::Openid) && !self.is_public();
        if registration.pkce == Pkce::OrNonce && !asks {
            return Some("only a confidential client with openid may leave PKCE out".into());
        }
        None
    }

    fn addresses(&self) -> Problem {
        let registration = &self.registration;
        for uris in [&registration.redirect_uris, &registration.post_logout_redirect_uris] {
            if uris.len() > MOST_URIS {
                return Some(format!("there are more than {MOST_URIS} redirect URIs"));
            }
        }
        let pages = [
            ("client_uri", &registration.client_uri),
            ("policy_uri", &registration.policy_uri),
            ("tos_uri", &registration.tos_uri),
            ("logo_uri", &registration.logo_uri),
        ];
        for (name, uri) in pages {
            if uri.as_deref().is_some_and(|uri| !is_page(uri)) {
                return Some(format!("{name} must be the address of a page, https://…"));
            }
        }
        let contact = |text: &String| {
            !text.is_empty() && text.len() <= 200 && !text.contains(char::is_control)
        };
        if registration.contacts.len() > 10 || !registration.contacts.iter().all(contact) {
            return Some("contacts must be at most 10, of at most 200 bytes each".into());
        }
        if let Some(uri) = &registration.initiate_login_uri
            && !uri.as_str().starts_with("http")
        {
            return Some("initiate_login_uri must be an https address".into());
        }
        match &registration.backchannel_logout_uri {
            None if registration.backchannel_logout_session_required => {
                Some("back-channel logout needs an address".into())
            }
            Some(uri) if !called(uri) => Some(
                "backchannel_logout_uri must be an https address without fragment, of a whole host"
                    .into(),
            ),
            _ => None,
        }
    }

    /// RFC 7662 §2.1, §4: who may ask about others' tokens proves who it is, and an operator said so.
    fn introspection(&self) -> Problem {
        let asks = !self.registration.introspects.is_empty();
        let unfit = self.is_public() || !self.is_vouched_for();
        (asks && unfit).then(|| {
            "only a confidential client that an operator registered may introspect tokens of others".into()
        })
    }

    fn subjects(&self) -> Problem {
        let registration = &self.registration;
        let pairwise = registration.subject_type == SubjectType::Pairwise;
        if pairwise && registration.sector.is_none() && registration.host().is_err() {
            return Some(
                "pairwise subjects of redirect URIs on several hosts need a sector".into(),
            );
        }
        if let Some(sector) = registration.sector.as_ref().filter(|sector| !is_host(sector)) {
            return Some(format!("the sector must be the name of a host, not {sector:?}"));
        }
        if !pairwise && registration.sector.is_some() {
            return Some("a sector is for pairwise subjects only".into());
        }
        None
    }

    /// Never symmetric: whoever can verify could also sign.
    fn algorithms(&self) -> Problem {
        let registration = &self.registration;
        let all = [
            ("ID tokens", registration.id_token.signed),
            ("userinfo", registration.userinfo.signed),
            ("authorization answers", registration.authorization.signed),
            ("introspection", registration.introspection.signed),
            ("request objects", registration.request_object_signing_alg),
            ("client assertions", registration.token_endpoint_auth_signing_alg),
        ];
        for (what, alg) in all {
            if let Some(alg) = alg.filter(|alg| alg.is_symmetric()) {
                return Some(format!("{alg} is symmetric: not for {what}"));
            }
        }
        let asked = registration.require_signed_request_object
            || registration.request_object_signing_alg.is_some();
        if asked && self.keys().is_none() {
            return Some("signed request objects need the client's public keys".into());
        }
        if registration.dpop_bound_access_tokens
            && registration.tls_client_certificate_bound_access_tokens
        {
            return Some("tokens are bound by DPoP or by certificate, not by both".into());
        }
        None
    }

    fn encryption(&self) -> Problem {
        let registration = &self.registration;
        let shapes = [
            ("ID tokens", &registration.id_token),
            ("userinfo", &registration.userinfo),
            ("authorization answers", &registration.authorization),
            ("introspection", &registration.introspection),
        ];
        shapes.into_iter().find_map(|(what, shape)| self.encrypted(what, shape))
    }

    fn encrypted(&self, what: &str, shape: &Shape) -> Problem {
        let Some(alg) = &shape.encrypted_alg else {
            let alone = shape.encrypted_enc.is_some();
            return alone.then(|| format!("encryption of {what} needs an alg beside the enc"));
        };
        let Some((key_alg, _)) = encryption_algs(alg, shape.encrypted_enc.as_deref()) else {
            return Some(format!(
                "{what} cannot be encrypted so; alg may be RSA-OAEP, RSA-OAEP-256, ECDH-ES and the \
                 like, enc A128CBC-HS256, A256GCM and the like"
            ));
        };
        match self.keys() {
            None => Some(format!("encryption of {what} needs the client's public keys")),
            Some(keys) if keys.set().is_some_and(|set| set.encryption_key(key_alg).is_none()) => {
                Some(format!("none of the client's keys is for {alg}, which encrypts {what}"))
            }
            Some(_) => None,
        }
    }

    fn fapi(&self) -> Problem {
        let registration = &self.registration;
        if registration.fapi2 == Fapi2::Off {
            return None;
        }
        let strong = matches!(
            self.auth,
            ClientAuth::PrivateKeyJwt { .. }
                | ClientAuth::TlsClient { .. }
                | ClientAuth::SelfSignedTls { .. }
        );
        let bound = registration.dpop_bound_access_tokens
            || registration.tls_client_certificate_bound_access_tokens;
        let algs = [
            registration.id_token.signed,
            registration.userinfo.signed,
            registration.authorization.signed,
            registration.introspection.signed,
            registration.request_object_signing_alg,
            registration.token_endpoint_auth_signing_alg,
        ];
        let legacy = registration.assertion_audience != AssertionAudience::Issuer;
        let other = algs.into_iter().flatten().find(|alg| !Alg::FAPI.contains(alg));
        let lacks = match () {
            () if !strong => "private_key_jwt or a certificate as the client's proof",
            () if !bound => "tokens that are bound, by DPoP or by certificate",
            () if !registration.require_pushed_authorization_requests => "pushed requests (PAR)",
            () if registration.pkce != Pkce::Required => "PKCE, always",
            () if legacy => "assertions for the issuer alone",
            () if other.is_some() => "PS256, ES256 or EdDSA for every signature",
            () => return self.message_signing(),
        };
        Some(format!("FAPI 2.0 demands {lacks}"))
    }

    fn message_signing(&self) -> Problem {
        let signing = self.registration.fapi2 == Fapi2::MessageSigning;
        let unsigned = signing && !self.registration.require_signed_request_object;
        unsigned.then(|| "FAPI 2.0 message signing demands signed request objects".into())
    }

    /// The algorithms that the client may sign with, and that we may sign with for it where it registered none.
    pub fn admits_signing_alg(&self, alg: Alg) -> bool {
        !alg.is_symmetric() && (self.registration.fapi2 == Fapi2::Off || Alg::FAPI.contains(&alg))
    }

    /// Whether an assertion of the client may have that algorithm.
    pub(crate) fn admits_assertion_alg(&self, alg: Alg) -> Result<(), AssertionFault> {
        let registered = self.registration.token_endpoint_auth_signing_alg;
        if self.admits_signing_alg(alg) && registered.is_none_or(|only| only.is(alg)) {
            return Ok(());
        }
        let expected = registered.map_or_else(
            || Alg::FAPI.map(|alg| alg.to_string()).join(" or "),
            |alg| alg.to_string(),
        );
        Err(AssertionFault::Algorithm { found: alg.to_string(), expected })
    }
}

impl Registration {
    /// Switches on all that the profile asks for and that needs no choice; bound by DPoP, unless it is by
    /// certificate.
    pub fn follow(&mut self, profile: Fapi2) {
        self.fapi2 = profile;
        if profile == Fapi2::Off {
            return;
        }
        self.pkce = Pkce::Required;
        self.require_pushed_authorization_requests = true;
        self.dpop_bound_access_tokens = !self.tls_client_certificate_bound_access_tokens;
        self.require_signed_request_object |= profile == Fapi2::MessageSigning;
    }
}

/// What a person may follow a link to: nothing that a browser would run.
fn is_page(uri: &str) -> bool {
    let url = url::Url::parse(uri).ok().filter(|_| uri.len() <= 2000);
    url.is_some_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
    })
}

fn is_host(sector: &str) -> bool {
    let url = url::Url::parse(&format!("https://{sector}/")).ok();
    url.is_some_and(|url| url.host_str() == Some(sector))
}

/// An address that we may call: https, or http on this machine.
fn called(uri: &str) -> bool {
    RedirectUri::new(uri).is_ok_and(|uri| uri.as_str().starts_with("http"))
}

#[cfg(test)]
mod tests;
