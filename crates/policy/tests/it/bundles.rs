//! Bundles as one file: packed, signed, and what a hostile one may try.

use crate::support::{policies, with_head};
use flate2::{Compression, write::GzEncoder};
use portcullis_jose::jwk::{AgreementCurve, Jwk};
use portcullis_policy::{
    Bundle, Files,
    source::{Archive, Delivery, Manifest, Trusted, sign},
};
use portcullis_types::Registry;
use std::io::Write;
use tar::{Builder, EntryType, Header};

/// An elliptic-curve key, which signs as well as it agrees.
fn key() -> Jwk {
    Jwk::generate_agreement(AgreementCurve::P256).unwrap()
}

fn trusted(key: &Jwk) -> Trusted {
    Trusted::new(vec![key.clone()], None).unwrap()
}

fn library() -> Files {
    Files::read(&policies()).unwrap()
}

fn archive() -> Archive {
    let manifest = Manifest { revision: "v7".into(), ..Manifest::default() };
    Archive::of(&library(), &manifest)
}

fn signed(key: &Jwk) -> Vec<u8> {
    let mut archive = archive();
    sign(&mut archive, key, (None, None)).unwrap();
    archive.packed().unwrap()
}

fn open(packed: Vec<u8>, trusted: Option<&Trusted>) -> Result<Delivery, String> {
    Delivery::open(packed, trusted, &Registry::standard()).map_err(|refused| refused.to_string())
}

/// A tar of these entries, as somebody else packs it.
fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        // Written by hand: the library refuses to write what it could not unpack.
        let field = &mut header.as_gnu_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn rules() -> String {
    with_head("request", "decision := {\"allow\": true} if input.resource.method == \"GET\"")
}

fn alone(name: &str, kind: EntryType) -> Result<Delivery, String> {
    let rules = rules();
    open(packed(&[("request.rego", EntryType::Regular, rules.as_bytes()), (name, kind, b"")]), None)
}

#[test]
fn what_was_packed_comes_out_the_same() {
    let packed = archive().packed().unwrap();
    assert_eq!(packed, archive().packed().unwrap(), "the same bytes each time");
    let delivery = open(packed, None).unwrap();
    assert_eq!(delivery.bundle.files(), &library());
    assert_eq!(delivery.bundle.revision(), library().revision());
    assert_eq!(delivery.label.as_deref(), Some("v7"));
}

#[test]
fn a_bundle_of_many_files_as_others_pack_them_is_read() {
    let rules = rules();
    let packed = packed(&[
        ("/portcullis", EntryType::Directory, b""),
        ("/portcullis/request.rego", EntryType::Regular, rules.as_bytes()),
        ("./data.json", EntryType::Regular, b"{\"tiers\": {}}"),
        ("README.md", EntryType::Regular, b"\xff is no text, and nobody reads it"),
    ]);
    let delivery = open(packed, None).unwrap();
    let names: Vec<_> = delivery.bundle.files().all().map(|(name, _)| name).collect();
    assert_eq!(names, ["data.json", "portcullis/request.rego"]);
}

#[test]
fn no_link_no_device_and_no_path_that_leads_elsewhere_is_taken() {
    alone("notes.txt", EntryType::Regular).unwrap();
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let refused = alone("x.rego", kind).unwrap_err();
        assert!(refused.contains("no plain file"), "{kind:?}: {refused}");
    }
    for name in ["../x.rego", "a/../../x.rego", "//etc/x.rego", "a/./x.rego", "a\\x.rego", ".."] {
        let refused = alone(name, EntryType::Regular).unwrap_err();
        assert!(refused.contains("no name of a file in a bundle"), "{name}: {refused}");
    }
}

#[test]
fn a_file_that_is_there_twice_is_refused() {
    let refused = alone("request.rego", EntryType::Regular).unwrap_err();
    assert!(refused.contains("twice"), "{refused}");
    let refused = alone("/request.rego", EntryType::Regular).unwrap_err();
    assert!(refused.contains("twice"), "by another spelling too: {refused}");
}

#[test]
fn data_in_other_places_are_not_left_out_in_silence() {
    for name in ["tiers/data.json", "data.yaml", "a/data.yml"] {
        let refused = alone(name, EntryType::Regular).unwrap_err();
        assert!(refused.contains("elsewhere than in 'data.json'"), "{name}: {refused}");
    }
}

#[test]
fn a_small_file_that_unpacks_to_gigabytes_is_refused_in_time() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut header = Header::new_gnu();
    header.set_path("data.json").unwrap();
    header.set_size(8 << 30);
    header.set_cksum();
    gzip.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..128 {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let refused = open(bomb, None).unwrap_err();
    assert!(refused.contains("unpacks to more than"), "{refused}");
}

#[test]
fn half_a_bundle_and_no_bundle_are_refused() {
    let whole = archive().packed().unwrap();
    for part in [0, 1, 20, whole.len() / 2, whole.len() - 9] {
        assert!(open(whole[..part].to_vec(), None).is_err(), "{part} bytes");
    }
    assert!(open(b"<html>Not found</html>".to_vec(), None).is_err());
    let nothing = open(packed(&[]), None).unwrap_err();
    assert!(nothing.contains("no file in it"), "{nothing}");
    let many: Vec<_> = (0..1100).map(|number| format!("{number}.txt")).collect();
    let many: Vec<_> = many.iter().map(|name| (&**name, EntryType::Regular, &b""[..])).collect();
    assert!(open(packed(&many), None).unwrap_err().contains("more than 1024 files"));
}

#[test]
fn a_bundle_speaks_about_nothing_but_its_roots() {
    let files = |roots: &[&str]| {
        let roots = Some(roots.iter().map(|root| (*root).to_owned()).collect());
        let manifest = Manifest { roots, ..Manifest::default() };
        open(Archive::of(&library(), &manifest).packed().unwrap(), None)
    };
    let all = library();
    let data: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(all.data().unwrap()).unwrap();
    let data: Vec<&str> = data.keys().map(String::as_str).collect();
    files(&[""]).unwrap();
    files(&[&["portcullis"][..], &data].concat()).unwrap();
    for few in [&[][..], &["portcullis"], &data[..], &["port"], &["portcullis/request"]] {
        let refused = files(few).unwrap_err();
        assert!(refused.contains("outside of the roots"), "{few:?}: {refused}");
    }
}

#[test]
fn rego_of_before_is_refused() {
    let manifest = Manifest { rego_version: Some(0), ..Manifest::default() };
    let refused = open(Archive::of(&library(), &manifest).packed().unwrap(), None).unwrap_err();
    assert!(refused.contains("version 0 of Rego"), "{refused}");
}

#[test]
fn who_signed_is_known_by_the_key() {
    let (ours, other) = (key(), key());
    open(signed(&ours), Some(&trusted(&ours))).unwrap();
    open(signed(&ours), None).unwrap();
    let both = Trusted::new(vec![other.clone(), ours.clone()], None).unwrap();
    open(signed(&ours), Some(&both)).unwrap();
    let refused = open(signed(&other), Some(&trusted(&ours))).unwrap_err();
    assert!(refused.contains("no key of verification_keys has made"), "{refused}");
    let refused = open(archive().packed().unwrap(), Some(&trusted(&ours))).unwrap_err();
    assert!(refused.contains("the bundle is not signed"), "{refused}");
}

/// The signed bundle with other files beside the same signature.
fn tampered(
    key: &Jwk,
    change: impl FnOnce(&mut Vec<(String, Vec<u8>)>),
) -> Result<Delivery, String> {
    let mut entries = Vec::new();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&*signed(key)).take_all());
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        entries.push((name, content));
    }
    change(&mut entries);
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, content)| (&**name, EntryType::Regular, content.as_slice()))
        .collect();
    open(packed(&entries), Some(&trusted(key)))
}

trait TakeAll {
    fn take_all(self) -> std::io::Cursor<Vec<u8>>;
}

impl<R: std::io::Read> TakeAll for R {
    fn take_all(mut self) -> std::io::Cursor<Vec<u8>> {
        let mut all = Vec::new();
        self.read_to_end(&mut all).unwrap();
        std::io::Cursor::new(all)
    }
}

#[test]
fn nothing_is_altered_added_or_taken_out_after_signing() {
    let key = key();
    tampered(&key, |_| ()).unwrap();
    let altered = tampered(&key, |entries| {
        let (_, text) = entries.iter_mut().find(|(name, _)| name == "request.rego").unwrap();
        text.extend_from_slice(b"\n# harmless\n");
    });
    assert!(altered.unwrap_err().contains("'request.rego' was altered"));
    let data = tampered(&key, |entries| {
        let (_, text) = entries.iter_mut().find(|(name, _)| name == "data.json").unwrap();
        *text = b"{}".to_vec();
    });
    assert!(data.unwrap_err().contains("'data.json' was altered"));
    let added = tampered(&key, |entries| {
        entries.push(("more.rego".into(), b"package portcullis.more\n".to_vec()));
    });
    assert!(added.unwrap_err().contains("'more.rego' is not among those that were signed"));
    let less = tampered(&key, |entries| entries.retain(|(name, _)| name != "hours.rego"));
    assert!(less.unwrap_err().contains("'hours.rego' was signed and is not there"));
}

#[test]
fn how_data_are_spaced_is_no_matter_of_the_signature() {
    let key = key();
    let spaced = tampered(&key, |entries| {
        let (_, text) = entries.iter_mut().find(|(name, _)| name == "data.json").unwrap();
        let value: serde_json::Value = serde_json::from_slice(text).unwrap();
        *text = serde_json::to_vec(&value).unwrap();
    });
    spaced.unwrap();
}

#[test]
fn a_signature_is_for_what_it_says() {
    let key = key();
    let with = |scope: Option<&str>| {
        let mut archive = archive();
        sign(&mut archive, &key, (None, scope.map(str::to_owned))).unwrap();
        archive.packed().unwrap()
    };
    let wanted = Trusted::new(vec![key.clone()], Some("production".into())).unwrap();
    open(with(Some("production")), Some(&wanted)).unwrap();
    for other in [Some("staging"), None] {
        let refused = open(with(other), Some(&wanted)).unwrap_err();
        assert!(refused.contains("for another scope"), "{refused}");
    }
    open(with(Some("production")), Some(&trusted(&key))).unwrap();
}

#[test]
fn a_shared_secret_vouches_for_nobody() {
    let secret = Jwk::generate_secret(32).unwrap();
    assert!(Trusted::new(vec![secret.clone()], None).is_err());
    let refused = sign(&mut archive(), &secret, (None, None)).unwrap_err();
    assert!(refused.to_string().contains("a shared secret signs no bundle"), "{refused}");
}

#[test]
fn no_policies_deny_everything() {
    let engine = portcullis_policy::Engine::new(Bundle::none());
    let ruling = engine.decide(portcullis_policy::Point::Request, &crate::support::input(""));
    assert!(!ruling.allow);
    assert_eq!(ruling.cause, portcullis_policy::Cause::Absent);
}
