//! A denial as the Python exception `Denied`: every view of it comes from the one value.

use portcullis_types::{Check, DecisionId, Denial, Mark, Timestamp, Trace};
use portcullis_verify::{Challenge, Dialect, Refusal};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};

/// One decision against a request.
pub(crate) struct Decision<'a> {
    pub(crate) id: DecisionId,
    pub(crate) at: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) challenge: Challenge<'a>,
    /// For the next DPoP proof.
    pub(crate) nonce: Option<String>,
}

impl Decision<'_> {
    /// The exception to raise. `Denied` is a Python class, since the stable interface of Python 3.11 has
    /// no way to make an exception class with fields elsewhere.
    pub(crate) fn denied(&self, py: Python<'_>, denial: &Denial) -> PyErr {
        self.exception(py, denial).unwrap_or_else(|error| error)
    }

    fn exception(&self, py: Python<'_>, denial: &Denial) -> PyResult<PyErr> {
        let code = denial.code();
        let remedy = denial.remedy();
        let refusal = Refusal::of(denial, &remedy.change, self.id);
        let bodies = PyDict::new(py);
        for (name, dialect) in [
            ("problem", Dialect::Problem),
            ("openai", Dialect::OpenAi),
            ("anthropic", Dialect::Anthropic),
        ] {
            let (media_type, body) = refusal.body(dialect);
            bodies.set_item(name, (media_type, body.to_string()))?;
        }
        let fields = PyDict::new(py);
        fields.set_item("code", code.name)?;
        fields.set_item("status", code.status)?;
        fields.set_item("error", code.error)?;
        fields.set_item("description", code.description)?;
        fields.set_item("check", denial.check().slug())?;
        fields.set_item("expected", denial.expected())?;
        fields.set_item("found", denial.found())?;
        fields.set_item("remedy", remedy.change.as_str())?;
        fields.set_item("remedy_by", remedy.by.title())?;
        fields.set_item("decision_id", self.id.to_string())?;
        fields.set_item("at", self.at.seconds())?;
        fields.set_item("trace", self.rows(py)?)?;
        fields.set_item("www_authenticate", self.challenge.to(denial))?;
        fields.set_item("dpop_nonce", self.nonce.as_deref())?;
        fields.set_item("retry_after", retry_after(denial))?;
        fields.set_item("bodies", bodies)?;
        let class = py.import("portcullis.denied")?.getattr("Denied")?;
        Ok(PyErr::from_value(class.call((), Some(&fields))?))
    }

    /// The checklist, without the two checks that only a gateway makes.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let rows = PyList::empty(py);
        for row in self.trace.rows().filter(|row| !matches!(row.check, Check::Shape | Check::Route))
        {
            let mark = match row.mark {
                Mark::Passed => "passed",
                Mark::Failed => "failed",
                Mark::NotReached => "not_reached",
            };
            rows.append((row.check.slug(), mark, row.check.title(), row.check.source()))?;
        }
        Ok(rows)
    }
}

fn retry_after(denial: &Denial) -> Option<u64> {
    match denial {
        Denial::KeysUnavailable { retry_after, .. }
        | Denial::RevocationsUnknown { retry_after, .. }
        | Denial::ProofsFull { retry_after } => Some(retry_after.as_seconds().max(1)),
        _ => None,
    }
}
