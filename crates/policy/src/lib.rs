//! Policy as code: Rego at five points, checked before it decides, denying whenever it fails.
//!
//! A [`Bundle`] is a set of files that passed every check and that two engines took: the bytecode
//! machine, which decides, and the interpreter, which runs the tests and is the reference. An
//! [`Engine`] decides by one bundle, replaces it at once, and may ask a second one in shadow.
//!
//! A policy can only take away: the scopes and datasets that a [`Ruling`] leaves are intersected,
//! by whoever asked, with what there was. No clock: the time is in the input.
//!
//! At each point an [`Opa`] elsewhere may be asked instead, with the same input.
//!
//! A [`Judge`] is what the rest of the house asks: an engine, the points at which it is asked, what is
//! known of moment and place, and how subjects behaved in the last minute.

mod ast;
mod bundle;
mod check;
mod compiled;
mod diff;
mod engine;
mod files;
mod finding;
mod format;
mod input;
mod judge;
mod nesting;
mod opa;
mod recent;
mod reference;
mod replay;
mod ruling;
pub mod source;
mod surroundings;
pub mod test;

pub use bundle::Bundle;
pub use diff::{Change, Difference, diff};
pub use engine::{Engine, Worker};
pub use files::Files;
pub use finding::{Finding, Level, Refused};
pub use format::fmt;
pub use input::{
    Actor, Behaviour, Caller, Client, ClientInput, Context, Dataset, ExchangeInput, Facts, Input,
    InputFault, Limits, ManageInput, Model, Part, Quota, RequestInput, Resource, State, Target,
    TenantFacts, Text, TokenInput, Tool, Trust, Weekday, schema,
};
pub use judge::{Clerk, Judge};
pub use opa::{Answered, BreakerSettings, NoAddress, Opa, OpaAddress, OpaSettings, UnusableOpa};
pub use portcullis_types::{Cause, Obligations, Point, Reason, Revision, Ruling};
pub use recent::{Recent, Sighting};
pub use reference::Reference;
pub use replay::{Counts, Flip, Record, Replay, Replayer, replay};
pub use surroundings::{NoSurroundings, Surroundings, SurroundingsSettings};
