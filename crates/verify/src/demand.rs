//! What a request must show besides a token with the right scopes: possession of a key (RFC 9449,
//! RFC 8705) and a sign-in that is strong and fresh enough (RFC 9470).

use portcullis_types::{Acr, Ttl};

/// The demands of one route. By default none: a bound token must still be shown by its holder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Whether only tokens that are bound to a DPoP key are accepted (`cnf.jkt`).
    pub dpop: Need,
    /// Whether a DPoP proof must hold a nonce of ours.
    pub dpop_nonce: Need,
    /// Whether only tokens that are bound to a TLS client certificate are accepted (`cnf.x5t#S256`).
    pub client_certificate: Need,
    /// The values of `acr` that are accepted; empty: any, and none.
    pub acr: Vec<String>,
    /// How long ago the person may have signed in (`auth_time`); `None`: at any time.
    pub max_age: Option<Ttl>,
}

/// Whether something must be, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// It may be, and is checked if it is.
    #[default]
    Accepted,
    /// It must be.
    Required,
}

impl Demand {
    /// What both demand: the stronger of each, but for `acr`, which `self` says if it says anything.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let acr = if self.acr.is_empty() { &other.acr } else { &self.acr };
        Self {
            dpop: self.dpop.and(other.dpop),
            dpop_nonce: self.dpop_nonce.and(other.dpop_nonce),
            client_certificate: self.client_certificate.and(other.client_certificate),
            acr: acr.clone(),
            max_age: self.max_age.into_iter().chain(other.max_age).min(),
        }
    }
}

impl Need {
    /// Whether it must be.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required)
    }

    /// The stronger of two.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Accepted, Self::Accepted) => Self::Accepted,
            _ => Self::Required,
        }
    }
}

/// The values of `acr` that satisfy any of `wanted`, in order: of our own levels the stronger ones too. What
/// other issuers call theirs is taken as it is; what is stronger there, they alone know.
pub fn acr_at_least<'a>(wanted: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut accepted: Vec<String> = Vec::new();
    let mut accept = |value: &str| {
        if !accepted.iter().any(|known| known == value) {
            accepted.push(value.into());
        }
    };
    for value in wanted {
        accept(value);
        if let Ok(level) = value.parse::<Acr>() {
            Acr::ALL.into_iter().filter(|acr| *acr > level).for_each(|acr| accept(acr.name()));
        }
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::{Need, acr_at_least};

    #[test]
    fn a_stronger_sign_in_is_as_good() {
        assert_eq!(acr_at_least(["mfa"]), ["mfa", "phr"]);
        assert_eq!(acr_at_least(["pwd"]), ["pwd", "mfa", "phr"]);
        assert_eq!(acr_at_least(["phr", "mfa"]), ["phr", "mfa"]);
        assert_eq!(
            acr_at_least(["urn:mace:incommon:iap:silver"]),
            ["urn:mace:incommon:iap:silver"]
        );
        assert!(acr_at_least([]).is_empty());
    }

    #[test]
    fn what_one_of_two_requires_is_required() {
        assert_eq!(Need::Accepted.and(Need::Accepted), Need::Accepted);
        assert_eq!(Need::Accepted.and(Need::Required), Need::Required);
        assert_eq!(Need::Required.and(Need::Accepted), Need::Required);
    }
}
