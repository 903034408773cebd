//! Roles: what people may be granted at most, as the configuration says it.

use portcullis_types::Pattern;
use std::collections::BTreeMap;

/// What a person in one role may have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// What people call it.
    pub title: String,
    /// The scopes that apps may be granted for such a person.
    pub scopes: Vec<Pattern>,
}

/// All roles, and which groups bring which of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    /// By name.
    pub by_name: BTreeMap<String, Role>,
    /// Names of roles, by the name of the group that brings them.
    pub groups: BTreeMap<String, Vec<String>>,
}

impl Roles {
    /// What a person in these roles may be granted at most. A role that is not configured brings nothing,
    /// nor has a person without roles anything.
    pub fn scopes(&self, roles: &[impl AsRef<str>]) -> Vec<Pattern> {
        let known = roles.iter().filter_map(|role| self.by_name.get(role.as_ref()));
        let mut all: Vec<Pattern> = Vec::new();
        for pattern in known.flat_map(|role| &role.scopes) {
            if !all.contains(pattern) {
                all.push(pattern.clone());
            }
        }
        all
    }

    /// The roles of a person's own and those of their groups, each once, in order.
    pub fn effective(&self, own: &[String], groups: &[String]) -> Vec<String> {
        let brought = groups.iter().filter_map(|group| self.groups.get(group)).flatten();
        let mut all: Vec<String> = own.iter().chain(brought).cloned().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What is wrong with these names of roles, if anything.
    pub(crate) fn problem(&self, names: &[String]) -> Option<String> {
        let unknown = names.iter().find(|name| !self.by_name.contains_key(*name))?;
        let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        Some(match known.as_slice() {
            [] => {
                format!("there is no role {unknown}; the configuration has none: see [roles.NAME]")
            }
            known => format!("there is no role {unknown}; there are {}", known.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_add_up_and_the_unknown_bring_nothing() {
        let role = |scopes: &[&str]| Role {
            title: String::new(),
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        };
        let roles = Roles {
            by_name: [
                ("viewer".into(), role(&["model:list"])),
                ("scientist".into(), role(&["model:list", "generate:*"])),
            ]
            .into(),
            groups: [("ml".into(), vec!["scientist".into()])].into(),
        };
        assert!(roles.scopes(&["nobody"]).is_empty());
        assert!(roles.scopes(&[] as &[&str]).is_empty());
        assert_eq!(roles.scopes(&["viewer", "scientist"]).len(), 2);
        let all = roles.effective(&["viewer".into()], &["ml".into(), "other".into()]);
        assert_eq!(all, ["scientist", "viewer"]);
        assert!(roles.problem(&["viewr".into()]).unwrap().contains("scientist, viewer"));
    }
}
