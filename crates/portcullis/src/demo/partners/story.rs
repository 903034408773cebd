//! What the partners' demo says when it is ready: who trusts whom, and the story in commands to paste.

use super::Partners;
use crate::demo::welcome::{COMMAND, QUIET, TITLE, listed, program, quoted};
use serde_json::{Value, json};
use std::fmt::Write;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type";
/// One member of an answer in JSON.
const TOKEN_OF: &str = r#"sed 's/.*"access_token": *"\([^"]*\)".*/\1/'"#;
const DECISION_OF: &str = r#"sed 's/.*"decision_id": *"\([^"]*\)".*/\1/'"#;
const BEARER: &str = r#"-H "Authorization: Bearer $TOKEN""#;

/// A step of the story.
type Step = (&'static str, String);

impl Partners {
    /// The whole page.
    pub(super) fn page(&self) -> String {
        let mut page =
            format!("\n{TITLE}Portcullis is up.{TITLE:#} {QUIET}Ctrl-C stops it.{QUIET:#}\n\n");
        let places = &self.places;
        for (what, where_to, why) in [
            ("issuer", &places.issuer, "trades partners' tokens for ours"),
            ("gateway", &places.gateway, "lets them through to the analytics API, or says why not"),
            ("admin", &places.admin, "/healthz /readyz /metrics"),
            ("acme", &places.partner, "Acme's own provider, with its own people and keys"),
        ] {
            let _ = writeln!(page, "  {what:<9} {where_to}   {QUIET}{why}{QUIET:#}");
        }
        let _ = writeln!(
            page,
            "\n  t123      Acme Insurance   {QUIET}its provider signs for its people{QUIET:#}\n  \
             t456      Globex Freight   {QUIET}has no provider, but a key: {}{QUIET:#}\n  \
             {QUIET}tenants:  {}{QUIET:#}\n",
            self.globex.key.display(),
            self.directory.join("tenants").display(),
        );
        for person in &self.acme.people {
            let (login, password, role) = (person.login, person.password(), person.role);
            let _ = writeln!(page, "  {login:<9} {password}   {QUIET}{role} at Acme{QUIET:#}");
        }
        page.push_str(&listed(&self.commands()));
        let (title, command) = self.sign_in();
        let _ = writeln!(page, "{TITLE}{title}{TITLE:#}\n{COMMAND}{command}{COMMAND:#}\n");
        page
    }

    /// The same for programs: one object.
    pub(super) fn facts(&self) -> Value {
        let step = |(title, command): Step| json!({ "title": title, "command": command });
        let people = self.acme.people.iter().map(|person| {
            json!({ "login": person.login, "password": person.password(), "role": person.role })
        });
        let client = |at: &str, visitor: &super::Visitor| json!({ "issuer": at, "client_id": visitor.id, "client_secret": visitor.secret.expose() });
        let places = &self.places;
        json!({
            "issuer": places.issuer, "gateway": places.gateway, "admin": places.admin,
            "acme": places.partner, "analytics": places.service, "config": self.config(),
            "people": people.collect::<Vec<_>>(),
            "clients": [
                client(&places.partner, &self.acme.nightly),
                client(&places.issuer, &self.acme_app),
                client(&places.issuer, &self.globex_app),
            ],
            "commands": self.commands().into_iter().map(step).collect::<Vec<_>>(),
            "sign_in": step(self.sign_in()),
        })
    }

    /// What a command is told.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let places = &self.places;
        let mut all = vec![
            ("PORTCULLIS_ISSUER", places.issuer.clone()),
            ("PORTCULLIS_GATEWAY", places.gateway.clone()),
            ("ANALYTICS", places.service.clone()),
            ("ACME_ISSUER", places.partner.clone()),
            ("GLOBEX_KEY", self.globex.key.display().to_string()),
        ];
        for (id, secret, visitor) in [
            ("ACME_CLIENT_ID", "ACME_CLIENT_SECRET", &self.acme.nightly),
            ("ACME_APP_ID", "ACME_APP_SECRET", &self.acme_app),
            ("GLOBEX_APP_ID", "GLOBEX_APP_SECRET", &self.globex_app),
        ] {
            all.push((id, visitor.id.to_string()));
            all.push((secret, visitor.secret.expose().to_owned()));
        }
        let names =
            [("ACME_USER", "ACME_PASSWORD"), ("ACME_TRAINEE_USER", "ACME_TRAINEE_PASSWORD")];
        for ((user, password), person) in names.into_iter().zip(&self.acme.people) {
            all.push((user, person.login.to_owned()));
            all.push((password, person.password().to_owned()));
        }
        all
    }

    fn commands(&self) -> [Step; 10] {
        let (program, gateway) = (program(), &self.places.gateway);
        let (own, others) = (
            format!("'{gateway}/t/t123/datasets/ds_claims/rows?limit=2'"),
            format!("{gateway}/t/t456/datasets/ds_shipments/rows"),
        );
        let acme = self.trade(&self.acme_app, "access_token", "$ACME");
        let globex = self.trade(&self.globex_app, "jwt", "$GLOBEX");
        let foreign = format!("{acme} -d scope=analytics:read:t456");
        let decision = "sed -n 's/^x-decision-id: *\\(dec_[0-9A-Z]*\\).*/\\1/p'";
        [
            ("A program of Acme's gets a token of Acme's own provider", self.at_acme()),
            (
                "What would it be worth here? Nothing is issued",
                format!("echo \"$ACME\" | {program} tenant check t123 --token -"),
            ),
            (
                "Trade it for a token of ours",
                format!(
                    "TOKEN=$({acme} | \\\n  {TOKEN_OF}); echo \"$TOKEN\" | {program} token inspect"
                ),
            ),
            ("Read Acme's own rows", format!("curl -s {own} {BEARER}")),
            ("Be refused Globex's", format!("curl -si {others} {BEARER}")),
            (
                "Ask why",
                format!(
                    "{program} explain $(curl -s -o /dev/null -D - {others} {BEARER} | \\\n  {decision})"
                ),
            ),
            (
                "Be refused at the exchange already, and ask why",
                format!("{program} explain $({foreign} | \\\n  {DECISION_OF})"),
            ),
            (
                "Globex signs by itself, and reads its own rows",
                format!(
                    "{}\nTOKEN=$({globex} | \\\n  {TOKEN_OF}); curl -s '{others}?limit=2' {BEARER}",
                    self.at_globex(&program)
                ),
            ),
            (
                "What can each reach at most?",
                format!(
                    "{program} can-i --tenant t123 --list; {program} can-i --tenant t456 --list"
                ),
            ),
            ("Both are in the audit log", format!("{program} audit tail -n 8")),
        ]
    }

    /// Acme's provider is asked as any other would be.
    fn at_acme(&self) -> String {
        let (id, secret) = (&self.acme.nightly.id, self.acme.nightly.secret.expose());
        format!(
            "export PORTCULLIS_CONFIG={}\nACME=$(curl -s {}/token -u {id}:{secret} \\\n  \
             -d grant_type=client_credentials | {TOKEN_OF}); echo \"$ACME\"",
            quoted(&self.config()),
            self.places.partner,
        )
    }

    /// A JWT that says what Globex's trust wants to read, for five minutes.
    fn at_globex(&self, program: &str) -> String {
        format!(
            "GLOBEX=$(printf '{{\"iss\":\"https://globex.example\",\"sub\":\"dispatch\",\
             \"roles\":[\"dispatcher\"],\"aud\":\"{}\",\"iat\":%d,\"exp\":%d}}' \\\n  \
             $(date +%s) $(($(date +%s) + 300)) | {program} jose sign --typ JWT --key {})",
            self.places.issuer,
            quoted(&self.globex.key),
        )
    }

    /// RFC 8693 §2.1.
    fn trade(&self, app: &super::Visitor, kind: &str, token: &str) -> String {
        format!(
            "curl -s {}/token -u {}:{} \\\n  -d grant_type={EXCHANGE} \\\n  \
             -d subject_token_type={TYPE}:{kind} -d subject_token=\"{token}\"",
            self.places.issuer,
            app.id,
            app.secret.expose(),
        )
    }

    /// The one step that takes a browser.
    fn sign_in(&self) -> Step {
        let (program, partner) = (program(), &self.places.partner);
        let kept = self.directory.join("logins.json");
        (
            "As a person: sign in at Acme's provider, then go on with 2. The analyst may what the \
             program may, the trainee less",
            format!(
                "export PORTCULLIS_LOGINS={}\n{program} login --issuer {partner}\n\
                 ACME=$({program} token get --issuer {partner})",
                quoted(&kept)
            ),
        )
    }
}
