//! RFC 8705 §2 and RFC 9440, as a proxy hands certificates on.

use crate::house::{FORM, House, new};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_directory::{ClientKeys, NewAuth};
use portcullis_issuer::{Certificates, Shown, Vouched};
use portcullis_types::{CertificateFault, ClientProof, Denial};
use portcullis_web::CertificateHeader;
use rcgen::{CertificateParams, KeyPair};

const BODY: &str = "grant_type=client_credentials&client_id=partner";

fn made() -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    CertificateParams::default().self_signed(&key).unwrap().der().to_vec()
}

fn header(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

fn certificates() -> Certificates {
    Certificates {
        shown: Shown::Here,
        vouched: Vouched::ByAuthorities,
        header: Some(CertificateHeader::ClientCert),
        mtls_url: Some("https://mtls.id.example/tenants/one".into()),
    }
}

async fn register(house: &House, der: &[u8]) {
    let keys = ClientKeys::of_certificates(&[der.to_vec().into()]).unwrap();
    house.client(new("partner", NewAuth::SelfSigned(keys))).await;
}

#[tokio::test]
async fn a_trusted_proxy_says_which_certificate_the_client_showed() {
    let house = House::behind_a_proxy_with(certificates()).await;
    let (own, other) = (made(), made());
    register(&house, &own).await;
    let ask = async |value: &str| house.post(&[FORM, ("client-cert", value)], BODY).await;
    let granted = ask(&header(&own)).await;
    assert_eq!(granted.status, 200, "{}", granted.body);
    let record = house.record(granted.decision()).await;
    let portcullis_audit::Event::Grant(grant) = record.event else { panic!("a grant") };
    assert_eq!(grant.auth_method.as_deref(), Some("self_signed_tls_client_auth"));

    let refused = ask(&header(&other)).await;
    assert_eq!((refused.status, refused.error().as_str()), (401, "invalid_client"));
    let record = house.record(refused.decision()).await;
    let Some(Denial::BadClient { proof: ClientProof::Certificate { fault }, .. }) =
        record.denial.as_deref()
    else {
        panic!("{:?}", record.denial)
    };
    assert!(matches!(fault, CertificateFault::UnknownKey { .. }), "{fault:?}");
    for nothing in ["", "rubbish"] {
        assert_eq!(ask(nothing).await.error(), "invalid_client");
    }
}

#[tokio::test]
async fn nobody_else_can_say_so() {
    let own = made();
    let switched_off = Certificates { header: None, ..certificates() };
    for house in [
        House::with_certificates(certificates()).await,
        House::behind_a_proxy_with(switched_off).await,
    ] {
        register(&house, &own).await;
        let said = house.post(&[FORM, ("client-cert", &header(&own))], BODY).await;
        assert_eq!((said.status, said.error().as_str()), (401, "invalid_client"));
        let record = house.record(said.decision()).await;
        let absent = ClientProof::Certificate { fault: CertificateFault::Absent };
        let proof = match record.denial.as_deref() {
            Some(Denial::BadClient { proof, .. }) => proof,
            other => panic!("{other:?}"),
        };
        assert_eq!(proof, &absent);
    }
}

#[tokio::test]
async fn the_metadata_says_where_certificates_are_asked_for() {
    let house = House::with_certificates(certificates()).await;
    let said = house.get("/.well-known/oauth-authorization-server/tenants/one").await.json();
    let alias = "https://mtls.id.example/tenants/one/token";
    assert_eq!(said["mtls_endpoint_aliases"]["token_endpoint"], alias);
    assert_eq!(said["tls_client_certificate_bound_access_tokens"], true);
    let methods = said["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains("\"tls_client_auth\""), "{methods}");
    assert!(methods.contains("\"self_signed_tls_client_auth\""), "{methods}");
}
