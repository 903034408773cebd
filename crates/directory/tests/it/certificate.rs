//! Certificates made for the test, by an authority of its own.

use crate::house::{House, NOW, app};
use portcullis_directory::{
    CertificateMatcher, ClientKeys, Credentials, NameKind, NewAuth, NewClient,
};
use portcullis_types::{CertificateFault, ClientProof, Denial, Timestamp, Ttl};
use portcullis_web::PeerCertificate;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls_pki_types::CertificateDer;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn named(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        name.push(kind.clone(), *value);
    }
    name
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&[(DnType::CommonName, name)]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn authority(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

/// Of a client with every kind of name, valid in 2026 and 2027.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    // As certificates have it: the least specific part first.
    params.distinguished_name = named(&[
        (DnType::CountryName, "CH"),
        (DnType::OrganizationName, "Example, Inc."),
        (DnType::CommonName, "app"),
    ]);
    params.subject_alt_names = vec![
        SanType::DnsName("App.Example.com".try_into().unwrap()),
        SanType::URI("spiffe://example.com/app".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::Rfc822Name("app@Example.com".try_into().unwrap()),
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 12, 31);
    params
}

fn signed(params: &CertificateParams, by: &Authority) -> PeerCertificate {
    let made = params.signed_by(&KeyPair::generate().unwrap(), by).unwrap();
    PeerCertificate::new(made.der().to_vec(), Vec::new())
}

fn believe(house: &House, authority: &Authority) {
    let anchor = webpki::anchor_from_trusted_cert(authority.der()).unwrap().to_owned();
    house.directory.believe(vec![anchor]);
}

async fn register(house: &mut House, auth: NewAuth) {
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), NewClient { auth, ..app() }).await.unwrap();
}

fn matcher(kind: NameKind, value: &str) -> NewAuth {
    NewAuth::Certificate(CertificateMatcher::new(kind, value).unwrap())
}

async fn shows(
    house: &House,
    certificate: Option<PeerCertificate>,
    now: Timestamp,
) -> Result<(), ClientProof> {
    let missing = Credentials::Missing { client_id: Some("app".into()) };
    let credentials = house.directory.or_certificate(missing, certificate);
    let attempt = house.attempt("app", now);
    match house.directory.authenticate(attempt, &credentials).await.unwrap() {
        Ok(_) => Ok(()),
        Err(Denial::BadClient { proof, .. }) => Err(proof),
        Err(other) => panic!("{other:?}"),
    }
}

fn fault(outcome: Result<(), ClientProof>) -> CertificateFault {
    match outcome {
        Err(ClientProof::Certificate { fault }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_with_the_registered_name_proves_the_client() {
    let authority = authority("clients");
    for (kind, value) in [
        (NameKind::SubjectDn, "CN=app,O=Example\\, Inc.,C=CH"),
        (NameKind::SanDns, "app.example.com"),
        (NameKind::SanUri, "spiffe://example.com/app"),
        (NameKind::SanIp, "192.0.2.7"),
        (NameKind::SanEmail, "app@example.com"),
    ] {
        let mut house = House::open().await;
        believe(&house, &authority);
        register(&mut house, matcher(kind, value)).await;
        assert_eq!(
            shows(&house, Some(signed(&params(), &authority)), NOW).await,
            Ok(()),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_proves_nobody() {
    let authority = authority("clients");
    for (kind, value) in [
        (NameKind::SubjectDn, "C=CH,O=Example\\, Inc.,CN=app"),
        (NameKind::SubjectDn, "CN=app"),
        (NameKind::SanDns, "example.com"),
        (NameKind::SanDns, "other.example.com"),
        (NameKind::SanUri, "spiffe://example.com/app/2"),
        (NameKind::SanIp, "192.0.2.8"),
        (NameKind::SanEmail, "App@example.com"),
    ] {
        let mut house = House::open().await;
        believe(&house, &authority);
        register(&mut house, matcher(kind, value)).await;
        let found = fault(shows(&house, Some(signed(&params(), &authority)), NOW).await);
        assert!(matches!(found, CertificateFault::Name { .. }), "{kind:?} {value}: {found:?}");
    }
}

#[tokio::test]
async fn only_our_authorities_vouch_and_only_for_clients() {
    let (ours, theirs) = (authority("clients"), authority("clients"));
    let mut house = House::open().await;
    register(&mut house, matcher(NameKind::SanDns, "app.example.com")).await;
    let good = signed(&params(), &ours);
    let untrusted =
        |found| assert!(matches!(found, CertificateFault::Untrusted { .. }), "{found:?}");
    untrusted(fault(shows(&house, Some(good.clone()), NOW).await));
    believe(&house, &ours);
    assert_eq!(shows(&house, Some(good), NOW).await, Ok(()));
    untrusted(fault(shows(&house, Some(signed(&params(), &theirs)), NOW).await));
    let mut server = params();
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    untrusted(fault(shows(&house, Some(signed(&server, &ours)), NOW).await));
    let key = KeyPair::generate().unwrap();
    let own = params().self_signed(&key).unwrap();
    let own = PeerCertificate::new(own.der().to_vec(), Vec::new());
    untrusted(fault(shows(&house, Some(own), NOW).await));
}

#[tokio::test]
async fn a_chain_leads_to_the_authority() {
    let root = authority("root");
    let middle = authority_params("middle");
    let middle = CertifiedIssuer::signed_by(middle, KeyPair::generate().unwrap(), &root).unwrap();
    let mut house = House::open().await;
    believe(&house, &root);
    register(&mut house, matcher(NameKind::SanDns, "app.example.com")).await;
    let leaf = signed(&params(), &middle);
    let chain = vec![middle.der().to_vec()];
    let whole = PeerCertificate::new(leaf.leaf().to_vec(), chain);
    assert_eq!(shows(&house, Some(whole), NOW).await, Ok(()));
    assert!(shows(&house, Some(leaf), NOW).await.is_err());
}

#[tokio::test]
async fn a_certificate_proves_nothing_before_and_after_its_time() {
    let authority = authority("clients");
    let certificate = signed(&params(), &authority);
    let year = Ttl::seconds(366 * 86_400);
    for at in [NOW.plus(year), NOW.minus(year).minus(year)] {
        let mut house = House::open().await;
        believe(&house, &authority);
        register(&mut house, matcher(NameKind::SanDns, "app.example.com")).await;
        let found = fault(shows(&house, Some(certificate.clone()), at).await);
        assert!(matches!(found, CertificateFault::Time { .. }), "{found:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_ones_own_making_proves_with_its_registered_key_alone() {
    for key in [KeyPair::generate().unwrap(), KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()]
    {
        let mut house = House::open().await;
        let made = params().self_signed(&key).unwrap();
        let keys = ClientKeys::of_certificates(&[made.der().clone()]).unwrap();
        register(&mut house, NewAuth::SelfSigned(keys)).await;
        let renewed = params().self_signed(&key).unwrap();
        for der in [made.der(), renewed.der()] {
            let shown = PeerCertificate::new(der.to_vec(), Vec::new());
            assert_eq!(shows(&house, Some(shown), NOW).await, Ok(()));
        }
        let other = params().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let other = PeerCertificate::new(other.der().to_vec(), Vec::new());
        let found = fault(shows(&house, Some(other), NOW).await);
        assert!(matches!(found, CertificateFault::UnknownKey { .. }), "{found:?}");
        let shown = PeerCertificate::new(renewed.der().to_vec(), Vec::new());
        let late = fault(shows(&house, Some(shown), NOW.plus(Ttl::seconds(366 * 86_400))).await);
        assert!(matches!(late, CertificateFault::Time { .. }), "{late:?}");
    }
}

#[tokio::test]
async fn without_a_certificate_or_with_rubbish_nobody_is_proven() {
    let mut house = House::open().await;
    register(&mut house, matcher(NameKind::SanDns, "app.example.com")).await;
    assert_eq!(fault(shows(&house, None, NOW).await), CertificateFault::Absent);
    let rubbish = PeerCertificate::new(b"rubbish".to_vec(), Vec::new());
    let found = fault(shows(&house, Some(rubbish.clone()), NOW).await);
    assert!(matches!(found, CertificateFault::Malformed { .. }), "{found:?}");
    let der = [CertificateDer::from(b"rubbish".to_vec())];
    assert!(ClientKeys::of_certificates(&der).is_err());

    let missing = |id: &str| Credentials::Missing { client_id: Some(id.into()) };
    let unknown = house.directory.or_certificate(missing("nobody"), Some(rubbish.clone()));
    let attempt = house.attempt("nobody", NOW);
    let refused = house.directory.authenticate(attempt, &unknown).await.unwrap().err();
    let unknown = ClientProof::UnknownClient;
    assert!(matches!(refused, Some(Denial::BadClient { proof, .. }) if proof == unknown));
}

#[tokio::test]
async fn a_certificate_is_no_proof_of_a_client_with_a_secret() {
    let authority = authority("clients");
    let mut house = House::open().await;
    believe(&house, &authority);
    register(&mut house, NewAuth::Generated).await;
    let shown = Some(signed(&params(), &authority));
    assert_eq!(shows(&house, shown, NOW).await, Err(ClientProof::Missing));
}
