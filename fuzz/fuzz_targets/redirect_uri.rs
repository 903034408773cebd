//! Redirect URIs, the registered one on the first line and the one that is asked for on the second: a
//! registered one admits itself and nothing that leads to another place.
#![no_main]

use portcullis_types::{Place, RedirectUri};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (registered, asked) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(registered) = RedirectUri::new(registered) else { return };
    assert!(registered.admits(registered.as_str()));
    let there = url::Url::parse(registered.as_str()).unwrap();
    if let Place::Site(host) = registered.place() {
        assert!(
            there.scheme() == "https" && host.to_lowercase().starts_with(there.host_str().unwrap())
        );
        let said = registered.as_str().split('?').next().unwrap();
        assert!(said.ends_with(there.path()) || there.path() == "/");
    }
    if registered.admits(asked) && asked != registered.as_str() {
        let asked = url::Url::parse(asked).unwrap();
        assert_eq!(
            (asked.host(), asked.path(), asked.query()),
            (there.host(), there.path(), there.query())
        );
        assert_eq!((asked.scheme(), registered.place()), ("http", Place::ThisMachine));
    }
});
