use super::*;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_seconds(1_000_000);
const HOUR: u64 = 3600;

const POLICY: RotationPolicy = RotationPolicy {
    rotate_every: Ttl::seconds(24 * HOUR),
    publish_before: Ttl::seconds(2 * HOUR),
    retire_after: Ttl::seconds(6 * HOUR),
};

/// The keys of one purpose and everything that was ever visible of them.
struct World {
    entries: Vec<Entry>,
    plan: KeyPlan,
    now: Timestamp,
    made: usize,
    /// From each of these times on, these keys were published.
    published: Vec<(Timestamp, Vec<Kid>)>,
    /// From each of these times on, this key signed.
    current: Vec<(Timestamp, Kid)>,
}

impl World {
    fn new(policy: RotationPolicy) -> Self {
        let mut world = Self::empty(KeyPlan { purpose: "test", algs: vec![Alg::ES256], policy });
        world.run(&Command::Tick).unwrap();
        world
    }

    fn empty(plan: KeyPlan) -> Self {
        let (published, current) = (Vec::new(), Vec::new());
        Self { entries: Vec::new(), plan, now: START, made: 0, published, current }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Ttl::seconds(seconds));
    }

    fn tick(&mut self) -> Vec<KeyChange> {
        self.run(&Command::Tick).unwrap()
    }

    fn run(&mut self, command: &Command) -> Result<Vec<KeyChange>, KeyringFault> {
        let changes = self.change(command)?;
        self.note();
        Ok(changes)
    }

    /// Where there is more than one algorithm, of which none is noted.
    fn run_all(&mut self, command: &Command) -> Vec<KeyChange> {
        self.change(command).unwrap()
    }

    fn change(&mut self, command: &Command) -> Result<Vec<KeyChange>, KeyringFault> {
        let mut spares = Vec::new();
        loop {
            let mut ring = Ring::new(self.entries.clone(), &self.plan, self.now);
            ring.spares.clone_from(&spares);
            ring.run(command)?;
            if ring.missing.is_empty() {
                let Ring { entries, changes, .. } = ring;
                self.entries = entries;
                return Ok(changes);
            }
            for alg in ring.missing {
                self.made += 1;
                spares.push((alg, Kid::new(&format!("k{}", self.made)).unwrap()));
            }
        }
    }

    fn note(&mut self) {
        let shown = self.entries.iter().filter(|e| e.state.is_published());
        self.published.push((self.now, shown.map(|e| e.kid.clone()).collect()));
        self.current.push((self.now, self.only(KeyState::Current).kid.clone()));
    }

    fn only(&self, state: KeyState) -> &Entry {
        let mut found = self.entries.iter().filter(|e| e.state == state);
        let entry = found.next().unwrap();
        assert!(found.next().is_none(), "two {} keys", state.name());
        entry
    }

    fn state(&self, kid: &str) -> KeyState {
        self.entries.iter().find(|e| e.kid.as_str() == kid).unwrap().state
    }

    /// The key that a process signs with which has not looked for `lag` seconds.
    fn signer(&self, lag: u64) -> Kid {
        let seen = self.now.minus(Ttl::seconds(lag));
        let (_, kid) =
            self.current.iter().rev().find(|(at, _)| *at <= seen).unwrap_or(&self.current[0]);
        kid.clone()
    }

    /// Whether the key was published at each moment from `from` until `to`.
    fn was_published(&self, kid: &Kid, from: Timestamp, to: Timestamp) -> bool {
        let ends = self.published.iter().skip(1).map(|(at, _)| *at).chain([to]);
        self.published
            .iter()
            .zip(ends)
            .filter(|((start, _), end)| *start < to && *end > from)
            .all(|((_, kids), _)| kids.contains(kid))
    }
}

fn kid(name: &str) -> Kid {
    Kid::new(name).unwrap()
}

#[test]
fn the_first_tick_makes_a_current_and_a_next_key_and_the_second_nothing() {
    let mut world = World::new(POLICY);
    assert_eq!(world.entries.len(), 2);
    assert_eq!(world.only(KeyState::Current).activated, Some(START));
    assert_eq!(world.only(KeyState::Next).activated, None);
    assert_eq!(world.tick(), []);
}

#[test]
fn keys_change_when_their_turn_is_over_and_not_before() {
    let mut world = World::new(POLICY);
    let (old, new) = (world.signer(0), world.only(KeyState::Next).kid.clone());
    world.wait(24 * HOUR - 1);
    assert_eq!(world.tick(), []);
    world.wait(1);
    world.tick();
    assert_eq!(world.signer(0), new);
    assert_eq!(world.state(old.as_str()), KeyState::Retiring);
    world.wait(6 * HOUR - 1);
    assert_eq!(world.tick(), []);
    world.wait(1);
    assert_eq!(world.tick(), [KeyChange::Retired { kid: old }]);
}

#[test]
fn a_rotation_waits_until_every_cache_knows_the_next_key() {
    let mut world = World::new(POLICY);
    world.wait(HOUR);
    let at = START.plus(POLICY.publish_before);
    let changes = world.run(&Command::Rotate(None, Haste::Orderly)).unwrap();
    assert_eq!(changes, [KeyChange::Scheduled { alg: Alg::ES256, at }]);
    assert_eq!(world.tick(), []);
    world.wait(HOUR);
    assert!(!world.tick().is_empty());
    assert_ne!(world.signer(0), world.current[0].1);
    world.wait(HOUR);
    assert_eq!(world.tick(), [], "one request, one rotation");
}

#[test]
fn rotating_twice_in_haste_drops_no_key() {
    let mut world = World::new(POLICY);
    world.wait(3 * HOUR);
    let first = world.signer(0);
    for _ in 0..2 {
        world.run(&Command::Rotate(Some(Alg::ES256), Haste::AtOnce)).unwrap();
        world.tick();
    }
    assert_eq!(world.state(first.as_str()), KeyState::Retiring);
    assert_eq!(world.entries.iter().filter(|e| e.state == KeyState::Retiring).count(), 2);
}

#[test]
fn a_key_whose_tokens_live_is_not_retired_unless_forced() {
    let mut world = World::new(POLICY);
    world.wait(3 * HOUR);
    let first = world.signer(0);
    let retire = |haste| Command::Retire(first.clone(), haste);
    assert!(matches!(world.run(&retire(Haste::Orderly)), Err(KeyringFault::InUse { .. })));
    world.run(&Command::Rotate(None, Haste::Orderly)).unwrap();
    let until = world.now.plus(POLICY.retire_after);
    let fault = world.run(&retire(Haste::Orderly)).unwrap_err();
    assert!(matches!(fault, KeyringFault::StillNeeded { until: seen, .. } if seen == until));
    world.run(&retire(Haste::AtOnce)).unwrap();
    assert_eq!(world.state(first.as_str()), KeyState::Retired);
    assert_eq!(world.run(&retire(Haste::AtOnce)).unwrap(), [], "it is gone already");
}

#[test]
fn a_current_key_that_is_forced_out_is_replaced_at_once() {
    let mut world = World::new(POLICY);
    let (lost, heir) = (world.signer(0), world.only(KeyState::Next).kid.clone());
    let changes = world.run(&Command::Retire(lost.clone(), Haste::AtOnce)).unwrap();
    assert_eq!(world.signer(0), heir);
    assert_eq!(changes.last(), Some(&KeyChange::Retired { kid: lost }));
    assert!(!changes.iter().any(|change| matches!(change, KeyChange::Retiring { .. })));
}

#[test]
fn a_next_key_that_is_retired_is_replaced_and_waits_again() {
    let mut world = World::new(POLICY);
    let (signing, next) = (world.signer(0), world.only(KeyState::Next).kid.clone());
    world.wait(3 * HOUR);
    world.run(&Command::Retire(next.clone(), Haste::Orderly)).unwrap();
    assert_ne!(world.only(KeyState::Next).kid, next);
    let changes = world.run(&Command::Rotate(None, Haste::Orderly)).unwrap();
    assert!(matches!(changes[..], [KeyChange::Scheduled { .. }]));
    assert_eq!(world.signer(0), signing);
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let mut world = World::new(POLICY);
    let unknown = Command::Retire(kid("nobody"), Haste::AtOnce);
    assert!(matches!(world.run(&unknown), Err(KeyringFault::UnknownKey { .. })));
    let unused = Command::Rotate(Some(Alg::RS256), Haste::AtOnce);
    assert!(matches!(world.run(&unused), Err(KeyringFault::NoSuchAlg { .. })));
}

#[test]
fn a_policy_that_cannot_work_is_refused() {
    let late = RotationPolicy { publish_before: Ttl::seconds(25 * HOUR), ..POLICY };
    let never = RotationPolicy { rotate_every: Ttl::seconds(0), ..POLICY };
    let gone = RotationPolicy { retire_after: Ttl::seconds(0), ..POLICY };
    for policy in [late, never, gone] {
        assert!(matches!(policy.check(), Err(KeyringFault::Policy(_))), "{policy:?}");
    }
    assert!(POLICY.check().is_ok());
}

#[test]
fn keys_of_an_algorithm_that_is_left_out_go_when_their_tokens_are_dead() {
    let mut world = World::new(POLICY);
    let (old, next) = (world.signer(0), world.only(KeyState::Next).kid.clone());
    world.plan.algs = vec![Alg::Ed25519];
    world.wait(HOUR);
    let until = world.now.plus(POLICY.retire_after);
    let changes = world.tick();
    assert!(changes.contains(&KeyChange::Retiring { kid: old.clone(), until }), "{changes:?}");
    assert!(changes.contains(&KeyChange::Retired { kid: next }), "nothing was signed with it");
    assert_eq!(world.only(KeyState::Current).alg, Alg::Ed25519);
    world.wait(6 * HOUR - 1);
    assert_eq!(world.tick(), []);
    assert_eq!(world.state(old.as_str()), KeyState::Retiring);
    world.wait(1);
    assert_eq!(world.tick(), [KeyChange::Retired { kid: old }]);
}

#[test]
fn two_names_of_one_algorithm_are_not_left_out() {
    let mut world = World::new(POLICY);
    world.plan.algs.push(Alg::Ed25519);
    world.run_all(&Command::Tick);
    world.plan.algs = vec![Alg::ES256, Alg::EdDSA];
    assert_eq!(world.run_all(&Command::Tick), []);
}

#[test]
fn a_start_makes_no_next_key_that_takes_long_and_the_first_tick_does() {
    let plan = KeyPlan { purpose: "test", algs: vec![Alg::RS256, Alg::ES256], policy: POLICY };
    let mut world = World::empty(plan);
    world.run_all(&Command::Start);
    let states = |world: &World, alg: Alg| -> Vec<KeyState> {
        world.entries.iter().filter(|e| e.alg == alg).map(|e| e.state).collect()
    };
    assert_eq!(states(&world, Alg::RS256), [KeyState::Current]);
    assert_eq!(states(&world, Alg::ES256), [KeyState::Current, KeyState::Next]);
    assert_eq!(world.run_all(&Command::Start), [], "a second start changes nothing");
    world.wait(25 * HOUR);
    world.run_all(&Command::Start);
    assert_eq!(states(&world, Alg::RS256), [KeyState::Current], "due, but no heir is published");
    world.run_all(&Command::Tick);
    assert_eq!(states(&world, Alg::RS256), [KeyState::Current, KeyState::Next]);
    world.wait(2 * HOUR - 1);
    world.run_all(&Command::Tick);
    assert_eq!(states(&world, Alg::RS256), [KeyState::Current, KeyState::Next]);
    world.wait(1);
    world.run_all(&Command::Tick);
    let rotated = [KeyState::Retiring, KeyState::Current, KeyState::Next];
    assert_eq!(states(&world, Alg::RS256), rotated, "published for as long as it must be");
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Tick,
    Rotate(Haste),
    Retire(usize),
    Sign { lag: u64 },
}

/// A second process notices a rotation within this many seconds.
const LAG: u64 = 60;

fn steps(hastes: &'static [Haste]) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..8 * HOUR).prop_map(Step::Wait),
        2 => (0..120_u64).prop_map(Step::Wait),
        4 => Just(Step::Tick),
        3 => prop::sample::select(hastes).prop_map(Step::Rotate),
        2 => (0..8_usize).prop_map(Step::Retire),
        5 => (0..=LAG).prop_map(|lag| Step::Sign { lag }),
    ];
    prop::collection::vec(step, 1..60)
}

fn policies() -> impl Strategy<Value = RotationPolicy> {
    (1..200 * HOUR, LAG + 1..30 * HOUR).prop_flat_map(|(every, after)| {
        (0..=every).prop_map(move |before| RotationPolicy {
            rotate_every: Ttl::seconds(every),
            publish_before: Ttl::seconds(before),
            retire_after: Ttl::seconds(after),
        })
    })
}

/// Every token signed on the way: its key, when it was signed, when it ends.
fn tokens(world: &mut World, steps: &[Step]) -> Vec<(Kid, Timestamp, Timestamp)> {
    let life = Ttl::seconds(world.plan.policy.retire_after.as_seconds() - LAG);
    let mut tokens = Vec::new();
    for step in steps {
        match step {
            Step::Wait(seconds) => world.wait(*seconds),
            Step::Tick => drop(world.tick()),
            Step::Rotate(haste) => drop(world.run(&Command::Rotate(None, *haste)).unwrap()),
            Step::Retire(place) => {
                let kid = world.entries[place % world.entries.len()].kid.clone();
                let _ = world.run(&Command::Retire(kid, Haste::Orderly));
            }
            Step::Sign { lag } => {
                tokens.push((world.signer(*lag), world.now, world.now.plus(life)));
            }
        }
        world.only(KeyState::Current);
        world.only(KeyState::Next);
    }
    for _ in 0..40 {
        world.wait(HOUR);
        world.tick();
    }
    tokens
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn no_token_fails_by_a_rotation_even_with_the_oldest_allowed_cache(
        policy in policies(),
        steps in steps(&[Haste::Orderly]),
    ) {
        let mut world = World::new(policy);
        for (kid, signed, end) in tokens(&mut world, &steps) {
            let oldest_cache = signed.minus(policy.publish_before).max(START);
            prop_assert!(world.was_published(&kid, oldest_cache, end), "{kid} signed at {signed:?}");
        }
    }

    #[test]
    fn no_token_fails_by_a_hasty_rotation_where_keys_are_not_cached(
        policy in policies(),
        steps in steps(&[Haste::Orderly, Haste::AtOnce]),
    ) {
        let mut world = World::new(policy);
        for (kid, signed, end) in tokens(&mut world, &steps) {
            prop_assert!(world.was_published(&kid, signed, end), "{kid} signed at {signed:?}");
        }
    }

    #[test]
    fn every_key_goes_in_the_end(policy in policies(), steps in steps(&[Haste::AtOnce])) {
        let mut world = World::new(policy);
        tokens(&mut world, &steps);
        let retiring = |e: &&Entry| e.state == KeyState::Retiring;
        for entry in world.entries.iter().filter(retiring) {
            let age = world.now.millis_since(entry.demoted.unwrap());
            prop_assert!(age < i64::try_from(policy.retire_after.as_seconds() * 1000).unwrap());
        }
    }
}
