//! Pages: who may see them, what they may do, and what a form must bring.

mod account;
mod profile;
mod sign_in;
mod step_up;
mod visitor;

use visitor::{PASSWORD, Visitor, person};
