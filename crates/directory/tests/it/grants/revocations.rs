//! What gateways are told: in order, page by page, and for no longer than a token may live.

use super::{jti, later};
use crate::house::{House, NOW, app, id, open};
use portcullis_directory::{
    Directory, MIGRATIONS,
    grant::{self, RevocationKind},
};
use portcullis_store::{Migration, Tx, testing::Database};
use portcullis_types::{Jti, Timestamp, Ttl};
use portcullis_verify::Revocations;

impl House {
    async fn ends(&self, name: u32, exp: Timestamp) {
        let jti = jti(name);
        self.within(move |tx| grant::revoke_token(tx, &jti, exp, NOW).unwrap()).await;
    }

    /// All that a gateway hears that knows everything up to `cursor`; and how many pages it took.
    async fn hears(&self, list: &mut Revocations, cursor: &mut Option<String>) -> u32 {
        for pages in 1.. {
            let page = self.directory.revocations_after(cursor.clone()).await.unwrap();
            page.revocations.iter().for_each(|revocation| list.add(revocation));
            *cursor = Some(page.cursor);
            if page.complete {
                return pages;
            }
        }
        unreachable!()
    }

    fn nothing(&self) -> Revocations {
        Revocations::none_by(self.directory.revocations().borrow().issuer.clone())
    }
}

#[tokio::test]
async fn revocations_are_told_once_published_here_and_to_other_processes() {
    let house = House::open().await;
    let heard = house.directory.revocations();
    house.ends(9, later(900)).await;
    assert!(!heard.borrow().tokens.has("jti-9"));
    house.directory.publish().await.unwrap();
    assert_eq!(heard.borrow().tokens.since("jti-9"), Some(NOW));
    let (_, elsewhere) = open(&house.database).await;
    assert!(elsewhere.revocations().borrow().tokens.has("jti-9"), "another process");
}

#[tokio::test]
async fn the_end_of_a_token_is_forgotten_soon_after_it_would_have_ended_anyway() {
    let house = House::open().await;
    house.ends(9, later(900)).await;
    house.directory.publish().await.unwrap();
    house.directory.purge(later(900 + 599)).await.unwrap();
    assert!(house.directory.revocations().borrow().tokens.has("jti-9"), "clocks differ");
    house.ends(10, later(3600)).await;
    house.directory.purge(later(900 + 600)).await.unwrap();
    house.directory.publish().await.unwrap();
    let (_, elsewhere) = open(&house.database).await;
    for directory in [&house.directory, &elsewhere] {
        let list = directory.revocations().borrow().clone();
        assert!(!list.tokens.has("jti-9") && list.tokens.has("jti-10"));
    }
}

#[tokio::test]
async fn what_ends_many_tokens_is_told_for_as_long_as_one_may_live_that_was_made_before() {
    let house = House::open().await;
    let until = async |value: &'static str, now: Timestamp| {
        house.within(move |tx| grant::revoke(tx, RevocationKind::Grant, value, now).unwrap()).await;
        let page = house.directory.revocations_after(None).await.unwrap();
        page.revocations.last().unwrap().until.minus(Ttl::seconds(600))
    };
    assert_eq!(until("grt_1", NOW).await, later(24 * 3600), "nobody said how long they live");
    house.directory.limit_tokens(Ttl::seconds(3600), NOW).await.unwrap();
    assert_eq!(until("grt_2", NOW).await, later(3600));
    let (_, other) = open(&house.database).await;
    other.limit_tokens(Ttl::seconds(60), later(10)).await.unwrap();
    assert_eq!(until("grt_3", later(10)).await, later(3610), "one from before may be alive");
    other.purge(later(26 * 3600)).await.unwrap();
    assert_eq!(until("grt_4", later(26 * 3600)).await, later(26 * 3600 + 60));
}

#[tokio::test]
async fn who_has_heard_up_to_a_point_hears_what_came_after() {
    let house = House::open().await;
    let (mut list, mut cursor) = (house.nothing(), None);
    house.hears(&mut list, &mut cursor).await;
    house.ends(1, later(900)).await;
    let first = house.directory.revocations_after(cursor.clone()).await.unwrap();
    assert_eq!(first.revocations.len(), 1);
    house.ends(2, later(900)).await;
    // Another node answers, which was started a moment ago.
    let (_, elsewhere) = open(&house.database).await;
    let second = elsewhere.revocations_after(Some(first.cursor)).await.unwrap();
    assert_eq!(second.revocations[0].value, "jti-2");
    let third = house.directory.revocations_after(Some(second.cursor.clone())).await.unwrap();
    assert!(third.revocations.is_empty() && third.complete && third.cursor == second.cursor);
}

#[tokio::test]
async fn a_cursor_of_another_past_hears_all_from_the_start() {
    let house = House::open().await;
    house.ends(1, later(900)).await;
    house.ends(2, later(900)).await;
    let cursor = house.directory.revocations_after(None).await.unwrap().cursor;
    // The database is put back to a backup, and goes on otherwise.
    let lost = |tx: &mut Tx<'_>| tx.execute("DELETE FROM revocation_log WHERE number = 2", &[]);
    house.store.write(lost).await.unwrap();
    for cursor in [cursor.as_str(), "1", "99-00", "-1-", "x"] {
        let page = house.directory.revocations_after(Some(cursor.to_owned())).await.unwrap();
        assert_eq!(page.revocations.len(), 1, "{cursor}");
    }
    house.ends(3, later(900)).await;
    let page = house.directory.revocations_after(Some(cursor)).await.unwrap();
    assert_eq!(page.revocations.len(), 2, "its number names another now");
}

#[tokio::test]
async fn a_node_hears_on_when_the_database_lost_its_last_moment() {
    let house = House::open().await;
    let told = |directory: &Directory| directory.revocations().borrow().tokens.len();
    house.ends(1, later(900)).await;
    house.ends(2, later(900)).await;
    house.directory.publish().await.unwrap();
    assert_eq!(told(&house.directory), 2);
    let lost = |tx: &mut Tx<'_>| tx.execute("DELETE FROM revocation_log WHERE number = 2", &[]);
    house.store.write(lost).await.unwrap();
    house.ends(3, later(900)).await;
    house.directory.publish().await.unwrap();
    assert_eq!(told(&house.directory), 3, "what was told stays, and what came after is told");
}

#[tokio::test]
async fn a_client_is_told_when_it_is_disabled_enabled_and_given_a_new_secret() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), app()).await.unwrap();
    let (mut list, mut cursor) = (house.nothing(), None);
    directory.disable(house.acting(NOW), &id("app")).await.unwrap();
    house.hears(&mut list, &mut cursor).await;
    assert_eq!(list.disabled_clients.since("app"), Some(NOW));
    directory.enable(house.acting(later(1)), &id("app")).await.unwrap();
    house.hears(&mut list, &mut cursor).await;
    assert!(!list.disabled_clients.has("app"));
    directory.rotate_secret(house.acting(later(2)), &id("app"), Ttl::seconds(0)).await.unwrap();
    house.hears(&mut list, &mut cursor).await;
    assert_eq!(list.not_before.since("app"), Some(later(3)));
    assert_eq!(*directory.revocations().borrow().clone(), list, "the same as here");
}

/// As many as a hostile client or a busy day makes. It takes the longer the more each one costs.
#[tokio::test]
async fn half_a_million_are_told_in_pages_and_one_more_costs_one_page() {
    const MANY: u32 = 500_000;
    let house = House::open().await;
    let fill = |tx: &mut Tx<'_>| {
        tx.execute(
            "INSERT INTO revocation_log (number, kind, value, since, until) \
             WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 500000) \
             SELECT n, 'token', 'jti-' || n, $1, $2 FROM many",
            &[NOW.into(), later(1500).into()],
        )
    };
    house.store.write(fill).await.unwrap();
    let (mut list, mut cursor) = (house.nothing(), None);
    let pages = house.hears(&mut list, &mut cursor).await;
    assert!((100..=110).contains(&pages), "{pages}");
    house.directory.publish().await.unwrap();
    let ended = Jti::new("jti-500000").unwrap();
    for list in [&list, &*house.directory.revocations().borrow().clone()] {
        assert_eq!(list.tokens.len(), usize::try_from(MANY).unwrap());
        assert!(list.tokens.has(ended.as_str()) && !list.tokens.has("jti-500001"));
    }
    for one in MANY + 1..=MANY + 50 {
        house.ends(one, later(900)).await;
        house.directory.publish().await.unwrap();
        assert_eq!(house.hears(&mut list, &mut cursor).await, 1);
    }
    assert!(house.directory.revocations().borrow().tokens.has("jti-500050"));
    assert!(list.tokens.has("jti-500050"));
}

#[tokio::test]
async fn what_was_ended_before_there_was_a_log_is_told_still() {
    let database = Database::fresh();
    let old = |migration: &&Migration| migration.number < 7;
    let old: Vec<_> = MIGRATIONS.iter().filter(old).copied().collect();
    let store = database.open(&[portcullis_audit::MIGRATIONS, &old].concat());
    let ended = |tx: &mut Tx<'_>| {
        let sql = "INSERT INTO revocation (since, kind, value) VALUES ($1, 'token', 'jti-9')";
        tx.execute(sql, &[NOW.into()])
    };
    store.write(ended).await.unwrap();
    let (_, directory) = open(&database).await;
    assert_eq!(directory.revocations().borrow().tokens.since("jti-9"), Some(NOW));
}
