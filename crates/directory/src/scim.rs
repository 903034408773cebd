//! Companies' directories that provision people here (SCIM), and the tokens by which they are known. A directory
//! sees and changes the people and groups that are its own, and nobody else: [`Provisioner`].

mod token;

pub use token::ScimToken;

use crate::{Acting, Action, Deed, Directory, Fault};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{Tenant, Timestamp};

/// A company's directory, as the operator named it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ScimDirectory {
    /// What the operator calls it.
    pub name: String,
    /// The customer to whom its people belong.
    pub tenant: Option<Tenant>,
    /// When it was made.
    pub created: Timestamp,
}

/// A directory that showed a token in force. Whatever it does is done to its own people and groups; of others
/// it learns nothing but that a login is taken.
#[derive(Clone)]
pub struct Provisioner {
    pub(crate) directory: Directory,
    token: ScimToken,
}

impl Provisioner {
    /// The operator's name for the directory.
    pub fn name(&self) -> &str {
        &self.token.directory
    }

    /// The customer to whom its people belong.
    pub fn tenant(&self) -> Option<&Tenant> {
        self.token.tenant.as_ref()
    }
}

impl Directory {
    /// Makes a directory, without a token yet.
    pub async fn add_scim_directory(
        &self,
        mut by: Acting<'_>,
        name: &str,
        tenant: Option<Tenant>,
    ) -> Result<ScimDirectory, Fault> {
        let deed = Deed::new(&mut by, Action::ScimAdd)
            .with("tenant", tenant.as_ref().map(ToString::to_string));
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(safe) {
            let problem =
                "the name of a directory must be 1 to 64 letters, digits, '.', '_' or '-'";
            return Err(Fault::Invalid(problem.into()));
        }
        let made = ScimDirectory { name: name.to_owned(), tenant, created: by.now };
        self.transact(move |tx| {
            let inserted = tx.execute(
                "INSERT INTO scim_directory (name, tenant, created) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                &[
                    (&made.name).into(),
                    made.tenant.as_ref().map(Tenant::as_str).into(),
                    made.created.into(),
                ],
            )?;
            if inserted == 0 {
                return Err(Fault::Invalid(format!(
                    "there is a directory {0} already; another token for it: portcullis scim token {0}",
                    made.name
                )));
            }
            deed.done(tx, &made.name)?;
            Ok(made)
        })
        .await
    }

    /// All directories, by name.
    pub async fn scim_directories(&self) -> Result<Vec<ScimDirectory>, Fault> {
        let read = |tx: &mut Tx<'_>| {
            let sql = "SELECT name, tenant, created FROM scim_directory ORDER BY name";
            tx.query(sql, &[])?.iter().map(directory).collect()
        };
        Ok(self.inner().store.read(read).await?)
    }
}

/// The directory of that name.
pub(crate) fn named(tx: &mut Tx<'_>, name: &str) -> Result<ScimDirectory, Fault> {
    let sql = "SELECT name, tenant, created FROM scim_directory WHERE name = $1";
    let found = tx.query_row(sql, &[name.into()])?.as_ref().map(directory).transpose()?;
    found.ok_or_else(|| {
        let name = crate::excerpt(name);
        Fault::Invalid(format!("there is no directory {name}; make it: portcullis scim add {name}"))
    })
}

fn directory(row: &Row) -> Result<ScimDirectory, StoreFault> {
    Ok(ScimDirectory {
        name: row.text(0)?.to_owned(),
        tenant: tenant(row, 1)?,
        created: row.time(2)?,
    })
}

fn tenant(row: &Row, column: usize) -> Result<Option<Tenant>, StoreFault> {
    row.opt_text(column)?.map(Tenant::new).transpose().map_err(StoreFault::rejected)
}
