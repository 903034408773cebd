//! From a record to a trust that can be relied on: everything that is wrong with it, in one go.

mod grants;
mod issuer;
mod mapping;
mod terms;

use super::{
    Authentication, ClaimPath, Grantee, IssRule, Overage, Preset, PresetTerms, Reuse, ScopeFormat,
    TokenKind, Trust, choose::Opened, condition, iss, preset::Globs,
};
use crate::time::Limits;
use mapping::Places;
use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_types::{
    ApiName, ClientId, Details, Issuer, Registry, Rights, Scopes, Tenant, Timestamp, Ttl,
};
use serde::Serialize;
use std::{collections::BTreeSet, fmt, sync::Arc};

/// Where a trust is to be good.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// Whose trust it is.
    pub tenant: &'a Tenant,
    /// Our issuer's identifier: the audience of tokens that are made for an exchange.
    pub issuer: &'a Issuer,
    /// The scopes that exist.
    pub registry: &'a Registry,
}

/// One thing that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustFault {
    /// Which field, as a path: `conditions[1].glob`.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// A record that was checked. Only [`Trust::checked`] makes one.
#[derive(Clone, Debug)]
pub struct CheckedTrust {
    record: Arc<Trust>,
    tenant: Tenant,
    our_issuer: Issuer,
    inline: Option<Arc<KeySet>>,
    algs: Vec<Alg>,
    typ: Vec<String>,
    audiences: Vec<String>,
    sub_prefix: String,
    conditions: Vec<condition::Checked>,
    places: Places,
    grants: Vec<CheckedGrant>,
    ceiling: Scopes,
}

/// A grant whose wildcards are expanded.
#[derive(Clone, Debug)]
pub(super) struct CheckedGrant {
    pub(super) to: Grantee,
    pub(super) scopes: Scopes,
    pub(super) details: Details,
}

const MOST_SKEW: Ttl = Ttl::seconds(60);
const USUAL_AGE: Ttl = Ttl::seconds(600);
const MOST_LIFETIME: Ttl = Ttl::seconds(24 * 3600);
const USUAL_TTL: Ttl = Ttl::seconds(900);
const USUAL_RATE: u32 = 60;
const USUAL_USES: u32 = 100;

impl fmt::Display for TrustFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.field, self.what, self.remedy)
    }
}

impl std::error::Error for TrustFault {}

/// What is wrong so far.
#[derive(Debug, Default)]
struct Faults(Vec<TrustFault>);

impl Faults {
    fn add(
        &mut self,
        field: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (field, what, remedy) = (field.into(), what.into(), remedy.into());
        self.0.push(TrustFault { field, what, remedy });
    }
}

impl Trust {
    /// Checks everything that can be checked without asking anybody, and says all that is wrong.
    pub fn checked(self, home: &Home<'_>) -> Result<CheckedTrust, Vec<TrustFault>> {
        let mut faults = Faults::default();
        if let Err(fault) = ApiName::new(&self.name) {
            faults.add(
                "name",
                fault.problem,
                "name it for the people of the tenant: corporate-sso",
            );
        }
        issuer::check(&self, home, &mut faults);
        let algs = terms::algs(&self, &mut faults);
        let inline = issuer::keys(&self, &algs, &mut faults);
        let typ = terms::typ(&self, &mut faults);
        terms::kinds(&self, &mut faults);
        let audiences = terms::audiences(&self, home, &mut faults);
        terms::times(&self, &mut faults);
        terms::uses(&self, &mut faults);
        terms::authentication(&self, &mut faults);
        terms::federation(&self, &mut faults);
        let conditions = terms::conditions(&self, &mut faults);
        let places = mapping::places(&self, &mut faults);
        let ceiling = grants::ceiling(&self, home, &mut faults);
        let grants = grants::all(&self, home, &ceiling, &mut faults);
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        let sub_prefix = match self.preset.terms().iss {
            IssRule::TrustDomain => format!("{}/", self.issuer),
            _ => self.preset.terms().sub_prefix.to_owned(),
        };
        Ok(CheckedTrust {
            record: Arc::new(self),
            tenant: home.tenant.clone(),
            our_issuer: home.issuer.clone(),
            inline,
            algs,
            typ,
            audiences,
            sub_prefix,
            conditions,
            places,
            grants,
            ceiling,
        })
    }

    /// All trusts of one tenant: each for itself, and no two of one name or one issuer.
    pub fn checked_all(
        trusts: Vec<Self>,
        home: &Home<'_>,
    ) -> Result<Vec<CheckedTrust>, Vec<TrustFault>> {
        let (mut checked, mut faults) = (Vec::new(), Faults::default());
        let (mut names, mut issuers) = (BTreeSet::new(), BTreeSet::new());
        for (place, trust) in trusts.into_iter().enumerate() {
            let at = format!("trust[{place}]");
            if !names.insert(trust.name.clone()) {
                let what = format!("'{}' is taken in this tenant", trust.name);
                faults.add(format!("{at}.name"), what, "choose another");
            }
            if !issuers.insert(trust.issuer.clone()) {
                let what = "is trusted by another record of this tenant";
                let remedy = "make one record of both: several audiences, kinds and grants";
                faults.add(format!("{at}.issuer"), what, remedy);
            }
            match trust.checked(home) {
                Ok(trust) => checked.push(trust),
                Err(own) => {
                    let placed = own.into_iter().map(|fault| TrustFault {
                        field: format!("{at}.{}", fault.field),
                        ..fault
                    });
                    faults.0.extend(placed);
                }
            }
        }
        if faults.0.is_empty() { Ok(checked) } else { Err(faults.0) }
    }
}

impl CheckedTrust {
    /// The record, as it was written.
    pub fn record(&self) -> &Trust {
        &self.record
    }

    /// What the tenant calls it.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Whose trust it is.
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.record.issuer
    }

    /// The kind of provider.
    pub fn preset(&self) -> Preset {
        self.record.preset
    }

    /// The keys that stand in the record itself.
    pub const fn inline_keys(&self) -> Option<&Arc<KeySet>> {
        self.inline.as_ref()
    }

    /// The algorithms it may sign with.
    pub fn algs(&self) -> &[Alg] {
        &self.algs
    }

    /// The kinds of token it is trusted for.
    pub fn kinds(&self) -> &[TokenKind] {
        &self.record.kinds
    }

    /// How many exchanges a minute one subject may have.
    pub fn rate(&self) -> u32 {
        self.record.rate.unwrap_or(USUAL_RATE)
    }

    /// How often a token of that kind may come.
    pub fn reuse(&self, kind: TokenKind) -> Reuse {
        let once = self.record.one_time.unwrap_or(kind == TokenKind::IdToken);
        match kind {
            TokenKind::IdJag => Reuse::Counted,
            _ if once => Reuse::Once,
            _ => Reuse::Free,
        }
    }

    /// How often one token may come whose uses are counted.
    pub fn max_uses(&self) -> u32 {
        self.record.max_uses.unwrap_or(USUAL_USES)
    }

    /// The client as which callers come that prove nothing but their token, if there may be such.
    pub fn federated_client(&self) -> Option<&ClientId> {
        self.record.federation.as_ref().map(|federation| &federation.client)
    }

    /// How long ago a token of that kind may have been issued; `None`: as long as it is valid.
    pub fn max_age(&self, kind: TokenKind) -> Option<Ttl> {
        let usual = (kind == TokenKind::IdToken).then_some(USUAL_AGE);
        self.record.max_age.or(usual)
    }

    /// The longest life of a token of ours for its subjects.
    pub fn max_ttl(&self) -> Ttl {
        self.record.max_ttl.unwrap_or(USUAL_TTL)
    }

    /// Whether the actor may be left out.
    pub fn allows_impersonation(&self) -> bool {
        self.record.impersonation
    }

    /// What a subject of this trust may have at most, and until when: as one side of a narrowing.
    pub fn rights(&self, subject: &super::Subject, now: Timestamp) -> Rights {
        Rights {
            scopes: subject.scopes.clone(),
            details: subject.details.clone(),
            expires: subject.expires.min(now.plus(self.max_ttl())),
            tenant: Some(self.tenant.clone()),
        }
    }

    /// The most that any of its subjects may have, whatever its token says: no more than the ceiling.
    pub const fn reach(&self) -> (&Scopes, &Details) {
        (&self.ceiling, &self.places.ceiling)
    }

    pub(super) fn terms(&self) -> &'static PresetTerms {
        self.record.preset.terms()
    }

    pub(super) const fn our_issuer(&self) -> &Issuer {
        &self.our_issuer
    }

    pub(super) fn typ(&self) -> &[String] {
        &self.typ
    }

    pub(super) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub(super) fn sub_prefix(&self) -> &str {
        &self.sub_prefix
    }

    pub(super) fn conditions(&self) -> &[condition::Checked] {
        &self.conditions
    }

    pub(super) fn grants(&self) -> &[CheckedGrant] {
        &self.grants
    }

    pub(super) const fn ceiling(&self) -> (&Scopes, &Details) {
        self.reach()
    }

    pub(super) fn authentication(&self) -> Option<&Authentication> {
        self.record.authentication.as_ref()
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            leeway: self.record.skew.unwrap_or(MOST_SKEW),
            max_lifetime: self.record.max_lifetime.unwrap_or(MOST_LIFETIME),
        }
    }

    /// Whether `iss` is this issuer's, in one of its spellings.
    pub(super) fn is_named(&self, iss: &str) -> bool {
        iss == self.record.issuer
            || self.terms().iss == IssRule::Google && iss == "accounts.google.com"
    }

    pub(super) fn may_have_issued(&self, opened: &Opened<'_>) -> bool {
        match self.terms().iss {
            IssRule::TrustDomain => {
                opened.sub().is_some_and(|sub| sub.starts_with(&self.sub_prefix))
            }
            _ => opened.iss().is_some_and(|iss| self.is_named(iss)),
        }
    }

    pub(super) fn role_paths(&self) -> &[ClaimPath] {
        &self.places.roles
    }

    pub(super) fn groups(&self) -> Option<(&ClaimPath, Overage)> {
        self.places.groups.as_ref().map(|(path, overage)| (path, *overage))
    }

    pub(super) fn overage_marks(&self) -> &[ClaimPath] {
        &self.places.overage_marks
    }

    pub(super) const fn tenant_path(&self) -> Option<&ClaimPath> {
        self.places.tenant.as_ref()
    }

    pub(super) const fn display_name_path(&self) -> Option<&ClaimPath> {
        self.places.display_name.as_ref()
    }

    pub(super) fn subject_claims(&self) -> Option<&[String]> {
        self.record.mapping.subject.as_deref()
    }

    pub(super) fn client_claims(&self) -> &[String] {
        &self.places.client
    }

    pub(super) fn scope(&self) -> Option<(&ClaimPath, ScopeFormat, Option<&str>)> {
        let (path, format) = self.places.scope.as_ref()?;
        let strip = self.record.mapping.scope.as_ref().and_then(|it| it.prefix_strip.as_deref());
        Some((path, *format, strip))
    }

    /// The claim that scopes are from, as people know it.
    pub(super) fn scope_claim(&self, kind: TokenKind) -> Option<&str> {
        match kind {
            TokenKind::IdJag => Some("scope"),
            _ => self.scope().map(|(path, ..)| path.as_str()),
        }
    }

    pub(super) fn scopes_of_people_only(&self) -> bool {
        self.terms().scope.is_some_and(|scope| scope.persons_only)
    }
}
