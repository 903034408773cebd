//! What an app may learn about a person, and how the person proved who they are.

use crate::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A scope that opens no API but facts about the person (OpenID Connect Core §5.4, §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityScope {
    /// An ID token at all.
    Openid,
    /// Name, picture, locale.
    Profile,
    /// The address for mail.
    Email,
    /// The telephone number.
    Phone,
    /// The postal address.
    Address,
    /// Roles here.
    Roles,
    /// Groups of the company.
    Groups,
    /// A refresh token that outlives the session.
    OfflineAccess,
}

impl IdentityScope {
    /// All there are, in the order of consent pages.
    pub const ALL: [Self; 8] = [
        Self::Openid,
        Self::Profile,
        Self::Email,
        Self::Phone,
        Self::Address,
        Self::Roles,
        Self::Groups,
        Self::OfflineAccess,
    ];

    /// The word in `scope`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openid => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::Roles => "roles",
            Self::Groups => "groups",
            Self::OfflineAccess => "offline_access",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for IdentityScope {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scope| scope.name() == word).ok_or(())
    }
}

/// A set of identity scopes. As text and in JSON: words separated by spaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IdentityScopes(u8);

impl IdentityScopes {
    /// Every one.
    pub fn all() -> Self {
        IdentityScope::ALL.into_iter().collect()
    }

    /// Whether it holds `scope`.
    pub const fn has(self, scope: IdentityScope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// With `scope` as well.
    #[must_use]
    pub const fn with(self, scope: IdentityScope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one alone.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// [`is_empty`](Self::is_empty) as serializers ask.
    pub const fn is_nothing(&self) -> bool {
        self.is_empty()
    }

    /// Its members, in the order of [`IdentityScope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = IdentityScope> {
        IdentityScope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Parts the words of a `scope` parameter: identity scopes, and the rest as it stands.
    pub fn part(scope: &str) -> (Self, Vec<&str>) {
        let mut identity = Self::default();
        let mut rest = Vec::new();
        for word in scope.split(' ').filter(|word| !word.is_empty()) {
            match word.parse() {
                Ok(scope) => identity = identity.with(scope),
                Err(()) => rest.push(word),
            }
        }
        (identity, rest)
    }
}

impl FromIterator<IdentityScope> for IdentityScopes {
    fn from_iter<I: IntoIterator<Item = IdentityScope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for IdentityScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

impl Serialize for IdentityScopes {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdentityScopes {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
        match Self::part(&text) {
            (scopes, rest) if rest.is_empty() => Ok(scopes),
            (_, rest) => Err(serde::de::Error::custom(format!("no identity scope: {rest:?}"))),
        }
    }
}

/// How strong a sign-in was, as `acr` (OpenID Connect Core §2; `phr` is OpenID EAP's). Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acr {
    /// One factor.
    Pwd,
    /// Two factors.
    Mfa,
    /// Resistant to phishing: a passkey that verified its user.
    Phr,
}

impl Acr {
    /// All, weakest first.
    pub const ALL: [Self; 3] = [Self::Pwd, Self::Mfa, Self::Phr];

    /// The value of `acr`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Mfa => "mfa",
            Self::Phr => "phr",
        }
    }
}

impl FromStr for Acr {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|acr| acr.name() == text).ok_or(())
    }
}

/// A way in which a person proved who they are, as `amr` (RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amr {
    /// A password.
    Pwd,
    /// A one-time code.
    Otp,
    /// A key in hardware or a passkey.
    Hwk,
    /// The authenticator made sure that its user was there, by PIN, face or finger.
    User,
    /// Several factors.
    Mfa,
    /// Another provider said so.
    Fed,
}

impl Amr {
    /// The value in `amr`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Hwk => "hwk",
            Self::User => "user",
            Self::Mfa => "mfa",
            Self::Fed => "fed",
        }
    }
}

/// What happened when the person signed in: never what they could have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// When; [`UNTOLD`](Self::UNTOLD) if nobody said.
    pub at: Timestamp,
    /// How strong.
    pub acr: Acr,
    /// By which means.
    pub amr: Vec<Amr>,
}

impl Authentication {
    /// The time of a sign-in at another provider that did not tell it: before every other, so that it is never
    /// new enough for anything.
    pub const UNTOLD: Timestamp = Timestamp::from_seconds(0);

    /// `auth_time` (OpenID Connect Core §2), in seconds. `None` if nobody knows it.
    pub fn auth_time(&self) -> Option<i64> {
        (self.at > Self::UNTOLD).then(|| self.at.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_parted_into_identity_and_the_rest() {
        let (identity, rest) = IdentityScopes::part("openid generate:basic  email openid x");
        assert_eq!(identity.to_string(), "openid email");
        assert_eq!(rest, ["generate:basic", "x"]);
        let json = serde_json::to_string(&identity).unwrap();
        assert_eq!(serde_json::from_str::<IdentityScopes>(&json).unwrap(), identity);
        assert!(serde_json::from_str::<IdentityScopes>("\"openid x\"").is_err());
        assert!(Acr::Pwd < Acr::Mfa && Acr::Mfa < Acr::Phr);
    }
}
