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
    /// The same for the groups of one company's directory, by its name. Who stands here has nothing of
    /// `groups`.
    pub scim: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// A group that a person is in, for what it brings.
pub(crate) struct InGroup<'a> {
    pub(crate) name: &'a str,
    /// The directory whose group it is; the operator's, if none's.
    pub(crate) directory: Option<&'a str>,
    /// Whether `[groups]` speaks of that directory's groups: it belongs to no customer.
    pub(crate) common: bool,
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
    pub(crate) fn effective(&self, own: &[String], groups: &[InGroup<'_>]) -> Vec<String> {
        let brought = groups.iter().filter_map(|group| self.brought(group)).flatten();
        let mut all: Vec<String> = own.iter().chain(brought).cloned().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What one group brings. A customer's directory brings only what the operator said of that directory: its
    /// administrators choose the names of groups.
    fn brought(&self, group: &InGroup<'_>) -> Option<&Vec<String>> {
        let own = group.directory.and_then(|directory| self.scim.get(directory));
        let common = group.directory.is_none() || group.common;
        let roles = own.or_else(|| common.then_some(&self.groups))?;
        roles.get(group.name)
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
            scim: [("acme".into(), [("staff".into(), vec!["viewer".into()])].into())].into(),
        };
        assert!(roles.scopes(&["nobody"]).is_empty());
        assert!(roles.scopes(&[] as &[&str]).is_empty());
        assert_eq!(roles.scopes(&["viewer", "scientist"]).len(), 2);
        let group = |name, directory, common| InGroup { name, directory, common };
        let all = roles.effective(
            &["viewer".into()],
            &[group("ml", None, false), group("other", None, false)],
        );
        assert_eq!(all, ["scientist", "viewer"]);
        for (directory, common, name, brings) in [
            (Some("entra"), true, "ml", &["scientist"][..]),
            (Some("entra"), false, "ml", &[]), // a customer's: the name is theirs to choose
            (Some("acme"), true, "ml", &[]),   // what stands beside its own table does not count
            (Some("acme"), false, "staff", &["viewer"]),
            (None, false, "staff", &[]),
        ] {
            let brought = roles.effective(&[], &[group(name, directory, common)]);
            assert_eq!(brought, brings, "{directory:?} {name}");
        }
        assert!(roles.problem(&["viewr".into()]).unwrap().contains("scientist, viewer"));
    }
}
