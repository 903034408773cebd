//! A list of passwords that are known from break-ins, in a file: one SHA-1 in hex per line, or its first digits,
//! sorted, whatever follows a colon ignored. That is how the well-known lists come. The file may be larger than
//! memory: it is searched where it lies.

use aws_lc_rs::digest;
use data_encoding::HEXUPPER;
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// No line of such a list is longer.
const LINE: usize = 128;
/// Fewer digits would condemn too much.
const FEWEST: usize = 10;

/// The list.
#[derive(Debug)]
pub struct BreachList {
    file: File,
    length: u64,
    path: PathBuf,
}

/// Why a file is no such list.
#[derive(Debug, thiserror::Error)]
pub enum BreachListFault {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is something else.
    #[error(
        "near byte {at} is no line of 10 to 40 hex digits; expected SHA-1 hashes, one a line, sorted"
    )]
    Line {
        /// Where.
        at: u64,
    },
    /// The order is wrong.
    #[error("near byte {at} the lines are not in order; sort the file with LC_ALL=C sort")]
    Order {
        /// Where.
        at: u64,
    },
}

impl PartialEq for BreachList {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl BreachList {
    /// Opens the file and looks into it at a hundred places.
    pub fn open(path: &Path) -> Result<Self, BreachListFault> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let list = Self { file, length, path: path.to_owned() };
        let mut before = String::new();
        for place in 0..100 {
            let at = length / 100 * place;
            let Some((_, digits)) = list.line_from(at)? else { break };
            if digits < before {
                return Err(BreachListFault::Order { at });
            }
            before = digits;
        }
        Ok(list)
    }

    /// Whether the password is on it. A file that cannot be read any more condemns nothing.
    pub(crate) fn has(&self, password: &str) -> bool {
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        self.search(&HEXUPPER.encode(sha1.as_ref())).unwrap_or(false)
    }

    /// The last line that is not behind `wanted` is the one that could begin it.
    fn search(&self, wanted: &str) -> Result<bool, BreachListFault> {
        let (mut low, mut high) = (0, self.length);
        let mut last = String::new();
        while low < high {
            let middle = low.midpoint(high);
            match self.line_from(middle)? {
                Some((next, digits)) if digits.as_str() <= wanted => {
                    last = digits;
                    low = next.max(middle + 1);
                }
                _ => high = middle,
            }
        }
        Ok(last.len() >= FEWEST && wanted.starts_with(&last))
    }

    /// The first whole line that begins at or behind `at`, its digits in upper case, and where it ends.
    fn line_from(&self, at: u64) -> Result<Option<(u64, String)>, BreachListFault> {
        let mut buffer = [0; 2 * LINE];
        // The byte before: if it ends a line, `at` begins one.
        let from = at.saturating_sub(1);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = self.file.read_at(rest, from + filled as u64)?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        let bytes = buffer.get(..filled).unwrap_or_default();
        let start = match at {
            0 => 0,
            _ => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None => {
                    return if filled < 2 * LINE {
                        Ok(None)
                    } else {
                        Err(BreachListFault::Line { at })
                    };
                }
            },
        };
        let line = bytes.get(start..).unwrap_or_default();
        if line.is_empty() {
            return Ok(None);
        }
        let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
        let line = line.get(..end).unwrap_or_default();
        let digits = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        let good =
            (FEWEST..=40).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        if !good {
            return Err(BreachListFault::Line { at });
        }
        let digits = String::from_utf8_lossy(digits).to_ascii_uppercase();
        Ok(Some((from + (start + end) as u64, digits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn list(text: &str) -> Result<BreachList, BreachListFault> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        BreachList::open(file.path())
    }

    fn sha1(text: &str) -> String {
        HEXUPPER.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
    }

    #[test]
    fn each_line_is_found_and_nothing_else() {
        let words: Vec<String> = (0..300).map(|number| format!("word{number}")).collect();
        let mut lines: Vec<String> =
            words.iter().map(|word| format!("{}:7\r", sha1(word))).collect();
        lines.sort();
        for ending in ["", "\n"] {
            let list = list(&format!("{}{ending}", lines.join("\n"))).unwrap();
            assert!(words.iter().all(|word| list.has(word)));
            assert!((300..600).all(|number| !list.has(&format!("word{number}"))));
        }
    }

    #[test]
    fn the_first_digits_are_enough() {
        let found = sha1("x").get(..10).unwrap().to_lowercase();
        assert!(list(&found).unwrap().has("x"));
        assert!(!list(&found).unwrap().has("y") && !list("").unwrap().has("x"));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(matches!(list("password\n123456\n"), Err(BreachListFault::Line { .. })));
        assert!(matches!(list("ABCDEF\n"), Err(BreachListFault::Line { .. })));
        let mut lines: Vec<String> = (0..300).map(|number| sha1(&number.to_string())).collect();
        lines.sort();
        lines.reverse();
        assert!(matches!(list(&lines.join("\n")), Err(BreachListFault::Order { .. })));
    }
}
