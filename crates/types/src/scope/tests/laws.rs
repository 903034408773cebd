//! What holds of all scopes, sets, registries and patterns.

use super::{Pattern, Registry, Scope, Scopes, describable, pattern, scope};
use crate::{ids::Tenant, scope::registry::STANDARD};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Scopes close enough to each other to meet: few tenants, few segments, some unknown names.
fn near() -> impl Strategy<Value = Scope> {
    let names = STANDARD.iter().map(|row| row.0);
    let names: Vec<_> = names.chain(["model:made-up", "made:up", "made:admin"]).collect();
    let tenant = option::weighted(0.3, select(vec!["t1", "t2"]));
    let segment = select(["a", "ab", "b", "%2F", "A"].map(String::from).to_vec());
    let resource = vec(segment, 0..4);
    (select(names), tenant, resource).prop_map(|(name, tenant, resource)| {
        let tenant = tenant.map(|tenant| format!(":{tenant}")).unwrap_or_default();
        let parts = [&[format!("{name}{tenant}")], &resource[..]].concat();
        scope(&parts.join("/"))
    })
}

/// Any scope of the grammar, up to the limit of its length.
fn any_scope() -> impl Strategy<Value = Scope> {
    let segment = "([A-Za-z0-9_~@-]|%2F|%[0189A-F][0-9A-F]){1,12}";
    let name = "[a-z][a-z0-9_-]{0,9}";
    let shape = format!("{name}:{name}(:[a-z0-9][a-z0-9_-]{{0,9}})?(/{segment}){{0,4}}");
    proptest::string::string_regex(&shape)
        .unwrap()
        .prop_filter_map("too long", |text| (text.len() <= 160).then(|| scope(&text)))
}

fn near_set() -> impl Strategy<Value = Scopes> {
    vec(near(), 0..8).prop_map(|all| all.into_iter().collect())
}

fn near_pattern() -> impl Strategy<Value = Pattern> {
    let families = select(vec!["model", "mcp", "generate", "exchange", "dataset", "made"]);
    prop_oneof![
        near().prop_map(Pattern::from),
        families.prop_map(|family| pattern(&format!("{family}:*"))),
        near().prop_filter_map("privileged", |scope| Pattern::parse(&format!("{scope}/*")).ok()),
    ]
}

/// What `covers` must answer, by the definition: the closure, then tenant and segments.
fn covered_by_definition(registry: &Registry, have: &Scopes, need: &Scope) -> bool {
    let segments = |scope: &Scope| -> Vec<String> {
        scope.resource().into_iter().flat_map(|r| r.split('/')).map(str::to_owned).collect()
    };
    registry.closure(have).iter().any(|have| {
        (have.family(), have.verb(), have.tenant()) == (need.family(), need.verb(), need.tenant())
            && segments(need).starts_with(&segments(have))
    })
}

proptest! {
    #[test]
    fn a_scope_reads_back_as_it_prints(scope in any_scope()) {
        prop_assert_eq!(&Scope::parse(scope.as_str()).unwrap(), &scope);
        let json = serde_json::to_string(&scope).unwrap();
        prop_assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
    }

    #[test]
    fn what_is_read_prints_as_it_came(text in "[a-c:/*%0-2A-F.@ _~-]{0,24}") {
        if let Ok(scope) = Scope::parse(&text) {
            prop_assert_eq!(scope.to_string(), &*text);
            prop_assert!(!text.contains(['*', ' ']));
        }
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(pattern.to_string(), &*text);
            prop_assert!(!text.starts_with('*') && !text.contains(' '));
        }
    }

    #[test]
    fn scopes_are_ordered_as_their_bytes(a in near(), b in near()) {
        prop_assert_eq!(a.cmp(&b), a.as_str().as_bytes().cmp(b.as_str().as_bytes()));
        prop_assert_eq!(a == b, a.as_str() == b.as_str());
    }

    #[test]
    fn a_set_reads_back_as_it_prints(set in vec(any_scope(), 0..12)) {
        let set: Scopes = set.into_iter().collect();
        let printed = set.to_string();
        let read = Scopes::parse(&printed).unwrap();
        prop_assert_eq!(&read, &set);
        prop_assert_eq!(read.to_string(), printed);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let faults = [
            Scope::parse(&text).err(), Scopes::parse(&text).err(), Pattern::parse(&text).err(),
        ];
        for fault in faults.into_iter().flatten() {
            prop_assert!(describable(&fault.to_string()));
        }
    }

    #[test]
    fn no_text_near_the_grammar_makes_it_panic(text in "[a-z:/*%0-9A-F. \u{e9}\u{1f600}]{0,200}") {
        let faults = [
            Scope::parse(&text).err(), Scopes::parse(&text).err(), Pattern::parse(&text).err(),
        ];
        for fault in faults.into_iter().flatten() {
            prop_assert!(describable(&fault.to_string()));
        }
    }

    #[test]
    fn intersection_never_widens(a in near_set(), b in near_set(), c in near_set()) {
        let both = a.intersect(&b);
        prop_assert!(both.is_subset(&a) && both.is_subset(&b));
        prop_assert_eq!(&both, &b.intersect(&a));
        prop_assert_eq!(both.intersect(&c), a.intersect(&b.intersect(&c)));
        prop_assert_eq!(&a.intersect(&a), &a);
    }

    #[test]
    fn union_and_difference_are_those_of_sets(a in near_set(), b in near_set()) {
        let either = a.union(&b);
        prop_assert!(a.is_subset(&either) && b.is_subset(&either));
        prop_assert_eq!(&either, &b.union(&a));
        prop_assert_eq!(either.len(), a.len() + b.len() - a.intersect(&b).len());
        prop_assert_eq!(a.minus(&b).union(&a.intersect(&b)), a.clone());
        prop_assert!(a.minus(&b).intersect(&b).is_empty());
    }

    #[test]
    fn the_closure_is_extensive_monotone_and_idempotent(a in near_set(), b in near_set()) {
        let registry = Registry::standard();
        let closed = registry.closure(&a);
        prop_assert!(a.is_subset(&closed));
        prop_assert!(closed.is_subset(&registry.closure(&a.union(&b))));
        prop_assert_eq!(&registry.closure(&closed), &closed);
    }

    #[test]
    fn covering_is_what_the_closure_says(have in near_set(), need in near()) {
        let registry = Registry::standard();
        prop_assert_eq!(
            registry.covers(&have, &need),
            covered_by_definition(&registry, &have, &need)
        );
    }

    #[test]
    fn what_a_subset_covers_the_set_covers(have in near_set(), more in near_set(), need in near()) {
        let registry = Registry::standard();
        if registry.covers(&have, &need) {
            prop_assert!(registry.covers(&have.union(&more), &need));
        }
    }

    #[test]
    fn missing_and_covered_are_two_halves(have in near_set(), need in near_set()) {
        let registry = Registry::standard();
        let missing = registry.missing(&have, &need);
        prop_assert!(missing.is_subset(&need));
        prop_assert!(missing.iter().all(|scope| !registry.covers(&have, scope)));
        prop_assert!(need.minus(&missing).iter().all(|scope| registry.covers(&have, scope)));
    }

    #[test]
    fn narrowing_grants_only_what_all_sides_cover(
        asked in near_set(), client in vec(near_pattern(), 0..6), api in near_set(),
    ) {
        let registry = Registry::standard();
        let (granted, dropped) = asked.narrow(&client, &api, &registry);
        let allowed: Scopes = client.iter().flat_map(|line| line.expand(&registry)).collect();
        prop_assert!(granted.is_subset(&asked));
        for scope in &granted {
            prop_assert!(registry.covers(&allowed, scope) && registry.covers(&api, scope));
            prop_assert!(registry.known(scope).is_ok());
        }
        let lost: Scopes = dropped.iter().map(|lost| lost.scope.clone()).collect();
        prop_assert_eq!(dropped.len(), lost.len());
        prop_assert_eq!(lost, asked.minus(&granted));
    }

    #[test]
    fn a_wildcard_matches_no_privileged_verb(pattern in near_pattern(), scope in near()) {
        let wild = pattern.to_string().ends_with('*');
        if wild && scope.is_privileged() {
            prop_assert!(!pattern.matches(&scope));
        }
        let registry = Registry::standard();
        let expanded = pattern.expand(&registry);
        prop_assert!(!wild || !registry.closure(&expanded).iter().any(Scope::is_privileged));
        prop_assert!(expanded.iter().all(|scope| pattern.matches(scope)));
        if pattern.matches(&scope) && registry.known(&scope).is_ok() {
            prop_assert!(registry.covers(&expanded, &scope));
        }
    }

    #[test]
    fn the_own_tenant_is_dropped_once(set in near_set()) {
        let own = Tenant::new("t1").unwrap();
        let said = set.unqualified(&own);
        prop_assert_eq!(&said.unqualified(&own), &said);
        prop_assert!(said.iter().all(|scope| scope.tenant() != Some(&own)));
        prop_assert_eq!(&Scopes::parse(&said.to_string()).unwrap(), &said);
    }
}
