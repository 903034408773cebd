//! What an exchange uses up, in the transaction of what it was used for.

use portcullis_directory::{
    excerpt,
    grant::{TokenUse, use_token},
    use_api_key,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, InboundFault, Timestamp};

pub(super) enum Used {
    /// A token of a tenant's provider, and what is said when it was used as often as it may be.
    Token(TokenUse),
    /// An API key, by its id.
    ApiKey { id: String, at: Timestamp },
}

impl Used {
    pub(super) fn spend(&self, tx: &mut Tx<'_>) -> Result<Result<(), Denial>, StoreFault> {
        let token = match self {
            Self::ApiKey { id, at } => return use_api_key(tx, id, *at),
            Self::Token(token) => token,
        };
        if use_token(tx, token)? {
            return Ok(Ok(()));
        }
        let fault = match token.times {
            Some(limit) if limit > 1 => InboundFault::UsedUp { limit },
            _ => {
                let jti = token.jti.as_ref().map(|jti| excerpt(jti.as_str()));
                InboundFault::Replayed { jti }
            }
        };
        Ok(Err(Denial::BadInbound { inbound: token.inbound, fault }))
    }
}
