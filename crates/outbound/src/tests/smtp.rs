use reef_domain::Timestamp;
use reef_domain::ids::MailId;
use reef_ports::{Mail, MailError, Mailer as _};
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{MailSender, Smtp, SmtpServer};

/// Starts a mail server for one connection, with scripted replies to `EHLO` and `RCPT`. Returns its URL and a task that
/// ends with the lines it received.
async fn server(hello: &'static str, recipient: &'static str) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let received = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut received = Vec::new();
        let mut answer = "220 hello";
        let mut is_in_message = false;
        loop {
            if !answer.is_empty() {
                let answer = format!("{answer}\r\n");
                stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
            }
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                return received;
            }
            let line = line.trim_end_matches("\r\n").to_owned();
            answer = match line.get(..4) {
                _ if is_in_message && line != "." => "",
                Some("EHLO") => hello,
                Some("RCPT") => recipient,
                Some("DATA") => "354 go on",
                _ => "250 fine",
            };
            is_in_message = answer == "354 go on" || answer.is_empty();
            received.push(line);
        }
    });
    (url, received)
}

fn smtp(url: &str) -> Smtp {
    Smtp::new(&SmtpServer::parse(url).unwrap(), MailSender::parse("Reef <reef@reef.example>").unwrap())
        .unwrap()
}

fn mail(subject: &str) -> Mail {
    Mail {
        id: MailId::new("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
        to: "ada@example.com".to_owned(),
        subject: subject.to_owned(),
        text: SecretString::from("Hello,\n\nhttps://reef.example/reset?token=t0ken\n.\nБот\n"),
        requested_at: Timestamp::from_unix_ms(1_770_984_000_000),
    }
}

#[tokio::test]
async fn mail_has_expected_headers_only() {
    let (url, received) = server("250 hello", "250 fine").await;
    smtp(&url).send(&mail("Coral\r\nBcc: eve@example.com\r\n\r\nБот 🐚 has failed")).await.unwrap();
    let received = received.await.unwrap();
    assert_eq!(
        received[..4],
        ["EHLO reef.example", "MAIL FROM:<reef@reef.example>", "RCPT TO:<ada@example.com>", "DATA"]
    );
    let end = received.iter().position(String::is_empty).unwrap();
    // A line that begins with a space continues the header before it.
    let names: Vec<_> = received[4..end].iter().filter(|line| !line.starts_with(' ')).collect();
    let names: Vec<_> = names.iter().filter_map(|line| line.split(':').next()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    let expected = [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "Message-ID",
        "Subject",
        "To",
    ];
    assert_eq!(sorted, expected, "{received:?}");
    assert!(received.contains(&"Message-ID: <01890a5d-ac96-774b-bcce-b302099a8057@reef.example>".to_owned()));
    assert!(received.contains(&"Date: Fri, 13 Feb 2026 12:00:00 +0000".to_owned()), "{received:?}");
    assert!(received.contains(&"From: Reef <reef@reef.example>".to_owned()), "{received:?}");
}

#[tokio::test]
async fn permanent_reply_is_final_and_temporary_is_not() {
    for (recipient, is_refused) in
        [("550 5.1.1 <ada@example.com> nobody", true), ("451 later", false), ("530 5.7.0 log in", false)]
    {
        let (url, _) = server("250 hello", recipient).await;
        let error = smtp(&url).send(&mail("Hello")).await.unwrap_err();
        assert_eq!(matches!(error, MailError::Refused { .. }), is_refused, "{recipient}: {error}");
        assert!(!error.to_string().contains("ada@example.com"), "{error}");
    }
    let (url, _) = server("250 hello", "250 fine").await;
    let sent = smtp(&url).send(&Mail { to: "ada@exa\r\nmple.com".to_owned(), ..mail("Hello") }).await;
    assert!(matches!(sent, Err(MailError::Refused { .. })), "{sent:?}");
}

#[tokio::test]
async fn check_connects_and_requires_secure_login() {
    let (url, _) = server("250 hello", "250 fine").await;
    smtp(&url).check().await.unwrap();
    let gone = smtp("smtp://127.0.0.1:1").check().await;
    assert!(matches!(gone, Err(MailError::Unavailable(_))), "{gone:?}");
    // A password is not sent without encryption to a server that does not offer a login.
    let (url, received) = server("250 hello", "250 fine").await;
    let url = url.replace("smtp://", "smtp://ann:s3cret@");
    let refused = smtp(&url).check().await.unwrap_err();
    assert!(matches!(refused, MailError::Unavailable(_)), "{refused}");
    assert!(received.await.unwrap().iter().all(|line| !line.contains("AUTH")));
}

#[test]
fn server_url_is_validated_and_password_hidden() {
    for (url, address) in [
        ("smtp://mail.example", "mail.example:587"),
        ("smtps://ann%40example.com:p%3Ass@mail.example/", "mail.example:465"),
        ("smtp://127.0.0.1:2525", "127.0.0.1:2525"),
        ("smtp://mail.example:25?tls=opportunistic", "mail.example:25"),
    ] {
        assert_eq!(SmtpServer::parse(url).unwrap().address(), address, "{url}");
    }
    for wrong in [
        "mail.example",
        "http://mail.example",
        "smtp:",
        "smtp:///x",
        "smtp://mail.example/x",
        "smtp://mail.example?tls=none",
        "smtp://hunter2@mail.example",
        "smtp://:hunter2@mail.example",
        "smtp://ann:hunter2@mail.example:99999",
    ] {
        let problem = SmtpServer::parse(wrong).unwrap_err();
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let server = SmtpServer::parse("smtp://ann:hunter2@mail.example").unwrap();
    assert!(!format!("{server:?}").contains("hunter2"));
}

#[test]
fn sender_has_default() {
    for (url, from) in [
        ("https://reef.example", "Reef <reef@reef.example>"),
        ("http://127.0.0.1:3000", "Reef <reef@localhost>"),
        ("http://[::1]:3000", "Reef <reef@localhost>"),
    ] {
        assert_eq!(MailSender::default_for(url), MailSender::parse(from));
    }
    assert!(MailSender::parse("reef").is_err());
    assert!(MailSender::parse("Reef <reef@reef.example>\r\nBcc: x@y.example").is_err());
}
