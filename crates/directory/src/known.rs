//! The cookie that says: in this browser these logins signed in before. It lets their owners in while strangers are
//! throttled, and opens nothing by itself.

use crate::{Directory, Login};
use portcullis_jose::b64;
use portcullis_types::{Entropy, Random};

/// So many people may share a browser.
const MOST: usize = 5;
/// A number, and the first half of a keyed hash of it and the login.
const LENGTH: usize = 12 + 16;

impl Directory {
    /// The value of the cookie after a sign-in: what it said before, and this login.
    pub fn known_cookie(
        &self,
        before: Option<&str>,
        login: &str,
        entropy: &mut dyn Entropy,
    ) -> String {
        let number = Random::<12>::draw(entropy);
        let mut words = vec![b64::encode(self.mark(login, number.bytes()))];
        let others = before.unwrap_or_default().split('.').filter(|word| {
            decoded(word).is_some_and(|(number, mark)| self.mark(login, &number) != mark)
        });
        words.extend(others.take(MOST - 1).map(str::to_owned));
        words.join(".")
    }

    /// The number by which the login is known in the browser with this cookie.
    pub(crate) fn known_by(&self, cookie: Option<&str>, login: &Login) -> Option<[u8; 12]> {
        cookie?.split('.').take(MOST).find_map(|word| {
            let (number, mark) = decoded(word)?;
            (self.mark(login.as_str(), &number) == mark).then_some(number)
        })
    }

    fn mark(&self, login: &str, number: &[u8; 12]) -> [u8; LENGTH] {
        let tag = self.inner().key.tagged(&["known browser", login, &b64::encode(number)]);
        let mut mark = [0; LENGTH];
        mark.iter_mut().zip(number.iter().chain(tag.bytes())).for_each(|(to, from)| *to = *from);
        mark
    }
}

fn decoded(word: &str) -> Option<([u8; 12], [u8; LENGTH])> {
    let mark: [u8; LENGTH] = b64::decode(word).ok()?.try_into().ok()?;
    let number = mark.first_chunk()?;
    Some((*number, mark))
}
