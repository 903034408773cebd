//! Partners' tokens: what is trusted, what is let in, and what is not.

mod choice;
mod conditions;
mod hostile;
mod house;
mod id_jag;
mod mapping;
mod presets;
mod records;
