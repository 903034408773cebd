//! What people granted to apps: codes, grants, refresh tokens, device codes, pushed requests, and what was ended
//! before its time.
//!
//! Whatever can be used once is used up in the transaction of what it is used for. A grant, its code and its
//! refresh tokens share one ULID: each is found by its key, and no two of them need to know of each other.

mod admin;
mod code;
mod device;
mod life;
mod look;
mod proof;
mod pushed;
mod refresh;
mod revocation;
mod secret;
mod token_use;

pub use code::{NewCode, Redeemed, issue_code, redeem_code};
pub use device::{
    Decision, Device, DeviceRequest, NewDevice, begin_device, decide_device, device_by_user_code,
    poll_device, user_code,
};
pub use life::{
    Bound, GrantFacts, GrantSettings, Granted, begin_grant, end_grant, end_grants_of_client,
    end_grants_of_person, end_of_session, grant_in, grants_of, keep_jti,
};
pub use look::look;
pub use proof::{ProofMark, use_proof};
pub use pushed::{push, pushed, take_pushed};
pub use refresh::{RefreshRandom, Shown, issue_refresh, refresh_token, show_refresh};
pub use revocation::{RevocationKind, revoke, revoke_token};
pub(crate) use revocation::{
    note_life, page as revoked_page, revoke_changed, since as revoked_since,
};
pub(crate) use secret::Drawn;
pub use secret::{Code, CodeRandom, DeviceCode, RefreshToken};
pub use token_use::{TokenUse, use_token};

use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, GrantedFault, Timestamp, Ttl};

/// How many rows a job takes away at a time: nobody waits long for it.
pub(crate) const PORTION: i64 = 2000;
/// How long a used code is remembered, so that its second use ends what the first one yielded.
const CODE_KEPT: Ttl = Ttl::seconds(24 * 3600);

fn refuse<T>(grant_type: &str, fault: GrantedFault) -> Result<T, Denial> {
    Err(Denial::BadGranted { grant_type: grant_type.to_owned(), fault })
}

/// Job: forgets what is over, a portion of each kind. Says how many rows.
pub(crate) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    Ok(code::purge(tx, now)?
        + device::purge(tx, now)?
        + pushed::purge(tx, now)?
        + proof::purge(tx, now)?
        + token_use::purge(tx, now)?
        + revocation::purge(tx, now)?)
}

pub(crate) use life::purge_some;
