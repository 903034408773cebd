//! What nobody thought of: random bytes, random JSON, and good tokens with something changed.

use crate::house::{House, claiming, claims, header, signed, with};
use portcullis_types::{Denial, Ttl};
use portcullis_verify::{Glance, Presented, Profile, peek};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// JSON of all kinds, of the names that matter and of others.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("https://gw.example/v1")),
        Just(json!("generate:basic")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn claim() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "azp",
        "scope",
        "cnf",
        "acr",
        "auth_time",
        "sid",
        "grant",
        "scp",
        "tenant",
        "nonce",
        "token_use",
        "act",
        "cnf",
    ])
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        peek(&bytes);
        let _ = Presented::take([bytes.as_slice()], std::str::from_utf8(&bytes).ok());
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(House::new().judge(text).is_err());
        }
    }

    #[test]
    fn text_in_the_shape_of_a_token_never_passes(text in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert!(House::new().judge(&text).is_err());
        if let Ok(presented) = Presented::token(&text) {
            Glance::at(&presented);
        }
    }

    #[test]
    fn signed_claims_of_any_kind_never_panic(name in claim(), value in any_json(), header_value in any_json()) {
        let mut house = House::new();
        let token = signed(&header(), &with(claims(), json!({ name: value.clone() })));
        if house.judge(&token).is_ok() {
            // Whatever it was, what was admitted says who, for whom and until when.
            house.issuer.trusted.profile = Profile::Legacy;
            prop_assert!(house.judge(&token).is_ok());
        }
        Glance::at(&Presented::token(&token).unwrap());
        let odd = signed(&json!({ "alg": "ES256", "typ": header_value, name: value }), &claims());
        let _ = House::new().judge(&odd);
        let _ = House::new().judge(&signed(&header(), &header_value));
    }

    #[test]
    fn a_good_token_with_one_character_changed_is_never_admitted(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let good = claiming(json!({}));
        let at = at.index(good.len());
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        if changed != good {
            prop_assert!(House::new().judge(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_good_token_cut_or_grown_is_never_admitted(at in any::<prop::sample::Index>(), more in "[A-Za-z0-9_.-]{1,8}") {
        let good = claiming(json!({}));
        let at = at.index(good.len());
        prop_assert!(House::new().judge(&good[..at]).is_err());
        let (head, tail) = good.split_at(at);
        let grown = format!("{head}{more}{tail}");
        prop_assert!(House::new().judge(&grown).is_err());
    }

    #[test]
    fn without_iat_no_expiry_buys_more_than_the_longest_life(left in 0_u64..100_000) {
        let mut house = House::new();
        house.issuer.trusted.profile = Profile::Legacy;
        let exp = crate::house::NOW.plus(Ttl::seconds(left)).seconds();
        let verdict = house.judge(&claiming(json!({ "iat": null, "exp": exp })));
        match verdict {
            Ok(_) => prop_assert!(left <= 3600 + 30),
            Err(denial) => {
                let too_long = matches!(denial, Denial::LivesTooLong { .. });
                prop_assert!(left > 3600 + 30 && too_long, "{left}: {denial:?}");
            }
        }
    }
}
