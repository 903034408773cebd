//! How commands speak and end.

use anstyle::{AnsiColor, Style};
use portcullis_types::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::{fmt, io::Write, process::ExitCode};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Green.on_default();

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It worked.
    Done,
    /// The answer is no: a token is refused, a configuration has mistakes.
    Refused,
    /// It was called in a wrong way.
    Usage,
    /// It could not run: configuration, file or network.
    CannotRun,
    /// As another program ended, which we ran.
    As(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::CannotRun => 3,
            Exit::As(code) => code,
        })
    }
}

/// What a command gives back.
pub(crate) type Outcome = Result<Exit, Stop>;

/// Why a command stopped: a message for a person, and what they can do.
#[derive(Debug)]
pub(crate) struct Stop {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Stop {
    /// The answer is no.
    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Refused, message: message.to_string(), hint: None }
    }

    /// It was called in a wrong way.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string(), hint: None }
    }

    /// It cannot run.
    pub(crate) fn cannot_run(message: impl fmt::Display) -> Self {
        Self { exit: Exit::CannotRun, message: message.to_string(), hint: None }
    }

    /// It ends in a way of its own.
    pub(crate) fn with(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    /// What the person can do.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The message, and what the person can do.
    pub(super) fn said(self) -> (String, Option<String>) {
        (self.message, self.hint)
    }

    /// Tells it, on standard error.
    pub(super) fn tell(&self, format: Format) -> ExitCode {
        match format {
            Format::Text => {
                talk(format_args!("{ERROR}error{ERROR:#}: {}", self.message));
                if let Some(hint) = &self.hint {
                    talk(format_args!("{HINT}hint{HINT:#}: {hint}"));
                }
            }
            Format::Json => {
                let error = serde_json::json!({ "error": self.message, "hint": self.hint });
                talk(error);
            }
        }
        self.exit.into()
    }
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Format {
    /// What `--json` means.
    pub(super) fn of_flag(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Prints `value` in this format; `text` makes what people read, with a final line feed.
    pub(crate) fn print<T: Serialize + ?Sized>(
        self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Outcome {
        match self {
            Self::Text => data(text()),
            Self::Json => {
                let json = serde_json::to_string_pretty(value).map_err(Stop::cannot_run)?;
                data(json + "\n")
            }
        }
    }
}

/// Whether somebody still reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody may.
    There,
    /// Nobody does (`| head`).
    Gone,
}

/// Writes to standard output. A reader who has left is no error.
pub(crate) fn data(text: impl fmt::Display) -> Outcome {
    put(text).map(|_| Exit::Done)
}

/// Writes to standard output, and says whether there is any use in writing more.
pub(crate) fn put(text: impl fmt::Display) -> Result<Reader, Stop> {
    let mut out = anstream::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(fault) if fault.kind() == std::io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(fault) => Err(Stop::cannot_run(format!("cannot write to standard output: {fault}"))),
    }
}

/// Writes times as people and programs read them (RFC 3339), where rooms keep milliseconds: in the
/// members of these names, however deep they stand.
pub(crate) fn dated(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_i64().filter(|_| names.contains(&name.as_str())) {
                    Some(millis) => *value = Timestamp::from_millis(millis).to_string().into(),
                    None => dated(value, names),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| dated(value, names)),
        _ => {}
    }
}

/// Writes a line to standard error.
pub(crate) fn talk(text: impl fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Columns under headings, as wide as their content.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let bold = Style::new().bold();
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = format!("{bold}{}{bold:#}\n", line(headings));
    for row in rows {
        out.push_str(&line(row.each_ref().map(String::as_str)));
        out.push('\n');
    }
    out
}
