//! The proxies, all alive at once, and what each is asked to do.

use super::{
    AROUND, Bench, free_port,
    keys::{self, AUDIENCE, Holders, ISSUER},
    ruled,
    server::{self, Server},
};
use crate::trouble::{Outcome, Trouble};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    rc::Rc,
};

/// What is done for a request besides passing it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Plain,
    Rs256,
    Es256,
    Rs256Cached,
    Es256Cached,
    Rs256Ruled,
}

impl Work {
    pub(super) const ALL: [Self; 6] = [
        Self::Plain,
        Self::Rs256,
        Self::Es256,
        Self::Rs256Cached,
        Self::Es256Cached,
        Self::Rs256Ruled,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Rs256Cached => "RS256, cached",
            Self::Es256Cached => "ES256, cached",
            Self::Rs256Ruled => "RS256, cached, and a policy",
        }
    }

    /// What ours is compared with: HAProxy has no cache, so with one or without, it does the same.
    pub(super) fn baseline(self) -> Self {
        match self {
            Self::Rs256Cached | Self::Rs256Ruled => Self::Rs256,
            Self::Es256Cached => Self::Es256,
            same => same,
        }
    }

    /// The most processor time for each request that ours may need, HAProxy's being 1.
    pub(super) fn goal(self) -> f64 {
        match self {
            Self::Plain => 1.0,
            Self::Rs256 => 0.80,
            Self::Es256 => 0.85,
            Self::Rs256Cached | Self::Es256Cached => 0.50,
            Self::Rs256Ruled => 0.75,
        }
    }

    fn alg(self) -> &'static str {
        if self.baseline() == Self::Es256 { "ES256" } else { "RS256" }
    }

    /// Under which name its tokens are kept.
    fn tokens(self) -> &'static str {
        if self == Self::Rs256Ruled { "tenants" } else { self.alg() }
    }
}

/// Who did it.
pub(super) const OURS: &str = "Portcullis";
pub(super) const BASELINE: &str = "HAProxy";

/// A proxy doing one work.
pub(super) struct Row {
    pub(super) work: Work,
    pub(super) proxy: &'static str,
    pub(super) server: Rc<Server>,
    pub(super) port: u16,
    pub(super) requests: PathBuf,
    path: &'static str,
}

/// Everything that runs.
pub(super) struct Field {
    pub(super) upstream: (Server, u16),
    pub(super) rows: Vec<Row>,
    tokens: BTreeMap<&'static str, Vec<String>>,
}

/// Starts everything.
pub(super) fn start(bench: &Bench<'_>) -> Outcome<Field> {
    let mut tokens = BTreeMap::new();
    let mut public = Vec::new();
    for alg in ["RS256", "ES256"] {
        public.push(keys::generate(bench, alg)?);
        tokens.insert(alg, keys::tokens(bench, alg, Holders::Clients)?);
    }
    tokens.insert("tenants", keys::tokens(bench, "RS256", Holders::Tenants)?);
    keys::key_set(bench, &bench.dir.join("jwks.json"), &public)?;
    let port = free_port()?;
    let body = "portcullis bench ".repeat(64).get(..1024).unwrap_or_default().to_owned();
    let values =
        BTreeMap::from([("dir", bench.dir_text()), ("port", port.to_string()), ("body", body)]);
    let config = bench.fill("upstream.conf", "upstream.conf", &values)?;
    let upstream =
        Server::start_on(bench, AROUND, ("upstream", &nginx_command(bench, &config)), port)?;
    let mut field = Field { upstream: (upstream, port), rows: Vec::new(), tokens };
    field.haproxy(bench, port)?;
    field.nginx(bench, port)?;
    field.envoy(bench, port)?;
    field.ours(bench, port)?;
    field.rows.sort_by_key(|row| Work::ALL.iter().position(|work| *work == row.work));
    field.rows.iter().try_for_each(|row| field.probe(row))?;
    Ok(field)
}

fn nginx_command<'a>(bench: &'a Bench<'_>, config: &'a Path) -> [&'a OsStr; 5] {
    let [nginx, prefix, file] = ["nginx", "-p", "-c"].map(OsStr::new);
    [nginx, prefix, bench.dir.as_os_str(), file, config.as_os_str()]
}

fn values(
    bench: &Bench<'_>,
    upstream: u16,
    ports: &[(&'static str, u16)],
) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::from([
        ("dir", bench.dir_text()),
        ("issuer", ISSUER.to_owned()),
        ("audience", AUDIENCE.to_owned()),
        ("upstream", upstream.to_string()),
    ]);
    values.extend(ports.iter().map(|(name, port)| (*name, port.to_string())));
    values
}

impl Field {
    fn haproxy(&mut self, bench: &Bench<'_>, upstream: u16) -> Outcome {
        let [plain, rs256, es256] = [free_port()?, free_port()?, free_port()?];
        let values =
            values(bench, upstream, &[("plain", plain), ("rs256", rs256), ("es256", es256)]);
        let config = bench.fill("haproxy.cfg", "haproxy.cfg", &values)?;
        let command =
            [OsStr::new("haproxy"), OsStr::new("-db"), OsStr::new("-f"), config.as_os_str()];
        let server = Rc::new(Server::start(bench, "haproxy", &command, plain)?);
        self.row(bench, BASELINE, (Work::Plain, "/plain"), (&server, plain))?;
        self.row(bench, BASELINE, (Work::Rs256, "/checked"), (&server, rs256))?;
        self.row(bench, BASELINE, (Work::Es256, "/checked"), (&server, es256))
    }

    fn nginx(&mut self, bench: &Bench<'_>, upstream: u16) -> Outcome {
        let plain = free_port()?;
        let config = bench.fill(
            "nginx.conf",
            "nginx.conf",
            &values(bench, upstream, &[("plain", plain)]),
        )?;
        let server = Rc::new(Server::start(bench, "nginx", &nginx_command(bench, &config), plain)?);
        self.row(bench, "nginx", (Work::Plain, "/plain"), (&server, plain))
    }

    fn envoy(&mut self, bench: &Bench<'_>, upstream: u16) -> Outcome {
        let Some(envoy) = &bench.envoy else {
            println!("Envoy is not to be had here: its rows are left out");
            return Ok(());
        };
        let port = free_port()?;
        let config =
            bench.fill("envoy.yaml", "envoy.yaml", &values(bench, upstream, &[("port", port)]))?;
        let [file, threads, one, level, error] =
            ["-c", "--concurrency", "1", "--log-level", "error"].map(OsStr::new);
        let alone = OsStr::new("--disable-hot-restart");
        let command =
            [envoy.as_os_str(), file, config.as_os_str(), threads, one, level, error, alone];
        let server = Rc::new(Server::start(bench, "envoy", &command, port)?);
        self.row(bench, "Envoy", (Work::Plain, "/plain"), (&server, port))?;
        for work in [Work::Rs256, Work::Es256, Work::Rs256Cached, Work::Es256Cached] {
            let path = if work == work.baseline() { "/checked" } else { "/cached" };
            self.row(bench, "Envoy", (work, path), (&server, port))?;
        }
        Ok(())
    }

    /// Two of ours: one that checks every token anew, one that remembers.
    fn ours(&mut self, bench: &Bench<'_>, upstream: u16) -> Outcome {
        let (server, port) = gateway(bench, "gateway", upstream, 0)?;
        self.row(bench, OURS, (Work::Plain, "/plain"), (&server, port))?;
        self.row(bench, OURS, (Work::Rs256, "/checked"), (&server, port))?;
        self.row(bench, OURS, (Work::Es256, "/checked"), (&server, port))?;
        let (server, port) = gateway(bench, "gateway-cached", upstream, 50_000)?;
        self.row(bench, OURS, (Work::Rs256Cached, "/checked"), (&server, port))?;
        self.row(bench, OURS, (Work::Es256Cached, "/checked"), (&server, port))?;
        let (server, port) = ruled::start(bench, values(bench, upstream, &[]))?;
        self.row(bench, OURS, (Work::Rs256Ruled, "/checked"), (&server, port))
    }

    fn row(
        &mut self,
        bench: &Bench<'_>,
        proxy: &'static str,
        (work, path): (Work, &'static str),
        (server, port): (&Rc<Server>, u16),
    ) -> Outcome {
        let requests = match work {
            Work::Plain => keys::file(
                bench,
                "plain",
                &[format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")],
            )?,
            _ => keys::requests(
                bench,
                &format!("{}{}", work.tokens(), path.replace('/', "-")),
                path,
                self.tokens(work),
            )?,
        };
        self.rows.push(Row { work, proxy, server: Rc::clone(server), port, requests, path });
        Ok(())
    }

    fn tokens(&self, work: Work) -> &[String] {
        self.tokens.get(work.tokens()).map_or(&[], Vec::as_slice)
    }

    /// Only who refuses what is wrong takes part.
    fn probe(&self, row: &Row) -> Outcome {
        let Some(token) = self.tokens(row.work).first().filter(|_| row.work != Work::Plain) else {
            return Ok(());
        };
        let bad = keys::tampered(token);
        for (what, token, wanted) in [("a good token", token, 200), ("a tampered one", &bad, 401)] {
            let got = server::status(row.port, &keys::request(row.path, token));
            if got != wanted {
                let (proxy, work) = (row.proxy, row.work.name());
                return Err(Trouble::new(format!(
                    "{proxy}, {work}: {what} is answered with {got}, not {wanted}"
                )));
            }
        }
        Ok(())
    }
}

fn gateway(
    bench: &Bench<'_>,
    name: &str,
    upstream: u16,
    token_cache: u32,
) -> Outcome<(Rc<Server>, u16)> {
    let (port, admin) = (free_port()?, free_port()?);
    let mut values = values(bench, upstream, &[("port", port), ("admin", admin)]);
    values.insert("token_cache", token_cache.to_string());
    let config = bench.configure("gateway.toml", name, &values)?;
    let [serve, file] = ["serve", "--config"].map(OsStr::new);
    let command = [bench.portcullis.as_os_str(), serve, file, config.as_os_str()];
    Ok((Rc::new(Server::start(bench, name, &command, port)?), port))
}
