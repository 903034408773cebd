//! The fast engine and the reference must never differ.

use crate::support::library;
use portcullis_policy::{
    Actor, Behaviour, Caller, Client, ClientInput, Context, Dataset, Engine, ExchangeInput, Input,
    Limits, ManageInput, Model, Point, Quota, Reference, RequestInput, Resource, State, Target,
    TenantFacts, Text, TokenInput, Trust,
};
use std::sync::Arc;

/// Draws from few words, so that rules meet and miss.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % n
    }
    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of.get(self.below(of.len())).unwrap().clone()
    }
    fn word(&mut self, of: &[&'static str]) -> Text<'static> {
        self.one(of).into()
    }
    fn words(&mut self, of: &[&'static str]) -> Vec<Text<'static>> {
        (0..self.below(12)).map(|_| self.word(of)).collect()
    }
    fn maybe<T>(&mut self, some: T) -> Option<T> {
        self.yes().then_some(some)
    }
}

const TENANTS: &[&str] = &["t123", "t123", "t123", "t123", "t123", "t123", "t123", "t456"];
const SCOPES: &[&str] = &[
    "generate:basic",
    "generate:basic",
    "model:list",
    "generate:standard",
    "model:list",
    "model:export",
    "mcp:call",
    "mcp:call/github",
    "analytics:read:t123",
    "analytics:read:t456",
    "dataset:read/ds_a",
    "exchange:impersonate",
    "odd",
    "a:b:c:d",
    "",
];

fn caller(draw: &mut Draw) -> Caller<'static> {
    let tenant = draw.word(TENANTS);
    Caller {
        sub: "usr_a".into(),
        client_id: "cli_a".into(),
        tenant: (draw.below(8) > 0).then_some(tenant),
        roles: draw.words(&["viewer", "model-admin", "model-manager", "emperor"]),
        groups: Vec::new(),
        scopes: draw.words(SCOPES),
        acr: None,
        amr: draw.words(&["pwd", "otp", "hwk"]),
        auth_time: None,
        act: (draw.below(4) == 0)
            .then(|| Actor { sub: "agt_a".into(), client_id: None, iss: None })
            .into_iter()
            .collect(),
    }
}

fn tenant(draw: &mut Draw) -> TenantFacts<'static> {
    TenantFacts {
        id: draw.word(TENANTS),
        tier: draw.word(&["free", "team", "team", "enterprise", "gold"]),
        state: draw.one(&[
            State::Active,
            State::Active,
            State::Active,
            State::Suspended,
            State::Ended,
        ]),
        residency: draw.maybe("eu".into()),
        datasets: draw.words(&["ds_a", "ds_b"]),
        limits: Limits { max_output_tokens: draw.maybe(77), ..Limits::default() },
    }
}

fn client(draw: &mut Draw) -> Client<'static> {
    let tenant = draw.word(TENANTS);
    Client {
        id: "cli_a".into(),
        tenant: (draw.below(8) > 0).then_some(tenant),
        scopes: draw.words(SCOPES),
        confidential: draw.below(4) > 0,
        agent: draw.yes(),
        labels: Vec::new(),
    }
}

fn context(draw: &mut Draw) -> Context<'static> {
    let time = i64::try_from(draw.below(1_000_000)).unwrap() * 997;
    let networks = draw.words(&["office", "vpn", "guests"]);
    Context { networks, ..Context::at(time, 60) }
}

fn behaviour(draw: &mut Draw) -> Behaviour<'static> {
    Behaviour {
        requests_per_minute: draw.one(&[0, 1200, 1201]),
        distinct_prompts: draw.one(&[0, 300, 301]),
        refusals: draw.one(&[0, 0, 60, 61]),
        new_ip: draw.yes(),
        new_country: draw.yes(),
        country: None,
    }
}

pub(crate) fn input(point: Point, draw: &mut Draw) -> Input {
    let (grant, audience) = ("client_credentials".into(), Vec::new());
    let requested = draw.words(SCOPES);
    match point {
        Point::Client => {
            let tenant = tenant(draw);
            let tenant = (draw.below(8) > 0).then_some(tenant);
            Input::new(&ClientInput {
                client: client(draw),
                tenant,
                grant,
                requested,
                audience,
                context: context(draw),
            })
        }
        Point::Token => {
            let tenant = tenant(draw);
            let tenant = (draw.below(8) > 0).then_some(tenant);
            let (caller, client, context) = (caller(draw), client(draw), context(draw));
            Input::new(&TokenInput {
                caller,
                client,
                tenant,
                grant,
                requested,
                audience,
                context,
                behaviour: behaviour(draw),
            })
        }
        Point::Exchange => exchange(draw, requested),
        Point::Request => Input::new(&request(draw)),
        Point::Manage => manage(draw),
    }
}

fn exchange(draw: &mut Draw, requested: Vec<Text<'static>>) -> Input {
    let actor = caller(draw);
    let trust = Trust {
        id: "tr".into(),
        issuer: "https://idp.example".into(),
        scopes: draw.words(SCOPES),
        impersonation: draw.yes(),
    };
    let tenant = tenant(draw);
    Input::new(&ExchangeInput {
        subject: caller(draw),
        actor: draw.maybe(actor),
        client: client(draw),
        tenant: draw.maybe(tenant),
        trust: draw.maybe(trust),
        requested,
        datasets: draw.words(&["ds_a", "ds_b", "ds_c"]),
        audience: Vec::new(),
        impersonation: draw.below(8) == 0,
        context: context(draw),
        behaviour: behaviour(draw),
    })
}

fn manage(draw: &mut Draw) -> Input {
    let action = draw.word(&["model:list", "model:delete", "model:export", "model:upload", "odd"]);
    let tenant = tenant(draw);
    let owner = draw.word(TENANTS);
    let target = Target {
        kind: "model".into(),
        id: "m".into(),
        tenant: draw.maybe(owner),
        in_service: draw.yes(),
    };
    let (tenant, caller) = (draw.maybe(tenant), caller(draw));
    Input::new(&ManageInput {
        caller,
        tenant,
        action,
        target,
        context: context(draw),
        behaviour: behaviour(draw),
    })
}

fn request(draw: &mut Draw) -> RequestInput<'static> {
    let class = draw.word(&["small", "medium", "large", "odd"]);
    let owner = draw.word(TENANTS);
    let model = Model { name: "m".into(), class: draw.maybe(class), tenant: draw.maybe(owner) };
    let dataset =
        Dataset { id: "ds".into(), tenant: draw.word(TENANTS), residency: draw.maybe("eu".into()) };
    let tenant = tenant(draw);
    RequestInput {
        caller: caller(draw),
        tenant: (draw.below(8) > 0).then_some(tenant),
        resource: Resource {
            api: "a".into(),
            route: "/r".into(),
            method: "POST".into(),
            path: "/r".into(),
            scopes: draw.words(SCOPES),
            model: draw.maybe(model),
            dataset: (draw.below(4) == 0).then_some(dataset),
            ..Resource::default()
        },
        quota: Quota::default(),
        context: context(draw),
        behaviour: behaviour(draw),
    }
}

#[test]
fn both_engines_rule_alike_over_the_policies_of_the_repository() {
    let bundle = library();
    let engine = Arc::new(Engine::new(bundle.clone()));
    let mut fast = engine.worker();
    let mut reference = Reference::new(&bundle).unwrap();
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    for point in Point::ALL {
        let mut allowed = 0;
        for _ in 0..600 {
            let input = input(point, &mut draw);
            let (ours, theirs) = (fast.decide(point, &input), reference.decide(point, &input));
            assert_eq!(ours, theirs, "{point}: {}", input.to_json());
            allowed += usize::from(ours.allow);
        }
        // A corpus that is all denied compares nothing.
        assert!(allowed >= 4, "{point}: {allowed} of 600 were allowed");
    }
}
