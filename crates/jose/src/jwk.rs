//! JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037): read strictly, bound to one algorithm, one purpose.

mod fault;
mod generate;
mod key;
mod parse;
mod pem;
mod public;
mod ring;
mod set;
mod thumbprint;
mod write;

pub use fault::KeyFault;
pub use generate::AgreementCurve;
pub use key::{Ec, EcCurve, Jwk, Material, Okp, OkpCurve, Purpose, Rsa, RsaPrivate, Secret};
pub use public::PublicKey;
pub use ring::KeyRing;
pub use set::{KeySet, MAX_KEYS, SkippedKey};
pub use thumbprint::Hash;
