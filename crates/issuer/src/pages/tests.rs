//! That the pages and the catalogue fit together.

use portcullis_directory::Action;
use portcullis_web::page::Words;
use std::{collections::BTreeSet, fs, path::Path};

/// All files below `dir` that end so.
fn texts(dir: &Path, out: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, out);
        } else {
            out.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whether `text` looks like a key of the catalogue: `part.name`, of which `part` is one.
fn quoted_keys(text: &str, parts: &BTreeSet<&str>) -> BTreeSet<String> {
    let pieces = text.split('"').skip(1);
    let is_key = |piece: &&str| {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        piece.split_once('.').is_some_and(|(part, name)| parts.contains(part) && !name.is_empty())
            && piece.chars().all(word)
    };
    pieces.filter(is_key).map(str::to_owned).collect()
}

#[test]
fn every_text_that_a_page_names_exists_and_every_text_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    texts(&root.join("templates"), &mut files);
    texts(&root.join("src"), &mut files);
    let words = Words::default();
    let parts: BTreeSet<&str> = words.keys().filter_map(|key| key.split('.').next()).collect();
    let named: BTreeSet<String> = files.iter().flat_map(|text| quoted_keys(text, &parts)).collect();
    let known: BTreeSet<String> = words.keys().map(str::to_owned).collect();
    // A name in quotes may also be something else: the name of an audited action, a field.
    let said = |text: &String, key: &str| {
        ["say(", "fill(", "count("].iter().any(|call| text.contains(&format!("{call}\"{key}\"")))
    };
    let missing: Vec<_> =
        named.difference(&known).filter(|key| files.iter().any(|text| said(text, key))).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    let looked_up = |key: &&String| key.starts_with("scope.") || key.starts_with("action.");
    let unused: Vec<_> = known.difference(&named).filter(|key| !looked_up(key)).collect();
    assert!(unused.is_empty(), "on no page: {unused:?}");
}

#[test]
fn whatever_happens_to_a_person_has_a_name_on_their_page() {
    let words = Words::default();
    let about = Action::ALL.iter().filter(|action| action.is_about_a_person());
    let keys: BTreeSet<String> = about.map(|action| format!("action.{}", action.name())).collect();
    let named = words.keys().filter(|key| key.starts_with("action.")).map(str::to_owned);
    assert_eq!(named.collect::<BTreeSet<_>>(), keys);
}

#[test]
fn no_template_holds_code_or_style_of_its_own() {
    let mut files = Vec::new();
    texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut files);
    for text in &files {
        for forbidden in [" style=", "<style", " onclick", " onload", "javascript:", "http://"] {
            assert!(!text.contains(forbidden), "{forbidden} in {text}");
        }
        assert_eq!(text.matches("<script").count(), text.matches("<script src=").count());
    }
    // What is not escaped is the picture that we draw ourselves, and nothing else.
    let unescaped: usize = files.iter().map(|text| text.matches("|safe").count()).sum();
    assert_eq!(unescaped, 1);
}

#[test]
fn every_scope_that_comes_with_the_program_has_words() {
    let words = Words::default();
    for (scope, text) in portcullis_types::Registry::standard().all() {
        let said = words.find(&format!("scope.{scope}"));
        assert_eq!(said, Some(text.trim_end_matches('.')), "{scope}");
    }
}
