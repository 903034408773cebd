//! `[[identity_provider]]`: whom people may sign in with besides ourselves, and what its groups mean here.

use super::{
    files::Machine,
    findings::{Findings, Place},
    read::{Section, Value},
    settings::{IdentityProvider, SecretSource},
    words,
};
use portcullis_directory::{ProviderRoles, RoleRule};
use portcullis_issuer::upstream::{
    ClaimPath, Condition, Newcomers, Preset, Provider, SameCompany, SecretIn,
};
use portcullis_types::{Acr, ApiName, Issuer, Ttl};

const MINUTE: Ttl = Ttl::seconds(60);
const YEAR: Ttl = Ttl::seconds(365 * 24 * 3600);

/// Every provider that is right.
pub(super) fn providers(
    root: &mut Section<'_>,
    machine: &Machine<'_>,
    roles: &[String],
    out: &mut Findings,
) -> Vec<IdentityProvider> {
    let mut providers: Vec<IdentityProvider> = Vec::new();
    for mut table in root.tables("identity_provider", out) {
        let place = table.place().clone();
        let provider = provider(&mut table, machine, roles, out);
        table.finish(out);
        let Some(provider) = provider else { continue };
        if providers.iter().any(|other| other.provider.name == provider.provider.name) {
            out.error(&place, format!("there are two of the name '{}'", provider.provider.name))
                .hint("the name is part of the redirect URI; give each its own");
            continue;
        }
        providers.push(provider);
    }
    providers
}

fn provider(
    table: &mut Section<'_>,
    machine: &Machine<'_>,
    known_roles: &[String],
    out: &mut Findings,
) -> Option<IdentityProvider> {
    let presets = Preset::ALL.map(|preset| (preset.name(), preset));
    let name = table.need("name", "\"okta\"", out).and_then(|name| name.parse::<ApiName>(out));
    let preset = table.get("preset").map(|preset| preset.choice(&presets, out));
    let preset = preset.unwrap_or(Some(Preset::Oidc));
    let issuer = match (table.get("issuer"), preset) {
        (None, Some(Preset::Google)) => Some("https://accounts.google.com".to_owned()),
        (None, _) => {
            let _ = table.need("issuer", "\"https://login.example.com\"", out);
            None
        }
        (Some(value), preset) => issuer(&value, preset, out),
    };
    let client_id = table.need("client_id", "\"…\"", out);
    let client_id = client_id.and_then(|id| id.text(out)).map(str::to_owned);
    let secret = table.get("client_secret").map(|secret| machine.secret(&secret, out));
    let methods =
        [("client_secret_basic", SecretIn::Header), ("client_secret_post", SecretIn::Body)];
    let secret_in = table.get("auth_method").and_then(|method| method.choice(&methods, out));
    let title = table.get("title").and_then(|title| title.text(out)).map(str::to_owned);
    let places = places(table, out);
    let meanings = Meanings::read(table, known_roles, out);
    let tenant = table.get("tenant").map(|tenant| tenant.parse(out));
    let same = same_company(table, preset, out);
    let provision = table.get("provision").and_then(|flag| flag.flag(out)).unwrap_or(false);
    let (name, preset, issuer, client_id) = (name?, preset?, issuer?, client_id?);
    let secret: Option<SecretSource> = match secret {
        Some(secret) => Some(secret?),
        None => None,
    };
    let provider = Provider {
        title: title.unwrap_or_else(|| name.to_string()),
        name: name.to_string(),
        preset,
        secret_in: secret_in.unwrap_or(SecretIn::Header),
        scopes: places
            .scopes
            .unwrap_or_else(|| preset.scopes().iter().map(ToString::to_string).collect()),
        conditions: meanings.conditions,
        directories: places.directories,
        group_claims: places.groups.unwrap_or_else(|| preset.group_claims(&client_id)),
        roles: ProviderRoles { provider: name.to_string(), ..meanings.roles },
        login: meanings.login,
        acr: meanings.acr,
        directory: same,
        newcomers: if provision { Newcomers::Join } else { Newcomers::Refused },
        tenant: match tenant {
            Some(tenant) => Some(tenant?),
            None => None,
        },
        issuer,
        client_id,
        client_secret: None,
    };
    whole(&provider, table.place(), out);
    Some(IdentityProvider { place: table.place().clone(), provider, client_secret: secret })
}

/// An issuer that the provider can have.
fn issuer(value: &Value<'_>, preset: Option<Preset>, out: &mut Findings) -> Option<String> {
    let issuer = value.parse::<Issuer>(out)?.to_string();
    match preset.and_then(|preset| preset.issuer_problem(&issuer)) {
        Some(problem) => {
            out.error(&value.place(), format!("'{issuer}' cannot be its issuer")).expected(problem);
            None
        }
        None => Some(issuer),
    }
}

/// `scim`: the directory that provisions its people, and the claim that is `externalId` there.
fn same_company(
    table: &mut Section<'_>,
    preset: Option<Preset>,
    out: &mut Findings,
) -> Option<SameCompany> {
    let usual = if preset == Some(Preset::Entra) { "oid" } else { "sub" };
    let directory = table.get("scim").and_then(|name| name.text(out)).map(str::to_owned);
    let claim = table.get("scim_id");
    if let (None, Some(claim)) = (&directory, &claim) {
        out.error(&claim.place(), "scim_id says nothing without scim")
            .hint("scim = \"NAME\" names the directory, as portcullis scim list shows it");
    }
    let claim = claim.and_then(|claim| claim.text(out)).unwrap_or(usual);
    Some(SameCompany { directory: directory?, claim: ClaimPath::parse(claim) })
}

/// What must fit together.
fn whole(provider: &Provider, place: &Place, out: &mut Findings) {
    if provider.serves_many_tenants() && provider.directories.is_empty() {
        out.error(place, "everybody with a Microsoft account could sign in")
            .expected("directories = [\"TENANT-ID\", …], or the issuer of one tenant");
    }
    if provider.preset == Preset::Google
        && provider.newcomers == Newcomers::Join
        && !provider.conditions.iter().any(|condition| condition.claim.0 == ["hd"])
    {
        out.error(place, "everybody with a Google Workspace could join")
            .expected("require = { hd = \"your-company.example\" }");
    }
    if provider.directory.is_some() && provider.newcomers == Newcomers::Join {
        out.error(place, "who comes before their directory made them would be here twice")
            .hint("with scim, take provision = true away: the directory makes people");
    }
    if !provider.scopes.iter().any(|scope| scope == "openid") {
        out.error(place, "without the scope openid there is no ID token")
            .hint("add \"openid\" to scopes");
    }
}

/// What to ask for, and where the answers lie.
struct Places {
    scopes: Option<Vec<String>>,
    groups: Option<Vec<ClaimPath>>,
    directories: Vec<String>,
}

fn places(table: &mut Section<'_>, out: &mut Findings) -> Places {
    let mut texts = |key, out: &mut Findings| {
        table.get(key).map(|list| {
            let members = list.list(out);
            members.iter().filter_map(|one| one.text(out)).map(str::to_owned).collect::<Vec<_>>()
        })
    };
    Places {
        scopes: texts("scopes", out),
        groups: texts("groups_claim", out)
            .map(|paths| paths.iter().map(|path| ClaimPath::parse(path)).collect()),
        directories: texts("directories", out).unwrap_or_default(),
    }
}

/// What the words of the provider mean here.
struct Meanings {
    roles: ProviderRoles,
    login: Option<ClaimPath>,
    acr: Vec<(String, Acr)>,
    conditions: Vec<Condition>,
}

impl Meanings {
    fn read(table: &mut Section<'_>, known: &[String], out: &mut Findings) -> Self {
        let mut roles = ProviderRoles::none(String::new());
        for (theirs, value) in entries(table.get("roles"), out) {
            let ours = our_roles(&value, known, out);
            roles.rules.push(RoleRule { theirs: theirs.to_owned(), ours });
        }
        roles.everybody =
            table.get("everybody").map(|value| our_roles(&value, known, out)).unwrap_or_default();
        let last = table.get("roles_last").and_then(|value| value.ttl(MINUTE..=YEAR, out));
        roles.last = last.unwrap_or(roles.last);
        let login = table.get("login").and_then(|claim| claim.text(out)).map(ClaimPath::parse);
        let strengths = Acr::ALL.map(|acr| (acr.name(), acr));
        let mut acr = Vec::new();
        for (theirs, value) in entries(table.get("acr"), out) {
            acr.extend(value.choice(&strengths, out).map(|ours| (theirs.to_owned(), ours)));
        }
        let mut conditions = Vec::new();
        for (claim, value) in entries(table.get("require"), out) {
            let any_of = value.list(out);
            let any_of = any_of.iter().filter_map(|one| one.text(out)).map(str::to_owned).collect();
            conditions.push(Condition { claim: ClaimPath::parse(claim), any_of });
        }
        Self { roles, login, acr, conditions }
    }
}

fn entries<'t>(value: Option<Value<'t>>, out: &mut Findings) -> Vec<(&'t str, Value<'t>)> {
    value.map(|value| value.entries(out)).unwrap_or_default()
}

/// One role or several, each of which must exist.
fn our_roles(value: &Value<'_>, known: &[String], out: &mut Findings) -> Vec<String> {
    let mut roles = Vec::new();
    for one in value.list(out) {
        let Some(role) = one.text(out) else { continue };
        if known.iter().any(|name| name == role) {
            roles.push(role.to_owned());
            continue;
        }
        let hint = words::did_you_mean(role, known.iter().map(String::as_str))
            .unwrap_or_else(|| format!("add [roles.{role}]"));
        out.error(&one.place(), format!("there is no role '{role}'")).hint(hint);
    }
    roles
}
