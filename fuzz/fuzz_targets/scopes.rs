//! Scopes and patterns: what is read prints as it was read, and narrowing never widens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_types::{Pattern, Registry, Scope, Scopes};

fuzz_target!(|texts: (&str, &str, &str)| {
    let (one, many, pattern) = texts;
    if let Ok(scope) = one.parse::<Scope>() {
        assert_eq!(scope.to_string(), one);
    }
    let Ok(scopes) = many.parse::<Scopes>() else { return };
    assert_eq!(scopes.to_string().parse::<Scopes>().as_ref(), Ok(&scopes));
    let registry = Registry::standard();
    let closure = registry.closure(&scopes);
    assert!(scopes.is_subset(&closure));
    if let Ok(pattern) = pattern.parse::<Pattern>() {
        let (granted, _) = scopes.narrow(&[pattern], &closure, &registry);
        assert!(granted.is_subset(&scopes));
    }
});
