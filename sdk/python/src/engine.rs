//! The verifier as Python holds it: settings in, claims or a denial out.

use crate::{
    claims::Claims,
    clock,
    denied::Decision,
    settings::{Demands, Settings},
};
use portcullis_keyring::{Circle, Verdict, Verifier};
use portcullis_types::{Check, Denial, ScopeFault, Scopes, Stage, Tenant, Timestamp, Trace};
use portcullis_verify::{
    Challenge, Demand, Guarded, Holder, Presented, Scheme, Target,
    dpop::{Header, Htu},
};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
};
use std::{
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokio::runtime::Runtime;

/// Checks tokens for one API. Threads may share it.
#[pyclass(frozen, module = "portcullis._portcullis")]
pub(crate) struct Engine {
    circle: Arc<Circle>,
    guarded: Guarded,
    resource_metadata: Option<String>,
    bases: Vec<String>,
    cache: usize,
    /// One for each thread that is at work at the same time; all share the keys.
    idle: Mutex<Vec<Verifier>>,
    /// Fetches keys, also while nobody waits. Made at first use, so that a server may fork before.
    runtime: OnceLock<Runtime>,
}

/// What was presented: a token by itself, or the headers and the query of a request.
enum Shown<'a> {
    Token(Scheme, &'a str),
    Headers(&'a [Vec<u8>], Option<&'a str>),
}

/// What a caller needs: all of the scopes, and what else is demanded. Read once, asked for often.
#[pyclass(frozen, module = "portcullis._portcullis")]
pub(crate) struct Need(Scopes, Demand);

/// What came with a token to show whose it is: the method, the URL or the path of it, the values of all
/// `DPoP` headers, and the SHA-256 of the client's certificate.
type Came = (String, String, Vec<Vec<u8>>, Option<[u8; 32]>);

/// What a request asks for: the scopes, the time in seconds since 1970 if it is not now, and the tenant
/// that its path names; with what came along, if it is known.
type Wish<'py> = (PyRef<'py, Need>, Option<f64>, Option<String>, Option<Came>);

/// The same, read.
struct Wanted<'a> {
    needed: &'a Scopes,
    demand: &'a Demand,
    object_tenant: Option<Tenant>,
    came: &'a Came,
    now: Timestamp,
}

#[pymethods]
impl Engine {
    /// Makes one of settings in JSON. Fetches nothing yet.
    #[new]
    fn new(settings: &str) -> PyResult<Self> {
        let settings = Settings::parse(settings).map_err(PyValueError::new_err)?;
        let resource_metadata = settings.resource_metadata.as_ref().map(ToString::to_string);
        let (guarded, bases, cache) = (settings.guarded(), settings.bases(), settings.cache);
        let circle = Arc::new(settings.circle().map_err(PyValueError::new_err)?);
        let (idle, runtime) = (Mutex::default(), OnceLock::new());
        Ok(Self { circle, guarded, resource_metadata, bases, cache, idle, runtime })
    }

    /// What a caller needs; `demands` is JSON. Raises ValueError unless these are scopes that exist, and at
    /// least one.
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over a list, not a slice")]
    fn need(&self, scopes: Vec<String>, demands: &str) -> PyResult<Need> {
        let bad = |fault: ScopeFault| PyValueError::new_err(fault.to_string());
        let scopes = Scopes::parse(&scopes.join(" ")).map_err(bad)?;
        if scopes.is_empty() {
            return Err(PyValueError::new_err("at least one scope must be needed"));
        }
        for scope in &scopes {
            self.circle.registry.known(scope).map_err(bad)?;
        }
        Ok(Need(scopes, Demands::parse(demands).map_err(PyValueError::new_err)?))
    }

    /// All checks on a token that was shown under a scheme.
    fn verify(
        &self,
        py: Python<'_>,
        scheme: &str,
        token: &[u8],
        wish: Wish<'_>,
    ) -> PyResult<Claims> {
        let scheme = Scheme::named(scheme)
            .ok_or_else(|| PyValueError::new_err("the scheme is Bearer or DPoP"))?;
        self.decide(py, &Shown::Token(scheme, &String::from_utf8_lossy(token)), wish)
    }

    /// All checks on a request's credentials: every value of `Authorization`, and the query, in which no
    /// token is read.
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over a list, not a slice")]
    fn guard(
        &self,
        py: Python<'_>,
        authorization: Vec<Vec<u8>>,
        query: Option<&str>,
        wish: Wish<'_>,
    ) -> PyResult<Claims> {
        self.decide(py, &Shown::Headers(&authorization, query), wish)
    }
}

impl Engine {
    fn decide(&self, py: Python<'_>, shown: &Shown<'_>, wish: Wish<'_>) -> PyResult<Claims> {
        let (need, now, tenant, came) = wish;
        let came = came.unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "floats saturate")]
        let now = now.map_or_else(clock::now, |now| Timestamp::from_millis((now * 1000.0) as i64));
        let Need(needed, demand) = &*need;
        let mut trace = Trace::new(Stage::Access);
        let outcome = match object_tenant(tenant) {
            // Python's other threads go on while a signature is verified or keys are fetched.
            Ok(object_tenant) => {
                let wanted = Wanted { needed, demand, object_tenant, came: &came, now };
                py.detach(|| self.judge(shown, &wanted, &mut trace))?
            }
            Err(denial) => Err(denial),
        };
        let denial = match outcome {
            Ok(claims) => return Ok(claims),
            Err(denial) => denial,
        };
        let decision = Decision {
            id: clock::decision(now),
            at: now,
            trace,
            challenge: Challenge {
                realm: &self.guarded.api,
                needed,
                demand,
                resource_metadata: self.resource_metadata.as_deref(),
                used: shown.scheme(),
            },
            nonce: demand
                .dpop_nonce
                .is_required()
                .then(|| self.circle.possession.nonces.current(now)),
        };
        Err(decision.denied(py, &denial))
    }

    fn judge(
        &self,
        shown: &Shown<'_>,
        wanted: &Wanted<'_>,
        trace: &mut Trace,
    ) -> PyResult<Result<Claims, Denial>> {
        let presented = match shown {
            Shown::Token(scheme, token) => Presented::under(*scheme, token),
            Shown::Headers(values, query) => {
                Presented::take(values.iter().map(Vec::as_slice), *query)
            }
        };
        let presented = match trace.step(Check::Credential, presented) {
            Ok(presented) => presented.by(self.holder(wanted.came)),
            Err(denial) => return Ok(Err(denial)),
        };
        let target = Target {
            guarded: &self.guarded,
            needed: wanted.needed,
            demand: wanted.demand,
            object_tenant: wanted.object_tenant.as_ref(),
        };
        let verifier = self.borrow();
        let verdict = self.wait(verifier.admit(&presented, &target, wanted.now, trace));
        self.give_back(verifier);
        let Verdict { outcome, .. } = verdict?;
        Ok(outcome.map(|admission| Claims::new(admission.vouched().clone(), self.circle.clone())))
    }

    fn holder<'a>(&'a self, came: &'a Came) -> Holder<'a> {
        let (method, url, proofs, certificate) = came;
        Holder {
            dpop: Header::of(proofs.iter().map(Vec::as_slice)),
            htm: method,
            htu: if url.starts_with('/') { Htu::below(&self.bases, url) } else { Htu::url(url) },
            client_certificate: certificate.as_ref(),
        }
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> PyResult<T> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.block_on(work));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("portcullis")
            .enable_all()
            .build()
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(self.runtime.get_or_init(|| runtime).block_on(work))
    }

    fn borrow(&self) -> Verifier {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Verifier::new(self.circle.clone(), self.cache))
    }

    fn give_back(&self, verifier: Verifier) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(verifier);
    }
}

impl Shown<'_> {
    /// The scheme of the credential.
    fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Token(scheme, _) => Some(*scheme),
            Self::Headers(values, _) => {
                let (name, _) = std::str::from_utf8(values.first()?).ok()?.split_once(' ')?;
                Scheme::named(name)
            }
        }
    }
}

/// A tenant that cannot exist has nothing here.
fn object_tenant(name: Option<String>) -> Result<Option<Tenant>, Denial> {
    let Some(name) = name else { return Ok(None) };
    let unmapped = |_| Denial::Unmapped {
        method: "tenant".into(),
        path: name.chars().take(256).collect(),
        allowed: Vec::new(),
    };
    Tenant::new(&name).map(Some).map_err(unmapped)
}
