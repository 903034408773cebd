//! An issuer with its apps, and people who have signed in and agreed.

use crate::{
    bench::{
        Bench, free_port,
        http::{Answer, Connection},
        keys,
        postgres::Postgres,
        server::Server,
    },
    trouble::{Outcome, Trouble},
};
use serde_json::Value;
use std::{collections::BTreeMap, ffi::OsStr, path::PathBuf};
use xshell::cmd;

const PEOPLE: usize = 16;
const PASSWORD: &str = "quiet-Orchard 93 lanterns over Vaduz";
/// RFC 7636, appendix B: one pair for all is as good for measuring.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A running issuer.
pub(super) struct Site {
    pub(super) server: Server,
    pub(super) port: u16,
    pub(super) app: App,
    pub(super) app_rs256: App,
    pub(super) public: App,
    pub(super) service: App,
    name: String,
    config: PathBuf,
    /// A `Cookie` header of each browser.
    browsers: Vec<String>,
    tokens: Vec<Tokens>,
}

/// A client, and how it proves itself.
pub(super) struct App {
    pub(super) id: String,
    /// `Authorization`, or nothing.
    pub(super) header: String,
    redirect_uri: &'static str,
}

/// What a round yields.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

const SITE: &str = "https%3A%2F%2Fapp.example%2Fback";
const IDENTITY: &str = "openid profile email offline_access";

impl Site {
    /// Starts it, brings people in, and lets each sign in and agree.
    pub(super) fn start(
        bench: &Bench<'_>,
        name: &str,
        postgres: Option<&Postgres>,
    ) -> Outcome<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        let store = postgres.map_or_else(
            || "data_dir = \"data\"".to_owned(),
            |postgres| format!("store = {{ url = \"{}\" }}", postgres.url()),
        );
        let values = BTreeMap::from([
            ("port", port.to_string()),
            ("admin", admin.to_string()),
            ("audience", keys::AUDIENCE.to_owned()),
            ("store", store),
        ]);
        let config = bench.configure("people.toml", name, &values)?;
        let add = |id: &str, words: &[&str]| App::add(bench, &config, id, words);
        let back = ["--redirect-uri", "https://app.example/back", "--identity", IDENTITY];
        let mut app = add("app", &[&back[..], &["--id-token-alg", "ES256"]].concat())?;
        let mut app_rs256 = add("app-rs256", &[&back[..], &["--id-token-alg", "RS256"]].concat())?;
        // On a site of its own: what runs on people's machines asks them each time.
        let own = ["--public", "--first-party", "--redirect-uri", "https://app.example/back"];
        let shape = ["--id-token-alg", "ES256", "--identity", IDENTITY];
        let mut public = add("page", &[&own[..], &shape].concat())?;
        let service = add("service", &[])?;
        (app.redirect_uri, app_rs256.redirect_uri, public.redirect_uri) = (SITE, SITE, SITE);
        (0..PEOPLE).try_for_each(|number| invite(bench, &config, number))?;
        let server = serve(bench, name, (&config, port))?;
        let name = name.to_owned();
        let (browsers, tokens) = (Vec::new(), Vec::new());
        let mut site =
            Self { server, port, app, app_rs256, public, service, name, config, browsers, tokens };
        site.sign_everybody_in()?;
        Ok(site)
    }

    /// Stops it for as long as `work` takes.
    pub(super) fn pause(
        mut self,
        bench: &Bench<'_>,
        work: impl FnOnce(&Bench<'_>, &std::path::Path) -> Outcome,
    ) -> Outcome<Self> {
        self.server.stop();
        work(bench, &self.database())?;
        self.server = serve(bench, &self.name, (&self.config, self.port))?;
        Ok(self)
    }

    fn database(&self) -> PathBuf {
        self.config.with_file_name("data").join("portcullis.db")
    }

    /// How large its database is, for the report.
    pub(super) fn size(&self, bench: &Bench<'_>) -> Outcome<String> {
        let file = self.database();
        let sql = "SELECT (SELECT COUNT(*) FROM person) || ' people, ' || (SELECT COUNT(*) FROM session) || \
                   ' sessions, ' || (SELECT COUNT(*) FROM app_grant) || ' grants, ' || \
                   (SELECT COUNT(*) FROM issued_token) || ' issued tokens'";
        let counted = cmd!(bench.house.sh, "sqlite3 -readonly {file} {sql}").quiet().read()?;
        let mib = std::fs::metadata(&file)?.len() / (1024 * 1024);
        Ok(format!("The crowd's database in the end: {counted}, {mib} MiB."))
    }

    fn sign_everybody_in(&mut self) -> Outcome {
        let mut connection = Connection::open(self.port)?;
        for number in 0..PEOPLE {
            let mut browser = Browser::default();
            browser.agree(self, &mut connection, (&self.app, number))?;
            browser.agree(self, &mut connection, (&self.app_rs256, number))?;
            browser.agree(self, &mut connection, (&self.public, number))?;
            self.browsers.push(browser.header());
        }
        for number in 0..PEOPLE {
            let tokens = self.tokens(&mut connection, &self.app, number)?;
            self.tokens.push(tokens);
        }
        Ok(())
    }

    /// A token of that caller's person.
    pub(super) fn token(&self, number: usize) -> &Tokens {
        const NONE: &Tokens = &Tokens { access: String::new(), refresh: String::new() };
        self.tokens.get(number % PEOPLE).unwrap_or(NONE)
    }

    /// A whole round.
    pub(super) fn tokens(
        &self,
        connection: &mut Connection,
        app: &App,
        number: usize,
    ) -> Outcome<Tokens> {
        let code = self.code(connection, app, number)?;
        let answer = self.redeem(connection, app, &code)?;
        Ok(Tokens {
            access: answer.member("access_token")?,
            refresh: answer.member("refresh_token")?,
        })
    }

    /// `GET /authorize` with a session.
    pub(super) fn code(
        &self,
        connection: &mut Connection,
        app: &App,
        number: usize,
    ) -> Outcome<String> {
        let cookies = self.browsers.get(number % PEOPLE).map_or("", String::as_str);
        let answer = connection.ask(&self.get(&app.authorize(), cookies))?;
        answer.code().ok_or_else(|| {
            Trouble::new(format!(
                "no code: {} {} {}",
                answer.status,
                answer.location,
                answer.text()
            ))
        })
    }

    /// `POST /token` with the code.
    pub(super) fn redeem(
        &self,
        connection: &mut Connection,
        app: &App,
        code: &str,
    ) -> Outcome<Answer> {
        let App { id, header, redirect_uri } = app;
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}&code_verifier={VERIFIER}"
        );
        let form = if header.is_empty() { format!("{form}&client_id={id}") } else { form };
        let answer = connection.ask(&self.post("/token", header, &form))?;
        if answer.status == 200 { Ok(answer) } else { Err(Trouble::new(answer.text())) }
    }

    pub(super) fn get(&self, path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{headers}\r\n", self.port)
    }

    pub(super) fn post(&self, path: &str, headers: &str, form: &str) -> String {
        let (port, length) = (self.port, form.len());
        format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        )
    }
}

fn serve(bench: &Bench<'_>, name: &str, (config, port): (&PathBuf, u16)) -> Outcome<Server> {
    let [serve, file] = ["serve", "--config"].map(OsStr::new);
    let command = [bench.portcullis.as_os_str(), serve, file, config.as_os_str()];
    Server::start(bench, name, &command, port)
}

fn invite(bench: &Bench<'_>, config: &PathBuf, number: usize) -> Outcome {
    let (portcullis, login) = (&bench.portcullis, login(number));
    let add = cmd!(bench.house.sh, "{portcullis} person add {login} --name Somebody --role user");
    let add = add.args(["--password-stdin", "--config"]).arg(config).stdin(PASSWORD);
    Ok(add.quiet().ignore_stdout().ignore_stderr().run()?)
}

fn login(number: usize) -> String {
    format!("person-{number}@example.com")
}

impl App {
    fn add(bench: &Bench<'_>, config: &PathBuf, id: &str, words: &[&str]) -> Outcome<Self> {
        let portcullis = &bench.portcullis;
        let add = cmd!(
            bench.house.sh,
            "{portcullis} client add {id} --api bench --scope generate:basic --json"
        );
        let add = add.args(words).arg("--config").arg(config);
        let added: Value = serde_json::from_str(&add.quiet().ignore_stderr().read()?)?;
        let secret = added.get("client_secret").and_then(Value::as_str);
        let header = secret.map(|secret| {
            let basic = keys::base64(format!("{id}:{secret}").as_bytes());
            let basic: String = basic.lines().collect();
            format!("Authorization: Basic {basic}\r\n")
        });
        Ok(Self { id: id.to_owned(), header: header.unwrap_or_default(), redirect_uri: "" })
    }

    fn authorize(&self) -> String {
        let Self { id, redirect_uri, .. } = self;
        format!(
            "/authorize?response_type=code&client_id={id}&redirect_uri={redirect_uri}\
             &scope=openid+profile+email+generate%3Abasic&state=af0ifjsldkj&nonce=n-0S6_WzA2Mj\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        )
    }
}

/// Keeps cookies.
#[derive(Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    fn header(&self) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    /// Through all pages until there is a code.
    fn agree(
        &mut self,
        site: &Site,
        connection: &mut Connection,
        (app, number): (&App, usize),
    ) -> Outcome {
        let mut at = app.authorize();
        for _ in 0..8 {
            let mut answer = self.send(connection, &site.get(&at, &self.header()))?;
            if answer.location.is_empty() {
                let form = format!("csrf={}&flow={}", answer.field("csrf")?, answer.field("flow")?);
                let (path, form) = if at.starts_with("/sign-in") {
                    let (login, password) =
                        (login(number).replace('@', "%40"), PASSWORD.replace(' ', "+"));
                    ("/sign-in", format!("{form}&login={login}&password={password}"))
                } else {
                    let seal = answer.field("seal")?;
                    ("/consent", format!("{form}&seal={seal}&decision=approve"))
                };
                answer = self.send(connection, &site.post(path, &self.header(), &form))?;
            }
            if answer.code().is_some() {
                return Ok(());
            }
            if answer.location.is_empty() {
                return Err(Trouble::new(format!("{at} leads nowhere: {}", answer.text())));
            }
            at = answer.location.replace(&format!("http://127.0.0.1:{}", site.port), "");
        }
        Err(Trouble::new(format!("no code, but {at}")))
    }

    fn send(&mut self, connection: &mut Connection, request: &str) -> Outcome<Answer> {
        let answer = connection.ask(request)?;
        self.0.extend(answer.cookies.iter().cloned());
        Ok(answer)
    }
}
