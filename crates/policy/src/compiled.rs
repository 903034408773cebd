//! A bundle as the bytecode machine runs it: program and data that no other thread counts.

use crate::{Cause, Files, Finding, Input, Point, Refused, Revision, Ruling, nesting};
use regorus::{
    Engine as Interpreter, Value,
    languages::rego::compiler::Compiler,
    rvm::{RegoVM, vm::VmError},
    utils::limits::ExecutionTimerConfig,
};
use std::{num::NonZeroU32, time::Duration};

/// Instructions of one decision, at most: some milliseconds.
pub(crate) const MAX_INSTRUCTIONS: usize = 50_000;
/// Wall-clock time of one decision, at most: the second line, long enough for a pre-empted core.
pub(crate) const MAX_TIME: Duration = Duration::from_millis(100);

/// Whether tests come along.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rules,
    Tests,
}

/// A machine with a program and data of its own.
pub(crate) struct Compiled {
    vm: RegoVM,
    /// Entry point by point; `None` if the bundle has no policy for it.
    entries: [Option<usize>; Point::ALL.len()],
    revision: Revision,
}

impl Compiled {
    pub(crate) fn new(files: &Files, points: &[Point]) -> Result<Self, Refused> {
        let refused = |fault: &dyn std::fmt::Display| {
            let fault = fault.to_string();
            let file = nesting::named_file(&fault).unwrap_or("the policies").to_owned();
            Finding::error(
                (&file, nesting::named_line(&fault)),
                format!("the compiler refuses it: {}", nesting::last_line(&fault)),
                "write it without the construct; both engines must take every policy",
            )
        };
        let mut interpreter = Interpreter::new();
        for (name, text) in files.rules() {
            let added = interpreter.add_policy(name.to_owned(), text.to_owned());
            added.map_err(|fault| refused(&fault))?;
        }
        let data = data(files)?;
        let names: Vec<_> = points.iter().map(|point| format!("data.{}", point.entry())).collect();
        let mut vm = RegoVM::new();
        if let Some(first) = names.first() {
            let policy = interpreter
                .compile_with_entrypoint(&first.as_str().into())
                .map_err(|fault| refused(&fault))?;
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let program = Compiler::compile_from_policy(&policy, &names);
            vm.load_program(program.map_err(|fault| refused(&fault))?);
            vm.set_data(data).map_err(|fault| refused(&fault))?;
        }
        vm.set_max_instructions(MAX_INSTRUCTIONS);
        vm.set_execution_timer_config(Some(timer(MAX_TIME)));
        let entry = |point| points.iter().position(|it| *it == point);
        Ok(Self { vm, entries: Point::ALL.map(entry), revision: files.revision() })
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn decide(&mut self, point: Point, input: &Input) -> Ruling {
        if input.point != point || matches!(input.value, Value::Undefined) {
            return Ruling::failed(Cause::Input, self.revision);
        }
        let Some(entry) = self.entries.get(point as usize).copied().flatten() else {
            return Ruling::failed(Cause::Absent, self.revision);
        };
        self.vm.set_input(input.value.clone());
        match self.vm.execute_entry_point_by_index(entry) {
            Ok(decision) => crate::ruling::read(&decision, self.revision),
            Err(fault) => Ruling::failed(cause(&fault), self.revision),
        }
    }
}

/// Instructions between two looks at the clock. None of them is interrupted, and so it may not be many.
const LOOK: NonZeroU32 = NonZeroU32::MIN.saturating_add(15);

/// Calls for the time limit.
pub(crate) fn timer(limit: Duration) -> ExecutionTimerConfig {
    ExecutionTimerConfig { limit, check_interval: LOOK }
}

/// The data of a bundle, parsed anew.
pub(crate) fn data(files: &Files) -> Result<Value, Refused> {
    let Some(text) = files.data() else { return Ok(Value::new_object()) };
    let unread = |what: String| {
        Finding::error(("data.json", 0), what, "write one JSON object; its keys are under `data`")
    };
    match Value::from_json_str(text) {
        Ok(data @ Value::Object(_)) => Ok(data),
        Ok(_) => Err(unread("the data is no JSON object".to_owned()).into()),
        Err(fault) => Err(unread(nesting::last_line(&fault.to_string())).into()),
    }
}

#[cold]
fn cause(fault: &VmError) -> Cause {
    match fault {
        VmError::InstructionLimitExceeded { limit, .. } => {
            Cause::Limit(format!("{limit} instructions"))
        }
        VmError::TimeLimitExceeded { limit, .. } => {
            Cause::Limit(format!("{} ms", limit.as_millis()))
        }
        VmError::MemoryLimitExceeded { .. }
        | VmError::MemoryBudgetExceeded { .. }
        | VmError::RegexSizeLimitExceeded { .. } => Cause::Limit("memory".to_owned()),
        // Values of the input may stand in the message: no more of it than a line.
        other => Cause::Error(other.to_string().chars().take(200).collect()),
    }
}
