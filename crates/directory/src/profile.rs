//! The claims of a person that somebody may set, each as OpenID Connect Core §5.1 wants it.

use crate::{Address, Profile};

/// What a claim must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimShape {
    /// One line of at most 200 characters.
    Line,
    /// An https address.
    Url,
    /// A day, a day without its year (0000), or a year.
    Birthdate,
    /// A name of the IANA time zone database.
    Zoneinfo,
    /// A language tag (BCP 47).
    Locale,
    /// A number in international form (E.164).
    Phone,
    /// An address for mail.
    Email,
}

/// Why a claim was not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// Nobody sets that: it is no claim, or it is found out by ourselves.
    #[error("there is no claim {0} to set; there are: {known}", known = names())]
    Unknown(String),
    /// The value is not what it must be.
    #[error("{claim} must be {expected}", expected = .shape.expected())]
    Value {
        /// Which claim.
        claim: &'static str,
        /// What it must be.
        shape: ClaimShape,
    },
    /// Neither true nor false.
    #[error("{0} must be true or false")]
    Flag(&'static str),
}

type Slot = fn(&mut Profile) -> &mut Option<String>;

/// Each claim that is one text: what it must be, and where it is. Members of the address as `address.…`.
const CLAIMS: [(&str, ClaimShape, Slot); 21] = [
    ("name", ClaimShape::Line, |profile| &mut profile.name),
    ("given_name", ClaimShape::Line, |profile| &mut profile.given_name),
    ("family_name", ClaimShape::Line, |profile| &mut profile.family_name),
    ("middle_name", ClaimShape::Line, |profile| &mut profile.middle_name),
    ("nickname", ClaimShape::Line, |profile| &mut profile.nickname),
    ("preferred_username", ClaimShape::Line, |profile| &mut profile.preferred_username),
    ("profile", ClaimShape::Url, |profile| &mut profile.profile),
    ("picture", ClaimShape::Url, |profile| &mut profile.picture),
    ("website", ClaimShape::Url, |profile| &mut profile.website),
    ("email", ClaimShape::Email, |profile| &mut profile.email),
    ("gender", ClaimShape::Line, |profile| &mut profile.gender),
    ("birthdate", ClaimShape::Birthdate, |profile| &mut profile.birthdate),
    ("zoneinfo", ClaimShape::Zoneinfo, |profile| &mut profile.zoneinfo),
    ("locale", ClaimShape::Locale, |profile| &mut profile.locale),
    ("phone_number", ClaimShape::Phone, |profile| &mut profile.phone_number),
    ("address.formatted", ClaimShape::Line, |profile| &mut address(profile).formatted),
    ("address.street_address", ClaimShape::Line, |profile| &mut address(profile).street_address),
    ("address.locality", ClaimShape::Line, |profile| &mut address(profile).locality),
    ("address.region", ClaimShape::Line, |profile| &mut address(profile).region),
    ("address.postal_code", ClaimShape::Line, |profile| &mut address(profile).postal_code),
    ("address.country", ClaimShape::Line, |profile| &mut address(profile).country),
];

/// Whether somebody made sure that the address, or the number, is theirs.
const FLAGS: [&str; 2] = ["email_verified", "phone_number_verified"];

fn address(profile: &mut Profile) -> &mut Address {
    profile.address.get_or_insert_default()
}

fn names() -> String {
    let all = CLAIMS.iter().map(|(name, ..)| *name).chain(FLAGS);
    all.collect::<Vec<_>>().join(", ")
}

impl Profile {
    /// Sets a claim by its name; an empty value takes it away. A new address for mail, or a new number, is one
    /// that nobody has made sure of.
    pub fn set(&mut self, claim: &str, value: &str) -> Result<(), ClaimFault> {
        let value = value.trim();
        if let Some(flag) = FLAGS.into_iter().find(|flag| *flag == claim) {
            let verified = value.parse().map_err(|_| ClaimFault::Flag(flag))?;
            match flag {
                "email_verified" => self.email_verified = verified,
                _ => self.phone_number_verified = verified,
            }
            return Ok(());
        }
        let known = CLAIMS.iter().find(|(name, ..)| *name == claim);
        let (name, shape, slot) =
            known.ok_or_else(|| ClaimFault::Unknown(crate::excerpt(claim)))?;
        if !value.is_empty() && !shape.fits(value) {
            return Err(ClaimFault::Value { claim: name, shape: *shape });
        }
        let new = Some(value.to_owned()).filter(|value| !value.is_empty());
        let place = slot(self);
        if *place != new {
            *place = new;
            match *name {
                "email" => self.email_verified = false,
                "phone_number" => self.phone_number_verified = false,
                // It was made of the members.
                "address.formatted" => {}
                _ if name.starts_with("address.") => address(self).formatted = None,
                _ => {}
            }
        }
        self.address.take_if(|address| *address == Address::default());
        Ok(())
    }

    /// The value of a claim that is one text.
    pub fn value(&self, claim: &str) -> Option<String> {
        let (.., slot) = CLAIMS.iter().find(|(name, ..)| *name == claim)?;
        slot(&mut self.clone()).clone()
    }
}

impl ClaimShape {
    /// In words that follow "must be".
    const fn expected(self) -> &'static str {
        match self {
            Self::Line => "one line of at most 200 characters",
            Self::Url => "an https address",
            Self::Birthdate => {
                "a date as 1990-12-31, without the year as 0000-12-31, or a year as 1990"
            }
            Self::Zoneinfo => "a time zone as Europe/Zurich",
            Self::Locale => "a language tag as de-CH",
            Self::Phone => "a number in international form as +41 44 123 45 67",
            Self::Email => "an address for mail",
        }
    }

    fn fits(self, value: &str) -> bool {
        let line = value.chars().count() <= 200 && !value.chars().any(char::is_control);
        line && match self {
            Self::Line => true,
            Self::Url => url::Url::parse(value).is_ok_and(|url| {
                url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
            }),
            Self::Birthdate => is_birthdate(value),
            Self::Zoneinfo => {
                let part = |part: &str| {
                    part.starts_with(|c: char| c.is_ascii_alphabetic())
                        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
                };
                value.split('/').count() <= 3 && value.split('/').all(part)
            }
            Self::Locale => {
                let mut parts = value.split('-');
                let language = parts.next().unwrap_or_default();
                let alphabetic = language.bytes().all(|b| b.is_ascii_alphabetic());
                let sub = |part: &str| {
                    (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
                };
                alphabetic && (2..=8).contains(&language.len()) && parts.all(sub)
            }
            Self::Phone => {
                let digits = value.bytes().filter(u8::is_ascii_digit).count();
                let rest = value.strip_prefix('+').unwrap_or("x");
                let mark = |b: u8| b.is_ascii_digit() || b" ()-.".contains(&b);
                (5..=15).contains(&digits) && rest.bytes().all(mark)
            }
            Self::Email => {
                let parts = value.split_once('@');
                let odd = |c: char| c.is_whitespace() || "<>,;".contains(c);
                parts.is_some_and(|(local, host)| {
                    !local.is_empty() && !host.is_empty() && !host.contains('@')
                }) && !value.contains(odd)
            }
        }
    }
}

/// ISO 8601: `YYYY-MM-DD`, of which the year may be 0000 for one that is not told, or `YYYY`.
fn is_birthdate(value: &str) -> bool {
    let mut parts = value.split('-');
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let fits = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let Some(year) = number(4) else { return false };
    if value.len() == 4 {
        return year != 0;
    }
    let (Some(month), Some(day)) = (number(2), number(2)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day) && value.len() == 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_what_the_standard_says_or_is_not_set() {
        for (claim, good, bad) in [
            (
                "birthdate",
                &["1990-01-01", "0000-02-29", "2000"][..],
                &["1990-02-29", "0000", "1990-1-1", "01.01.1990", "1990-01-01-"][..],
            ),
            (
                "website",
                &["https://ada.example/"],
                &["http://ada.example", "javascript:alert(1)", "ada.example"],
            ),
            (
                "zoneinfo",
                &["Europe/Zurich", "UTC", "America/Argentina/Ushuaia"],
                &["Europe/", "../etc/passwd", "a b"],
            ),
            ("locale", &["de", "de-CH", "zh-Hant-TW"], &["de_CH", "d", "german language"]),
            (
                "phone_number",
                &["+41 44 123 45 67", "+1 (604) 555-1234"],
                &["044 123 45 67", "+1", "+41x44123456"],
            ),
            ("email", &["ada@example.com"], &["ada", "a@b@c", "Ada <ada@example.com>"]),
            ("name", &["Ada Lovelace"], &["a\nb"]),
        ] {
            let mut profile = Profile::default();
            for value in good {
                profile.set(claim, value).unwrap();
                assert_eq!(profile.value(claim).as_deref(), Some(*value));
            }
            let before = profile.clone();
            for value in bad {
                assert!(profile.set(claim, value).is_err(), "{claim}={value}");
            }
            assert_eq!(profile, before);
            profile.set(claim, " ").unwrap();
            assert_eq!(profile, Profile::default());
        }
        assert!(Profile::default().set("sub", "x").unwrap_err().to_string().contains("birthdate"));
    }

    #[test]
    fn what_is_new_nobody_has_made_sure_of() {
        let mut profile = Profile::default();
        for (claim, flag, one, other) in [
            ("email", "email_verified", "a@example.com", "b@example.com"),
            ("phone_number", "phone_number_verified", "+41441234567", "+41441234568"),
        ] {
            profile.set(claim, one).unwrap();
            profile.set(flag, "true").unwrap();
            profile.set(claim, one).unwrap();
            assert!(profile.email_verified || profile.phone_number_verified);
            profile.set(claim, other).unwrap();
            assert!(!profile.email_verified && !profile.phone_number_verified);
        }
    }

    #[test]
    fn an_address_is_gone_with_its_last_member() {
        let mut profile = Profile::default();
        profile.set("address.formatted", "Bern").unwrap();
        profile.set("address.locality", "Zürich").unwrap();
        assert_eq!(profile.address.as_ref().unwrap().formatted, None);
        profile.set("address.locality", "").unwrap();
        assert_eq!(profile.address, None);
    }
}
