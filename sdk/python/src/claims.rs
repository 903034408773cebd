//! The claims of an admitted token, as Python sees them.

use portcullis_keyring::Circle;
use portcullis_types::{Jti, Kid, Scope, Tenant, Timestamp};
use portcullis_verify::Vouched;
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyFrozenSet, PyTuple},
};
use std::sync::Arc;

/// The verified claims of an access token that may do what was asked for.
///
/// Only a verifier makes these: whoever holds one knows that every check has passed.
#[pyclass(frozen, module = "portcullis")]
pub(crate) struct Claims {
    vouched: Vouched,
    circle: Arc<Circle>,
}

impl Claims {
    pub(crate) const fn new(vouched: Vouched, circle: Arc<Circle>) -> Self {
        Self { vouched, circle }
    }
}

#[pymethods]
impl Claims {
    /// Who issued it.
    #[getter]
    fn iss(&self) -> &str {
        self.vouched.claims().iss.as_str()
    }

    /// Whom it is about: a person, or the client itself.
    #[getter]
    fn sub(&self) -> &str {
        &self.vouched.claims().sub
    }

    /// The client that it was issued to.
    #[getter]
    fn client_id(&self) -> &str {
        &self.vouched.claims().client_id
    }

    /// Whom it is meant for.
    #[getter]
    fn aud<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.vouched.claims().aud)
    }

    /// Its scopes as they are written in it. What one implies, `covers` knows.
    #[getter]
    fn scopes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        PyFrozenSet::new(py, self.vouched.claims().scope.iter().map(Scope::as_str))
    }

    /// The tenant that it speaks for.
    #[getter]
    fn tenant(&self) -> Option<&str> {
        self.vouched.claims().tenant.as_ref().map(Tenant::as_str)
    }

    /// When it ends, in seconds since 1970.
    #[getter]
    fn exp(&self) -> i64 {
        self.vouched.claims().exp.seconds()
    }

    /// When it was issued, in seconds since 1970.
    #[getter]
    fn iat(&self) -> Option<i64> {
        self.vouched.claims().iat.map(Timestamp::seconds)
    }

    /// When it begins, in seconds since 1970.
    #[getter]
    fn nbf(&self) -> Option<i64> {
        self.vouched.claims().nbf.map(Timestamp::seconds)
    }

    /// How strongly the person signed in.
    #[getter]
    fn acr(&self) -> Option<&str> {
        self.vouched.claims().acr.as_deref()
    }

    /// When the person signed in, in seconds since 1970.
    #[getter]
    fn auth_time(&self) -> Option<i64> {
        self.vouched.claims().auth_time.map(Timestamp::seconds)
    }

    /// Its name.
    #[getter]
    fn jti(&self) -> Option<&str> {
        self.vouched.claims().jti.as_ref().map(Jti::as_str)
    }

    /// The name of the key that signed it.
    #[getter]
    fn kid(&self) -> Option<&str> {
        self.vouched.kid().map(Kid::as_str)
    }

    /// The algorithm that signed it.
    #[getter]
    fn alg(&self) -> &'static str {
        self.vouched.alg().name()
    }

    /// All claims, as they were signed. A new dictionary each time.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.vouched.claims().json(),))
    }

    /// Whether its scopes cover this one: `generate:advanced` covers `generate:basic`.
    fn covers(&self, scope: &str) -> PyResult<bool> {
        let scope =
            Scope::parse(scope).map_err(|fault| PyValueError::new_err(fault.to_string()))?;
        Ok(self.circle.registry.covers(&self.vouched.claims().scope, &scope))
    }

    fn __repr__(&self) -> String {
        let claims = self.vouched.claims();
        format!(
            "Claims(sub={:?}, client_id={:?}, scopes={:?})",
            claims.sub,
            claims.client_id,
            claims.scope.to_string()
        )
    }
}
