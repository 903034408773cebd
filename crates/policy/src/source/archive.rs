//! A bundle as one file: a gzipped tar, as OPA makes and reads it.
//!
//! Whoever serves it may be hostile: what comes out is bounded whatever the file claims, nothing is ever
//! written to a disk, and links, devices and paths that lead elsewhere refuse the whole.

use super::Manifest;
use crate::{Files, Finding, Refused};
use flate2::{Compression, GzBuilder, read::GzDecoder};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};
use tar::{EntryType, Header};

/// Bytes of a packed bundle, at most.
pub const MAX_PACKED: usize = 16 << 20;
/// Bytes that come out of it, at most.
const MAX_UNPACKED: u64 = 80 << 20;
/// Files in it, at most, those that are no policy among them.
const MAX_ENTRIES: usize = 1024;
/// The longest name.
const MAX_NAME: usize = 256;

const MANIFEST: &str = ".manifest";
pub(super) const SIGNATURES: &str = ".signatures.json";

/// The files of a packed bundle by name, without `/` at the beginning: policies, data, and what OPA puts
/// beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    entries: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    /// Unpacks. Says nothing yet of what is in the files, nor of who made them.
    pub fn read(packed: &[u8]) -> Result<Self, Refused> {
        if packed.len() > MAX_PACKED {
            let what =
                format!("the bundle has {} bytes; at most {MAX_PACKED} are read", packed.len());
            return refused("the bundle", what, "keep large data out of policies");
        }
        let bounded = GzDecoder::new(packed).take(MAX_UNPACKED);
        let mut tar = tar::Archive::new(bounded);
        let mut archive = Self::default();
        for entry in tar.entries().map_err(|fault| damaged(&fault))? {
            let mut entry = entry.map_err(|fault| damaged(&fault))?;
            match entry.header().entry_type() {
                EntryType::Regular => {}
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                other => {
                    let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                    let what = format!(
                        "it is no plain file but of kind {:?}",
                        char::from(other.as_byte())
                    );
                    return refused(&shown, what, "pack plain files only, no links");
                }
            }
            let name = name(&entry.path_bytes())?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(|fault| damaged(&fault))?;
            archive.add(name, content)?;
        }
        // Whatever follows the end of the tar is read too: half a file is damaged.
        let read = io::copy(&mut tar.into_inner(), &mut io::sink());
        read.map_err(|fault| damaged(&fault))?;
        if archive.entries.is_empty() {
            let what = "there is no file in it".to_owned();
            return refused(
                "the bundle",
                what,
                "make one: portcullis policy build DIR -o bundle.tar.gz",
            );
        }
        Ok(archive)
    }

    /// These policies with that manifest.
    pub fn of(files: &Files, manifest: &Manifest) -> Self {
        let mut entries: BTreeMap<_, _> =
            files.all().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect();
        entries.insert(MANIFEST.to_owned(), manifest.to_json().into_bytes());
        Self { entries }
    }

    /// As one file. The same archive always gives the same bytes.
    pub fn packed(&self) -> Result<Vec<u8>, Refused> {
        let pack = || -> io::Result<Vec<u8>> {
            // OPA wants to read signatures before what they are about.
            let (first, rest): (Vec<_>, Vec<_>) =
                self.entries.iter().partition(|(name, _)| name.as_str() == SIGNATURES);
            let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
            let mut tar = tar::Builder::new(gzip);
            for (name, content) in first.into_iter().chain(rest) {
                let mut header = Header::new_ustar();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                header.set_mtime(0);
                tar.append_data(&mut header, name, content.as_slice())?;
            }
            let mut gzip = tar.into_inner()?;
            gzip.flush()?;
            gzip.finish()
        };
        pack().map_err(|fault| damaged(&fault))
    }

    /// The policies and their data. Refuses data in other places and forms than `data.json` at the top: left
    /// out in silence, it would make the policies say something else.
    pub fn files(&self) -> Result<Files, Refused> {
        let mut files = Files::default();
        for (name, content) in &self.entries {
            let last = name.rsplit('/').next().unwrap_or(name);
            let data = matches!(last, "data.json" | "data.yaml" | "data.yml");
            if data && name != "data.json" {
                let what = "data stand elsewhere than in 'data.json' at the top".to_owned();
                return refused(name, what, "move them there; 'opa build' does so by itself");
            }
            if !data && name.strip_suffix(".rego").is_none() {
                continue;
            }
            let Ok(text) = String::from_utf8(content.clone()) else {
                let what = "the file is not UTF-8 text".to_owned();
                return refused(name, what, "write it as UTF-8");
            };
            files.add(name, text)?;
        }
        Ok(files)
    }

    /// What the bundle says of itself; an empty manifest, if there is none.
    pub fn manifest(&self) -> Result<Manifest, Refused> {
        self.entries
            .get(MANIFEST)
            .map_or_else(|| Ok(Manifest::default()), |json| Manifest::read(json))
    }

    pub(super) fn content(&self, name: &str) -> Option<&[u8]> {
        self.entries.get(name).map(Vec::as_slice)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    pub(super) fn put(&mut self, name: &str, content: Vec<u8>) {
        self.entries.insert(name.to_owned(), content);
    }

    fn add(&mut self, name: String, content: Vec<u8>) -> Result<(), Refused> {
        if self.entries.len() >= MAX_ENTRIES {
            let what = format!("the bundle has more than {MAX_ENTRIES} files");
            return refused(&name, what, "pack only policies and their data");
        }
        // Two of one name: what one reader checks, another might not run.
        if self.entries.contains_key(&name) {
            return refused(&name, "the file is there twice".to_owned(), "pack it once");
        }
        self.entries.insert(name, content);
        Ok(())
    }
}

/// A name as files are called in a bundle: parts with `/` between, none of which leads anywhere else.
fn name(bytes: &[u8]) -> Result<String, Refused> {
    let shown = String::from_utf8_lossy(bytes).chars().take(MAX_NAME).collect::<String>();
    let text = std::str::from_utf8(bytes).ok().map(|text| text.strip_prefix("./").unwrap_or(text));
    let text = text.map(|text| text.strip_prefix('/').unwrap_or(text));
    let leads_away = |part: &str| part.is_empty() || part == "." || part == "..";
    let strange = |text: &str| text.chars().any(|c| c.is_control() || c == '\\');
    match text {
        Some(text)
            if text.len() <= MAX_NAME && !strange(text) && !text.split('/').any(leads_away) =>
        {
            Ok(text.to_owned())
        }
        _ => {
            let what = "this is no name of a file in a bundle".to_owned();
            refused(&shown, what, "name files as 'folder/file.rego', without '..'")
        }
    }
}

#[cold]
fn damaged(fault: &io::Error) -> Refused {
    let what = if fault.kind() == io::ErrorKind::UnexpectedEof || fault.to_string().contains("EOF")
    {
        format!("the bundle ends too early, or unpacks to more than {MAX_UNPACKED} bytes")
    } else {
        format!("the bundle is no gzipped tar: {fault}")
    };
    let remedy = "make it again: portcullis policy build DIR -o bundle.tar.gz, or opa build -b DIR";
    Finding::error(("the bundle", 0), what, remedy).into()
}

fn refused<T>(name: &str, what: String, remedy: &str) -> Result<T, Refused> {
    Err(Finding::error((name, 0), what, remedy).into())
}
