//! What can be done to people, groups and what is theirs, as the audit log names it. Names are kept for ever: one
//! may be added, none changes.

macro_rules! actions {
    ($($name:ident = $text:literal,)*) => {
        /// What a [`Deed`](crate::Deed) does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named in the log by the text beside it")]
        pub enum Action {
            $($name,)*
        }

        impl Action {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As the audit log has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

actions! {
    PersonAdd = "person.add",
    PersonJoin = "person.join",
    PersonUpdate = "person.update",
    PersonScim = "person.scim",
    PersonDisable = "person.disable",
    PersonEnable = "person.enable",
    PersonAdopt = "person.adopt",
    PersonRemove = "person.remove",
    PersonInvite = "person.invite",
    PersonReset = "person.reset",
    SignIn = "person.sign_in",
    SignInAgain = "person.sign_in_again",
    FactorsRemoved = "person.factors_removed",
    Password = "person.password",
    Totp = "person.totp",
    TotpRemoved = "person.totp_removed",
    RecoveryCodes = "person.recovery_codes",
    Passkey = "person.passkey",
    PasskeyRenamed = "person.passkey_renamed",
    PasskeyRemoved = "person.passkey_removed",
    AccountLink = "account.link",
    AccountUpdate = "account.update",
    AccountUnlink = "account.unlink",
    SessionEnd = "session.end",
    SessionEndAll = "session.end_all",
    SessionEndUpstream = "session.end_upstream",
    GrantEnd = "grant.end",
    TokenRevoke = "token.revoke",
    DeviceBegin = "device.begin",
    GroupAdd = "group.add",
    GroupUpdate = "group.update",
    GroupRemove = "group.remove",
    ScimAdd = "scim.add",
    ScimRefuse = "scim.refuse",
    ScimTokenAdd = "scim_token.add",
    ScimTokenRemove = "scim_token.remove",
    RegistrationRefuse = "client.refuse",
    TenantAdd = "tenant.add",
    TenantUpdate = "tenant.update",
    TenantSuspend = "tenant.suspend",
    TenantResume = "tenant.resume",
    TenantEnd = "tenant.end",
    PolicyApply = "policy.apply",
    PolicyRollback = "policy.rollback",
    PolicyShadow = "policy.shadow",
    ApiKeyAdd = "api_key.add",
    ApiKeyImport = "api_key.import",
    ApiKeyDisable = "api_key.disable",
    ApiKeyEnable = "api_key.enable",
    ApiKeyRemove = "api_key.remove",
}

impl Action {
    /// Whether its records are about a person, who sees them.
    pub fn is_about_a_person(self) -> bool {
        let room = self.name().split('.').next();
        matches!(room, Some("person" | "account" | "session" | "grant" | "token"))
    }
}
