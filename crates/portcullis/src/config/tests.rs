use super::{Machine, Purpose, Report, Severity, load};
use portcullis_types::Timestamp;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn check(name: &str) -> (bool, Report) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests").join(name);
    let text = std::fs::read_to_string(&file).unwrap();
    let env = |name: &str| matches!(name, "PORTCULLIS_KEY" | "MODEL_KEY");
    let machine = Machine {
        base: Path::new("/etc/portcullis"),
        env: &env,
        purpose: Purpose::Check,
        now: NOW,
    };
    let (config, report) = load(Path::new(name), text, &machine);
    (config.is_some(), report)
}

fn rendered(name: &str) -> String {
    let (_, report) = check(name);
    anstream::adapter::strip_str(&report.render()).to_string()
}

#[test]
fn a_good_file_is_usable_and_says_so() {
    let (usable, report) = check("good.toml");
    assert!(usable, "{}", report.render());
    insta::assert_snapshot!(rendered("good.toml"), @"good.toml: no mistakes");
}

#[test]
fn every_mistake_is_reported_at_once() {
    for name in [
        "not_toml",
        "names",
        "values",
        "secrets",
        "clashes",
        "nothing",
        "alone",
        "unreachable",
        "database",
        "database_in_the_clear",
        "people",
        "mail",
        "policy",
        "policy_alone",
        "policy_server",
    ] {
        let file = format!("{name}.toml");
        assert!(!check(&file).0);
        insta::assert_snapshot!(name, rendered(&file));
    }
}

#[test]
fn a_route_wants_what_it_and_its_api_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/good.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let certain =
        text.replace("client_certificate = \"accepted\"", "client_certificate = \"required\"");
    let machine =
        Machine { base: Path::new("."), env: &|_| true, purpose: Purpose::Check, now: NOW };
    let (config, _) = load(&file, text, &machine);
    let routes = config.unwrap().routes;
    let demands: Vec<_> = routes.iter().map(|route| &route.demand).collect();
    assert_eq!(*demands[0], portcullis_verify::Demand::default());
    assert_eq!(demands[1].acr, ["mfa", "phr", "urn:example:gold"]);
    assert_eq!(demands[1].max_age, Some(portcullis_types::Ttl::seconds(900)));
    assert!(demands[1].dpop.is_required() && demands[1].dpop_nonce.is_required());
    let (_, report) = load(&file, certain, &machine);
    let said = anstream::adapter::strip_str(&report.render()).to_string();
    assert!(said.contains("asks nobody for a certificate"), "{said}");
}

#[test]
fn an_acr_that_no_token_can_have_is_a_mistake_unless_others_issue_tokens() {
    let (usable, _) = check("acr.toml");
    assert!(!usable);
    insta::assert_snapshot!("acr", rendered("acr.toml"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/acr.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let machine =
        Machine { base: Path::new("."), env: &|_| true, purpose: Purpose::Check, now: NOW };
    let said = |trust: &str| {
        let (_, report) = load(&file, format!("{text}\n[[trust]]\n{trust}"), &machine);
        (report.count(Severity::Error), report.count(Severity::Warning))
    };
    let issuer = "issuer = \"https://login.example.com\"\n";
    assert_eq!(said(issuer), (0, 0), "what they call theirs, they know");
    assert_eq!(said(&format!("{issuer}apis = [\"other\"]")), (2, 1), "not at this API");
    let unclear = said("issuer = \"nowhere\"");
    assert_eq!(unclear, (1, 0), "whom it trusts, the file does not say");
}

#[test]
fn a_secret_in_the_file_is_never_shown() {
    let (_, report) = check("secrets.toml");
    let json = serde_json::to_string(&report.entries()).unwrap();
    for text in [
        rendered("secrets.toml"),
        json,
        rendered("values.toml"),
        rendered("database.toml"),
        rendered("people.toml"),
    ] {
        for secret in ["c2VjcmV0", "hunter2", "sk-live"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn json_gives_place_value_and_remedy() {
    let (_, report) = check("names.toml");
    let entries = serde_json::to_value(report.entries()).unwrap();
    insta::assert_json_snapshot!(entries[0]);
}

#[test]
fn the_file_that_init_writes_has_no_mistakes_but_its_key() {
    let env = |_: &str| true;
    let machine =
        Machine { base: Path::new("/nowhere"), env: &env, purpose: Purpose::Check, now: NOW };
    let text = include_str!("../cli/init/portcullis.toml");
    let (_, report) = load(Path::new("portcullis.toml"), text.to_owned(), &machine);
    let text = anstream::adapter::strip_str(&report.render()).to_string();
    assert_eq!(report.count(Severity::Error), 1, "{text}");
    assert!(text.contains("/nowhere/portcullis.key"), "{text}");
}

#[test]
fn an_unset_variable_is_a_warning_to_the_check_and_a_mistake_to_the_server() {
    let text =
        "key_encryption_key = { env = \"UNSET\" }\n[issuer]\nurl = \"https://id.example.com\"\n";
    for (purpose, usable) in
        [(Purpose::Check, true), (Purpose::Command, true), (Purpose::Serve, false)]
    {
        let machine = Machine { base: Path::new("."), env: &|_| false, purpose, now: NOW };
        let (config, _) = load(Path::new("portcullis.toml"), text.to_owned(), &machine);
        assert_eq!(config.is_some(), usable, "{purpose:?}");
    }
}

/// What is said about an `[issuer]` with these lines more.
fn about_the_issuer(lines: &str) -> String {
    let text = format!(
        "key_encryption_key = {{ env = \"KEY\" }}\n[issuer]\nurl = \"https://id.example.com\"\n{lines}\n"
    );
    let machine =
        Machine { base: Path::new("."), env: &|_| true, purpose: Purpose::Check, now: NOW };
    let (_, report) = load(Path::new("portcullis.toml"), text, &machine);
    anstream::adapter::strip_str(&report.render()).to_string()
}

#[test]
fn a_trusted_proxy_is_a_network_and_never_everybody() {
    let good = about_the_issuer(r#"trusted_proxies = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]"#);
    assert!(good.contains("no mistakes"), "{good}");
    for (bad, problem) in [
        (r#"["0.0.0.0/0"]"#, "this is everybody"),
        (r#"["::/0"]"#, "this is everybody"),
        (r#"["proxy.example.com"]"#, "'proxy.example.com' is not a network"),
        ("[1]", "must be a text in quotes, not a whole number"),
    ] {
        let said = about_the_issuer(&format!("trusted_proxies = {bad}"));
        assert!(said.contains(problem) && said.contains("1 error"), "{said}");
    }
    let said = about_the_issuer(r#"tls = { cert = "no-such.pem", key = "no-such.key" }"#);
    assert!(said.contains("2 errors"), "{said}");
}

#[test]
fn a_key_is_published_for_as_long_as_others_need_it() {
    for good in [r#"publish_before = "10m""#, r#"retire_after = "990s""#] {
        let said = about_the_issuer(&format!("keys = {{ {good} }}"));
        assert!(said.contains("no mistakes"), "{said}");
    }
    let early = about_the_issuer(r#"keys = { publish_before = "599s" }"#);
    assert!(early.contains("at least 10m"), "{early}");
    let gone = about_the_issuer(r#"keys = { retire_after = "989s" }"#);
    assert!(gone.contains("30s for clocks that differ, and 1m until"), "{gone}");
}

#[test]
fn json_says_of_another_type_what_would_be_right_and_what_is_there() {
    let (_, report) = check("values.toml");
    let entries = serde_json::to_value(report.entries()).unwrap();
    let of = |key: &str| {
        let found = entries.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap();
        (
            found["expected"].as_str().unwrap().to_owned(),
            found["value"].as_str().unwrap().to_owned(),
        )
    };
    let right = ("a time with its unit".to_owned(), "900".to_owned());
    assert_eq!(of("issuer.access_token_ttl"), right);
    let right = ("a whole number from 0 to 10000000".to_owned(), "\"many\"".to_owned());
    assert_eq!(of("gateway.token_cache"), right);
}

#[test]
fn a_port_that_is_given_twice_is_told_by_its_keys() {
    for (one, other) in [
        ("127.0.0.1:9001", "127.0.0.1:9001"),
        ("0.0.0.0:9001", "127.0.0.1:9001"),
        ("127.0.0.1:9001", "[::ffff:127.0.0.1]:9001"),
    ] {
        let said = about_the_issuer(&format!("listen = \"{one}\"\n[admin]\nlisten = \"{other}\""));
        assert!(said.contains("[admin] would listen where [issuer] does"), "{said}");
    }
}

#[test]
fn nothing_is_said_in_the_clear_to_a_network() {
    let open = r#"listen = "0.0.0.0:9001""#;
    let said = about_the_issuer(open);
    assert!(said.contains("[issuer] would speak in the clear to the network"), "{said}");
    assert!(said.contains("trusted_proxies ="), "{said}");
    let named = about_the_issuer(&format!("{open}\ntrusted_proxies = [\"10.0.0.7\"]"));
    assert!(named.contains("no mistakes"), "{named}");
    for section in ["[gateway]\nurl = \"https://gw.example.com\"", "[admin]"] {
        let said = about_the_issuer(&format!("{section}\n{open}"));
        assert!(said.contains("would speak in the clear"), "{said}");
        let named = format!("{section}\n{open}\ntrusted_proxies = [\"10.0.0.7\"]");
        let named = about_the_issuer(&named);
        assert!(!named.contains("would speak in the clear"), "{named}");
    }
}

#[test]
fn a_certificate_is_looked_into_before_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["id.example.com".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(file("other.pem"), other.serialize_pem()).unwrap();
    let tls = |key: &str, more: &str| {
        let pair = format!("cert = \"{}\", key = \"{}\"", file("cert.pem"), file(key));
        about_the_issuer(&format!("listen = \"0.0.0.0:9001\"\ntls = {{ {pair}{more} }}"))
    };
    let good = tls("key.pem", ", client_certificates = \"ask\"");
    assert!(good.contains("no mistakes"), "{good}");
    let mixed = tls("other.pem", "");
    assert!(mixed.contains("this pair cannot be used: the private key"), "{mixed}");
    let nobody = tls("key.pem", ", client_certificates = \"require\"");
    assert!(nobody.contains("nobody vouches for them"), "{nobody}");
    let ca = format!(", client_certificates = \"require\", client_ca = \"{}\"", file("key.pem"));
    assert!(tls("key.pem", &ca).contains("there is no certificate in it"));

    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(2027, 1, 20);
    let short = params.self_signed(&made.signing_key).unwrap();
    std::fs::write(file("cert.pem"), short.pem()).unwrap();
    let said = tls("key.pem", "");
    assert!(said.contains("warning: the certificate expires 2027-01-20"), "{said}");
}

#[test]
fn certificates_come_from_where_they_can_be_believed() {
    let header = r#"client_certificate_header = "client-cert""#;
    let said = about_the_issuer(header);
    assert!(said.contains("nobody is trusted to send this header"), "{said}");
    let said = about_the_issuer(&format!("{header}\ntrusted_proxies = [\"10.0.0.7\"]"));
    assert!(said.contains("no mistakes"), "{said}");
    for (lines, problem) in [
        (r#"mtls_listen = "127.0.0.1:9001""#, "nobody would know of this listener"),
        (r#"mtls_url = "http://mtls.example.com""#, "without TLS nobody shows a certificate"),
        (r#"mtls_url = "https://mtls.example.com/elsewhere""#, "another path"),
        (
            "mtls_url = \"https://mtls.example.com\"\nmtls_listen = \"127.0.0.1:9001\"",
            "no certificate to show",
        ),
        (
            "mtls_url = \"https://mtls.example.com\"\nmtls_listen = \"127.0.0.1:8080\"",
            "would listen where [issuer] does",
        ),
    ] {
        let said = about_the_issuer(lines);
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn who_is_let_in_without_being_registered_is_said_whole_or_not_at_all() {
    for good in [
        "[issuer.registration]\nmode = \"token\"\npkce = \"or-nonce\"\nidentity = \"openid roles\"",
        "[issuer.registration]\nmode = \"open\"\nper_hour = 5\nmost = 100\nclient_ttl = \"30d\"",
        "[issuer.registration]\nmode = \"off\"\nauth_methods = [\"private_key_jwt\"]",
        "[issuer.client_documents]\nmode = \"listed\"\nhosts = [\"app.example.com\", \"*.tools.example\"]",
        "[issuer.client_documents]\nmode = \"open\"\nprofile = \"fapi2-security\"",
        "[issuer.outgoing]\nprivate_networks = [\"10.0.0.0/8\", \"127.0.0.1\"]",
    ] {
        let said = about_the_issuer(good);
        assert!(said.contains("no mistakes"), "{good}: {said}");
    }
    for (bad, words) in [
        ("[issuer.registration]\npkce = \"required\"", "'mode' is missing"),
        ("[issuer.registration]\nmode = \"tokens\"", "did you mean"),
        ("[issuer.registration]\nmode = \"open\"\nidentity = \"openid shoes\"", "'shoes'"),
        ("[issuer.registration]\nmode = \"open\"\napis = [\"text\"]", "there is no API 'text'"),
        ("[issuer.registration]\nmode = \"open\"\nauth_methods = []", "the list is empty"),
        ("[issuer.registration]\nmode = \"open\"\nsecret = \"x\"", "a secret is written"),
        ("[issuer.client_documents]\nmode = \"listed\"", "'hosts' is missing"),
        ("[issuer.client_documents]\nmode = \"listed\"\nhosts = [\"https://a.example\"]", "host"),
        ("[issuer.outgoing]\nprivate_networks = [\"0.0.0.0/0\"]", "not a private network"),
        ("[issuer.outgoing]\nca_file = \"no-such.pem\"", "no-such.pem"),
    ] {
        let said = about_the_issuer(bad);
        assert!(said.contains(words) && !said.contains("no mistakes"), "{bad}: {said}");
    }
}

#[test]
fn a_policy_server_is_asked_where_the_configuration_says_so() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/good.toml");
    let machine =
        Machine { base: Path::new("."), env: &|_| true, purpose: Purpose::Serve, now: NOW };
    let with = |more: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        let (config, report) = load(&file, format!("{text}\n{more}\n"), &machine);
        let said = anstream::adapter::strip_str(&report.render()).to_string();
        config.map(|config| config.policy.unwrap().elsewhere).ok_or(said)
    };
    let server = "[policy.opa.request]\nurl = \"unix:///run/opa.sock\"";
    let all = with(&format!("{server}\ntime_out = \"20ms\"\nfailures = 2")).unwrap();
    assert_eq!(all[0].point, portcullis_policy::Point::Request);
    assert_eq!(all[0].settings.address.to_string(), "unix:///run/opa.sock");
    assert_eq!(all[0].settings.time_out, portcullis_types::Ttl::from_millis(20));
    assert_eq!(all[0].settings.breaker.failures, 2);
    for (more, wanted) in [
        ("[policy.opa.request]", "'url' is missing"),
        ("[policy.opa.request]\nurl = \"http://opa.example\"", "without TLS anybody on the way"),
        ("[policy.opa.requests]\nurl = \"unix:///run/opa.sock\"", "requests"),
        (&format!("{server}\npath = \"v1/data\""), "is no path of a decision"),
        (&format!("{server}\ntoken = \"abc\""), "a secret is written in this file"),
        (&format!("{server}\ntime_out = \"1h\""), "out of range"),
        (&format!("{server}\n[policy]\npoints = [\"token\"]"), "no policy is asked at 'request'"),
    ] {
        let said = with(more).err().unwrap_or_default();
        assert!(said.contains(wanted), "{more}: {said}");
    }
}

#[test]
fn a_policy_says_what_it_is_told_and_by_whom_it_comes() {
    let load = |more: &str| {
        let head = "key_encryption_key = { env = \"PORTCULLIS_KEY\" }\n\
                    [issuer]\nurl = \"https://id.example.com\"\n[policy]\n";
        let (base, env) = (Path::new("/etc/portcullis"), |_: &str| true);
        let machine = Machine { base, env: &env, purpose: Purpose::Check, now: NOW };
        let (config, report) = load(Path::new("policy.toml"), format!("{head}{more}"), &machine);
        let said = report.render();
        config.and_then(|config| config.policy).unwrap_or_else(|| panic!("{said}"))
    };
    let usual = load("");
    assert_eq!(usual.points, portcullis_policy::Point::ALL);
    assert!(usual.source.is_none() && usual.trusted.is_none());
    let minutes = |policy: &super::Policing| {
        let noon = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        policy.surroundings.time_zone.to_offset(noon).seconds() / 60
    };
    assert_eq!(minutes(&usual), 0);
    assert_eq!(minutes(&load("time_zone = \"Asia/Kolkata\"")), 330);
    assert_eq!(minutes(&load("utc_offset = \"-03:30\"")), -210);
    let told =
        load("networks = { office = [\"10.1.2.3/8\", \"::1\"] }\nurl = \"oci://r.example/p\"");
    assert_eq!(told.surroundings.networks[0].0, "office");
    assert_eq!(told.surroundings.networks[0].1[0].to_string(), "10.0.0.0/8");
    assert!(matches!(told.source, Some(super::PolicySource::Remote(_))));
}
