//! `{issuer}/admin/v1`.

use crate::house::{Answer, House, ISSUER_ID, JSON, TEXTGEN, new};
use portcullis_directory::{NewAuth, NewClient};
use serde_json::{Value, json};

const RECORD: &str = r#"{
  "name": "Acme", "tier": "standard", "contacts": ["a@acme.example"],
  "trust": [{
    "name": "sso", "preset": "custom", "issuer": "https://sso.acme.example", "keys": "discovery",
    "kinds": ["access_token"], "typ": ["JWT"], "conditions": [{ "claim": "azp", "equals": "ui" }],
    "ceiling": { "scopes": ["generate:basic", "batch:read"] },
    "grants": [{ "to": { "role": "analyst" }, "scopes": ["generate:basic"] }]
  }]
}"#;
const EVERYTHING: &str = "tenant:admin client:read client:write audit:read";

/// The house, and a token of whoever it is.
struct Caller<'h> {
    house: &'h House,
    token: String,
}

impl House {
    async fn manager(&self, id: &str, tenant: Option<&str>, scopes: &str) -> Caller<'_> {
        let resource: portcullis_types::Audience = format!("{ISSUER_ID}/admin/v1").parse().unwrap();
        let new = NewClient {
            scopes: scopes.split(' ').map(|scope| scope.parse().unwrap()).collect(),
            default_scope: None,
            resources: vec![resource.clone()],
            default_resource: Some(resource),
            tenant: tenant.map(|tenant| tenant.parse().unwrap()),
            ..new(id, NewAuth::Generated)
        };
        let secret = self.client(new).await;
        let issued = self.ask(id, &secret, &format!("&scope={}", scopes.replace(' ', "+"))).await;
        assert_eq!(issued.status, 200, "{}", issued.body);
        let token = issued.json()["access_token"].as_str().unwrap().to_owned();
        Caller { house: self, token }
    }

    /// Two tenants, the operator, and an admin of the first.
    async fn with_tenants(&self) -> (Caller<'_>, Caller<'_>) {
        let operator = self.manager("operator", None, EVERYTHING).await;
        for tenant in ["t123", "t456"] {
            let record = RECORD.replace("acme.example", &format!("{tenant}.example"));
            let made = operator.send("PUT", &format!("/tenants/{tenant}"), &[], &record).await;
            assert_eq!(made.status, 201, "{}", made.body);
            assert_eq!(made.header("etag"), "\"1\"");
        }
        (operator, self.manager("admin", Some("t123"), EVERYTHING).await)
    }
}

impl Caller<'_> {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/tenants/one/admin/v1{path}", self.house.base);
        let mut request = self.house.http.request(method, url).bearer_auth(&self.token);
        if !body.is_empty() {
            request = request.header(JSON.0, JSON.1).body(body.to_owned());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], &body.to_string()).await
    }

    async fn replace(&self, version: &str, record: &Value) -> Answer {
        let tag = format!("\"{version}\"");
        self.send("PUT", "/tenants/t123", &[("if-match", &tag)], &record.to_string()).await
    }
}

fn record() -> Value {
    serde_json::from_str(&RECORD.replace("acme.example", "t123.example")).unwrap()
}

/// What differs from answer to answer.
fn without_id(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("decision_id");
    (answer.status, body)
}

fn fields(answer: &Answer) -> Vec<String> {
    let problems = answer.json()["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|one| one["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_operator_reaches_every_tenant() {
    let house = House::managed().await;
    let (operator, _) = house.with_tenants().await;
    let all = operator.get("/tenants").await.json();
    assert_eq!(all["tenants"].as_array().unwrap().len(), 2);
    let suspended = operator.post("/tenants/t456/suspend", &json!({})).await;
    assert_eq!((suspended.status, &suspended.json()["state"]), (200, &json!("suspended")));
    assert_eq!(operator.post("/tenants/t456/resume", &json!({})).await.json()["state"], "active");
    assert_eq!(operator.post("/tenants/t456/end", &json!({})).await.json()["state"], "ended");
    assert_eq!(operator.post("/tenants/t456/resume", &json!({})).await.status, 422);
    let (_, last) = house
        .store
        .read(|tx| portcullis_audit::tail(tx, 0, 1000))
        .await
        .unwrap()
        .into_iter()
        .rfind(|(_, record)| matches!(&record.event, portcullis_audit::Event::Admin(_)))
        .unwrap();
    let portcullis_audit::Event::Admin(last) = last.event else { panic!("an act") };
    assert_eq!(
        (&*last.actor, &*last.action, &*last.target),
        ("api:operator", "tenant.end", "t456")
    );
}

#[tokio::test]
async fn a_tenant_sees_itself_and_of_others_what_does_not_exist() {
    let house = House::managed().await;
    let (operator, admin) = house.with_tenants().await;
    house
        .client(NewClient {
            tenant: Some("t456".parse().unwrap()),
            ..new("other", NewAuth::Generated)
        })
        .await;
    let all = admin.get("/tenants").await.json();
    assert_eq!(
        (all["tenants"].as_array().unwrap().len(), &all["tenants"][0]["id"]),
        (1, &json!("t123"))
    );
    let before = operator.get("/tenants/t456").await.body;
    let nothing = without_id(&admin.get("/tenants/t999").await);
    assert_eq!(nothing.0, 404);
    let client = json!({ "name": "x", "scopes": ["generate:basic"], "resources": ["textgen"] });
    for name in ["t456", "t999", "T123", "%74456", "t123%2F..", "%ff", "t456:", "..%2Ft456"] {
        for (method, path, body) in [
            ("GET", "", ""),
            ("PUT", "", RECORD),
            ("GET", "/limits", ""),
            ("POST", "/suspend", "{}"),
            ("POST", "/resume", "{}"),
            ("POST", "/end", "{}"),
            ("POST", "/check", r#"{"token":"x"}"#),
            ("GET", "/clients", ""),
            ("POST", "/clients", &client.to_string()),
            ("GET", "/clients/other", ""),
            ("POST", "/clients/other/disable", "{}"),
            ("POST", "/clients/other/enable", "{}"),
            ("POST", "/clients/other/secret", "{}"),
            ("POST", "/clients/admin/disable", "not even JSON"),
        ] {
            let answer = admin.send(method, &format!("/tenants/{name}{path}"), &[], body).await;
            assert_eq!(without_id(&answer), nothing, "{method} {name}{path}: {}", answer.body);
        }
    }
    for name in ["other", "operator", "nobody", "%ff", "https:%2F%2Fx.example%2Fy"] {
        for (method, path) in
            [("GET", ""), ("POST", "/disable"), ("POST", "/enable"), ("POST", "/secret")]
        {
            let path = format!("/tenants/t123/clients/{name}{path}");
            assert_eq!(without_id(&admin.send(method, &path, &[], "").await), nothing, "{path}");
        }
    }
    assert_eq!(operator.get("/tenants/t456").await.body, before);
    let own = admin.get("/tenants/t123/clients").await.json();
    assert_eq!(own["clients"].as_array().unwrap().len(), 1);
    // Its own tenant it sees, and may not suspend.
    let refused = admin.post("/tenants/t123/suspend", &json!({})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("operator_only")));
}

#[tokio::test]
async fn a_tenant_changes_its_own_part_and_nothing_else() {
    let house = House::managed().await;
    let (operator, admin) = house.with_tenants().await;
    let mut wanted = record();
    wanted["contacts"] = json!(["b@acme.example"]);
    wanted["trust"][0]["conditions"] =
        json!([{ "claim": "azp", "equals": "ui" }, { "claim": "dept", "equals": "it" }]);
    wanted["trust"][0]["grants"][0]["to"] = json!({ "group": "analysts" });
    wanted["trust"][0]["mapping"] = json!({ "groups": { "path": "groups" } });
    let changed = admin.replace("1", &wanted).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""), "{}", changed.body);
    // What it added, it may take away again; what the operator said, not.
    let mut back = wanted.clone();
    back["trust"][0]["conditions"] = json!([{ "claim": "azp", "equals": "ui" }]);
    assert_eq!(admin.replace("2", &back).await.status, 200);
    let mut greedy = wanted.clone();
    greedy["tier"] = json!("gold");
    greedy["datasets"] = json!(["ds_of_others"]);
    greedy["residency"] = json!("us");
    greedy["crossing"] = json!([{ "into": "t456", "scopes": "generate:basic" }]);
    let trust = &mut greedy["trust"][0];
    trust["issuer"] = json!("https://sso.t456.example");
    trust["ceiling"] = json!({ "scopes": ["generate:premium"] });
    trust["impersonation"] = json!(true);
    trust["mapping"] = json!({ "subject": ["email"] });
    trust["conditions"] = json!([]);
    let refused = admin.replace("3", &greedy).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let fields = fields(&refused);
    for field in [
        "crossing",
        "datasets",
        "residency",
        "tier",
        "trust[0].ceiling",
        "trust[0].conditions",
        "trust[0].impersonation",
        "trust[0].issuer",
        "trust[0].mapping",
    ] {
        assert!(fields.iter().any(|one| one == field), "{field} in {fields:?}");
    }
    let mut more = wanted.clone();
    more["trust"] = json!([wanted["trust"][0], wanted["trust"][0]]);
    assert_eq!(admin.replace("3", &more).await.status, 422);
    assert_eq!(operator.get("/tenants/t123").await.json()["version"], 3);
    // Beyond the ceiling.
    let mut beyond = wanted.clone();
    beyond["trust"][0]["grants"][0]["scopes"] = json!(["generate:premium"]);
    let refused = admin.replace("3", &beyond).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
}

#[tokio::test]
async fn nobody_undoes_what_they_have_not_seen() {
    let house = House::managed().await;
    let (operator, admin) = house.with_tenants().await;
    let text = record().to_string();
    assert_eq!(admin.send("PUT", "/tenants/t123", &[], &text).await.status, 428);
    for tag in ["\"7\"", "\"x\"", "W/\"1\"", "*", "\"1\", \"2\""] {
        let late = admin.send("PUT", "/tenants/t123", &[("if-match", tag)], &text).await;
        assert_eq!(late.status, 412, "{tag}");
    }
    let same = operator.send("PUT", "/tenants/t123", &[("if-match", "\"1\"")], &text).await;
    assert_eq!((same.status, same.header("etag")), (200, "\"1\""));
    let tried = admin.send("PUT", "/tenants/t123?dry_run=true", &[], &text).await;
    assert_eq!((tried.status, fields(&tried).len()), (200, 0));
    let mut wrong = record();
    wrong["tier"] = json!("gold");
    wrong["name"] = json!("");
    let tried = operator.send("PUT", "/tenants/t123?dry_run=true", &[], &wrong.to_string()).await;
    assert_eq!(fields(&tried), ["name", "tier"]);
    let toml = "name = \"Acme\"\ntier = \"standard\"\n";
    let headers = [("if-match", "\"1\""), ("content-type", "application/toml")];
    let url = format!("{}/tenants/one/admin/v1/tenants/t123", house.base);
    let mut request = house.http.put(url).bearer_auth(&operator.token).body(toml);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let applied = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((applied.status, applied.header("etag")), (200, "\"2\""), "{}", applied.body);
}

#[tokio::test]
async fn a_tenant_makes_clients_within_its_contract() {
    let house = House::managed().await;
    let (operator, admin) = house.with_tenants().await;
    let path = "/tenants/t123/clients";
    let good = json!({ "name": "App", "scopes": ["generate:basic"], "resources": ["textgen"] });
    let made = admin.post(path, &good).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let (id, secret) =
        (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert_eq!(house.ask(id, secret, "").await.claims()["tenant"], "t123");
    let lower = house.manager("lower", Some("t123"), "client:write").await;
    for (who, change, field) in [
        (&admin, json!({ "scopes": ["generate:premium"] }), "scopes[0]"),
        (&admin, json!({ "scopes": ["generate:*"] }), "scopes[0]"),
        (&admin, json!({ "scopes": ["generate:basic:t456"] }), "scopes[0]"),
        (&admin, json!({ "scopes": ["exchange:impersonate"] }), "scopes[0]"),
        (&admin, json!({ "scopes": ["tenant:read"], "resources": ["admin"] }), "scopes[0]"),
        (&lower, json!({ "scopes": ["client:read"], "resources": ["admin"] }), "scopes[0]"),
        (&admin, json!({ "resources": ["acme"] }), "resources[0]"),
        (&admin, json!({ "resources": ["nowhere"] }), "resources[0]"),
        (&admin, json!({ "grant_types": ["authorization_code"] }), "grant_types[0]"),
        (&admin, json!({ "client_id": "operator" }), "client_id"),
        (&admin, json!({ "client_id": "nobody-has-it" }), "client_id"),
        (&admin, json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } }), "jwks"),
    ] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = who.post(path, &body).await;
        assert_eq!(
            (refused.status, fields(&refused).contains(&field.to_owned())),
            (422, true),
            "{change}: {}",
            refused.body
        );
    }
    let refused = admin
        .post(path, &json!({ "name": "App", "tenant": "t456", "scopes": [], "resources": [] }))
        .await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    // The operator may give it a name.
    let mut named = good.clone();
    named["client_id"] = json!("named");
    assert_eq!(operator.post(path, &named).await.status, 201);
    assert_eq!(operator.post(path, &named).await.status, 409);
}

#[tokio::test]
async fn a_tenant_disables_and_renews_its_clients() {
    let house = House::managed().await;
    let (_, admin) = house.with_tenants().await;
    let app = of_t123("app", &["generate:basic"], "textgen");
    let first = house.client(app).await;
    let at = |what: &str| format!("/tenants/t123/clients/app{what}");
    let renewed = admin.post(&at("/secret"), &json!({ "overlap": 0 })).await.json();
    let second = renewed["client_secret"].as_str().unwrap();
    assert_eq!(house.ask("app", &first, "").await.status, 401);
    house.wait(portcullis_types::Ttl::seconds(2));
    assert_eq!(house.ask("app", second, "").await.status, 200);
    assert_eq!(admin.post(&at("/disable"), &json!({})).await.status, 200);
    assert_eq!(house.ask("app", second, "").await.status, 401);
    assert_eq!(admin.post(&at("/enable"), &json!({})).await.status, 200);
    assert_eq!(house.ask("app", second, "").await.status, 200);
    // The operator's word is not the tenant's to take back, also where the tenant had said the same before.
    admin.post(&at("/disable"), &json!({})).await;
    house.disable("app").await;
    let refused = admin.post(&at("/enable"), &json!({})).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let shown = admin.get(&at("")).await.json();
    assert_eq!(shown["disabled_by_operator"], true);
    assert!(!admin.get(&at("")).await.body.contains(second));
    assert_eq!(admin.post(&at("/secret"), &json!({ "overlap": 99_999_999 })).await.status, 422);
}

fn of_t123(id: &str, scopes: &[&str], api: &str) -> NewClient {
    let resource = match api {
        "admin" => format!("{ISSUER_ID}/admin/v1"),
        _ => TEXTGEN.to_owned(),
    };
    NewClient {
        tenant: Some("t123".parse().unwrap()),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        default_scope: Some(scopes[0].parse().unwrap()),
        resources: vec![resource.parse().unwrap()],
        default_resource: None,
        ..new(id, NewAuth::Generated)
    }
}

/// Attack: whoever may write clients takes the secret of one that may do more than they could give.
#[tokio::test]
async fn a_tenant_takes_over_no_client_that_is_stronger() {
    let house = House::managed().await;
    let (operator, admin) = house.with_tenants().await;
    let lower = house.manager("lower", Some("t123"), "client:write").await;
    for (id, scopes, api) in [
        ("impersonator", &["generate:basic", "exchange:impersonate"][..], "textgen"),
        ("beyond", &["generate:basic", "generate:premium"], "textgen"),
        ("manager", &["client:read"], "admin"),
    ] {
        let secret = house.client(of_t123(id, scopes, api)).await;
        let at = |what: &str| format!("/tenants/t123/clients/{id}/{what}");
        let field = vec![format!("scopes[{}]", scopes.len() - 1)];
        let renewed = lower.post(&at("secret"), &json!({ "overlap": 0 })).await;
        assert_eq!((renewed.status, fields(&renewed)), (422, field.clone()), "{id}");
        let still = house.ask(id, &secret, &format!("&scope={}", scopes[0])).await;
        assert_eq!(still.status, 200, "nothing was changed: {}", still.body);
        assert_eq!(lower.post(&at("disable"), &json!({})).await.status, 200, "that is safe");
        let enabled = lower.post(&at("enable"), &json!({})).await;
        assert_eq!((enabled.status, fields(&enabled)), (422, field.clone()), "{id}");
        assert_eq!(operator.post(&at("enable"), &json!({})).await.status, 200);
        assert_eq!(operator.post(&at("secret"), &json!({})).await.status, 200);
    }
    let at = "/tenants/t123/clients/manager/secret";
    assert_eq!(admin.post(at, &json!({})).await.status, 200, "who has as much may");
}

#[tokio::test]
async fn only_a_token_for_this_api_opens_it() {
    let house = House::managed().await;
    let (_, admin) = house.with_tenants().await;
    let secret = house.free_app().await;
    let other = house.ask("free-app", &secret, &format!("&resource={TEXTGEN}")).await.json();
    let other = other["access_token"].as_str().unwrap().to_owned();
    let url = format!("{}/tenants/one/admin/v1/tenants", house.base);
    for token in [None, Some("x.y.z"), Some(&*other)] {
        let refused = house.send("GET", &url, token, None).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
        assert!(refused.header("www-authenticate").starts_with("Bearer realm=\"admin\""));
        house.record(refused.json()["decision_id"].as_str().unwrap().parse().unwrap()).await;
    }
    let refused = house.send("GET", &url, Some(&other), None).await;
    assert_eq!(refused.json()["code"], "wrong_audience");
    let reader = house.manager("reader", Some("t123"), "client:read").await;
    let refused = reader.get("/tenants/t123").await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("missing_scope")));
    // What is suspended opens nothing.
    let by = portcullis_directory::Acting {
        actor: "test",
        now: house.now(),
        entropy: &mut house.entropy(),
    };
    house.directory.suspend_tenant(by, &"t123".parse().unwrap()).await.unwrap();
    assert_eq!(admin.get("/tenants/t123").await.status, 401);
}

/// Attack: whoever has no token at all fills the log.
#[tokio::test]
async fn one_address_has_so_many_refusals_recorded() {
    let house = House::managed().await;
    let nobody = Caller { house: &house, token: "nonsense".to_owned() };
    let rows = async || {
        let sql = "SELECT count(*) FROM audit";
        let row = house.store.read(move |tx| tx.query_row(sql, &[])).await.unwrap().unwrap();
        row.int(0).unwrap()
    };
    let from = async |address: &str| {
        nobody.send("GET", "/tenants", &[("x-forwarded-for", address)], "").await
    };
    let before = rows().await;
    for _ in 0..100 {
        assert_eq!(from("192.0.2.7").await.status, 401);
    }
    assert_eq!(rows().await, before + 100);
    let refused = from("192.0.2.7").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.body);
    assert_eq!(rows().await, before + 100);
    assert_eq!(from("192.0.2.8").await.status, 401);
}

#[tokio::test]
async fn without_the_api_there_is_nothing_of_it() {
    let house = House::open().await;
    for path in ["/tenants", "/tenants/t123", "/openapi.json"] {
        assert_eq!(house.get(&format!("/tenants/one/admin/v1{path}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_decision_is_read_by_whom_it_is_about() {
    let house = House::managed().await;
    let (operator, admin) = house.with_tenants().await;
    let other = house.manager("other-admin", Some("t456"), "tenant:read audit:read").await;
    let refused = other.get("/tenants/t123").await;
    let id = refused.header("x-decision-id").to_owned();
    let path = format!("/decisions/{id}");
    let told = other.get(&path).await;
    assert_eq!((told.status, &told.json()["tenant"]), (200, &json!("t456")), "{}", told.body);
    // It is the caller's record, not that of the tenant it reached for.
    let nothing = without_id(&admin.get("/decisions/dec_01K0000000000000000000000A").await);
    assert_eq!((nothing.0, without_id(&admin.get(&path).await)), (404, nothing));
    assert!(!operator.get(&path).await.json()["rows"].as_array().unwrap().is_empty());
    assert_eq!(admin.get("/decisions/x").await.status, 404);
}

#[tokio::test]
async fn the_description_names_what_there_is() {
    let house = House::managed().await;
    let document = house.get("/tenants/one/admin/v1/openapi.json").await.json();
    assert_eq!(document["servers"][0]["url"], format!("{ISSUER_ID}/admin/v1"));
    let source = include_str!("../../src/manage.rs");
    assert_eq!(source.matches(".route(").count(), document["paths"].as_object().unwrap().len());
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(source.contains(&format!("\"{path}\"")), "{path}");
        let path = path.replace(['{', '}'], "");
        let url = format!("{}/tenants/one/admin/v1{path}", house.base);
        for (method, operation) in methods.as_object().unwrap() {
            let wanted = if operation["security"] == json!([]) { 200 } else { 401 };
            let answer = house.send(&method.to_uppercase(), &url, None, None).await;
            assert_eq!(answer.status, wanted, "{method} {path}");
        }
        let allowed = house.send("TRACE", &url, None, None).await.header("allow").to_lowercase();
        let mut allowed: Vec<_> =
            allowed.split(", ").flat_map(|list| list.split(',')).map(str::to_owned).collect();
        allowed.retain(|method| method != "head");
        allowed.sort_unstable();
        let mut known: Vec<_> = methods.as_object().unwrap().keys().cloned().collect();
        known.sort_unstable();
        assert_eq!(allowed, known, "{path}");
    }
}
