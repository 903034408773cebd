//! What pages and calls share: the one outgoing HTTP client, guarded against SSRF.

mod fault;
mod freshness;
mod outgoing;
mod policy;
mod resolver;
mod special;

pub use fault::FetchFault;
pub use outgoing::{CONNECT_TIME_OUT, Fetched, Outgoing, TIME_OUT, UnusableClient};
pub use policy::{Loopback, OutgoingPolicy, Ports};
pub use resolver::{LookUp, LookingUp};
pub use special::special_use;
