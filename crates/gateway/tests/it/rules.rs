//! What is asked once a token was admitted: its `authorization_details`, and the policy.

use crate::house::{House, ISSUER};
use http::Method;
use portcullis_audit::Record;
use portcullis_gateway::{
    Tenants,
    settings::{Access, Model, Models, Reads, Route, Settings},
};
use portcullis_policy::{
    Bundle, Engine, Files, Judge, Limits, Point, State, Surroundings, SurroundingsSettings,
    TenantFacts,
};
use portcullis_types::{Bar, BodyFault, Check, Denial, Registry, Tenant};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::Path, sync::Arc};

fn library() -> Bundle {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    Bundle::load(&policies, &Registry::standard()).unwrap()
}

/// A policy of one rule.
fn one(decision: &str) -> Bundle {
    let mut files = Files::default();
    let text = format!(
        "package portcullis.request\n\nimport rego.v1\n\ndefault decision := {{\"allow\": false}}\n\n{decision}\n"
    );
    files.add("request.rego", text).unwrap();
    Bundle::of(files, &Registry::standard()).unwrap()
}

fn judge(bundle: Bundle) -> Judge {
    let networks = vec![("office".to_owned(), vec!["198.51.100.0/24".parse().unwrap()])];
    let around = SurroundingsSettings { networks, ..SurroundingsSettings::default() };
    let around = Surroundings::new(around).unwrap();
    Judge::new(Arc::new(Engine::new(bundle)), vec![Point::Request], around)
}

/// t1 pays nothing, t2 all there is, t3 is suspended. Of others nothing is known.
fn tenants() -> Tenants {
    let facts = |id: &'static str, tier: &'static str, state| {
        let (residency, datasets) = (Some("eu".into()), vec![format!("ds_{id}").into()]);
        let limits = Limits::default();
        Arc::new(TenantFacts {
            id: id.into(),
            tier: tier.into(),
            state,
            residency,
            datasets,
            limits,
        })
    };
    let known = [
        facts("t1", "free", State::Active),
        facts("t2", "enterprise", State::Active),
        facts("t3", "enterprise", State::Suspended),
    ];
    Arc::new(move |issuer, tenant: &Tenant| {
        assert_eq!(issuer.as_str(), ISSUER);
        known.iter().find(|known| known.id == tenant.as_str()).cloned()
    })
}

fn change(settings: &mut Settings) {
    let model = |name: &str, class: &str| Model {
        name: name.into(),
        class: Some(class.into()),
        tenant: None,
    };
    settings.models = Models::new(vec![model("tiny*", "small"), model("grand", "large")]);
    let routes = settings.routes.iter();
    let line = |path: &str| routes.clone().position(|route| route.path == path).unwrap();
    let (chat, messages) = (line("/v1/chat/completions"), line("/v1/messages"));
    let plain = settings.routes[line("/generate")].clone();
    settings.routes[chat].reads = Reads::OpenAi;
    settings.routes[messages].reads = Reads::Anthropic;
    settings.routes.extend([
        Route {
            path: "/mcp".into(),
            methods: vec![Method::POST, Method::GET],
            reads: Reads::Mcp { server: "github".into() },
            ..plain.clone()
        },
        Route {
            path: "/datasets/{dataset}".into(),
            methods: vec![Method::GET, Method::POST],
            ..plain.clone()
        },
        Route {
            path: "/tenants/{tenant}/datasets/{dataset}".into(),
            access: Access::Scoped("model:list".parse().unwrap()),
            ..plain.clone()
        },
        Route {
            path: "/models/{model}/generate".into(),
            methods: vec![Method::POST],
            reads: Reads::OpenAi,
            ..plain.clone()
        },
        Route {
            path: "/better".into(),
            access: Access::Scoped("generate:advanced".parse().unwrap()),
            ..plain
        },
    ]);
}

async fn house() -> House {
    House::ruled(judge(library()), tenants(), change).await
}

async fn by(decision: &str) -> House {
    House::ruled(judge(one(decision)), tenants(), change).await
}

fn of(house: &House, tenant: &str) -> String {
    house.token_with(json!({"tenant": tenant, "scope": "generate:advanced model:list"}))
}

fn chat(house: &House, token: &str, body: &str) -> RequestBuilder {
    post(house, "/v1/chat/completions", token, body)
}

fn post(house: &House, path: &str, token: &str, body: &str) -> RequestBuilder {
    let request = Client::new().post(house.url(path)).bearer_auth(token);
    request.header("content-type", "application/json").body(body.to_owned())
}

/// The status of a request that says nothing of its length, in parts of a thousand bytes.
async fn chunked(house: &House, token: &str, body: &str) -> String {
    let mut request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        house.address
    );
    for part in body.as_bytes().chunks(1000) {
        let part = std::str::from_utf8(part).unwrap();
        write!(request, "{:x}\r\n{part}\r\n", part.len()).unwrap();
    }
    request.push_str("0\r\n\r\n");
    let mut stream = tokio::net::TcpStream::connect(house.address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut answer = [0; 12];
    let (_, read) = tokio::join!(
        tokio::io::AsyncWriteExt::write_all(&mut writing, request.as_bytes()),
        tokio::io::AsyncReadExt::read_exact(&mut reading, &mut answer),
    );
    read.unwrap();
    String::from_utf8(answer[9..].to_vec()).unwrap()
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

async fn record(house: &House, response: &Response) -> Record<'static> {
    house.record(response.headers()["x-decision-id"].to_str().unwrap()).await
}

fn bar(record: &Record<'_>) -> Bar {
    let barred = record.denial.as_deref().and_then(|denial| match denial {
        Denial::Barred { bar } => Some(bar.clone()),
        _ => None,
    });
    barred.unwrap()
}

const SMALL: &str =
    r#"{"model":"tiny-1","messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#;
const LARGE: &str =
    r#"{"model":"grand","messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#;

#[tokio::test]
async fn the_free_tier_never_reaches_the_large_model() {
    let house = house().await;
    let (free, paid) = (of(&house, "t1"), of(&house, "t2"));
    assert_eq!(status(chat(&house, &free, SMALL)).await, StatusCode::OK);
    assert_eq!(house.last_seen()["body"], SMALL, "as it came");
    assert_eq!(status(chat(&house, &paid, LARGE)).await, StatusCode::OK);
    let refused = chat(&house, &free, LARGE).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains("error=\"access_denied\""), "{challenge}");
    let (decision, body) = (
        refused.headers()["x-decision-id"].to_str().unwrap().to_owned(),
        refused.text().await.unwrap(),
    );
    assert!(body.contains("\"code\":\"access_denied\""), "{body}");
    assert!(!body.contains("tier"), "nothing of the policy: {body}");
    assert_eq!(house.times_seen(), 2);
    let record = house.record(&decision).await;
    assert_eq!(record.trace.failed(), Some(Check::Rules));
    let Bar::Policy { reasons } = bar(&record) else { panic!("{record:?}") };
    assert_eq!(reasons, ["the tenant's tier does not reach this model (tier.model)"]);
    let ruled = record.ruled.unwrap();
    assert!(!ruled.ruling.allow);
    let input: Value = serde_json::from_str(&ruled.input.0).unwrap();
    assert_eq!(input["resource"]["model"], json!({"name": "grand", "class": "large"}));
    assert_eq!(input["tenant"]["tier"], "free");
    assert_eq!(input["caller"]["scopes"], json!(["generate:advanced", "model:list"]));
    assert!(
        portcullis_policy::Input::from_json(Point::Request, &ruled.input.0).is_ok(),
        "replayable"
    );
}

#[tokio::test]
async fn no_way_of_writing_a_body_gets_the_large_model_past_the_policy() {
    let house = house().await;
    let free = of(&house, "t1");
    for (body, wanted) in [
        (r#"{"model":"tiny-1","model":"grand","messages":[]}"#, 400),
        (r#"{"model":"grand","model":"tiny-1","messages":[]}"#, 400),
        (r#"{"model":"tiny-1","Model":"grand","messages":[]}"#, 400),
        (r#"{"model":"tiny-1","models":["grand"],"messages":[]}"#, 400),
        (r#"{"messages":[]}"#, 400),
        ("", 400),
        ("model=grand", 400),
        (r#"[{"model":"grand"}]"#, 400),
        (r#"{"model":"Grand","messages":[]}"#, 403),
        (r#"{"model":"unheard-of","messages":[]}"#, 403),
        (r#"{"\u006dodel":"gr\u0061nd","messages":[]}"#, 403),
    ] {
        assert_eq!(status(chat(&house, &free, body)).await.as_u16(), wanted, "{body}");
    }
    let form = chat(&house, &free, r#"{"model":"tiny-1","x":"&model=grand&y="}"#);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(status(form).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let packed = chat(&house, &free, SMALL).header("content-encoding", "gzip");
    assert_eq!(status(packed).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let huge = format!(r#"{{"model":"tiny-1","messages":["{}"]}}"#, "x".repeat(70_000));
    assert_eq!(status(chat(&house, &free, &huge)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(chunked(&house, &free, &huge).await, "413");
    let path = r#"{"model":"grand","messages":[]}"#;
    assert_eq!(status(post(&house, "/models/tiny-1/generate", &free, path)).await.as_u16(), 400);
    let path = r#"{"model":"tiny-1","messages":[]}"#;
    assert_eq!(status(post(&house, "/models/tiny-1/generate", &free, path)).await.as_u16(), 200);
    assert_eq!(house.times_seen(), 1);
}

#[tokio::test]
async fn chunked_bodies_and_http2_are_read_as_well() {
    let house = house().await;
    let free = of(&house, "t1");
    assert_eq!(chunked(&house, &free, SMALL).await, "200");
    let seen = house.last_seen();
    assert_eq!(
        (&seen["body"], &seen["headers"]["content-length"]),
        (&SMALL.into(), &SMALL.len().to_string().into())
    );
    assert!(seen["headers"].get("transfer-encoding").is_none());
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    let over = |body: &'static str| {
        let request = http2.post(house.url("/v1/chat/completions")).bearer_auth(&free);
        request.header("content-type", "application/json").body(body)
    };
    assert_eq!(status(over(SMALL)).await, StatusCode::OK);
    assert_eq!(status(over(LARGE)).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn answers_are_cut_to_what_policy_and_token_allow() {
    let house = house().await;
    let free = of(&house, "t1");
    let body = r#"{"model":"tiny-1","messages":[],"max_tokens":100000}"#;
    assert_eq!(status(chat(&house, &free, body)).await, StatusCode::OK);
    let sent: Value = serde_json::from_str(house.last_seen()["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["max_tokens"], 1024);
    let bare = r#"{"model":"tiny-1","messages":[]}"#;
    assert_eq!(status(post(&house, "/v1/messages", &free, bare)).await, StatusCode::OK);
    let sent: Value = serde_json::from_str(house.last_seen()["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["max_tokens"], 1024);
    let limited = house.token_with(json!({"tenant": "t1", "authorization_details": [
        {"type": "ai_model", "identifier": "tiny-1", "limits": {"max_output_tokens": 7}},
    ]}));
    assert_eq!(status(chat(&house, &limited, body)).await, StatusCode::OK);
    let sent: Value = serde_json::from_str(house.last_seen()["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["max_tokens"], 7, "the smaller of both");
}

#[tokio::test]
async fn who_tries_many_prompts_is_left_with_the_basics() {
    let house = house().await;
    let paid = of(&house, "t2");
    let client = Client::new();
    let get = |path: &str| client.get(house.url(path)).bearer_auth(&paid);
    assert_eq!(status(get("/better")).await, StatusCode::OK);
    for n in 0..301 {
        let body = format!(r#"{{"model":"grand","messages":["{n}"]}}"#);
        let request = client.post(house.url("/v1/chat/completions")).bearer_auth(&paid);
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(status(request).await, StatusCode::OK, "{n}");
    }
    assert_eq!(status(get("/generate")).await, StatusCode::OK, "the basics are left");
    let refused = get("/better").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    let Bar::Scopes { left, missing, reasons, .. } = bar(&record(&house, &refused).await) else {
        panic!()
    };
    assert_eq!(
        (left.to_string(), missing.to_string()),
        ("generate:basic".into(), "generate:advanced".into())
    );
    assert!(reasons[0].contains("brake.steady"), "{reasons:?}");
}

#[tokio::test]
async fn a_suspended_or_unknown_tenant_gets_nothing() {
    let house = house().await;
    for tenant in ["t3", "t9"] {
        assert_eq!(
            status(chat(&house, &of(&house, tenant), SMALL)).await,
            StatusCode::FORBIDDEN,
            "{tenant}"
        );
    }
    assert_eq!(house.times_seen(), 0);
}

#[tokio::test]
async fn a_dataset_is_its_owners() {
    let house = house().await;
    let paid = of(&house, "t2");
    let get = |path: &str| Client::new().get(house.url(path)).bearer_auth(&paid);
    assert_eq!(status(get("/datasets/ds_t2")).await, StatusCode::OK);
    assert_eq!(status(get("/datasets/ds_t1")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(get("/datasets/ds_nobody")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(get("/tenants/t2/datasets/ds_t2")).await, StatusCode::OK);
    assert_eq!(status(get("/tenants/t1/datasets/ds_t1")).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_policy_that_fails_denies() {
    for broken in [
        // Two decisions that contradict each other.
        "decision := {\"allow\": true} if input.context.time > 0\n\ndecision := {\"allow\": false} if input.context.time > 1",
        "decision := {\"allow\": true} if input.behaviour.requests_per_minute > 10",
        "decision := {\"allow\": \"yes\"}",
        "decision := {\"allow\": true, \"scopes\": [\"not a scope\"]}",
    ] {
        let mut files = Files::default();
        files
            .add(
                "request.rego",
                format!("package portcullis.request\n\nimport rego.v1\n\ndefault decision := {{\"allow\": false}}\n\n{broken}\n"),
            )
            .unwrap();
        let Ok(bundle) = Bundle::of(files, &Registry::standard()) else { continue };
        let house = House::ruled(judge(bundle), tenants(), change).await;
        assert_eq!(
            status(chat(&house, &of(&house, "t2"), SMALL)).await,
            StatusCode::FORBIDDEN,
            "{broken}"
        );
        assert_eq!(house.times_seen(), 0);
    }
    let house = House::ruled(judge(Bundle::none()), tenants(), change).await;
    assert_eq!(status(chat(&house, &of(&house, "t2"), SMALL)).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_shadow_would_have_said_is_only_written_down() {
    let judge = judge(one("decision := {\"allow\": true} if input.context.time > 0"));
    let shadow = one(
        "decision := {\"allow\": false, \"reasons\": [{\"code\": \"x\", \"text\": \"never\"}]} if input.context.time > 0",
    );
    judge.engine().set_shadow(Some(shadow));
    let house = House::ruled(judge, tenants(), change).await;
    let passed = chat(&house, &of(&house, "t2"), SMALL).send().await.unwrap();
    assert_eq!(passed.status(), StatusCode::OK);
    let ruled = record(&house, &passed).await.ruled.unwrap();
    assert!(ruled.ruling.allow && !ruled.shadow.as_ref().unwrap().allow);
}

#[tokio::test]
async fn who_must_step_up_is_told_to_what() {
    let house = by("decision := {\"allow\": true, \"obligations\": {\"step_up\": \"mfa\"}} if input.context.time > 0").await;
    let refused = chat(&house, &of(&house, "t2"), SMALL).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("acr_values=\"mfa phr\""), "{challenge}");
    let strong = house.token_with(json!({"tenant": "t2", "acr": "phr"}));
    assert_eq!(status(chat(&house, &strong, SMALL)).await, StatusCode::OK);
}

#[tokio::test]
async fn who_is_too_fast_is_told_when_to_come_again() {
    let house =
        by("decision := {\"allow\": true, \"obligations\": {\"requests_per_minute\": 2}} if input.context.time > 0").await;
    let token = of(&house, "t2");
    for _ in 0..2 {
        assert_eq!(status(chat(&house, &token, SMALL)).await, StatusCode::OK);
    }
    let refused = chat(&house, &token, SMALL).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let header = |name: &str| refused.headers()[name].to_str().unwrap();
    assert_eq!(header("retry-after"), "5");
    assert_eq!(header("ratelimit-policy"), "\"policy\";q=2;w=60");
    assert_eq!(header("ratelimit"), "\"policy\";r=0;t=5");
    let other = of(&house, "t1");
    assert_eq!(status(chat(&house, &other, SMALL)).await, StatusCode::OK, "each for itself");
}

#[tokio::test]
async fn an_address_is_that_of_the_caller_not_of_our_proxy() {
    let rule = "decision := {\"allow\": true} if \"office\" in input.context.networks";
    let trusting = |settings: &mut Settings| {
        change(settings);
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let house = House::ruled(judge(one(rule)), tenants(), trusting).await;
    let token = of(&house, "t2");
    let from = |hops: &'static str| chat(&house, &token, SMALL).header("x-forwarded-for", hops);
    assert_eq!(status(from("198.51.100.7")).await, StatusCode::OK);
    assert_eq!(status(from("198.51.100.7, 203.0.113.9")).await, StatusCode::FORBIDDEN, "forged");
    assert_eq!(status(chat(&house, &token, SMALL)).await, StatusCode::FORBIDDEN);
    let alone = House::ruled(judge(one(rule)), tenants(), change).await;
    let forged = chat(&alone, &of(&alone, "t2"), SMALL).header("x-forwarded-for", "198.51.100.7");
    assert_eq!(status(forged).await, StatusCode::FORBIDDEN, "nobody trusts whoever says so");
}

#[tokio::test]
async fn a_token_reaches_only_the_models_that_its_details_name() {
    let house = House::with(change).await;
    let token = house.token_with(json!({"authorization_details": [
        {"type": "ai_model", "identifier": "tiny-1", "actions": ["invoke"]},
    ]}));
    assert_eq!(status(chat(&house, &token, SMALL)).await, StatusCode::OK);
    let refused = chat(&house, &token, LARGE).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    let streamed = r#"{"model":"tiny-1","messages":[],"stream":true}"#;
    assert_eq!(status(chat(&house, &token, streamed)).await, StatusCode::FORBIDDEN);
    let twice = r#"{"model":"tiny-1","model":"grand","messages":[]}"#;
    let twice = chat(&house, &token, twice).send().await.unwrap();
    assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
    let get = Client::new().get(house.url("/generate")).bearer_auth(&token);
    assert_eq!(status(get).await, StatusCode::OK, "where no model is named");
    assert_eq!(house.times_seen(), 2);
    let found = bar(&record(&house, &twice).await);
    assert!(matches!(found, Bar::Body { fault: BodyFault::Ambiguous { .. } }), "{found:?}");
}

#[tokio::test]
async fn a_token_reads_only_the_datasets_that_its_details_name() {
    let house = House::with(change).await;
    let token = house.token_with(json!({"authorization_details": [
        {"type": "ai_dataset", "identifier": "ds_a", "actions": ["read"]},
    ]}));
    let at = |method: Method, path: &str| {
        Client::new().request(method, house.url(path)).bearer_auth(&token)
    };
    assert_eq!(status(at(Method::GET, "/datasets/ds_a")).await, StatusCode::OK);
    assert_eq!(status(at(Method::GET, "/datasets/ds_b")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(at(Method::POST, "/datasets/ds_a")).await, StatusCode::FORBIDDEN);
    assert_eq!(house.times_seen(), 1);
}

#[tokio::test]
async fn a_token_calls_only_the_tools_that_its_details_name() {
    let house = House::with(change).await;
    let token = house.token_with(json!({"authorization_details": [
        {"type": "mcp_tool", "identifier": "create_issue", "actions": ["call", "list"],
         "locations": [house.url("")], "arguments": {"owner": {"in": ["acme"]}}},
    ]}));
    let call = |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        post(&house, "/mcp", &token, &body.to_string())
    };
    let ours = json!({"name": "create_issue", "arguments": {"owner": "acme", "title": "x"}});
    assert_eq!(status(call("tools/call", ours)).await, StatusCode::OK);
    assert_eq!(status(call("tools/list", json!({}))).await, StatusCode::OK);
    assert_eq!(status(call("initialize", json!({}))).await, StatusCode::OK);
    for params in [
        json!({"name": "delete_repo", "arguments": {"owner": "acme"}}),
        json!({"name": "create_issue", "arguments": {"owner": "other"}}),
        json!({"name": "create_issue", "arguments": {}}),
        json!({"name": "create_issue"}),
    ] {
        let refused = call("tools/call", params.clone());
        assert_eq!(status(refused).await, StatusCode::FORBIDDEN, "{params}");
    }
    assert_eq!(status(call("resources/read", json!({"uri": "x"}))).await, StatusCode::FORBIDDEN);
    let batch = post(&house, "/mcp", &token, r#"[{"jsonrpc":"2.0","method":"tools/list"}]"#);
    assert_eq!(status(batch).await, StatusCode::BAD_REQUEST);
    let stream = Client::new().get(house.url("/mcp")).bearer_auth(&token);
    assert_eq!(status(stream).await, StatusCode::OK, "nothing is read of what has no body");
    assert_eq!(house.times_seen(), 4);
}

#[tokio::test]
async fn a_policy_knows_the_tool_that_is_called() {
    let rule = "decision := {\"allow\": true} if input.resource.tool == {\"server\": \"github\", \"name\": \"read\"}";
    let house = by(rule).await;
    let token = of(&house, "t2");
    let call = |tool: &str| {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}});
        post(&house, "/mcp", &token, &body.to_string())
    };
    assert_eq!(status(call("read")).await, StatusCode::OK);
    assert_eq!(status(call("write")).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn where_nobody_asks_nothing_is_read() {
    let house = House::with(change).await;
    let token = house.token();
    assert_eq!(status(chat(&house, &token, "no JSON at all")).await, StatusCode::OK);
    assert_eq!(house.last_seen()["body"], "no JSON at all");
}

#[tokio::test]
async fn details_that_nobody_understands_are_refused() {
    let house = House::with(change).await;
    for details in [
        json!([{"type": "payment", "amount": 1}]),
        json!([{"type": "ai_model", "identifier": 7}]),
        json!({"type": "ai_model"}),
        json!("ai_model"),
        json!([{"type": "ai_model", "limit": {"max_output_tokens": 1}}]),
    ] {
        let token = house.token_with(json!({"authorization_details": details.clone()}));
        assert_eq!(
            status(chat(&house, &token, SMALL)).await,
            StatusCode::UNAUTHORIZED,
            "{details}"
        );
    }
    assert_eq!(house.times_seen(), 0);
}
