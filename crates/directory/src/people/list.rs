//! Many people, a page at a time.

use super::rows;
use crate::{Directory, Fault, Person};
use portcullis_store::{StoreFault, Tx};

/// So many are read at once when each must be looked at.
const BATCH: u32 = 500;
/// More than this number share no address and no external id.
const SAME: u32 = 1000;

/// Which people are wanted. All but [`Wanted::Test`] are looked up in an index.
pub enum Wanted {
    /// Everybody.
    All,
    /// Who types this to sign in.
    Login(String),
    /// Whom the company's directory calls this.
    ExternalId(String),
    /// Who has this address for mail.
    Email(String),
    /// Who passes: everybody is looked at, one after the other.
    Test(Box<dyn Fn(&Person) -> bool + Send>),
}

/// Which part of them, in the order in which they joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many are passed over.
    pub start: u32,
    /// How many are given at most.
    pub count: u32,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// How many there are on all pages.
    pub total: u64,
    /// Those on this page.
    pub items: Vec<T>,
}

impl Directory {
    /// A page of people.
    pub async fn people(&self, wanted: Wanted, page: Page) -> Result<Found<Person>, Fault> {
        Ok(self.inner().store.read(move |tx| find(tx, None, wanted, page)).await?)
    }
}

/// Of everybody, or of the people of one directory.
pub(super) fn find(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    wanted: Wanted,
    page: Page,
) -> Result<Found<Person>, StoreFault> {
    let mut some = match wanted {
        Wanted::All => {
            let items = rows::page(tx, owner, page)?;
            return Ok(Found { total: rows::count(tx, owner)?, items });
        }
        Wanted::Test(test) => return scan(tx, owner, &*test, page),
        Wanted::Login(login) => match crate::Login::new(&login) {
            Ok(login) => rows::by_login(tx, &login)?.into_iter().collect(),
            Err(_) => Vec::new(),
        },
        Wanted::ExternalId(id) => rows::by_external_id(tx, owner, &id, SAME)?,
        Wanted::Email(email) => rows::by_email_of(tx, owner, &email, SAME)?,
    };
    some.retain(|person| owner.is_none() || person.directory.as_deref() == owner);
    let mut pager = Pager::new(page);
    for person in some {
        pager.take(person);
    }
    Ok(pager.found)
}

fn scan(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    test: &dyn Fn(&Person) -> bool,
    page: Page,
) -> Result<Found<Person>, StoreFault> {
    let mut pager = Pager::new(page);
    let mut after = String::new();
    loop {
        let batch = rows::after(tx, owner, &after, BATCH)?;
        let Some(last) = batch.last() else { return Ok(pager.found) };
        last.id.as_str().clone_into(&mut after);
        batch.into_iter().filter(|person| test(person)).for_each(|person| pager.take(person));
    }
}

/// Counts all and keeps a page of them.
pub(super) struct Pager<T> {
    page: Page,
    pub(super) found: Found<T>,
}

impl<T> Pager<T> {
    pub(super) const fn new(page: Page) -> Self {
        Self { page, found: Found { total: 0, items: Vec::new() } }
    }

    pub(super) fn take(&mut self, item: T) {
        let full = self.found.items.len() >= usize::try_from(self.page.count).unwrap_or(usize::MAX);
        if self.found.total >= u64::from(self.page.start) && !full {
            self.found.items.push(item);
        }
        self.found.total += 1;
    }
}
