//! What people see and change about themselves.

use super::{AppView, Permission, Problem, UpstreamLink, When, Wrong as _, html, status};
use crate::{step_up::step_up, visit::Visit};
use askama::Template;
use axum::response::Response;
use portcullis_directory::Person;
use portcullis_web::page::{Forms, Page, Scripts};

/// The parts of the account, in the order of its menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Profile,
    Passkeys,
    Authenticator,
    Recovery,
    Password,
    Sessions,
    Apps,
    Activity,
}

impl Section {
    pub(crate) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Profile,
        Self::Passkeys,
        Self::Authenticator,
        Self::Recovery,
        Self::Password,
        Self::Sessions,
        Self::Apps,
        Self::Activity,
    ];

    /// Its path below the issuer's.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Profile => "/account/profile",
            Self::Passkeys => "/account/passkeys",
            Self::Authenticator => "/account/authenticator",
            Self::Recovery => "/account/recovery-codes",
            Self::Password => "/account/password",
            Self::Sessions => "/account/sessions",
            Self::Apps => "/account/apps",
            Self::Activity => "/account/activity",
        }
    }

    /// What an address to return to calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "account",
            Self::Profile => "profile",
            Self::Passkeys => "passkeys",
            Self::Authenticator => "authenticator",
            Self::Recovery => "recovery-codes",
            Self::Password => "password",
            Self::Sessions => "sessions",
            Self::Apps => "apps",
            Self::Activity => "activity",
        }
    }

    /// Whether it changes how somebody signs in.
    pub(crate) const fn changes_means(self) -> bool {
        matches!(self, Self::Passkeys | Self::Authenticator | Self::Recovery | Self::Password)
    }

    /// What the menu calls it.
    fn label(self, visit: &Visit) -> &'static str {
        match self {
            Self::Overview => visit.say("account.overview"),
            Self::Profile => visit.say("account.profile"),
            Self::Passkeys => visit.say("account.passkeys"),
            Self::Authenticator => visit.say("account.authenticator"),
            Self::Recovery => visit.say("account.recovery"),
            Self::Password => visit.say("account.password"),
            Self::Sessions => visit.say("account.sessions"),
            Self::Apps => visit.say("account.apps"),
            Self::Activity => visit.say("account.activity"),
        }
    }
}

/// What is around each part.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    /// Which part.
    pub(crate) section: Section,
    /// Whose account.
    pub(crate) login: &'a str,
    /// What was done just now.
    pub(crate) notice: Option<String>,
    /// What must be shown first to change anything here.
    pub(crate) lack: Option<&'static str>,
}

impl Frame<'_> {
    /// Where it is shown.
    fn step_up(&self, visit: &Visit) -> String {
        visit.path(&step_up(self.section))
    }

    /// The menu: address, label, whether it is this part.
    fn menu(&self, visit: &Visit) -> Vec<(String, &'static str, bool)> {
        let entry = |section: Section| {
            (visit.path(section.path()), section.label(visit), section == self.section)
        };
        Section::ALL.map(entry).to_vec()
    }
}

/// Who you are.
#[derive(Debug)]
pub(crate) struct OverviewView<'a> {
    pub(crate) person: &'a Person,
    pub(crate) since: When,
    /// Other providers, and whether an account there is linked.
    pub(crate) providers: Vec<(UpstreamLink, bool)>,
}

impl OverviewView<'_> {
    fn passkeys(&self, visit: &Visit) -> String {
        let number = usize::try_from(self.person.factors.passkeys).unwrap_or(usize::MAX);
        visit.words.count(number, "overview.has_passkeys_one", "overview.has_passkeys_many")
    }

    fn codes(&self, visit: &Visit) -> String {
        let number = usize::try_from(self.person.factors.recovery_codes).unwrap_or(usize::MAX);
        visit.words.count(number, "overview.codes_one", "overview.codes_many")
    }
}

/// One field of the profile.
#[derive(Debug)]
pub(crate) struct ProfileField {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) autocomplete: &'static str,
    pub(crate) value: String,
}

/// What you tell about yourself.
#[derive(Debug)]
pub(crate) struct ProfileView<'a> {
    pub(crate) fields: Vec<ProfileField>,
    pub(crate) problem: Option<Problem<'a>>,
}

/// A passkey.
#[derive(Clone, Debug)]
pub(crate) struct PasskeyItem {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) added: When,
    pub(crate) used: Option<When>,
}

/// The passkeys.
#[derive(Debug, Default)]
pub(crate) struct PasskeysView<'a> {
    pub(crate) passkeys: &'a [PasskeyItem],
    /// Whether the last one may go: there is another way to sign in.
    pub(crate) may_remove_last: bool,
    pub(crate) problem: Option<Problem<'a>>,
}

/// An authenticator app that is being set up.
#[derive(Debug)]
pub(crate) struct Enrolment<'a> {
    /// Names the key that waits for its first code.
    pub(crate) ceremony: &'a str,
    /// The key, to be typed.
    pub(crate) key: &'a str,
    /// The key as a picture: SVG that we drew ourselves.
    pub(crate) picture: &'a str,
    pub(crate) problem: Option<Problem<'a>>,
}

/// The authenticator app.
#[derive(Debug, Default)]
pub(crate) struct AuthenticatorView<'a> {
    pub(crate) is_on: bool,
    pub(crate) enrolment: Option<Enrolment<'a>>,
}

/// The recovery codes.
#[derive(Debug, Default)]
pub(crate) struct RecoveryView<'a> {
    pub(crate) left: usize,
    pub(crate) has_totp: bool,
    /// New ones, shown this once.
    pub(crate) codes: &'a [String],
}

impl RecoveryView<'_> {
    fn how_many(&self, visit: &Visit) -> String {
        visit.words.count(self.left, "recovery.left_one", "recovery.left_many")
    }
}

/// The password.
#[derive(Debug, Default)]
pub(crate) struct PasswordView<'a> {
    pub(crate) exists: bool,
    /// The least length, in characters.
    pub(crate) least: usize,
    pub(crate) problem: Option<Problem<'a>>,
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct SessionItem {
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) remote: Option<String>,
    pub(crate) started: When,
    pub(crate) seen: When,
    pub(crate) means: String,
    pub(crate) is_this: bool,
    /// What stops when it is ended.
    pub(crate) effect: String,
}

/// The sessions, this one first.
#[derive(Debug, Default)]
pub(crate) struct SessionsView<'a> {
    pub(crate) sessions: &'a [SessionItem],
    /// What stops when all but this one are ended.
    pub(crate) effect: String,
}

/// An app with access.
#[derive(Clone, Debug)]
pub(crate) struct AppItem<'a> {
    pub(crate) grant: String,
    pub(crate) app: AppView<'a>,
    /// Where the app begins a sign-in here (OpenID Connect Core §4).
    pub(crate) begin: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) given: When,
    pub(crate) used: Option<When>,
    pub(crate) offline: bool,
}

/// The apps with access.
#[derive(Debug, Default)]
pub(crate) struct AppsView<'a> {
    pub(crate) apps: &'a [AppItem<'a>],
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct ActivityItem {
    pub(crate) when: When,
    pub(crate) what: String,
    pub(crate) remote: Option<String>,
    pub(crate) allowed: bool,
    pub(crate) decision: String,
}

/// What happened lately, newest first.
#[derive(Debug, Default)]
pub(crate) struct ActivityView<'a> {
    pub(crate) items: &'a [ActivityItem],
}

/// One template, one function for each part: they differ in what they show alone.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident($template:ident, $file:literal, $view:ident, $scripts:ident);)*) => {$(
        #[derive(Template)]
        #[template(path = $file)]
        struct $template<'a> {
            visit: &'a Visit,
            frame: &'a Frame<'a>,
            view: &'a $view<'a>,
        }

        $(#[$doc])*
        pub(crate) fn $name(visit: &Visit, frame: &Frame<'_>, view: &$view<'_>) -> Response {
            let html = html(&$template { visit, frame, view });
            let status = status(view.problem());
            let forms = view.forms();
            visit.answer(Page { status, scripts: Scripts::$scripts, forms, ..Page::new(html) })
        }
    )*};
}

parts! {
    /// `GET {issuer}/account`.
    overview(Overview, "account/overview.html", OverviewView, None);
    /// `GET {issuer}/account/profile`.
    profile(Profile, "account/profile.html", ProfileView, None);
    /// `GET {issuer}/account/passkeys`.
    passkeys(Passkeys, "account/passkeys.html", PasskeysView, Own);
    /// `GET {issuer}/account/authenticator`.
    authenticator(Authenticator, "account/authenticator.html", AuthenticatorView, Own);
    /// `GET {issuer}/account/recovery-codes`.
    recovery_codes(RecoveryCodes, "account/recovery.html", RecoveryView, Own);
    /// `GET {issuer}/account/password`.
    password(Password, "account/password.html", PasswordView, None);
    /// `GET {issuer}/account/sessions`.
    sessions(Sessions, "account/sessions.html", SessionsView, None);
    /// `GET {issuer}/account/apps`.
    apps(Apps, "account/apps.html", AppsView, None);
    /// `GET {issuer}/account/activity`.
    activity(Activity, "account/activity.html", ActivityView, None);
}

/// What is wrong on a part; most have nothing that can be.
trait Problematic {
    fn problem(&self) -> Option<&Problem<'_>> {
        None
    }

    fn forms(&self) -> Forms {
        Forms::Ours
    }
}

impl Problematic for OverviewView<'_> {
    /// Linking an account ends at the other provider.
    fn forms(&self) -> Forms {
        if self.providers.is_empty() { Forms::Ours } else { Forms::Onward }
    }
}
impl Problematic for RecoveryView<'_> {}
impl Problematic for SessionsView<'_> {}
impl Problematic for AppsView<'_> {}
impl Problematic for ActivityView<'_> {}
impl Problematic for PasskeysView<'_> {
    fn problem(&self) -> Option<&Problem<'_>> {
        self.problem.as_ref()
    }
}
impl Problematic for ProfileView<'_> {
    fn problem(&self) -> Option<&Problem<'_>> {
        self.problem.as_ref()
    }
}
impl Problematic for PasswordView<'_> {
    fn problem(&self) -> Option<&Problem<'_>> {
        self.problem.as_ref()
    }
}
impl Problematic for AuthenticatorView<'_> {
    fn problem(&self) -> Option<&Problem<'_>> {
        self.enrolment.as_ref().and_then(|enrolment| enrolment.problem.as_ref())
    }
}
