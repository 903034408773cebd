//! What the groups of another provider mean here: the operator's word of today, applied to the provider's last.

use super::PeopleSettings;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Timestamp, Ttl};

/// What people of one provider may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRoles {
    /// The operator's name for the provider.
    pub provider: String,
    /// What their groups and roles mean here.
    pub rules: Vec<RoleRule>,
    /// The roles of everybody who comes from there.
    pub everybody: Vec<String>,
    /// For how long after a sign-in its word counts: whom it would refuse today does not come and say so.
    pub last: Ttl,
}

/// What one of their groups or roles means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// Their name for it, letter by letter.
    pub theirs: String,
    /// Our roles.
    pub ours: Vec<String>,
}

impl ProviderRoles {
    /// Nothing, for a week.
    pub const fn none(provider: String) -> Self {
        let last = Ttl::seconds(7 * 24 * 3600);
        Self { provider, rules: Vec::new(), everybody: Vec::new(), last }
    }

    /// Our roles of somebody in these groups: a name of theirs is nothing here until the operator says what it
    /// means.
    pub fn of(&self, groups: &[String]) -> Vec<String> {
        let fitting = self.rules.iter().filter(|rule| groups.contains(&rule.theirs));
        let ours = fitting.flat_map(|rule| &rule.ours).chain(&self.everybody);
        ours.cloned().collect()
    }
}

/// Job: the word of a provider that is too old counts no more, until the person comes from there again. Says how
/// many accounts that meant.
pub(crate) fn lapse(
    tx: &mut Tx<'_>,
    settings: &PeopleSettings,
    now: Timestamp,
) -> Result<u64, StoreFault> {
    let sql = "UPDATE linked_account SET told = 0, groups = '[]' \
         WHERE provider = $1 AND told > 0 AND told <= $2";
    let mut lapsed = 0;
    for provider in &settings.providers {
        let latest = now.minus(provider.last);
        lapsed += tx.execute(sql, &[(&provider.provider).into(), latest.into()])?;
    }
    Ok(lapsed)
}
