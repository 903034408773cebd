//! Argon2id (RFC 9106). The parameters stand in each hash; one weaker than today's is made anew when its person
//! signs in.

use crate::Fault;
use crate::argon::{Gate, Turn};
use argon2::{
    Argon2, Params, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
};
use portcullis_types::Random;
use secrecy::{ExposeSecret as _, SecretString};

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not fit, or there is nothing to fit.
    Wrong,
    /// It fits.
    Fits,
    /// It fits a hash that is weaker than those of today.
    FitsWeaker,
}

/// A hash with the parameters of today: tens of milliseconds and 19 MiB.
pub(super) fn hash(password: &str, salt: &Random<16>) -> Option<String> {
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt.bytes());
    Some(hash.ok()?.to_string())
}

/// Whether the password fits. Always one run of Argon2id at the cost of today, also when there is no hash: the
/// time tells nothing about the person. A weaker hash is made up for with the rest of that cost.
pub(crate) async fn verify(
    gate: &Gate,
    _turn: &Turn<'_>,
    hash: Option<String>,
    password: SecretString,
) -> Result<Verdict, Fault> {
    gate.count();
    let work = move || {
        let password = password.expose_secret();
        let Some(hash) = hash else {
            spend(password, cost(&Params::DEFAULT));
            return Verdict::Wrong;
        };
        let parsed = PasswordHash::new(&hash).ok();
        let params = parsed.as_ref().and_then(|hash| Params::try_from(hash).ok());
        let params = params.unwrap_or(Params::DEFAULT);
        let fits = Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
        let missing = cost(&Params::DEFAULT).saturating_sub(cost(&params));
        if missing > 0 {
            spend(password, missing);
        }
        match (fits, missing > 0 || params.m_cost() < Params::DEFAULT_M_COST) {
            (false, _) => Verdict::Wrong,
            (true, false) => Verdict::Fits,
            (true, true) => Verdict::FitsWeaker,
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Hash)
}

/// Hashes a password anew.
pub(crate) async fn rehash(
    _turn: &Turn<'_>,
    password: SecretString,
    salt: Random<16>,
) -> Result<Option<String>, Fault> {
    let work = move || hash(password.expose_secret(), &salt);
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Hash)
}

/// Blocks that are filled: memory by passes.
const fn cost(params: &Params) -> u32 {
    params.m_cost().saturating_mul(params.t_cost())
}

/// Fills so many blocks in vain.
fn spend(password: &str, blocks: u32) {
    let passes = Params::DEFAULT_T_COST;
    let memory = (blocks / passes).max(8 * Params::DEFAULT_P_COST);
    let mut out = [0; 32];
    if let Ok(params) = Params::new(memory, passes, Params::DEFAULT_P_COST, None) {
        // The answer is not wanted; only the time that it takes.
        let _ = Argon2::from(params).hash_password_into(password.as_bytes(), &[0; 16], &mut out);
    }
}
