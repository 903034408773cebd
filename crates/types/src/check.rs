//! The checks, in the order in which they are made. The numbers are those of the walk through a request.

use serde::{Deserialize, Serialize};

/// Which of our two questions a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// "May this request pass?", asked at the gateway and inside services.
    Access,
    /// "May this client have this token?", asked at the token endpoint.
    Grant,
    /// "May this app act for this person?", asked when somebody signs in to an app.
    Authorize,
}

macro_rules! checks {
    ($($stage:ident $name:ident $bit:literal $slug:literal $title:literal $source:literal;)*) => {
        /// One check. Declaration order is the order of checking.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Check { $(#[doc = concat!($title, " (", $source, ").")] $name,)* }

        impl Check {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// Whether it is asked of a request or of a grant.
            pub const fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)* }
            }

            /// Its place in a stored [`Trace`](crate::Trace): unique in its stage, and never changed, since
            /// records outlive programs.
            pub(crate) const fn bit(self) -> u32 {
                match self { $(Self::$name => 1 << $bit,)* }
            }

            /// Its name in JSON, metrics and the audit log.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// What it asks, in plain words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The standard and section that demand it.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$name => $source,)* }
            }
        }
    };
}

checks! {
    Access Shape 0 "shape" "Can it be read in one way only?" "RFC 9112 §11.2";
    Access Route 22 "route" "Is the path mapped to an API?" "default deny";
    Access Credential 1 "credential" "Is there exactly one bearer credential?" "RFC 6750 §2";
    Access CredentialKind 2 "credential_kind" "Is the credential an access token?" "RFC 6750 §2.1";
    Access Format 3 "format" "Is it a well-formed signed JWT?" "RFC 7515 §3.1, §7.1";
    Access Header 4 "header" "Is its header acceptable?" "RFC 8725 §3.1, RFC 7515 §4";
    Access Type 5 "type" "Is it an access token by type?" "RFC 9068 §4";
    Access Issuer 6 "issuer" "Is the issuer trusted here?" "RFC 9068 §4, RFC 8725 §3.8";
    Access Key 7 "key" "Does the issuer have this key?" "RFC 7517 §5, RFC 8725 §3.1";
    Access Signature 8 "signature" "Is the signature right?" "RFC 7515 §5.2";
    Access Claims 9 "claims" "Are all required claims there?" "RFC 9068 §2.2";
    Access Time 10 "time" "Is it valid now?" "RFC 7519 §4.1.4–4.1.6";
    Access Audience 11 "audience" "Is it meant for this API?" "RFC 7519 §4.1.3, RFC 8707";
    Access Purpose 12 "purpose" "Is it no other kind of token?" "RFC 8725 §3.12";
    Access Tenant 13 "tenant" "Does it belong to this tenant?" "issuer and tenant binding";
    Access Binding 14 "binding" "Was it shown by its holder?" "RFC 9449 §7, RFC 8705 §3";
    Access Revocation 15 "revocation" "Is it still in force?" "RFC 7009";
    Access Authentication 17 "authentication" "Is the sign-in strong and fresh enough?" "RFC 9470 §3";
    Access Scope 18 "scope" "Does its scope cover this?" "RFC 6750 §3.1";
    Access Object 20 "object" "Is the object its tenant's own?" "OWASP API1";
    Access Body 23 "body" "Does its body say one thing?" "RFC 8259 §4";
    Access Limits 19 "limits" "Do its authorization_details name this?" "RFC 9396 §7";
    Access Rules 21 "rules" "Does the policy allow it?" "default deny";
    Grant Request 0 "request" "Is the request well formed?" "RFC 6749 §3.2";
    Grant Throttle 1 "throttle" "Were there few enough failures?" "RFC 6749 §2.3.1";
    Grant Client 2 "client" "Has the client proven itself?" "RFC 6749 §2.3, RFC 7523 §3";
    Grant ClientActive 3 "client_active" "Is the client enabled?" "RFC 6749 §5.2";
    Grant GrantType 4 "grant_type" "May it use this grant?" "RFC 6749 §4";
    Grant Possession 7 "possession" "Does the caller hold the key?" "RFC 9449 §5, RFC 8705 §3";
    Grant SubjectToken 9 "subject_token" "Is the token to be exchanged good?" "RFC 8693 §2.1, RFC 7523 §3";
    Grant Conditions 10 "conditions" "Does it meet the tenant's conditions?" "tenant trust";
    Grant TenantActive 11 "tenant_active" "Is the tenant's subscription active?" "tenant contract";
    Grant ActorToken 12 "actor_token" "May the actor act for the subject?" "RFC 8693 §4.1, §4.4";
    Grant Impersonation 13 "impersonation" "If nobody acts, may that be?" "RFC 8693 §1.1";
    Grant Granted 8 "granted" "Is what was granted still good?" "RFC 6749 §5.2, RFC 9700 §4.14";
    Grant Resource 5 "resource" "May it have a token for this API?" "RFC 8707 §2";
    Grant Policy 14 "policy" "Does the policy allow it?" "default deny";
    Grant GrantScope 6 "grant_scope" "Is any requested scope left?" "RFC 6749 §3.3";
    Grant Details 15 "details" "Are the authorization_details within bounds?" "RFC 9396 §5, §6";
    Authorize Asked 0 "asked" "Is the request well formed?" "RFC 6749 §4.1.1";
    Authorize App 1 "app" "Is the app known and enabled?" "RFC 6749 §4.1.2.1";
    Authorize Redirect 2 "redirect" "Is the way back registered?" "RFC 9700 §4.1.3";
    Authorize Demand 3 "demand" "May the app ask in this way?" "RFC 6749 §4.1.2.1, RFC 7636 §4.4.1";
    Authorize Target 4 "target" "May the app have a token for this API?" "RFC 8707 §2";
    Authorize SignedIn 5 "signed_in" "Has the person signed in?" "OpenID Connect Core §3.1.2.3";
    Authorize Strength 6 "strength" "Strongly and lately enough?" "RFC 9470 §4";
    Authorize Offer 7 "offer" "Is any requested scope left?" "RFC 6749 §3.3";
    Authorize Consent 8 "consent" "Does the person agree?" "OpenID Connect Core §3.1.2.4";
}

impl Check {
    /// Whether few decisions have it: those in which a policy, a tenant's provider or the body has a say. Shown
    /// only where one of these was made.
    pub const fn is_occasional(self) -> bool {
        matches!(
            self,
            Self::SubjectToken
                | Self::Conditions
                | Self::TenantActive
                | Self::ActorToken
                | Self::Impersonation
                | Self::Policy
                | Self::Details
                | Self::Body
                | Self::Limits
                | Self::Rules
        )
    }

    /// All checks of one stage, in order.
    pub fn of(stage: Stage) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |check| check.stage() == stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_checks_of_a_stage_share_a_place() {
        for stage in [Stage::Access, Stage::Grant, Stage::Authorize] {
            let places = Check::of(stage).fold(0, |places, check| {
                assert_eq!(places & check.bit(), 0, "{}", check.slug());
                places | check.bit()
            });
            assert_ne!(places, 0);
        }
    }
}
