//! `{issuer}/access/v1`: what its callers may cost the others, and learn of them.

use crate::{
    apps::{ath, proof},
    house::{Answer, FORM, House, ISSUER_ID, JSON, new},
};
use portcullis_audit::Event;
use portcullis_directory::{
    NewAuth, NewClient,
    grant::{ProofMark, use_proof},
};
use portcullis_jose::{Alg, SigningKey};
use portcullis_types::{Denial, Ttl};
use serde_json::{Value, json};

/// Everybody may, also the people of one tenant.
const EVERYBODY: &str = r#"
package portcullis.request
import rego.v1
default decision := {"allow": false}
decision := {"allow": true} if input.caller
"#;
const THEIRS: &str = r#"
package portcullis.request
import rego.v1
default decision := {"allow": false}
decision := {"allow": true} if input.caller.tenant == "t456"
"#;

struct Caller<'h> {
    house: &'h House,
    id: String,
    token: String,
}

impl House {
    async fn asker(&self, id: &str, tenant: Option<&str>) -> Caller<'_> {
        let form = ("", String::new());
        self.asker_with(id, tenant, form).await
    }

    /// `more`: of the request for its token, a proof.
    async fn asker_with(
        &self,
        id: &str,
        tenant: Option<&str>,
        (header, value): (&str, String),
    ) -> Caller<'_> {
        let resource: portcullis_types::Audience =
            format!("{ISSUER_ID}/access/v1").parse().unwrap();
        let client = NewClient {
            scopes: vec!["policy:evaluate".parse().unwrap()],
            default_scope: Some("policy:evaluate".parse().unwrap()),
            resources: vec![resource.clone()],
            default_resource: Some(resource),
            tenant: tenant.map(|tenant| tenant.parse().unwrap()),
            ..new(id, NewAuth::Generated)
        };
        let secret = self.client(client).await;
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let headers = [FORM, (header, &*value)];
        let headers = if header.is_empty() { &headers[..1] } else { &headers[..] };
        let issued = self.post(headers, body).await;
        assert_eq!(issued.status, 200, "{}", issued.body);
        let token = issued.json()["access_token"].as_str().unwrap().to_owned();
        Caller { house: self, id: id.to_owned(), token }
    }

    async fn two_tenants(&self) {
        for id in ["t123", "t456"] {
            let record = serde_json::from_str(r#"{ "name": "Acme", "tier": "standard" }"#).unwrap();
            let mut entropy = self.entropy();
            let id = id.parse().unwrap();
            self.directory
                .apply_tenant(self.acting(&mut entropy), &id, record, None)
                .await
                .unwrap();
        }
    }

    async fn rows(&self) -> i64 {
        let sql = "SELECT count(*) FROM audit";
        self.store.read(move |tx| tx.query_row(sql, &[])).await.unwrap().unwrap().int(0).unwrap()
    }
}

impl Caller<'_> {
    async fn ask(&self, path: &str, body: &Value) -> Answer {
        self.with(path, body, &[("authorization", &format!("Bearer {}", self.token))]).await
    }

    async fn with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let url = format!("{}/tenants/one/access/v1/{path}", self.house.base);
        let mut request = self.house.http.post(url).header(JSON.0, JSON.1).body(body.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

fn question() -> Value {
    json!({
        "subject": { "type": "user", "id": "ada" },
        "action": { "name": "read" },
        "resource": { "type": "record", "id": "1" },
    })
}

fn with(mut question: Value, more: &Value) -> Value {
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    question
}

/// A `context` of about so many bytes.
fn large(bytes: usize) -> Value {
    let each: Vec<_> = (0..bytes / 1000).map(|n| (n.to_string(), json!("x".repeat(990)))).collect();
    json!({ "context": each.into_iter().collect::<serde_json::Map<_, _>>() })
}

/// Attack: what stands once at the top is asked, and kept, as often as there are questions.
#[tokio::test]
async fn what_questions_inherit_counts_for_each_of_them() {
    let house = House::asked_about(EVERYBODY).await;
    let caller = house.asker("pep", None).await;
    let before = house.rows().await;
    let many = |count: usize| json!({ "evaluations": vec![json!({}); count] });
    for (path, body, said) in [
        // One property may be large, and many may be said.
        (
            "evaluations",
            with(with(question(), &json!({ "context": { "a": "x".repeat(970_000) } })), &many(256)),
            "evaluations[0]",
        ),
        ("evaluations", with(with(question(), &large(40_000)), &many(256)), "several calls"),
        (
            "evaluation",
            with(question(), &json!({ "context": { "a": "x".repeat(70_000) } })),
            "larger than 65536",
        ),
        (
            "search/subject",
            with(question(), &json!({ "context": { "a": "x".repeat(70_000) } })),
            "larger than 65536",
        ),
    ] {
        let refused = caller.ask(path, &body).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.body.contains(said), "{}", refused.body);
    }
    assert_eq!(house.rows().await, before, "nothing was decided");
    let good = caller.ask("evaluations", &with(with(question(), &large(40_000)), &many(20))).await;
    assert_eq!(good.status, 200, "{}", good.body);
    assert_eq!(good.json()["evaluations"].as_array().unwrap().len(), 20);
}

/// Attack: one caller asks without end.
#[tokio::test]
async fn a_caller_asks_so_much_and_the_others_are_answered() {
    let house = House::asked_about(EVERYBODY).await;
    let (caller, other) = (house.asker("pep", None).await, house.asker("other", None).await);
    let many = |count: usize| with(question(), &json!({ "evaluations": vec![json!({}); count] }));
    for _ in 0..3 {
        assert_eq!(caller.ask("evaluations", &many(256)).await.status, 200);
    }
    let refused = caller.ask("evaluations", &many(256)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.body);
    assert_eq!(caller.ask("evaluations", &many(229)).await.status, 200);
    // A search tells what it found, and goes on later.
    let search = with(question(), &json!({ "subject": { "type": "client" } }));
    assert_eq!(caller.ask("evaluation", &question()).await.status, 200);
    let found = caller.ask("search/subject", &search).await.json();
    assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found}");
    let page = json!({ "page": { "token": found["page"]["next_token"] } });
    let refused = caller.ask("search/subject", &with(search.clone(), &page)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.body);
    assert_eq!(other.ask("evaluations", &many(256)).await.status, 200);
    house.wait(Ttl::seconds(1));
    let found = caller.ask("search/subject", &with(search, &page)).await.json();
    assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found}");
}

/// Attack: a tenant's caller asks in the name of another tenant, and learns what it may, or whether there is one.
#[tokio::test]
async fn a_tenants_caller_asks_for_no_other_tenant() {
    let house = House::asked_about(THEIRS).await;
    house.two_tenants().await;
    let caller = house.asker("pep", Some("t123")).await;
    let told = |tenant: &str| {
        let subject = json!({ "type": "user", "id": "ada", "properties": { "tenant": tenant } });
        let resource = json!({ "type": "model", "id": "m" });
        with(question(), &json!({ "subject": subject, "resource": resource }))
    };
    let (there, nowhere) = (told("t456"), told("t999"));
    for path in ["evaluation", "evaluations", "search/action"] {
        let answers = [caller.ask(path, &there).await, caller.ask(path, &nowhere).await];
        assert_eq!(answers[0].body, answers[1].body, "{path}");
        assert_eq!(answers.map(|answer| answer.status), [400, 400], "{path}");
    }
    let list = json!({ "evaluations": [there, nowhere] });
    let list = caller.ask("evaluations", &list).await.json();
    assert_eq!(list["evaluations"][0], list["evaluations"][1]);
    assert_eq!(list["evaluations"][0]["decision"], false);
    let own = caller.ask("evaluation", &told("t123")).await;
    assert_eq!((own.status, &own.json()["decision"]), (200, &json!(false)), "{}", own.body);
    let operator = house.asker("operator", None).await;
    assert_eq!(operator.ask("evaluation", &told("t456")).await.json()["decision"], true);
}

#[tokio::test]
async fn who_is_turned_away_is_recorded_and_from_one_address_so_often() {
    let house = House::asked_about(EVERYBODY).await;
    let caller = house.asker("pep", None).await;
    let headers = [("authorization", "Bearer nonsense"), ("x-forwarded-for", "192.0.2.7")];
    let before = house.rows().await;
    for round in 1..=100 {
        assert_eq!(caller.with("evaluation", &question(), &headers).await.status, 401);
        assert_eq!(house.rows().await, before + round);
    }
    let last = house.store.read(|tx| portcullis_audit::tail(tx, 0, 1000)).await.unwrap();
    let last = last.into_iter().next_back().unwrap().1;
    assert!(last.denial.is_some());
    let Event::Access(access) = last.event else { panic!("a call") };
    assert_eq!((&*access.path, access.token), ("/tenants/one/access/v1/evaluation", None));
    // Attack: a flood of records.
    let refused = caller.with("evaluation", &question(), &headers).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(house.rows().await, before + 100);
    let home = [headers[0], ("x-forwarded-for", "192.0.2.8")];
    assert_eq!(caller.with("evaluation", &question(), &home).await.status, 401);
    let good = format!("Bearer {}", caller.token);
    let good = [("authorization", &*good), headers[1]];
    assert_eq!(caller.with("evaluation", &question(), &good).await.status, 200, "who proves it");
}

/// Attack: a proof that was seen at one node is shown at another.
#[tokio::test]
async fn a_proof_that_another_node_used_up_is_used_up() {
    let house = House::asked_about(EVERYBODY).await;
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let url = format!("{ISSUER_ID}/token");
    let for_token = proof(&key, &house, &url, &json!({ "jti": "token" }));
    let caller = house.asker_with("pep", None, ("dpop", for_token)).await;
    let url = format!("{ISSUER_ID}/access/v1/evaluation");
    let shown =
        |jti: &str| proof(&key, &house, &url, &json!({ "jti": jti, "ath": ath(&caller.token) }));
    let mark = ProofMark {
        iat: house.now(),
        jkt: key.public_jwk().unwrap().thumbprint(),
        jti: "elsewhere".into(),
    };
    assert!(house.store.write(move |tx| use_proof(tx, &mark)).await.unwrap());
    let bearer = format!("DPoP {}", caller.token);
    for (jti, status) in [("elsewhere", 401), ("fresh", 200), ("fresh", 401)] {
        let headers = [("authorization", &*bearer), ("dpop", &shown(jti))];
        let answer = caller.with("evaluation", &question(), &headers).await;
        assert_eq!(answer.status, status, "{jti} of {}: {}", caller.id, answer.body);
    }
    let all = house.store.read(|tx| portcullis_audit::tail(tx, 0, 1000)).await.unwrap();
    let last = all.into_iter().next_back().unwrap().1;
    assert!(matches!(last.denial.as_deref(), Some(Denial::BadProof { .. })), "{:?}", last.denial);
}
