//! What pages and calls share: pages, forms and cookies; the one outgoing HTTP client, guarded against SSRF;
//! the certificates of those who call.

mod bearer;
mod certificate;
pub mod cookie;
pub mod csrf;
mod fault;
pub mod form;
mod freshness;
mod outgoing;
pub mod page;
mod policy;
mod remote;
mod resolver;
mod roots;
mod special;

pub use bearer::{NoBearer, bearer};
pub use certificate::{CertificateHeader, CertificateHeaderFault, PeerCertificate};
pub use fault::FetchFault;
pub use outgoing::{
    Answered, CONNECT_TIME_OUT, Fetched, Outgoing, TIME_OUT, UnusableClient, tls_config,
};
pub use policy::{Loopback, OutgoingPolicy, PRIVATE_NETWORKS, Ports, is_loopback};
pub use remote::{is_proxy, remote_address};
pub use resolver::{LookUp, LookingUp};
pub use roots::tls_roots;
pub use special::special_use;
