use crate::house::House;
use portcullis_directory::{Acting, Action, LinkKind, NewPerson, Profile};
use portcullis_issuer::mail::{MailFault, MailSettings, Sink, Smtp};
use secrecy::ExposeSecret as _;
use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

/// What was sent so far, once there is so much.
async fn letters(folder: PathBuf, count: usize) -> Vec<String> {
    for _ in 0..500 {
        let list = std::fs::read_dir(&folder).map(|list| list.flatten().collect::<Vec<_>>());
        if let Ok(list) = list
            && list.len() >= count
        {
            let mode = list[0].metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "for its owner's eyes");
            return list.iter().map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no mail came");
}

async fn alice(house: &House) -> portcullis_directory::Person {
    let mut entropy = house.entropy();
    let by = Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    let profile = Profile {
        name: Some("Alice {link} http://evil.example".into()),
        email: Some("alice@example.com".into()),
        ..Profile::default()
    };
    let new = NewPerson { login: "alice".into(), profile, ..NewPerson::default() };
    house.directory.add_person(by, new).await.unwrap()
}

#[tokio::test]
async fn who_forgot_gets_a_link_that_works_and_strangers_get_nothing() {
    let house = House::open().await;
    alice(&house).await;
    house.state.mail.forgotten("nobody@example.com", None);
    house.state.mail.forgotten("alice", None);
    let sent = letters(house.folder().join("mail"), 1).await;
    assert_eq!(sent.len(), 1);
    let letter = sent[0].replace("=\r\n", "").replace("=3D", "=");
    assert!(letter.contains("alice@example.com"), "{letter}");
    assert!(!letter.contains("http://evil.example"), "no advertisement by way of a name: {letter}");
    let (_, rest) = letter.split_once("/password-reset/choose?token=").unwrap();
    let token = rest.split_whitespace().next().unwrap();
    let (person, kind) = house.directory.link(token, house.now()).await.unwrap().unwrap();
    assert_eq!((person.login.as_str(), kind), ("alice", LinkKind::Reset));
}

#[tokio::test]
async fn mail_goes_to_a_server() {
    let house = House::open().await;
    let person = alice(&house).await;
    let mut entropy = house.entropy();
    let by = Acting { actor: "test", now: house.now(), entropy: &mut entropy };
    let link = house.directory.make_link(by, &person.id, LinkKind::Invitation).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail\r\n").await.unwrap();
        let (mut all, mut reading) = (String::new(), false);
        while let Ok(Some(said)) = lines.next_line().await {
            all.push_str(&said);
            all.push('\n');
            let answer = match (reading, said.as_str()) {
                (true, ".") => {
                    reading = false;
                    "250 ok\r\n"
                }
                (true, _) => continue,
                (_, text) if text.starts_with("EHLO") => "250-mail\r\n250 8BITMIME\r\n",
                (_, "DATA") => {
                    reading = true;
                    "354 go on\r\n"
                }
                (_, text) if text.starts_with("QUIT") => break,
                _ => "250 ok\r\n",
            };
            write.write_all(answer.as_bytes()).await.unwrap();
        }
        all
    });
    let smtp = Smtp::new(&format!("smtp://127.0.0.1:{port}"), None).unwrap();
    let settings =
        MailSettings { from: "Portcullis <no-reply@id.example>".into(), sink: Sink::Smtp(smtp) };
    let issuer = portcullis_types::Issuer::new("https://id.example").unwrap();
    portcullis_issuer::mail::deliver(&settings, &issuer, &link).await.unwrap();
    drop(settings);
    let all = server.await.unwrap();
    assert!(all.contains("RCPT TO:<alice@example.com>"), "{all}");
    let token = link.token.expose_secret();
    assert!(all.replace("=\n", "").replace("=3D", "=").contains(token), "{all}");
}

#[test]
fn mail_never_crosses_a_network_in_the_clear() {
    for bad in [
        "smtp://mail.example.com",
        "smtp://user@mail.example.com:25",
        "smtp://mail.example.com?tls=opportunistic",
        "smtps://user:secret@mail.example.com",
        "http://mail.example.com",
        "nonsense",
    ] {
        let refused = Smtp::new(bad, None).err().expect(bad);
        assert!(matches!(refused, MailFault::Server(_)), "{bad}");
        assert!(!refused.to_string().contains("secret"));
    }
    for good in [
        "smtps://user%40example.com@mail.example.com",
        "smtp://mail.example.com?tls=required",
        "smtp://localhost:1025",
        "smtp://[::1]:1025",
    ] {
        assert!(Smtp::new(good, Some("pw".into())).is_ok(), "{good}");
    }
}

#[tokio::test]
async fn whoever_has_an_address_learns_what_was_done_to_their_account() {
    let house = House::open().await;
    let mut person = alice(&house).await;
    house.state.mail.changed(&person, Action::Passkey);
    let sent = letters(house.folder().join("mail"), 1).await;
    let letter = sent[0].replace("=\r\n", "");
    assert!(letter.contains("Passkey added") && letter.contains("alice@example.com"), "{letter}");
    assert!(!letter.contains("://"), "no link that a forger could copy: {letter}");
    person.profile.email = None;
    house.state.mail.changed(&person, Action::Passkey);
    house.state.mail.forgotten("alice", None);
    let sent = letters(house.folder().join("mail"), 2).await;
    assert_eq!(sent.len(), 2, "nothing for whom there is no address");
}
