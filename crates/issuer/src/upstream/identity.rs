//! From the claims of another provider to a person as we know one: which of them count, and which only look
//! as if they did.

use super::{ClaimPath, Claims, Preset, Provider};
use portcullis_directory::Profile;
use portcullis_types::{Acr, Amr, Timestamp};
use serde_json::Value;

/// Personal Microsoft accounts all share this tenant: anybody can have one.
const MICROSOFT_PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// More groups than that are a mistake or an attack.
const MOST_GROUPS: usize = 500;

/// A person as the provider's verified claims describe them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What no other person at this issuer has, now or ever.
    pub subject: String,
    /// What to tell about them.
    pub profile: Profile,
    /// Their groups and roles there.
    pub groups: Vec<String>,
    /// The login of a newcomer, where the operator says in which claim it is.
    pub login: Option<String>,
    /// What the company's directory calls them, if there is one.
    pub external_id: Option<String>,
    /// How strongly the provider says that they signed in.
    pub acr: Acr,
    /// By which means.
    pub amr: Vec<Amr>,
    /// When, if it says so.
    pub auth_time: Option<Timestamp>,
    /// Their session there, if it says so.
    pub sid: Option<String>,
}

impl Identity {
    /// Reads verified claims: those of the ID token, over those of `/userinfo`. The error says what to do.
    pub fn of(provider: &Provider, claims: &Claims) -> Result<Self, String> {
        conditions(provider, claims)?;
        let subject = subject(provider.preset, claims)?;
        let groups = groups(provider, claims)?;
        let (acr, amr) = strength(provider, claims);
        Ok(Self {
            subject,
            profile: profile(provider.preset, claims),
            login: named(provider.login.as_ref(), claims),
            external_id: named(provider.directory.as_ref().map(|same| &same.claim), claims),
            groups,
            acr,
            amr,
            auth_time: claims.get("auth_time").and_then(Value::as_i64).map(Timestamp::from_seconds),
            sid: text(claims, "sid").map(str::to_owned),
        })
    }
}

fn named(path: Option<&ClaimPath>, claims: &Claims) -> Option<String> {
    path?.find(claims)?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    let good =
        |text: &&str| (1..=2048).contains(&text.len()) && !text.chars().any(char::is_control);
    claims.get(name).and_then(Value::as_str).filter(good)
}

/// What must hold for anybody of this provider: whose people they are.
fn conditions(provider: &Provider, claims: &Claims) -> Result<(), String> {
    for condition in &provider.conditions {
        let found = condition.claim.find(claims);
        let fits = |value: &Value| {
            value.as_str().is_some_and(|text| condition.any_of.iter().any(|wanted| wanted == text))
        };
        let holds = match found {
            Some(Value::Array(values)) => values.iter().any(fits),
            Some(value) => fits(value),
            None => false,
        };
        if !holds {
            return Err(format!(
                "the claim {} must be {}; sign in with another account",
                condition.claim,
                condition.any_of.join(" or ")
            ));
        }
    }
    match provider.preset {
        Preset::Entra => {
            let tid = text(claims, "tid").ok_or("the claim tid is missing")?;
            let personal = tid == MICROSOFT_PERSONAL;
            if personal && !provider.directories.iter().any(|known| known == tid) {
                return Err("personal Microsoft accounts are not accepted here".into());
            }
            if !provider.directories.is_empty() && !provider.directories.iter().any(|d| d == tid) {
                return Err("this Entra tenant is not accepted here".into());
            }
            Ok(())
        }
        // Without it, everybody with a Google account would be let in.
        Preset::Google if text(claims, "hd").is_none() => {
            Err("only accounts of a Google Workspace are accepted: the claim hd is missing".into())
        }
        Preset::Google if claims.get("email_verified") != Some(&Value::Bool(true)) => {
            Err("the e-mail address of the Google account is not verified".into())
        }
        // Its access tokens are signed by the same keys.
        Preset::Cognito if text(claims, "token_use") != Some("id") => {
            Err("this is no ID token of Cognito: token_use must be id".into())
        }
        _ => Ok(()),
    }
}

/// Names and addresses change hands; subjects do not.
fn subject(preset: Preset, claims: &Claims) -> Result<String, String> {
    match preset {
        // `sub` is another for each application; `oid` is the person.
        Preset::Entra => match (text(claims, "tid"), text(claims, "oid")) {
            (Some(tid), Some(oid)) => Ok(format!("{tid}/{oid}")),
            _ => Err("the claims tid and oid are needed; ask for the scope profile".into()),
        },
        _ => text(claims, "sub").map(str::to_owned).ok_or_else(|| "there is no sub".into()),
    }
}

fn groups(provider: &Provider, claims: &Claims) -> Result<Vec<String>, String> {
    let left_out = |path: &ClaimPath| {
        let name = path.0.first().map(String::as_str).unwrap_or_default();
        let named = claims.get("_claim_names").is_some_and(|names| names.get(name).is_some());
        named || (name == "groups" && claims.contains_key("hasgroups"))
    };
    let mut groups = Vec::new();
    for path in &provider.group_claims {
        if left_out(path) {
            return Err(format!(
                "the provider left out {path}, since there are too many; have it send only the groups \
                 of this application"
            ));
        }
        match path.find(claims) {
            None | Some(Value::Null) => {}
            Some(Value::String(one)) => groups.push(one.clone()),
            Some(Value::Array(all)) => {
                for group in all {
                    let group = group.as_str().ok_or_else(|| format!("{path} holds no names"))?;
                    groups.push(group.to_owned());
                }
            }
            Some(_) => return Err(format!("{path} holds no names")),
        }
    }
    if groups.len() > MOST_GROUPS || groups.iter().any(|group| group.len() > 256) {
        return Err("the provider sends too many groups, or too long ones".into());
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

/// What the provider says about how, and no more than that.
fn strength(provider: &Provider, claims: &Claims) -> (Acr, Vec<Amr>) {
    let amr: Vec<&str> = match claims.get("amr") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => one.split(' ').collect(),
        _ => Vec::new(),
    };
    let acr = text(claims, "acr").unwrap_or_default();
    let mapped =
        provider.acr.iter().filter(|(theirs, _)| theirs == acr).map(|(_, ours)| *ours).max();
    let as_known = matches!(acr, "phr" | "phrh").then_some(Acr::Phr);
    let as_mfa = amr.contains(&"mfa").then_some(Acr::Mfa);
    let strength = mapped.or(as_known).or(as_mfa).unwrap_or(Acr::Pwd);
    let mut means = vec![Amr::Fed];
    for (theirs, ours) in [
        ("pwd", Amr::Pwd),
        ("otp", Amr::Otp),
        ("hwk", Amr::Hwk),
        ("user", Amr::User),
        ("mfa", Amr::Mfa),
    ] {
        if amr.contains(&theirs) {
            means.push(ours);
        }
    }
    (strength, means)
}

fn profile(preset: Preset, claims: &Claims) -> Profile {
    let own = |name| text(claims, name).map(str::to_owned);
    // What an administrator of any Entra tenant can write into an account is no proof of anything.
    let verified =
        preset != Preset::Entra && claims.get("email_verified") == Some(&Value::Bool(true));
    Profile {
        name: own("name"),
        given_name: own("given_name"),
        family_name: own("family_name"),
        preferred_username: own("preferred_username"),
        nickname: own("nickname"),
        picture: own("picture").filter(|url| url.starts_with("https://")),
        email: own("email"),
        email_verified: verified && claims.contains_key("email"),
        zoneinfo: own("zoneinfo"),
        locale: own("locale"),
        ..Profile::default()
    }
}

#[cfg(test)]
mod tests;
