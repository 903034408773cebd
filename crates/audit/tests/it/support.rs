//! A real database, records of every kind, and a hand that tampers with it.

use portcullis_audit::{
    Access, Admin, AuditKey, Event, Grant, MIGRATIONS, Record, Report, TokenFacts, append,
    seal_with, verify,
};
use portcullis_store::{Store, StoreFault, Tx, Value, testing::Database};
use portcullis_types::{
    DecisionId, Denial, Entropy, FormatFault, Jti, Random, Stage, Timestamp, Trace,
};
use std::borrow::Cow;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_764_000_000_000);

pub(crate) struct Chain {
    pub(crate) database: Database,
    pub(crate) store: Store,
}

pub(crate) fn key() -> AuditKey {
    AuditKey::new(&[42; 32])
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self::in_(Database::fresh())
    }

    /// In a file, where a column takes values of any type.
    pub(crate) fn in_a_file(records: u64) -> Self {
        Self::in_(Database::sqlite()).with(records)
    }

    fn in_(database: Database) -> Self {
        let store = database.open(MIGRATIONS);
        seal_with(&store, key());
        Self { database, store }
    }

    /// With records 1 to `records`, each a batch of its own.
    pub(crate) fn of(records: u64) -> Self {
        Self::new().with(records)
    }

    fn with(self, records: u64) -> Self {
        for n in 1..=records {
            self.append(n);
        }
        self
    }

    pub(crate) fn append(&self, n: u64) {
        self.try_append(n).unwrap();
    }

    pub(crate) fn try_append(&self, n: u64) -> Result<(), StoreFault> {
        self.store.write_blocking(move |tx| append(tx, &record(n)))
    }

    /// As another process would.
    pub(crate) fn open_again(&self) -> Store {
        self.database.open(MIGRATIONS)
    }

    pub(crate) fn verify(&self) -> Report {
        self.store.read_blocking(|tx| verify(tx, None)).unwrap()
    }

    /// One statement of an attacker who can write to the database.
    pub(crate) fn tamper(&self, sql: &'static str, params: Vec<Value<'static>>) {
        self.store.write_blocking(move |tx| tx.execute(sql, &params)).unwrap();
    }

    pub(crate) fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send + 'static,
    ) -> T {
        self.store.read_blocking(job).unwrap()
    }

    pub(crate) fn body(&self, first_seq: i64) -> Vec<u8> {
        self.look(move |tx| {
            let sql = "SELECT body FROM audit WHERE first_seq = $1";
            Ok(tx.query_row(sql, &[first_seq.into()])?.unwrap().blob(0)?.to_vec())
        })
    }

    pub(crate) fn replace_body(&self, first_seq: i64, body: Vec<u8>) {
        let sql = "UPDATE audit SET body = $1 WHERE first_seq = $2";
        self.tamper(sql, vec![body.into(), first_seq.into()]);
    }
}

/// Different bytes for each number, the same for the same number.
struct Numbered(u64);

impl Entropy for Numbered {
    fn fill(&mut self, bytes: &mut [u8]) {
        let number = self.0.to_be_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(byte, n)| *byte = *n);
    }
}

pub(crate) fn at(n: u64) -> Timestamp {
    Timestamp::from_millis(START.millis() + 10 * n.cast_signed())
}

pub(crate) fn id(n: u64) -> DecisionId {
    DecisionId::fresh(at(n), &Random::draw(&mut Numbered(n)))
}

pub(crate) fn jti(n: u64) -> Jti {
    Jti::fresh(at(n), &Random::draw(&mut Numbered(n ^ 0xff)))
}

/// Accesses, refusals, grants and changes in turn.
pub(crate) fn record(n: u64) -> Record<'static> {
    let stage = if n % 4 == 2 { Stage::Grant } else { Stage::Access };
    let denial =
        (n % 4 == 1).then_some(Cow::Owned(Denial::Format { fault: FormatFault::Encrypted }));
    let event = match n % 4 {
        0 | 1 => Event::Access(access()),
        2 => Event::Grant(grant(n)),
        _ => Event::Admin(Admin {
            actor: "cli".into(),
            action: "client.add".into(),
            target: "free-app".into(),
            detail: [("name".to_owned(), "Free \"App\" é\n".to_owned())].into(),
        }),
    };
    Record { id: id(n), at: at(n), trace: Trace::new(stage), denial, ruled: None, event }
}

fn access() -> Access<'static> {
    let token = TokenFacts {
        verified: true,
        iss: "http://127.0.0.1:8080".into(),
        sub: "free-app".into(),
        client_id: "free-app".into(),
        scope: "generate:basic".into(),
        exp: 1_764_000_900,
        alg: "ES256".into(),
        ..TokenFacts::default()
    };
    Access {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        api: Some("textgen".into()),
        needed: Some(Cow::Owned("generate:basic".parse().unwrap())),
        token: Some(token),
        ..Access::default()
    }
}

fn grant(n: u64) -> Grant<'static> {
    Grant {
        grant_type: "client_credentials".into(),
        client_id: Some("free-app".into()),
        requested_scope: Some("generate:basic generate:advanced".parse().unwrap()),
        granted: Some("generate:basic".parse().unwrap()),
        jti: Some(jti(n)),
        exp: Some(1_764_000_900),
        remote: Some("127.0.0.1".into()),
        ..Grant::default()
    }
}
