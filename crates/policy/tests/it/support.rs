//! Bundles out of a few lines.

use portcullis_policy::{Bundle, Files, Finding, Input, Level, Point, Refused};
use portcullis_types::Registry;
use std::path::{Path, PathBuf};

/// The policies of the repository.
pub(crate) fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

pub(crate) fn library() -> Bundle {
    Bundle::load(&policies(), &Registry::standard()).unwrap_or_else(|refused| panic!("{refused}"))
}

/// A bundle of one file for the point `request`, after the usual beginning.
pub(crate) fn request(rules: &str) -> Result<Bundle, Refused> {
    bundle(&[("request.rego", &with_head("request", rules))])
}

/// The rules in the package of `point`, denying by default.
pub(crate) fn with_head(point: &str, rules: &str) -> String {
    format!("package portcullis.{point}\n\ndefault decision := {{\"allow\": false}}\n\n{rules}\n")
}

pub(crate) fn bundle(files: &[(&str, &str)]) -> Result<Bundle, Refused> {
    let mut all = Files::default();
    for (name, text) in files {
        all.add(name, (*text).to_owned())?;
    }
    Bundle::of(all, &Registry::standard())
}

/// The errors that a file for the point `request` is refused for.
pub(crate) fn errors(rules: &str) -> Vec<Finding> {
    let refused = request(rules).expect_err("the bundle was taken");
    refused.findings.into_iter().filter(|finding| finding.level == Level::Error).collect()
}

/// The warnings about a file for the point `request`, but for those about other points.
pub(crate) fn warnings(rules: &str) -> Vec<Finding> {
    let bundle = request(rules).unwrap_or_else(|refused| panic!("{refused}"));
    bundle.warnings().iter().filter(|finding| finding.line > 0).cloned().collect()
}

/// The smallest input of the point `request` with `more` fields beside.
pub(crate) fn input(more: &str) -> Input {
    let comma = if more.is_empty() { "" } else { "," };
    let json = format!(
        r#"{{"caller": {{"sub": "usr_a", "client_id": "cli_a", "tenant": "t123"}},
        "resource": {{"api": "a", "route": "/r", "method": "GET", "path": "/r"}},
        "context": {{"time": 0, "weekday": "monday", "hour": 9, "minute": 0}}{comma}{more}}}"#
    );
    Input::from_json(Point::Request, &json).unwrap()
}
