//! Each side has its say; and whatever chain of exchanges is tried, rights only shrink.

use super::{Allows, Asked, Crossing, Narrowed, Rights, Side, Sides};
use crate::{
    Denial, DetailLimit, DetailList, DetailType, Details, DroppedBy, Pattern, Registry, Scope,
    Scopes, Tenant, Timestamp,
};
use proptest::{collection::vec, prelude::*, test_runner::Config};

/// Random chains of exchanges that are tried.
const CHAINS: u32 = 100_000;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A world in which all sides allow the same; tests take one of them back.
struct World {
    subject: Rights,
    client: Vec<Pattern>,
    tenant: Scopes,
    api: Scopes,
    policy: Scopes,
    none: Details,
    crossings: Vec<Crossing>,
    registry: Registry,
}

impl World {
    fn new(all: &str) -> Self {
        Self {
            subject: Rights {
                scopes: scopes(all),
                details: Details::default(),
                expires: at(600),
                tenant: Some(tenant("t123")),
            },
            client: scopes(all).into_iter().map(Pattern::from).collect(),
            tenant: scopes(all),
            api: scopes(all),
            policy: scopes(all),
            none: Details::default(),
            crossings: Vec::new(),
            registry: Registry::standard(),
        }
    }

    fn side<'a>(&'a self, scopes: &'a Scopes) -> Side<'a> {
        Side { allows: Allows::Scopes(scopes), details: &self.none, expires: at(900) }
    }

    fn narrow(&self, asked: Option<&str>) -> Result<Narrowed, Denial> {
        let asked = asked.map(scopes);
        let sides = Sides {
            subject: &self.subject,
            client: Side { allows: Allows::Patterns(&self.client), ..self.side(&self.tenant) },
            tenant: self.side(&self.tenant),
            api: self.side(&self.api),
            policy: self.side(&self.policy),
            reason: "after hours",
            crossings: &self.crossings,
        };
        let asked = Asked { scopes: asked.as_ref(), details: &self.none, expires: at(3600) };
        Rights::narrow(&asked, &sides, &self.registry).map_err(|denial| *denial)
    }
}

#[test]
fn each_side_takes_away_what_it_does_not_have_and_is_named() {
    let all = "analytics:read dataset:read generate:basic mcp:call model:list usage:read";
    let mut world = World::new(all);
    world.subject.scopes = scopes(&all.replace("analytics:read ", ""));
    world.client = ["analytics:*", "generate:*", "mcp:*", "model:list", "usage:read"]
        .map(|line| Pattern::parse(line).unwrap())
        .into();
    world.tenant = scopes(&all.replace("generate:basic ", ""));
    world.api = scopes(&all.replace("mcp:call ", ""));
    world.policy = scopes(&all.replace("model:list ", ""));
    let narrowed = world.narrow(Some(all)).unwrap();
    assert_eq!(narrowed.rights.scopes.to_string(), "usage:read");
    assert!(narrowed.rights.within(&world.subject, &world.registry));
    assert_eq!(narrowed.rights.expires, at(600), "never beyond the subject token");
    let told: Vec<_> =
        narrowed.dropped.iter().map(|lost| (lost.scope.as_str(), lost.by.clone())).collect();
    let expected = [
        ("analytics:read", DroppedBy::Subject),
        ("dataset:read", DroppedBy::Client),
        ("generate:basic", DroppedBy::Tenant),
        ("mcp:call", DroppedBy::Api),
        ("model:list", DroppedBy::Policy("after hours".into())),
    ];
    assert_eq!(told, expected);
}

#[test]
fn nothing_left_is_a_denial_and_never_a_token() {
    let mut world = World::new("model:list");
    world.policy = Scopes::default();
    let denial = world.narrow(None).unwrap_err();
    assert!(matches!(&denial, Denial::NothingLeft { dropped, .. } if dropped.len() == 1));
    assert_eq!(denial.code().error, Some("invalid_scope"));
    assert!(!denial.told().unwrap().contains("after hours"));
    assert!(denial.found().contains("after hours"));
    world.policy = scopes("model:list");
    world.subject.scopes = Scopes::default();
    assert!(matches!(world.narrow(None), Err(Denial::NothingLeft { .. })));
}

#[test]
fn the_own_tenant_is_not_written_and_another_one_is_refused_in_the_same_words() {
    let world = World::new("analytics:read:t123 model:list");
    let narrowed = world.narrow(Some("analytics:read:t123")).unwrap();
    assert_eq!(narrowed.rights.scopes.to_string(), "analytics:read");
    let refused = |tenant: &str| {
        world.narrow(Some(&format!("analytics:read:{tenant} model:list"))).unwrap_err()
    };
    let [one, other] = ["t456", "t789"].map(refused);
    assert!(matches!(one, Denial::ForeignScope { .. }));
    assert_eq!(one.code(), other.code());
    assert_eq!(one.remedy(), other.remedy());
    assert_eq!(one.remedy(), one.remedy_for_operator());
}

#[test]
fn only_a_grant_across_tenants_leads_into_another() {
    let mut world = World::new("analytics:read analytics:read:t456 model:list model:list:t456");
    let crossing = |of: &str, into: &str| Crossing {
        of: tenant(of),
        into: tenant(into),
        scopes: scopes("analytics:read"),
    };
    world.crossings = vec![crossing("t999", "t456"), crossing("t123", "t999")];
    assert!(matches!(world.narrow(Some("analytics:read:t456")), Err(Denial::ForeignScope { .. })));
    world.crossings.push(crossing("t123", "t456"));
    let narrowed = world.narrow(Some("analytics:read:t456 model:list:t456")).unwrap();
    assert_eq!(narrowed.rights.scopes.to_string(), "analytics:read:t456");
    assert_eq!(narrowed.dropped[0].by, DroppedBy::OtherTenant);
    world.api = scopes("analytics:read model:list");
    assert!(matches!(world.narrow(Some("analytics:read:t456")), Err(Denial::NothingLeft { .. })));
    // Without a tenant of its own, every scope with one is another's.
    world.subject.tenant = None;
    assert!(matches!(world.narrow(Some("analytics:read:t456")), Err(Denial::ForeignScope { .. })));
}

#[test]
fn rights_of_another_tenant_are_not_less() {
    let world = World::new("model:list");
    let rights = world.subject.clone();
    let other = |tenant| Rights { tenant, ..rights.clone() };
    assert!(rights.within(&rights, &world.registry));
    assert!(!other(Some(tenant("t456"))).within(&rights, &world.registry));
    assert!(!other(None).within(&rights, &world.registry));
    assert!(!rights.within(&other(None), &world.registry));
    let later = Rights { expires: at(601), ..rights.clone() };
    assert!(!later.within(&rights, &world.registry));
    let more = Rights { scopes: scopes("model:list model:delete"), ..rights.clone() };
    assert!(!more.within(&rights, &world.registry));
    let details = Details::parse(r#"[{"type":"ai_model","identifier":"a"}]"#).unwrap();
    let less = Rights { details, ..rights.clone() };
    assert!(less.within(&rights, &world.registry) && !rights.within(&less, &world.registry));
}

#[test]
fn a_wildcard_never_reaches_a_token() {
    let mut world = World::new("model:admin model:delete model:list");
    world.client = vec![Pattern::parse("model:*").unwrap()];
    let narrowed = world.narrow(None).unwrap();
    assert_eq!(narrowed.rights.scopes.to_string(), "model:list");
}

#[test]
fn more_scopes_than_a_token_holds_are_refused() {
    let mut world = World::new("model:list");
    let many: Scopes =
        (0..65).map(|n| Scope::parse(&format!("model:list/m{n}")).unwrap()).collect();
    world.subject.scopes = many;
    let denial = world.narrow(None).unwrap_err();
    assert_eq!(denial.code().error, Some("invalid_scope"));
    assert!(denial.found().contains("65 scopes"), "{}", denial.found());
}

const NAMES: [&str; 12] = [
    "generate:basic",
    "generate:standard",
    "generate:premium",
    "model:list",
    "model:delete/a",
    "model:admin",
    "mcp:call",
    "mcp:call/github",
    "mcp:call/github/x",
    "dataset:read:t1",
    "dataset:read:t2",
    "exchange:impersonate",
];
const PATTERNS: [&str; 6] =
    ["generate:*", "model:*", "mcp:call/github/*", "mcp:*", "dataset:read:t2", "model:admin"];
const OBJECTS: [&str; 8] = [
    r#"{"type":"ai_model"}"#,
    r#"{"type":"ai_model","identifier":"a"}"#,
    r#"{"type":"ai_model","identifier":"b","limits":{"usd_per_day":25}}"#,
    r#"{"type":"ai_model","limits":{"usd_per_day":10}}"#,
    r#"{"type":"ai_model","actions":["invoke"],"limits":{"usd_per_day":5.5}}"#,
    r#"{"type":"ai_model","identifier":"a","actions":["invoke"],"limits":{"usd_per_day":1}}"#,
    r#"{"type":"mcp_tool","identifier":"t"}"#,
    r#"{"type":"mcp_tool","actions":["call"]}"#,
];

/// All that a chain is made of, read once.
struct Pool {
    scopes: Vec<Scope>,
    patterns: Vec<Pattern>,
    details: Vec<Details>,
    crossings: Vec<Crossing>,
    registry: Registry,
    needs: Vec<Scope>,
}

impl Pool {
    fn new() -> Self {
        let objects = |bits: usize| {
            let chosen = OBJECTS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
            let chosen: Vec<_> = chosen.map(|(_, object)| *object).collect();
            Details::parse(&format!("[{}]", chosen.join(","))).unwrap()
        };
        let scopes: Vec<_> = NAMES.iter().map(|name| Scope::parse(name).unwrap()).collect();
        let mut needs = scopes.clone();
        needs.extend(
            ["model:delete/a/b", "model:export", "mcp:call/jira", "dataset:read"]
                .map(|n| Scope::parse(n).unwrap()),
        );
        Self {
            scopes,
            patterns: PATTERNS.iter().map(|line| Pattern::parse(line).unwrap()).collect(),
            details: (0..256).map(objects).collect(),
            crossings: vec![Crossing {
                of: tenant("t1"),
                into: tenant("t2"),
                scopes: Scopes::parse("dataset:read").unwrap(),
            }],
            registry: Registry::standard(),
            needs,
        }
    }

    fn scopes(&self, bits: u16) -> Scopes {
        let chosen = self.scopes.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, scope)| scope.clone()).collect()
    }

    fn patterns(&self, bits: u16) -> Vec<Pattern> {
        let chosen = self.patterns.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        let exact = self.scopes(bits >> 4).into_iter().map(Pattern::from);
        chosen.map(|(_, pattern)| pattern.clone()).chain(exact).collect()
    }

    /// One exchange, as `bytes` would have it; `None` if it is refused.
    fn exchange(&self, parent: &Rights, link: &Link) -> Option<Rights> {
        let [asked, tenant, api, policy] = link.scopes.map(|bits| self.scopes(bits));
        let client = self.patterns(link.client);
        let [wanted, by_client, by_tenant, by_policy] =
            link.details.map(|bits| &self.details[usize::from(bits)]);
        let ends = at(i64::from(link.ends));
        let nothing = &self.details[0];
        let side =
            |scopes, details| Side { allows: Allows::Scopes(scopes), details, expires: ends };
        let sides = Sides {
            subject: parent,
            client: Side {
                allows: Allows::Patterns(&client),
                details: by_client,
                expires: at(200),
            },
            tenant: side(&tenant, by_tenant),
            api: side(&api, nothing),
            policy: side(&policy, by_policy),
            reason: "",
            crossings: if link.ends.is_multiple_of(2) { &self.crossings } else { &[] },
        };
        let scopes = (!link.ends.is_multiple_of(3)).then_some(&asked);
        let asked = Asked { scopes, details: wanted, expires: at(i64::from(link.ends) + 20) };
        Rights::narrow(&asked, &sides, &self.registry).ok().map(|narrowed| narrowed.rights)
    }
}

#[derive(Clone, Copy, Debug)]
struct Link {
    scopes: [u16; 4],
    client: u16,
    details: [u8; 4],
    ends: u8,
}

/// Mostly generous sides, so that chains grow long; the bits of two words are joined.
fn link(words: [u64; 2]) -> Link {
    let [a, b] = words.map(u64::to_le_bytes);
    let wide =
        |low: u8, high: u8| u16::from_le_bytes([low, high]) | u16::from(low.rotate_left(3)) << 4;
    let few =
        |byte: u8| if byte.trailing_zeros() >= 2 { byte >> 2 } else { byte & (byte >> 3) & 0x7e };
    Link {
        scopes: [wide(a[0], a[1]), wide(a[2], a[3]), wide(a[4], a[5]) | 0xff, wide(a[6], a[7])],
        client: wide(b[0], b[1]) | 0x0f,
        details: [few(b[2]), few(b[3]), few(b[4]), few(b[5])],
        ends: b[6],
    }
}

/// What a gateway would let through, by the definition: some object of the type, or none at all.
fn permits(details: &Details, (identifier, action, usd): (&str, &str, u64)) -> bool {
    let mut models = details.of_kind(DetailType::AiModel).peekable();
    models.peek().is_none()
        || models.any(|model| {
            model.identifier().is_none_or(|own| own == identifier)
                && model.allows(DetailList::Actions, action)
                && model.limit(DetailLimit::UsdPerDay).is_none_or(|limit| usd <= limit)
        })
}

/// The scopes as a gateway of the own tenant reads them.
fn said(rights: &Rights) -> Scopes {
    match &rights.tenant {
        Some(tenant) => rights.scopes.unqualified(tenant),
        None => rights.scopes.clone(),
    }
}

const USES: [(&str, &str, u64); 6] = [
    ("a", "invoke", 1),
    ("a", "stream", 300_000),
    ("b", "invoke", 250_000),
    ("b", "stream", 60_000),
    ("c", "invoke", 55_000),
    ("c", "export", 1_000_000),
];

proptest! {
    #![proptest_config(Config { cases: CHAINS, ..Config::default() })]

    #[test]
    fn no_chain_of_exchanges_widens(first in any::<(u16, u8)>(), links in vec(any::<[u64; 2]>(), 1..5)) {
        thread_local!(static POOL: Pool = Pool::new());
        POOL.with(|pool| {
            let mut parent = Rights {
                scopes: pool.scopes(first.0 | 0x0249),
                details: pool.details[usize::from(first.1 & (first.1 >> 4))].clone(),
                expires: at(150),
                tenant: (first.0 % 5 != 0).then(|| tenant("t1")),
            };
            for words in links {
                let Some(child) = pool.exchange(&parent, &link(words)) else { break };
                prop_assert!(child.within(&parent, &pool.registry), "{child:?} {parent:?}");
                prop_assert!(child.expires <= parent.expires && child.tenant == parent.tenant);
                prop_assert!(!child.scopes.is_empty());
                let said = [&child, &parent].map(said);
                for need in &pool.needs {
                    let [may, might] = said.each_ref().map(|said| pool.registry.covers(said, need));
                    prop_assert!(!may || might, "{need}");
                }
                for used in USES {
                    prop_assert!(!permits(&child.details, used) || permits(&parent.details, used));
                }
                parent = child;
            }
            Ok(())
        })?;
    }
}

#[test]
fn the_chains_that_are_tried_are_worth_trying() {
    let pool = Pool::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let parent = Rights {
        scopes: pool.scopes(0xffff),
        details: pool.details[0].clone(),
        expires: at(150),
        tenant: Some(tenant("t1")),
    };
    let granted: Vec<_> =
        (0..1000).filter_map(|_| pool.exchange(&parent, &link([next(), next()]))).collect();
    let limited = granted.iter().filter(|rights| !rights.details.is_empty()).count();
    let crossing = granted
        .iter()
        .filter(|rights| rights.scopes.foreign(rights.tenant.as_ref()).is_some())
        .count();
    assert!(
        granted.len() > 250 && limited > 50 && crossing > 5,
        "{} {limited} {crossing}",
        granted.len()
    );
}
