use crate::house::{Answer, House};
use portcullis_directory::{Acting, NewPerson, NewSession, PeopleSettings, Role, Roles};
use portcullis_types::{Acr, Amr, Authentication, PersonId, Ttl};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0";

/// A directory that talks to us.
struct Company {
    house: House,
    token: String,
}

impl Company {
    async fn open() -> Self {
        let house = House::open().await;
        let roles = Roles {
            by_name: [("data-scientist".into(), Role::default())].into(),
            groups: [("ml-engineers".into(), vec!["data-scientist".into()])].into(),
            ..Roles::default()
        };
        house.directory.settle(PeopleSettings { roles, ..PeopleSettings::default() });
        let token = token(&house, "entra", None).await;
        Self { house, token }
    }

    /// The same house, as another directory sees it.
    async fn another(self, name: &str, tenant: Option<&str>) -> (Self, String) {
        let token = token(&self.house, name, tenant).await;
        let before = self.token;
        (Self { house: self.house, token }, before)
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = format!("{}/tenants/one/scim/v2{path}", self.house.base);
        let mut request = self.house.http.request(method.parse().unwrap(), url);
        request = request.header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(mut body) = body {
            if method == "POST" && body.get("schemas").is_none() {
                let kind = if path == "/Groups" { "Group" } else { "User" };
                body["schemas"] = json!([format!("{CORE}:{kind}")]);
            }
            request =
                request.header("content-type", "application/scim+json").body(body.to_string());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    async fn user(&self, login: &str) -> Value {
        // Who joins later is listed later.
        self.house.wait(Ttl::from_millis(1));
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": login, "externalId": format!("ext-{login}"), "active": true,
            "name": { "givenName": "Alice", "familyName": "Example" },
            "emails": [{ "primary": true, "type": "work", "value": format!("{login}@example.com") }],
        });
        let made = self.send("POST", "/Users", Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()
    }

    async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
        });
        self.send("PATCH", path, Some(body)).await
    }

    async fn logins(&self, filter: &str) -> Vec<String> {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let found = self.get(&format!("/Users?filter={filter}")).await;
        assert_eq!(found.status, 200, "{}", found.body);
        let found = found.json();
        let resources = found["Resources"].as_array().unwrap();
        assert_eq!(found["totalResults"], resources.len());
        resources.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    }
}

async fn token(house: &House, name: &str, tenant: Option<&str>) -> String {
    let mut entropy = house.entropy();
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let by = Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    house.directory.add_scim_directory(by, name, tenant).await.unwrap();
    let by = Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    let made = house.directory.make_scim_token(by, name, Ttl::seconds(3600)).await;
    made.unwrap().1.expose_secret().to_owned()
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_token_of_its_own_nobody_gets_in() {
    let company = Company::open().await;
    let secret = company.house.free_app().await;
    for path in ["/Users", "/Groups", "/Schemas", "/ServiceProviderConfig", "/Users/x"] {
        let url = format!("{}/tenants/one/scim/v2{path}", company.house.base);
        let made_up = format!("{}.{}", company.token.split_once('.').unwrap().0, "A".repeat(43));
        for bearer in
            ["", "Bearer", "Bearer x", &format!("Bearer {secret}"), &format!("Bearer {made_up}")]
        {
            let request = company.house.http.get(&url).header("authorization", bearer);
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert_eq!(answer.status, 401, "{path} {bearer}");
            assert_eq!(answer.json()["status"], "401");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    company.house.wait(Ttl::seconds(3600));
    assert_eq!(company.get("/Users").await.status, 401, "expired");
}

#[tokio::test]
async fn a_user_comes_changes_and_goes() {
    let company = Company::open().await;
    let user = company.user("alice").await;
    assert_eq!((&user["displayName"], &user["active"]), (&json!("Alice Example"), &json!(true)));
    let path = format!("/Users/{}", id(&user));
    let location = user["meta"]["location"].as_str().unwrap();
    assert!(location.ends_with(&path) && location.starts_with("https://id.example/"));
    let read = company.get(&path).await;
    assert_eq!(read.json(), user);
    assert_eq!(read.header("etag"), "W/\"1\"");
    assert_eq!(
        company.send_with("GET", &path, None, &[("if-none-match", "W/\"1\"")]).await.status,
        304
    );

    let twice = json!({ "userName": "ALICE" });
    let taken = company.send("POST", "/Users", Some(twice)).await;
    assert_eq!((taken.status, taken.json()["scimType"].as_str()), (409, Some("uniqueness")));

    let put = json!({ "userName": "alice", "displayName": "A. Example", "active": "True" });
    let stale = [("if-match", "W/\"7\"")];
    assert_eq!(company.send_with("PUT", &path, Some(put.clone()), &stale).await.status, 412);
    let put = company.send("PUT", &path, Some(put)).await.json();
    assert_eq!(
        (&put["displayName"], put.get("emails"), put.get("externalId")),
        (&json!("A. Example"), None, None)
    );
    assert_eq!(company.send("DELETE", &path, None).await.status, 204);
    assert_eq!(company.get(&path).await.status, 404);
    assert_eq!(company.send("DELETE", &path, None).await.status, 404);
    let records = company.house.store.read(|tx| portcullis_audit::tail(tx, 0, 100)).await.unwrap();
    let records = format!("{records:?}");
    assert!(
        records.contains("scim:entra")
            && !records.contains(company.token.split_once('.').unwrap().1)
    );
}

#[tokio::test]
async fn who_is_made_inactive_is_out_at_once() {
    let company = Company::open().await;
    for operations in [
        json!([{ "op": "Replace", "path": "active", "value": "False" }]),
        json!([{ "op": "replace", "value": { "active": false } }]),
        json!([{ "op": "Replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": false }]),
    ] {
        let user = company.user("alice").await;
        let person: PersonId = id(&user).parse().unwrap();
        let (now, mut entropy) = (company.house.now(), company.house.entropy());
        let new = NewSession {
            person: person.clone(),
            authentication: Authentication { at: now, acr: Acr::Pwd, amr: vec![Amr::Pwd] },
            device: String::new(),
            remote: None,
            upstream: None,
        };
        let directory = &company.house.directory;
        let (_, cookie) = directory.signed_in(new, None, now, &mut entropy).await.unwrap();
        let path = format!("/Users/{person}");
        let patched = company.patch(&path, operations).await;
        assert_eq!(
            (patched.status, &patched.json()["active"]),
            (200, &json!(false)),
            "{}",
            patched.body
        );
        assert!(directory.session(cookie.expose(), now).await.unwrap().is_none());
        let back = company
            .patch(&path, json!([{ "op": "replace", "path": "active", "value": true }]))
            .await;
        assert_eq!(back.json()["active"], true);
        company.send("DELETE", &path, None).await;
    }
}

#[tokio::test]
async fn a_patch_is_done_as_a_whole_or_not_at_all() {
    let company = Company::open().await;
    let path = format!("/Users/{}", id(&company.user("alice").await));
    company.user("bob").await;
    let before = company.get(&path).await.json();
    let nick = json!({ "op": "replace", "path": "nickName", "value": "x" });
    for (operations, kind) in [
        (
            json!([{ "op": "replace", "path": "nickName", "value": "x" }, { "op": "replace", "path": "active", "value": "maybe" }]),
            "invalidValue",
        ),
        (
            json!([{ "op": "replace", "path": "nickName", "value": "x" }, { "op": "replace", "path": "userName", "value": "bob" }]),
            "uniqueness",
        ),
        (json!([{ "op": "replace", "path": "nickName", "value": "a\u{1b}b" }]), "invalidValue"),
        (json!([{ "op": "replace", "path": "emails", "value": 5 }]), "invalidValue"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "add", "path": "a[b is c]", "value": 1 }]), "invalidFilter"),
        (json!([nick, { "op": "remove", "path": "userName" }]), "mutability"),
        (json!([nick, { "op": "replace", "path": "userName", "value": "" }]), "invalidValue"),
        (json!([nick, { "op": "replace", "path": "userName", "value": null }]), "invalidValue"),
        (json!([nick, { "op": "replace", "value": { "userName": "" } }]), "invalidValue"),
        (json!([nick, { "op": "replace", "path": "id", "value": "x" }]), "mutability"),
        (json!([nick, { "op": "remove", "path": "meta.version" }]), "mutability"),
        (json!([nick, { "op": "add", "path": "groups", "value": [] }]), "mutability"),
        (json!([nick, { "op": "add", "path": "favouriteColour", "value": "x" }]), "invalidPath"),
        (json!([nick, { "op": "add", "value": { "favouriteColour": "x" } }]), "invalidPath"),
        (json!([nick, { "op": "add", "path": "name.colour", "value": "x" }]), "invalidPath"),
        (
            json!([nick, { "op": "replace", "path": format!("{CORE}:User:no"), "value": 1 }]),
            "invalidPath",
        ),
    ] {
        let refused = company.patch(&path, operations).await;
        assert_eq!(refused.json()["scimType"], kind, "{}", refused.body);
        assert_eq!(company.get(&path).await.json(), before);
    }
    let changed = company
        .patch(&path, json!([
            { "op": "Add", "path": "name.givenName", "value": "Alicia" },
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "alicia@example.com" },
            { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "R" },
            { "op": "Add", "value": { "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": "x" } } },
        ]))
        .await;
    let changed = changed.json();
    assert_eq!(changed["name"]["givenName"], "Alicia");
    assert_eq!(changed["emails"][0]["value"], "alicia@example.com");
    assert_eq!(changed["meta"]["version"], "W/\"2\"");
}

#[tokio::test]
async fn a_patch_that_changes_nothing_makes_no_version() {
    let company = Company::open().await;
    let user = company.user("alice").await;
    let group = json!({ "displayName": "ops", "members": [{ "value": id(&user) }] });
    let group = company.send("POST", "/Groups", Some(group)).await.json();
    let member = json!([{ "op": "add", "path": "members", "value": [{ "value": id(&user) }] }]);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let (users, groups) = (format!("/Users/{}", id(&user)), format!("/Groups/{}", id(&group)));
    for (path, operations) in [
        (&users, json!([{ "op": "replace", "path": "active", "value": "True" }])),
        (&users, json!([{ "op": "replace", "path": "userName", "value": "ALICE" }])),
        (&users, json!([{ "op": "remove", "path": "nickName" }])),
        // Known, and not kept.
        (&users, json!([{ "op": "add", "path": "title", "value": "Dr" }])),
        (
            &users,
            json!([{ "op": "add", "path": "roles[primary eq \"True\"].value", "value": "x" }]),
        ),
        (
            &users,
            json!([{ "op": "add", "path": format!("{enterprise}:department"), "value": "R" }]),
        ),
        (&users, json!([{ "op": "add", "value": { enterprise: { "manager": "x" } } }])),
        // As it was read.
        (&users, json!([{ "op": "replace", "value": user }])),
        (
            &groups,
            json!([{ "op": "replace", "value": { "id": id(&group), "displayName": "ops" } }]),
        ),
        (&groups, member),
    ] {
        let patched = company.patch(path, operations.clone()).await;
        let version = patched.json()["meta"]["version"].clone();
        assert_eq!((patched.status, version), (200, json!("W/\"1\"")), "{operations}");
    }
    for (operation, kind) in [
        (json!({ "op": "remove", "path": "displayName" }), "mutability"),
        (json!({ "op": "replace", "path": "displayName", "value": "" }), "invalidValue"),
        (json!({ "op": "replace", "path": "id", "value": "x" }), "mutability"),
        (json!({ "op": "add", "path": "colour", "value": "x" }), "invalidPath"),
    ] {
        let rename = json!({ "op": "replace", "path": "displayName", "value": "renamed" });
        let refused = company.patch(&groups, json!([rename, operation])).await;
        assert_eq!((refused.status, &refused.json()["scimType"]), (400, &json!(kind)));
    }
    assert_eq!(company.get(&groups).await.json()["displayName"], "ops");
}

#[tokio::test]
async fn users_are_found_by_filter_and_by_nothing_smuggled_into_it() {
    let company = Company::open().await;
    for login in ["alice", "bob", "carol"] {
        company.user(login).await;
    }
    for (filter, found) in [
        (r#"userName eq "ALICE""#, &["alice"][..]),
        (r#"externalId eq "ext-bob""#, &["bob"]),
        (r#"externalId eq "EXT-bob""#, &[]),
        (r#"emails[type eq "work"].value eq "x""#, &[]),
        (r#"emails[type eq "work"].value eq "bob@example.com""#, &["bob"]),
        (r#"emails.value eq "carol@example.com""#, &["carol"]),
        (r#"emails eq "Carol@example.com" and active eq true"#, &["carol"]),
        (r#"userName eq "alice" and active eq false"#, &[]),
        (r#"userName sw "a" or userName co "aro""#, &["alice", "carol"]),
        (r#"not (userName eq "alice") and externalId pr"#, &["bob", "carol"]),
        (r#"userName eq "alice\" or \"1\"=\"1""#, &[]),
        (r#"userName eq "' OR '1'='1""#, &[]),
        (r#"userName eq "x'; DROP TABLE person; --""#, &[]),
    ] {
        assert_eq!(company.logins(filter).await, found, "{filter}");
    }
    let page = company.get("/Users?startIndex=2&count=1&attributes=userName").await.json();
    assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(3), &json!(1)));
    assert_eq!(page["Resources"][0]["userName"], "bob");
    assert!(page["Resources"][0].get("emails").is_none());
    let none = company.get("/Users?count=0").await.json();
    assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(3), &json!([])));
    assert_eq!(company.get("/Users?count=many").await.status, 400);
    assert_eq!(company.get("/Users?startIndex=-5&count=99999").await.json()["itemsPerPage"], 3);
}

#[tokio::test]
async fn groups_bring_the_roles_of_the_configuration() {
    let company = Company::open().await;
    let (alice, bob) = (id(&company.user("alice").await), id(&company.user("bob").await));
    let roles = async |id: &str| {
        let id: PersonId = id.parse().unwrap();
        company.house.directory.person(&id).await.unwrap().unwrap().roles
    };
    let body = json!({ "displayName": "ml-engineers", "members": [{ "value": alice }] });
    let made = company.send("POST", "/Groups", Some(body.clone())).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.json()["members"][0]["display"], "alice");
    assert_eq!(roles(&alice).await, ["data-scientist"]);
    assert_eq!(company.send("POST", "/Groups", Some(body)).await.status, 409);
    let path = format!("/Groups/{}", id(&made.json()));

    let add = json!([{ "op": "Add", "path": "members", "value": [{ "value": bob }] }]);
    assert_eq!(company.patch(&path, add).await.json()["members"].as_array().unwrap().len(), 2);
    assert_eq!(roles(&bob).await, ["data-scientist"]);
    let filter = format!("displayName eq \"ML-engineers\" and members.value eq \"{bob}\"");
    let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    let found =
        company.get(&format!("/Groups?excludedAttributes=members&filter={filter}")).await.json();
    assert_eq!(found["totalResults"], 1);
    assert!(found["Resources"][0].get("members").is_none());

    let entra = json!([{ "op": "Remove", "path": "members", "value": [{ "value": alice }] }]);
    company.patch(&path, entra).await;
    assert!(roles(&alice).await.is_empty());
    let okta = json!([{ "op": "remove", "path": format!("members[value eq \"{bob}\"]") }]);
    assert_eq!(company.patch(&path, okta).await.json()["members"], json!([]));
    assert!(roles(&bob).await.is_empty());

    let whole = json!([{ "op": "replace", "path": "members", "value": [{ "value": alice }, { "value": bob }] }]);
    company.patch(&path, whole).await;
    let renamed = company
        .patch(&path, json!([{ "op": "replace", "value": { "id": "x", "displayName": "Ops" } }]))
        .await;
    assert_eq!(renamed.json()["displayName"], "Ops");
    assert!(roles(&alice).await.is_empty(), "another group brings other roles");
    let stranger = json!([{ "op": "add", "path": "members", "value": [{ "value": "usr_01jzzzzzzzzzzzzzzzzzzzzzzz" }] }]);
    let refused = company.patch(&path, stranger).await;
    assert_eq!((refused.status, refused.json()["scimType"].as_str()), (400, Some("invalidValue")));
    let nobody = company.patch(&path, json!([{ "op": "remove", "path": "members" }])).await;
    assert_eq!(nobody.json()["members"], json!([]));
    assert_eq!(company.send("DELETE", &path, None).await.status, 204);
    assert_eq!(company.get(&path).await.status, 404);
}

#[tokio::test]
async fn bad_requests_get_scims_own_errors() {
    let company = Company::open().await;
    let url = format!("{}/tenants/one/scim/v2/Users", company.house.base);
    let post = async |kind: &str, body: String| {
        let request = company.house.http.post(&url).bearer_auth(&company.token);
        Answer::of(request.header("content-type", kind).body(body).send().await.unwrap()).await
    };
    assert_eq!(post("text/plain", "{}".into()).await.status, 415);
    let scim = "application/scim+json; charset=utf-8";
    for body in ["", "[]", "null", "{", "\u{0}"] {
        let answer = post(scim, body.into()).await;
        assert_eq!(
            (answer.status, answer.json()["scimType"].as_str()),
            (400, Some("invalidSyntax")),
            "{body}"
        );
    }
    for schemas in [
        json!(null),
        json!([]),
        json!(format!("{CORE}:User")),
        json!([format!("{CORE}:Group")]),
        json!(["urn:nothing"]),
    ] {
        let answer = post(scim, json!({ "schemas": schemas, "userName": "x" }).to_string()).await;
        let kind = answer.json()["scimType"].clone();
        assert_eq!((answer.status, kind), (400, json!("invalidSyntax")), "{schemas}");
    }
    assert_eq!(post(scim, r#"{"userName":"x"}"#.into()).await.json()["scimType"], "invalidSyntax");
    for mut body in [
        json!({}),
        json!({ "userName": "" }),
        json!({ "userName": 5 }),
        json!({ "userName": "a\u{200b}b" }),
        json!({ "userName": "x", "active": 5 }),
        json!({ "userName": "x", "name": "x" }),
        json!({ "userName": "x".repeat(5000) }),
        json!({ "userName": "x", "displayName": "y".repeat(5000) }),
    ] {
        body["schemas"] = json!([format!("{CORE}:User"), "urn:example:extension"]);
        let answer = post(scim, body.to_string()).await;
        assert_eq!(
            (answer.status, answer.json()["scimType"].as_str()),
            (400, Some("invalidValue")),
            "{body}"
        );
    }
    assert_eq!(post(scim, " ".repeat(3 * 1024 * 1024)).await.status, 413);
    assert_eq!(company.send("POST", "/Users/x", None).await.status, 405);
    assert_eq!(company.get("/Users/usr_nobody").await.status, 404);
    assert_eq!(company.get("/Users").await.json()["totalResults"], 0, "nothing was written");
}

#[tokio::test]
async fn what_there_is_can_be_looked_up() {
    let company = Company::open().await;
    let config = company.get("/ServiceProviderConfig").await.json();
    assert_eq!(config["patch"]["supported"], true);
    assert_eq!(config["bulk"]["supported"], false);
    assert_eq!(company.get("/ResourceTypes").await.json()["totalResults"], 2);
    assert_eq!(company.get("/ResourceTypes/User").await.json()["endpoint"], "/Users");
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    assert_eq!(company.get(&format!("/Schemas/{schema}")).await.json()["name"], "User");
    assert_eq!(company.get("/Schemas/urn:nothing").await.status, 404);
}

#[tokio::test]
async fn a_directory_reaches_nobody_but_whom_it_provisioned() {
    let company = Company::open().await;
    let new = NewPerson { login: "admin".into(), ..NewPerson::default() };
    let mut entropy = company.house.entropy();
    let by = Acting { actor: "operator", now: company.house.now(), entropy: &mut entropy };
    let admin = company.house.directory.add_person(by, new).await.unwrap();
    let alice = id(&company.user("alice").await);
    let group = json!({ "displayName": "staff", "members": [{ "value": alice }] });
    let group = id(&company.send("POST", "/Groups", Some(group)).await.json());
    let (evil, token_of_entra) = company.another("evil", Some("evil")).await;

    for stranger in [admin.id.as_str(), &alice] {
        let path = format!("/Users/{stranger}");
        let mail = json!([{ "op": "replace", "path": "emails", "value": [{ "value": "me@evil.example" }] }]);
        let put = json!({ "userName": "x", "emails": [{ "value": "me@evil.example" }] });
        for refused in [
            evil.get(&path).await,
            evil.patch(&path, mail).await,
            evil.send("PUT", &path, Some(put)).await,
            evil.send("DELETE", &path, None).await,
        ] {
            assert_eq!(refused.status, 404, "{}", refused.body);
        }
        let body = json!({ "displayName": "ml-engineers", "members": [{ "value": stranger }] });
        let refused = evil.send("POST", "/Groups", Some(body)).await;
        let kind = refused.json()["scimType"].clone();
        assert_eq!((refused.status, kind), (400, json!("invalidValue")));
    }
    let path = format!("/Groups/{group}");
    let put = json!({ "displayName": "x" });
    for refused in [
        evil.get(&path).await,
        evil.send("PUT", &path, Some(put)).await,
        evil.patch(&path, json!([{ "op": "remove", "path": "members" }])).await,
        evil.send("DELETE", &path, None).await,
    ] {
        assert_eq!(refused.status, 404, "{}", refused.body);
    }
    for filter in ["active eq true", r#"userName eq "admin""#, r#"emails co "example""#] {
        assert!(evil.logins(filter).await.is_empty(), "{filter}");
    }
    assert_eq!(evil.get("/Users").await.json()["totalResults"], 0);
    assert_eq!(evil.get("/Groups").await.json()["totalResults"], 0);
    let taken = evil.send("POST", "/Users", Some(json!({ "userName": "admin" }))).await;
    assert_eq!((taken.status, &taken.json()["scimType"]), (409, &json!("uniqueness")));
    let same = evil.send("POST", "/Groups", Some(json!({ "displayName": "staff" }))).await;
    assert_eq!(same.status, 201, "names of groups are each directory's own: {}", same.body);

    // The name of a group that brings a role elsewhere brings none here.
    let eve = id(&evil.user("eve").await);
    let body = json!({ "displayName": "ml-engineers", "members": [{ "value": eve }] });
    assert_eq!(evil.send("POST", "/Groups", Some(body)).await.status, 201);
    let eve: PersonId = eve.parse().unwrap();
    let eve = evil.house.directory.person(&eve).await.unwrap().unwrap();
    assert!(eve.roles.is_empty(), "{:?}", eve.roles);
    assert_eq!(eve.tenant.unwrap().as_str(), "evil");

    let company = Company { token: token_of_entra, ..evil };
    assert_eq!(company.get("/Users").await.json()["totalResults"], 1);
    let there = company.house.directory.person(&admin.id).await.unwrap().unwrap();
    assert_eq!(there, admin, "nothing happened to them");
}

#[tokio::test]
async fn the_operators_word_stands_whatever_a_directory_says() {
    let company = Company::open().await;
    let user = company.user("alice").await;
    let (path, person) = (format!("/Users/{}", id(&user)), id(&user).parse::<PersonId>().unwrap());
    let mut entropy = company.house.entropy();
    let by = Acting { actor: "operator", now: company.house.now(), entropy: &mut entropy };
    company.house.directory.disable_person(by, &person).await.unwrap();
    let out = async || {
        let there = company.house.directory.person(&person).await.unwrap().unwrap();
        (there.disabled_since.is_some(), there.disabled_by.directory)
    };
    for body in [
        json!({ "userName": "alice" }),
        json!({ "userName": "alice", "active": true }),
        json!({ "userName": "alice", "active": "True" }),
    ] {
        let put = company.send("PUT", &path, Some(body)).await;
        assert_eq!((put.status, out().await), (200, (true, false)), "{}", put.body);
    }
    let on = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    company.patch(&path, on).await;
    assert_eq!(out().await, (true, false));

    // What a PUT does not say stays as it is.
    company.send("PUT", &path, Some(json!({ "userName": "alice", "active": false }))).await;
    let put = company.send("PUT", &path, Some(json!({ "userName": "alice" }))).await;
    assert_eq!((&put.json()["active"], out().await), (&json!(false), (true, true)));
}

#[tokio::test]
async fn a_stale_version_changes_and_removes_nothing() {
    let company = Company::open().await;
    let user = format!("/Users/{}", id(&company.user("alice").await));
    let group = company.send("POST", "/Groups", Some(json!({ "displayName": "ops" }))).await;
    let group = format!("/Groups/{}", id(&group.json()));
    for path in [&user, &group] {
        let body = json!({ "userName": "alice", "displayName": "ops" });
        for stale in ["W/\"7\"", "\"7\"", "x", ""] {
            let stale = [("if-match", stale)];
            for (method, body) in [("DELETE", None), ("PUT", Some(body.clone()))] {
                let refused = company.send_with(method, path, body, &stale).await;
                assert_eq!(refused.status, 412, "{method} {path}: {}", refused.body);
            }
        }
        let fresh = [("if-match", "W/\"7\", W/\"1\"")];
        assert_eq!(company.send_with("PUT", path, Some(body), &fresh).await.status, 200);
        let any = [("if-match", "*")];
        assert_eq!(company.send_with("DELETE", path, None, &any).await.status, 204);
    }
}

#[tokio::test]
async fn a_patch_is_bounded() {
    let company = Company::open().await;
    let path = format!("/Users/{}", id(&company.user("alice").await));
    let values: Vec<Value> =
        (0..200).map(|number| json!({ "value": number.to_string() })).collect();
    let add = json!([{ "op": "add", "path": "emails", "value": values }]);
    let refused = company.patch(&path, add).await;
    assert_eq!((refused.status, &refused.json()["scimType"]), (400, &json!("invalidValue")));
    let one = |number: u32| json!({ "op": "add", "path": "emails", "value": { "value": number.to_string() } });
    let many: Value = (0..200).map(one).collect();
    assert_eq!(company.patch(&path, many).await.json()["scimType"], "invalidValue");
    let operation = json!({ "op": "add", "path": "nickName", "value": "x" });
    let many = Value::Array(vec![operation; 1001]);
    assert_eq!(company.patch(&path, many).await.json()["scimType"], "invalidSyntax");
    let wide: serde_json::Map<String, Value> =
        (0..1001).map(|number| (format!("a{number}"), json!(1))).collect();
    let many = company.patch(&path, json!([{ "op": "add", "value": wide }])).await;
    assert_eq!(many.json()["scimType"], "invalidSyntax", "{}", many.body);
    assert_eq!(company.get(&path).await.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn who_comes_without_a_token_is_in_the_log_and_does_not_fill_it() {
    let company = Company::open().await;
    let url = format!("{}/tenants/one/scim/v2/Users", company.house.base);
    let two = company.house.http.get(&url).bearer_auth(&company.token).bearer_auth(&company.token);
    assert_eq!(Answer::of(two.send().await.unwrap()).await.status, 401, "which of two counts?");
    for _ in 0..30 {
        let guess = company.house.http.get(&url).bearer_auth("scm_secretguess.x");
        assert_eq!(Answer::of(guess.send().await.unwrap()).await.status, 401);
    }
    let records = company.house.store.read(|tx| portcullis_audit::tail(tx, 0, 100)).await.unwrap();
    let records = format!("{records:?}");
    let count = records.matches("scim.refuse").count();
    assert!((2..=12).contains(&count), "{count}");
    assert!(records.contains("127.0.0.1") && !records.contains("secretguess"));
    assert_eq!(company.get("/Users").await.status, 200, "who has a token is not kept out");
}
