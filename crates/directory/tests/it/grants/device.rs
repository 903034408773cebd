use super::{authorization, fault, jti, later};
use crate::house::{House, NOW, id};
use portcullis_directory::grant::{
    self, Decision, Device, DeviceRequest, NewDevice, Redeemed, user_code,
};
use portcullis_types::{
    Denial, GrantedFault, IdentityScopes, PersonId, Random, Scopes, Timestamp, Ttl,
};

fn request() -> DeviceRequest {
    DeviceRequest {
        client_id: id("app"),
        identity: IdentityScopes::part("openid").0,
        scope: Scopes::parse("generate:basic").unwrap(),
        resource: None,
        resource_named: false,
        remote: Some("192.0.2.1".into()),
    }
}

impl House {
    async fn device(&mut self) -> Device {
        let (random, codes) =
            (Random::draw(&mut self.entropy), Random::<64>::draw(&mut self.entropy));
        let new = NewDevice { request: request(), dpop_jkt: None };
        self.within(move |tx| grant::begin_device(tx, &new, NOW, (&random, &codes)).unwrap()).await
    }

    pub(super) async fn approved_device(&mut self, person: &PersonId) -> Device {
        let device = self.device().await;
        assert!(self.decide(&device, approved(person)).await);
        device
    }

    pub(super) async fn poll(&self, device: &Device, now: Timestamp) -> Result<Redeemed, Denial> {
        let code = device.device_code.expose().to_owned();
        self.within(move |tx| grant::poll_device(tx, &code, &id("app"), now).unwrap()).await
    }

    async fn decide(&self, device: &Device, decision: Decision) -> bool {
        let typed = device.user_code.clone();
        self.within(move |tx| grant::decide_device(tx, &typed, &decision, NOW).unwrap()).await
    }
}

fn approved(alice: &PersonId) -> Decision {
    Decision::Approve(Box::new(authorization(alice, None)))
}

#[tokio::test]
async fn what_a_person_approves_is_given_out_once() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let device = house.device().await;
    assert_eq!(fault(house.poll(&device, NOW).await), GrantedFault::Pending);
    let lower = device.user_code.to_lowercase();
    let typed = format!("{}-{}", &lower[..4], &lower[4..]);
    let shown = house.within(move |tx| grant::device_by_user_code(tx, &typed, NOW).unwrap()).await;
    assert_eq!(shown, Some(request()));
    assert!(house.decide(&device, approved(&alice)).await);
    assert!(!house.decide(&device, Decision::Deny).await, "decided once");
    let redeemed = house.poll(&device, later(5)).await.unwrap();
    let (grant, kept) = (redeemed.grant.clone(), redeemed.authorization.clone());
    house.within(move |tx| grant::begin_grant(tx, &grant, &kept, &jti(0), NOW).unwrap()).await;
    let again = fault(house.poll(&device, later(10)).await);
    assert!(matches!(again, GrantedFault::Used { .. }));
    let left = house.within(move |tx| grant::grants_of(tx, &alice, NOW).unwrap()).await;
    assert!(left.is_empty(), "shown twice, it yields nothing any more");
}

#[tokio::test]
async fn who_asks_too_often_must_wait_longer() {
    let mut house = House::open().await;
    let device = house.device().await;
    assert_eq!(fault(house.poll(&device, NOW).await), GrantedFault::Pending);
    let slow = |seconds| GrantedFault::SlowDown { interval: Ttl::seconds(seconds) };
    assert_eq!(fault(house.poll(&device, later(1)).await), slow(10));
    assert_eq!(fault(house.poll(&device, later(2)).await), slow(15));
    assert_eq!(fault(house.poll(&device, later(17)).await), GrantedFault::Pending);
}

#[tokio::test]
async fn no_and_too_late_are_told() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let device = house.device().await;
    assert!(house.decide(&device, Decision::Deny).await);
    assert_eq!(fault(house.poll(&device, NOW).await), GrantedFault::Denied);
    let device = house.device().await;
    assert!(house.decide(&device, approved(&alice)).await);
    let late = fault(house.poll(&device, later(600)).await);
    assert_eq!(late, GrantedFault::Expired { at: later(600) });
    let code = device.device_code.expose().to_owned();
    let other = house.within(move |tx| grant::poll_device(tx, &code, &id("x"), NOW).unwrap()).await;
    assert!(matches!(fault(other), GrantedFault::OtherClient { .. }));
}

#[test]
fn a_user_code_is_read_as_people_type() {
    for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T"] {
        assert_eq!(user_code(typed).as_deref(), Some("WDJBMJHT"), "{typed}");
    }
    for bad in ["", "WDJB-MJH", "WDJB-MJHTX", "WDJA-MJHT", "WDJB_MJHT", "1234-5678", "ẞDJB-MJHT"]
    {
        assert_eq!(user_code(bad), None, "{bad}");
    }
}
