use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn at(throttle: &Throttle, client: &str, last: u32) -> Place {
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + last);
    throttle.place(Some(client), Some(address.into()))
}

fn fail(throttle: &Throttle, times: u32, from: u32) -> Place {
    let place = at(throttle, "c", from);
    (0..times).for_each(|_| throttle.failed(place, NOW));
    place
}

#[test]
fn ten_failures_close_the_door_and_time_opens_it() {
    let throttle = Throttle::new();
    let place = fail(&throttle, 9, 1);
    assert!(throttle.check(place, None, NOW).is_ok());
    throttle.failed(place, NOW);
    let Err(Denial::Throttled { failures: 10, retry_after, .. }) = throttle.check(place, None, NOW)
    else {
        panic!("ten failures");
    };
    assert_eq!(retry_after, Ttl::seconds(30));
    assert!(throttle.check(place, None, NOW.plus(Ttl::seconds(29))).is_err());
    assert!(throttle.check(place, None, NOW.plus(retry_after)).is_ok());
}

#[test]
fn an_attacker_elsewhere_does_not_lock_the_owner_out() {
    let throttle = Throttle::new();
    let owner = at(&throttle, "c", 1);
    throttle.succeeded(owner, NOW);
    for attacker in 2..200 {
        fail(&throttle, 10, attacker);
    }
    assert!(throttle.check(owner, None, NOW).is_ok());
    let stranger = at(&throttle, "c", 1000);
    assert!(throttle.check(stranger, None, NOW).is_err(), "guessing from many addresses");
    let other = at(&throttle, "d", 2);
    assert!(throttle.check(other, None, NOW).is_ok(), "another client");
}

#[test]
fn a_success_forgives() {
    let throttle = Throttle::new();
    let place = fail(&throttle, 9, 1);
    throttle.succeeded(place, NOW);
    throttle.failed(place, NOW);
    assert!(throttle.check(place, None, NOW).is_ok());
}

#[test]
fn one_ipv6_network_is_one_address() {
    let throttle = Throttle::new();
    let at = |text: &str| throttle.place(Some("c"), text.parse().ok());
    assert_eq!(at("2001:db8:1:2::1").near, at("2001:db8:1:2:ffff::9").near);
    assert_ne!(at("2001:db8:1:2::1").near, at("2001:db8:1:3::1").near);
    assert_eq!(at("::ffff:10.0.0.1").near, at("10.0.0.1").near);
}

#[test]
fn memory_is_bounded() {
    let throttle = Throttle::new();
    for n in 0..100_000 {
        throttle.failed(at(&throttle, "c", n), NOW.plus(Ttl::from_millis(n.into())));
    }
    assert!(throttle.state().near.0.len() <= CAPACITY);
}

#[test]
fn an_address_that_names_many_clients_is_refused_and_its_neighbours_are_not() {
    let throttle = Throttle::new();
    let owner = at(&throttle, "owner", 1);
    throttle.succeeded(owner, NOW);
    for n in 0..100 {
        throttle.failed(at(&throttle, &format!("stranger-{n}"), 1), NOW);
    }
    let next = at(&throttle, "stranger-100", 1);
    let Err(Denial::Throttled { retry_after, .. }) = throttle.check(next, None, NOW) else {
        panic!("a hundred failures from one address");
    };
    assert!(throttle.check(next, None, NOW.plus(retry_after)).is_ok());
    assert!(throttle.check(at(&throttle, "stranger-100", 2), None, NOW).is_ok(), "a neighbour");
    assert!(throttle.check(owner, None, NOW).is_ok(), "it has proven itself there");
}

#[test]
fn without_an_address_strangers_lock_nobody_out_at_once() {
    let throttle = Throttle::new();
    let somewhere = throttle.place(Some("c"), None);
    (0..99).for_each(|_| throttle.failed(somewhere, NOW));
    assert!(throttle.check(somewhere, None, NOW).is_ok());
    throttle.failed(somewhere, NOW);
    assert!(throttle.check(somewhere, None, NOW).is_err(), "guessing is still bounded");
}
