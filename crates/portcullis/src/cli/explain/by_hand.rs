//! A question asked by hand: this token, for this request, here and now. The same checks as at the
//! gateway, by the same code; nothing is recorded.

use crate::{
    cli::{House, Stop, shown},
    clock::Chance,
    serve::{ByHand, by_hand},
};
use axum::http::Method;
use portcullis_audit::{Access, Event, Record, TokenFacts};
use portcullis_gateway::{Matched, claimed, settings, unambiguous_path, verified};
use portcullis_jose::jwk::KeySet;
use portcullis_keyring::{Circle, KeyAges, KeySource, Party, TheirKeys, Verifier};
use portcullis_types::{Check, DecisionId, Denial, Random, Stage, Timestamp, Trace};
use portcullis_verify::{Glance, Holder, Presented, Scheme, Target, dpop};
use portcullis_web::{Outgoing, OutgoingPolicy};
use secrecy::{ExposeSecret, SecretString};
use std::{
    borrow::Cow,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

/// The longest input that is read as a token, in bytes: longer than any that is accepted, so that the
/// checks can say so.
const LIMIT: u64 = 64 * 1024;

/// `POST /v1/chat/completions`.
#[derive(Clone, Debug)]
pub(super) struct RequestLine {
    method: Method,
    path: String,
}

impl FromStr for RequestLine {
    type Err = String;

    /// A whole URL is read as its path; the query has no part in the decision.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a method and a path, such as 'POST /v1/chat/completions'");
        let (method, target) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let method = Method::from_str(&method.to_ascii_uppercase()).map_err(|_| wrong())?;
        let target = target.trim();
        let path = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
            None => target,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        if !path.starts_with('/') || path.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { method, path: path.to_owned() })
    }
}

/// The question.
pub(super) struct Question {
    token: SecretString,
    /// As it was written before the token, if it was.
    scheme: Option<Scheme>,
    request: RequestLine,
    keys: Option<Arc<KeySet>>,
    proof: Option<String>,
    certificate: Option<[u8; 32]>,
}

impl Question {
    /// `source` is a file, `-` or the token itself.
    pub(super) fn new(
        source: &SecretString,
        request: RequestLine,
        jwks: Option<&Path>,
    ) -> Result<Self, Stop> {
        let keys = jwks.map(key_set).transpose()?;
        let (scheme, token) = token(source)?;
        Ok(Self { token, scheme, request, keys, proof: None, certificate: None })
    }

    /// With what would show whose the token is: a DPoP proof, the hash of a client certificate.
    pub(super) fn with(self, proof: Option<String>, certificate: Option<[u8; 32]>) -> Self {
        Self { proof, certificate, ..self }
    }

    /// Decides it as the gateway would.
    pub(super) async fn decide(
        &self,
        house: &mut House,
        now: Timestamp,
    ) -> Result<Record<'static>, Stop> {
        let ByHand { routes, circle } = by_hand(house).await?;
        let verifier = Verifier::new(self.with_keys(circle)?, 0);
        let mut trace = Trace::new(Stage::Access);
        // What there is of a request has one meaning. Headers and framing were never sent.
        if let Err(denial) = trace.step(Check::Shape, unambiguous_path(&self.request.path)) {
            return Ok(self.record((now, trace), None, Some(denial), None));
        }
        let found = trace.step(Check::Route, routes.find(&self.request.method, &self.request.path));
        let matched = match found {
            Ok(matched) => matched,
            Err(denial) => return Ok(self.record((now, trace), None, Some(denial), None)),
        };
        if matches!(matched.line.route.access, settings::Access::Public) {
            return Ok(self.record((now, trace), Some(&matched), None, None));
        }
        let presented = match trace.step(Check::Credential, self.presented(&matched)) {
            Ok(presented) => presented,
            Err(denial) => {
                return Ok(self.record((now, trace), Some(&matched), Some(denial), None));
            }
        };
        let target = Target {
            guarded: &matched.line.guarded,
            needed: &matched.line.needed,
            demand: &matched.line.demand,
            object_tenant: matched.tenant.as_ref(),
        };
        let verdict = verifier.admit(&presented, &target, now, &mut trace).await;
        let facts = match &verdict.vouched {
            Some(vouched) => verified(vouched).into_owned(),
            None => claimed(&Glance::at(&presented)).into_owned(),
        };
        Ok(self.record((now, trace), Some(&matched), verdict.outcome.err(), Some(facts)))
    }

    fn presented<'a>(&'a self, matched: &'a Matched<'_>) -> Result<Presented<'a>, Denial> {
        let proof = self.proof.as_deref();
        let holder = Holder {
            dpop: dpop::Header::of(proof.map(str::as_bytes)),
            htm: self.request.method.as_str(),
            htu: dpop::Htu::below(&matched.line.bases, &self.request.path),
            client_certificate: self.certificate.as_ref(),
        };
        let scheme = self.scheme.unwrap_or(shown::scheme(proof));
        Ok(Presented::under(scheme, self.token.expose_secret())?.by(holder))
    }

    /// Keys given by hand stand in for those of the token's issuer.
    fn with_keys(&self, circle: Arc<Circle>) -> Result<Arc<Circle>, Stop> {
        let Some(keys) = &self.keys else { return Ok(circle) };
        let glance = Presented::token(self.token.expose_secret()).ok().map(|it| Glance::at(&it));
        let iss = glance.and_then(|glance| glance.claims.iss).unwrap_or_default();
        let outgoing = Outgoing::new(OutgoingPolicy::default()).map_err(Stop::cannot_run)?;
        let party = |party: &Party| {
            if party.trusted.issuer.as_str() != iss {
                return party.clone();
            }
            let (issuer, source) = (party.trusted.issuer.clone(), KeySource::Inline(keys.clone()));
            let keys = TheirKeys::new(issuer, source, outgoing.clone(), KeyAges::default());
            Party { trusted: party.trusted.clone(), keys }
        };
        Ok(Arc::new(Circle {
            parties: circle.parties.iter().map(party).collect(),
            registry: circle.registry.clone(),
            apis: circle.apis.clone(),
            revocations: circle.revocations.load_full().into(),
            possession: circle.possession.clone(),
        }))
    }

    fn record(
        &self,
        (at, trace): (Timestamp, Trace),
        matched: Option<&Matched<'_>>,
        denial: Option<Denial>,
        token: Option<TokenFacts<'static>>,
    ) -> Record<'static> {
        let line = matched.map(|matched| matched.line);
        let access = Access {
            method: self.request.method.to_string().into(),
            path: self.request.path.clone().into(),
            route: line.map(|line| line.route.name.clone().into()),
            api: line.map(|line| line.guarded.api.to_string().into()),
            resource: line.map(|line| line.guarded.audience.to_string().into()),
            needed: line.map(|line| Cow::Owned(line.needed.clone())),
            token,
        };
        let id = DecisionId::fresh(at, &Random::draw(&mut Chance));
        Record {
            id,
            at,
            trace,
            denial: denial.map(Cow::Owned),
            ruled: None,
            event: Event::Access(access),
        }
    }
}

/// The token, without the line break, and the `Bearer` or `DPoP` that people copy along.
pub(in crate::cli) fn token(source: &SecretString) -> Result<(Option<Scheme>, SecretString), Stop> {
    let given = source.expose_secret();
    let path = PathBuf::from(given);
    let mut text = String::new();
    let read = if given == "-" {
        std::io::stdin().lock().take(LIMIT).read_to_string(&mut text)
    } else if path.exists() && !path.is_dir() {
        std::fs::File::open(&path).and_then(|file| file.take(LIMIT).read_to_string(&mut text))
    } else {
        text.push_str(given);
        Ok(0)
    };
    read.map_err(|fault| Stop::cannot_run(format!("cannot read the token: {fault}")))?;
    let text = text.trim();
    let (scheme, text) = match text.split_once(' ') {
        Some((scheme, token)) if Scheme::named(scheme).is_some() => {
            (Scheme::named(scheme), token.trim_start())
        }
        _ => (None, text),
    };
    Ok((scheme, SecretString::from(text)))
}

fn key_set(path: &Path) -> Result<Arc<KeySet>, Stop> {
    let fault =
        |fault: &dyn std::fmt::Display| Stop::cannot_run(format!("{}: {fault}", path.display()));
    let bytes = std::fs::read(path).map_err(|found| fault(&found))?;
    KeySet::parse(&bytes).map(Arc::new).map_err(|found| fault(&found))
}

#[cfg(test)]
mod tests {
    use super::{RequestLine, token};
    use secrecy::{ExposeSecret, SecretString};

    #[test]
    fn a_request_is_a_method_and_a_path() {
        let line: RequestLine = "post https://gw.example.com/v1/x?y=1#z".parse().unwrap();
        assert_eq!((line.method.as_str(), line.path.as_str()), ("POST", "/v1/x"));
        let line: RequestLine = "GET /v1/models".parse().unwrap();
        assert_eq!((line.method.as_str(), line.path.as_str()), ("GET", "/v1/models"));
        for wrong in ["/v1/models", "GET", "GET v1", "G@T /v1", "GET /a b"] {
            assert!(wrong.parse::<RequestLine>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_read_from_a_file_or_taken_as_given() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "bearer a.b.c\n").unwrap();
        let read =
            |source: &str| token(&SecretString::from(source)).unwrap().1.expose_secret().to_owned();
        assert_eq!(read(file.path().to_str().unwrap()), "a.b.c");
        assert_eq!(read("a.b.c"), "a.b.c");
    }
}
