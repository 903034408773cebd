//! The files of a bundle: read within bounds, told apart, and hashed into a revision.

use crate::{Finding, Refused};
use aws_lc_rs::digest;
use portcullis_types::Revision;
use std::{collections::BTreeMap, fmt, fs, io::Read, path::Path};

/// Bytes in one file of rules.
const MAX_RULES: usize = 256 << 10;
/// Bytes in the data.
const MAX_DATA: usize = 64 << 20;
/// Files in a bundle.
const MAX_FILES: usize = 256;
/// Folders in folders.
const MAX_DEPTH: usize = 4;

/// The files of a bundle by their path in it, with `/` between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    /// Reads every `*.rego` and the `data.json` at the top of `dir`; other files are left alone.
    pub fn read(dir: &Path) -> Result<Self, Refused> {
        let mut files = Self::default();
        files.walk(dir, "", 0)?;
        Ok(files)
    }

    /// Adds a file. Refuses names that are no part of a bundle, and what is too long or too many.
    pub fn add(&mut self, name: &str, text: String) -> Result<(), Refused> {
        let limit = match kind(name) {
            Some(Kind::Data) => MAX_DATA,
            Some(_) => MAX_RULES,
            None => {
                let what = "the file is neither '*.rego' nor 'data.json' at the top".to_owned();
                return refused(name, what, "leave it out, or move the data into data.json");
            }
        };
        if text.len() > limit {
            let what = format!("the file has {} bytes; at most {limit} are read", text.len());
            return refused(name, what, "split it, or keep large data out of policies");
        }
        self.0.insert(name.to_owned(), text);
        if self.0.len() > MAX_FILES {
            let what = format!("the bundle has more than {MAX_FILES} files");
            return refused(name, what, "join files that belong together");
        }
        Ok(())
    }

    /// Every file: name and text.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The rules, without tests: name and text.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(Kind::Rules)
    }

    /// The tests: name and text.
    pub fn tests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(Kind::Tests)
    }

    /// The data, if there is any.
    pub fn data(&self) -> Option<&str> {
        self.0.get("data.json").map(String::as_str)
    }

    /// The text of one file.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What these files are called by: a hash over their names and contents, in order.
    pub fn revision(&self) -> Revision {
        let mut hash = digest::Context::new(&digest::SHA256);
        for (name, text) in &self.0 {
            // With lengths, so that no text can pass for a name.
            for part in [name, text] {
                hash.update(&(part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        Revision::of_files(hash.finish().as_ref().try_into().unwrap_or_default())
    }

    fn of(&self, wanted: Kind) -> impl Iterator<Item = (&str, &str)> {
        let files = self.0.iter().filter(move |(name, _)| kind(name) == Some(wanted));
        files.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    fn walk(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), Refused> {
        let unread = |name: &str, fault: &dyn fmt::Display| {
            Finding::error((name, 0), format!("cannot be read: {fault}"), "check path and rights")
        };
        let shown = match prefix.strip_suffix('/') {
            Some(folder) => folder.to_owned(),
            None => dir.display().to_string(),
        };
        for entry in fs::read_dir(dir).map_err(|fault| unread(&shown, &fault))? {
            let entry = entry.map_err(|fault| unread(&shown, &fault))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}{name}");
            // Follows links: configuration is often mounted as one.
            let about = fs::metadata(entry.path()).map_err(|fault| unread(&path, &fault))?;
            if about.is_dir() {
                if depth >= MAX_DEPTH {
                    let what = format!("folders lie more than {MAX_DEPTH} deep");
                    return refused(&path, what, "move the policies up");
                }
                self.walk(&entry.path(), &format!("{path}/"), depth + 1)?;
            } else if about.is_file() && kind(&path).is_some() {
                let mut text = String::new();
                let file = fs::File::open(entry.path()).map_err(|fault| unread(&path, &fault))?;
                let mut bounded = file.take(MAX_DATA as u64 + 1);
                bounded.read_to_string(&mut text).map_err(|fault| unread(&path, &fault))?;
                self.add(&path, text)?;
            }
        }
        Ok(())
    }
}

fn refused(name: &str, what: String, remedy: &str) -> Result<(), Refused> {
    Err(Finding::error((name, 0), what, remedy).into())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rules,
    Tests,
    Data,
}

fn kind(name: &str) -> Option<Kind> {
    match name.strip_suffix(".rego") {
        Some(stem) if stem.ends_with("_test") => Some(Kind::Tests),
        Some(_) => Some(Kind::Rules),
        None => (name == "data.json").then_some(Kind::Data),
    }
}
