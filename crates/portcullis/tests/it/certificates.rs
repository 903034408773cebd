//! Listeners with certificates, and a client that proves itself with one.

use crate::program::{House, eventually, get};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use reqwest::{Certificate, Client, Identity};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `localhost`, with its key.
fn pair(authority: &Authority, year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn client_of(authority: &Authority, uri: &str) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let made = params.signed_by(&key, authority).unwrap();
    Identity::from_pem(format!("{}{}", made.pem(), key.serialize_pem()).as_bytes()).unwrap()
}

/// The issuer speaks TLS, and has a second listener that asks for certificates.
fn with_certificates(house: &House, servers: &Authority, clients: &Authority) -> String {
    let (cert, key) = pair(servers, 2090);
    std::fs::write(house.file("cert.pem"), cert).unwrap();
    std::fs::write(house.file("key.pem"), key).unwrap();
    std::fs::write(house.file("clients.pem"), clients.pem()).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let toml = std::fs::read_to_string(house.file("portcullis.toml")).unwrap();
    let toml = toml.replacen(
        "[[api]]",
        &format!(
            "tls = {{ cert = \"cert.pem\", key = \"key.pem\" }}\nclient_ca = \"clients.pem\"\n\
             mtls_url = \"https://localhost:{0}\"\nmtls_listen = \"{free}\"\n[[api]]",
            free.port()
        ),
        1,
    );
    std::fs::write(house.file("portcullis.toml"), toml).unwrap();
    format!("https://localhost:{}/token", free.port())
}

fn web(servers: &Authority, identity: Option<Identity>) -> Client {
    let root = Certificate::from_der(servers.der()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([root]);
    match identity {
        Some(identity) => client.identity(identity),
        None => client,
    }
    .build()
    .unwrap()
}

#[tokio::test]
async fn a_client_with_a_certificate_gets_a_token_where_it_is_asked_for_one() {
    let (house, servers, clients) = (House::new(), authority(), authority());
    let url = with_certificates(&house, &servers, &clients);
    let rights = ["client", "add", "job", "--api", "text", "--scope", "generate:basic"];
    let uri = "spiffe://example.com/job";
    house.run(&[&rights[..], &["--tls-san-uri", uri]].concat()).good();
    let server = house.serve();
    let form = [("grant_type", "client_credentials"), ("client_id", "job")];
    let usual = format!("{}/token", house.issuer.replace("http://127.0.0.1", "https://localhost"));
    for (identity, url, status) in [
        (Some(client_of(&clients, uri)), &url, 200),
        (Some(client_of(&clients, "spiffe://example.com/other")), &url, 401),
        (Some(client_of(&servers, uri)), &url, 401),
        (None, &url, 401),
        // Nobody is asked for a certificate here.
        (Some(client_of(&clients, uri)), &usual, 401),
    ] {
        let asked = web(&servers, identity).post(url).form(&form);
        // What a client says of itself counts for nothing.
        let answer = asked.header("client-cert", ":AQID:").send().await.unwrap();
        assert_eq!(answer.status(), status, "{}", answer.text().await.unwrap());
    }
    let wells = usual.replace("/token", "/.well-known/oauth-authorization-server");
    let metadata = web(&servers, None).get(wells).send().await.unwrap().text().await.unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["mtls_endpoint_aliases"]["token_endpoint"], url);

    // The file is watched by the running server.
    std::fs::write(house.file("cert.pem"), pair(&servers, 2091).0).unwrap();
    let health = || get(&format!("{}/healthz", house.admin), "").1;
    eventually(|| health().contains("cannot be used"));
    let (cert, key) = pair(&servers, 2092);
    std::fs::write(house.file("key.pem"), key).unwrap();
    std::fs::write(house.file("cert.pem"), cert).unwrap();
    eventually(|| !health().contains("cannot be used") && health().contains("2092-01-01"));
    let (_, log) = server.stop();
    assert!(log.contains("the one before stays"), "{log}");
}
