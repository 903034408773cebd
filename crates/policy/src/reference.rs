//! The same decisions by the interpreter: slower, and what the fast engine is compared with.

use crate::{
    Bundle, Cause, Input, Point, Refused, Revision, Ruling, bundle,
    compiled::{self, Kind, timer},
};
use regorus::Engine as Interpreter;
use std::{fmt, time::Duration};

/// Decides by the interpreter.
pub struct Reference {
    interpreter: Interpreter,
    bundle: Bundle,
}

/// Wall-clock time of one decision, at most: the interpreter counts no instructions.
const MAX_TIME: Duration = Duration::from_millis(500);

impl Reference {
    /// An interpreter with the policies of `bundle`.
    pub fn new(bundle: &Bundle) -> Result<Self, Refused> {
        let mut interpreter = ready(bundle, Kind::Rules)?;
        interpreter.set_execution_timer_config(timer(MAX_TIME));
        Ok(Self { interpreter, bundle: bundle.clone() })
    }

    /// Decides. What the fast engine calls undefined, this one may call an error: both deny.
    pub fn decide(&mut self, point: Point, input: &Input) -> Ruling {
        let revision: Revision = self.bundle.revision();
        if input.point != point || matches!(input.value, regorus::Value::Undefined) {
            return Ruling::failed(Cause::Input, revision);
        }
        if !self.bundle.points().contains(&point) {
            return Ruling::failed(Cause::Absent, revision);
        }
        self.interpreter.set_input(input.value.clone());
        match self.interpreter.eval_rule(format!("data.{}", point.entry())) {
            Ok(decision) => crate::ruling::read(&decision, revision),
            Err(fault) => {
                let fault = crate::nesting::last_line(&fault.to_string());
                Ruling::failed(Cause::Error(fault), revision)
            }
        }
    }
}

/// An interpreter with rules, data and perhaps tests.
pub(crate) fn ready(bundle: &Bundle, kind: Kind) -> Result<Interpreter, Refused> {
    let mut interpreter = bundle::parse(bundle.files(), kind, &mut Vec::new())?;
    let data = compiled::data(bundle.files())?;
    interpreter.add_data(data).map_err(|fault| {
        let what = crate::nesting::last_line(&fault.to_string());
        crate::Finding::error(("data.json", 0), what, "give the data other keys than the rules")
    })?;
    Ok(interpreter)
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}
