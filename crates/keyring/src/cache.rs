//! Tokens that were verified before, by their hash. Bounded. What depends on time, on the request or on
//! revocation is checked anew at every hit; when keys come or go, everything is forgotten.

use aws_lc_rs::digest::{SHA256, digest};
use portcullis_verify::{Presented, Vouched};
use quick_cache::unsync::Cache;

/// One thread's memory.
pub(crate) struct TokenCache(Option<Cache<[u8; 32], Vouched>>);

impl TokenCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self((capacity > 0).then(|| Cache::new(capacity)))
    }

    pub(crate) fn find(&mut self, presented: &Presented<'_>) -> Option<Vouched> {
        self.0.as_ref()?.get(&name(presented)).cloned()
    }

    pub(crate) fn keep(&mut self, presented: &Presented<'_>, vouched: &Vouched) {
        if let Some(cache) = &mut self.0 {
            cache.insert(name(presented), vouched.clone());
        }
    }

    pub(crate) fn forget(&mut self) {
        if let Some(cache) = &mut self.0 {
            cache.clear();
        }
    }
}

/// The token itself is not kept: whoever reads this process's memory finds no bearer credential here.
fn name(presented: &Presented<'_>) -> [u8; 32] {
    let mut name = [0; 32];
    let hash = digest(&SHA256, presented.as_str().as_bytes());
    name.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    name
}
