//! The `portcullis` Python package's core: the checks of `portcullis-verify` with keys that come and go.
//!
//! It decides nothing of its own: settings in, claims or a denial out. What is Python about it (argument
//! defaults, the exception, the FastAPI dependency) is written in Python, beside.

mod claims;
mod clock;
mod denied;
mod engine;
mod settings;

use pyo3::prelude::*;

/// The compiled half of the package `portcullis`.
#[pymodule]
fn _portcullis(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<engine::Need>()?;
    module.add_class::<claims::Claims>()
}
