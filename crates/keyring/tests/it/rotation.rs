//! The promise from end to end: real keys, real tokens, a real verifier on another machine whose cache is
//! as old as it may be; only the time is made up.

use crate::{
    ours::{POLICY, act, at, open, store, token, verifies},
    server::Server,
};
use portcullis_jose::Alg;
use portcullis_keyring::{Haste, OurKeys, Refresh, TheirKeys, Why};
use portcullis_store::testing::Database;
use portcullis_types::Timestamp;
use proptest::prelude::*;

const HOUR: u64 = 3600;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Tick,
    Rotate,
    Retire(usize),
    Sign,
}

struct Signed {
    token: String,
    kid: String,
    end: Timestamp,
}

struct Scene {
    ours: OurKeys,
    server: Server,
    remote: TheirKeys,
    signed: Vec<Signed>,
    seconds: u64,
}

impl Scene {
    async fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(seconds) => self.seconds += seconds,
            Step::Tick => drop(self.ours.tick(act(self.seconds)).await.unwrap()),
            Step::Rotate => {
                self.ours.rotate(None, Haste::Orderly, act(self.seconds)).await.unwrap();
            }
            Step::Retire(place) => {
                let list = self.ours.list();
                let kid = &list.get(place % list.len()).unwrap().kid;
                let _ = self.ours.retire(kid, Haste::Orderly, act(self.seconds)).await;
            }
            Step::Sign => {
                let key = self.ours.signer(Alg::ES256).unwrap();
                let end = at(self.seconds).plus(POLICY.retire_after);
                self.signed.push(Signed { token: token(&key), kid: key.kid().to_owned(), end });
            }
        }
    }

    /// The remote side refreshes only when its keys are past their soft age, never for an unknown `kid`.
    async fn check(&self) {
        let now = at(self.seconds);
        self.server.tell(|script| script.keys = self.ours.jwks_json().to_string());
        if self.remote.is_stale(now) {
            assert_eq!(self.remote.refresh(Why::Stale, now).await, Refresh::Fetched);
        }
        let (here, there) = (self.ours.public(), self.remote.current(now).unwrap());
        for signed in self.signed.iter().filter(|signed| now < signed.end) {
            assert!(verifies(&signed.token, &signed.kid, &here), "{} here", signed.kid);
            assert!(verifies(&signed.token, &signed.kid, &there.set), "{} there", signed.kid);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_token_verifies_here_and_there_until_it_expires(
        steps in prop::collection::vec(
            prop_oneof![
                4 => (0..8 * HOUR).prop_map(Step::Wait),
                2 => (0..900_u64).prop_map(Step::Wait),
                3 => Just(Step::Tick),
                3 => Just(Step::Rotate),
                1 => (0..8_usize).prop_map(Step::Retire),
                5 => Just(Step::Sign),
            ],
            1..50,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = Database::fresh();
            let ours = open(store(&database), 0).await;
            let server = Server::start().await;
            let remote = server.keys_by(server.jwks_uri());
            let mut scene = Scene { ours, server, remote, signed: Vec::new(), seconds: 0 };
            scene.check().await;
            for step in &steps {
                scene.take(step).await;
                scene.check().await;
            }
        });
    }
}
