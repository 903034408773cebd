//! What one decision costs, with the policies of the repository.
//!
//! `cargo run --release -p portcullis-policy --example decision_cost [DIRECTORY]`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails stops")]

use portcullis_policy::{
    Actor, Behaviour, Bundle, Caller, Context, Engine, Files, Input, Limits, Model, Part, Point,
    Quota, Record, RequestInput, Resource, State, TenantFacts, replay,
};
use portcullis_types::Registry;
use std::{
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

/// What the program itself allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn request(n: u64, tenant: &str) -> RequestInput<'_> {
    RequestInput {
        caller: Caller {
            sub: "usr_2f6k3m5x7q".into(),
            client_id: "cli_analytics".into(),
            tenant: Some(tenant.into()),
            roles: vec!["developer".into()],
            groups: Vec::new(),
            scopes: ["generate:standard", "model:list", "inference:read"].map(Into::into).into(),
            acr: Some("urn:portcullis:mfa".into()),
            amr: vec!["pwd".into(), "otp".into()],
            auth_time: Some(1_764_000_000),
            act: n
                .is_multiple_of(4)
                .then(|| Actor { sub: "agt_1".into(), client_id: None, iss: None })
                .into_iter()
                .collect(),
        },
        tenant: Some(TenantFacts {
            id: tenant.into(),
            tier: "team".into(),
            state: State::Active,
            residency: Some("eu".into()),
            datasets: Vec::new(),
            limits: Limits { max_output_tokens: Some(2048), ..Limits::default() },
        }),
        resource: Resource {
            api: "openai".into(),
            route: "/v1/chat/completions".into(),
            method: "POST".into(),
            path: "/v1/chat/completions".into(),
            scopes: vec!["generate:standard".into()],
            model: Some(Model {
                name: "text-medium".into(),
                class: Some("medium".into()),
                tenant: None,
            }),
            ..Resource::default()
        },
        quota: Quota { requests_left: Some(100), tokens_left: Some(10_000), in_flight: 1 },
        context: Context {
            ip: Some("192.0.2.7".into()),
            networks: vec!["office".into()],
            ..Context::at(1_764_000_000 + i64::try_from(n).unwrap(), 60)
        },
        behaviour: Behaviour { requests_per_minute: n % 1300, ..Behaviour::default() },
    }
}

/// The policies of the repository, with facts of `tenants` tenants in the data.
fn bundle(tenants: usize) -> Bundle {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let dir = std::env::args().nth(1).map_or_else(default, PathBuf::from);
    let mut files = Files::read(&dir).unwrap();
    let mut data: serde_json::Map<_, _> = serde_json::from_str(files.data().unwrap()).unwrap();
    let facts = (0..tenants).map(|n| {
        let facts = serde_json::json!({"tier": "team", "state": "active", "region": "eu",
            "contacts": ["a@example.com"], "limits": {"requests_per_minute": 100 + n}});
        (format!("t{n}"), facts)
    });
    data.insert("tenants".to_owned(), serde_json::Value::Object(facts.collect()));
    files.add("data.json", serde_json::to_string(&data).unwrap()).unwrap();
    Bundle::of(files, &Registry::standard()).unwrap()
}

fn median(mut nanos: Vec<u128>) -> u128 {
    nanos.sort_unstable();
    nanos.get(nanos.len() / 2).copied().unwrap_or_default()
}

/// The median of one call, in nanoseconds.
fn measure(mut call: impl FnMut(u64)) -> u128 {
    (0..2_000).for_each(&mut call);
    median(
        (0..50_000)
            .map(|n| {
                let start = Instant::now();
                call(n);
                start.elapsed().as_nanos()
            })
            .collect(),
    )
}

fn main() {
    let clock = measure(|_| ());
    println!("the clock itself: {clock} ns, taken off below");
    for tenants in [1_000, 100_000] {
        let start = Instant::now();
        let bundle = bundle(tenants);
        println!("{tenants} tenants in the data: loaded in {} ms", start.elapsed().as_millis());
        let engine = Arc::new(Engine::new(bundle.clone()));
        let mut worker = engine.worker();
        assert!(worker.decide(Point::Request, &Input::new(&request(1, "t1"))).allow);
        let input = measure(|n| {
            black_box(Input::new(&request(n, "t1")));
        });
        let facts = measure(|n| {
            black_box(request(n, "t1"));
        });
        let all = measure(|n| {
            let input = Input::new(&request(n, "t1"));
            black_box(worker.decide(Point::Request, &input));
        });
        println!(
            "  facts {} ns, facts and input {} ns, all of a decision {} ns",
            facts - clock,
            input - clock,
            all - clock
        );
        let now = request(1, "t1");
        let [caller, tenant] =
            [Part::caller(&now.caller), Part::tenant(now.tenant.as_ref().unwrap())];
        let parts = measure(|n| {
            let now = request(n, "t1");
            let [resource, quota] = [Part::resource(&now.resource), Part::quota(&now.quota)];
            let [context, behaviour] =
                [Part::context(&now.context), Part::behaviour(&now.behaviour)];
            let parts = [&caller, &tenant, &resource, &quota, &context, &behaviour];
            black_box(worker.decide(Point::Request, &Input::request(&parts)));
        });
        println!("  with caller and tenant built before: {} ns", parts - clock);
        let records = (0..100_000).map(|n| {
            let input = Input::new(&request(n, "t1"));
            let ruling = engine.decide(Point::Request, &input);
            Record { id: n.to_string(), input, ruling }
        });
        let records: Vec<_> = records.collect();
        let start = Instant::now();
        let again = replay(records, &bundle).unwrap();
        let rate = f64::from(100_000) / start.elapsed().as_secs_f64();
        println!(
            "  replay: {} decisions, {} flips, {rate:.0}/s",
            again.decisions,
            again.flips.len()
        );
    }
}
