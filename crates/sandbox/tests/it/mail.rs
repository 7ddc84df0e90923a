//! The SMTP server, command by command, and the mailbox.

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::harness::{World, expect, send};

const MESSAGE: &str = "From: Reef <reef@reef.example>\r\nTo: ada@example.com\r\nSubject: =?utf-8?b?0JHQvtGC?= says\r\n\
    Date: Fri, 13 Feb 2026 12:00:00 +0000\r\nMessage-ID: <1@reef.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Open https://reef.example/confirm?token=3Dabc.\r\n..dot <b>\r\n";

/// An SMTP client that sends the lines of a test.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(world: &World) -> Self {
        let mut client = Self(BufReader::new(TcpStream::connect(world.smtp()).await.unwrap()));
        assert_eq!(client.read_reply().await, 220);
        client
    }

    /// Returns the code of the next reply, which may have several lines.
    async fn read_reply(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            assert!(line.ends_with("\r\n"), "{line:?}");
            if line.as_bytes()[3] != b'-' {
                return line[..3].parse().unwrap();
            }
        }
    }

    async fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn send(&mut self, line: &str, expected: u16) {
        self.write(&format!("{line}\r\n")).await;
        assert_eq!(self.read_reply().await, expected, "{line}");
    }

    async fn submit(&mut self, to: &[&str], message: &str, expected: u16) {
        self.send("MAIL FROM:<reef@reef.example>", 250).await;
        for to in to {
            self.send(&format!("RCPT TO:<{to}>"), 250).await;
        }
        self.send("DATA", 354).await;
        self.send(&format!("{message}."), expected).await;
    }

    async fn assert_closed(&mut self) {
        let mut rest = Vec::new();
        // The connection may be reset, because the server has not read everything.
        let _ = self.0.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn submitted_mail_is_stored_and_shown() {
    let world = World::start().await;
    let empty = send(world.get("/sandbox/mail/")).await.text().await.unwrap();
    assert!(empty.contains("No email yet"), "{empty}");
    let mut client = Client::connect(&world).await;
    client.send("EHLO [127.0.0.1]", 250).await;
    client.submit(&["ada@example.com", "bob@example.com"], MESSAGE, 250).await;
    client.send("QUIT", 221).await;
    client.assert_closed().await;
    let world = world.restart().await;
    let kept = expect(200, world.get("/sandbox/mail/messages?to=ada@example.com")).await;
    let text = "Open https://reef.example/confirm?token=abc.\n.dot <b>\n";
    let mail = &kept["data"][0];
    assert!(
        kept["data"].as_array().unwrap().len() == 1 && mail["at"].as_str().unwrap().ends_with('Z'),
        "{kept}"
    );
    assert_eq!(
        (&mail["from"], &mail["to"], &mail["subject"], &mail["text"]),
        (&json!("reef@reef.example"), &json!("ada@example.com"), &json!("Бот says"), &json!(text))
    );
    assert_eq!(expect(200, world.get("/sandbox/mail/messages")).await["data"].as_array().unwrap().len(), 2);
    let list = send(world.get("/sandbox/mail/")).await.text().await.unwrap();
    assert!(list.contains("<a href=\"/sandbox/mail/1\">Бот says</a>"), "{list}");
    let one = send(world.get("/sandbox/mail/1")).await.text().await.unwrap();
    let link =
        "<a href=\"https://reef.example/confirm?token=abc\">https://reef.example/confirm?token=abc</a>.";
    assert!(one.contains(link) && one.contains(".dot &lt;b&gt;"), "{one}");
    expect(404, world.get("/sandbox/mail/3")).await;
    let front = send(world.get("/sandbox/")).await.text().await.unwrap();
    assert!(front.contains("href=\"/sandbox/mail/\""));
}

#[tokio::test]
async fn malformed_and_misplaced_commands_are_rejected() {
    let world = World::start().await;
    let mut client = Client::connect(&world).await;
    client.send("MAIL FROM:<reef@reef.example>", 503).await;
    client.send("EHLO ", 501).await;
    client.send("EHLO reef.example", 250).await;
    client.send("STARTTLS", 502).await;
    client.send("RCPT TO:<ada@example.com>", 503).await;
    client.send("DATA", 503).await;
    for wrong in
        ["FROM:reef@reef.example", "FROM:<reef>", "FROM:<a@b@c>", "FROM:<>", "FROM:<é@b>", "TO:<a@b>"]
    {
        client.send(&format!("MAIL {wrong}"), 501).await;
    }
    client.send("MAIL FROM:<reef@reef.example> SIZE=262145", 552).await;
    client.send("MAIL FROM:<reef@reef.example> SMTPUTF8", 555).await;
    client.send("MAIL FROM:<reef@reef.example> SIZE=262144 BODY=8BITMIME", 250).await;
    client.send("MAIL FROM:<reef@reef.example>", 503).await;
    client.send("RCPT TO:<ada@example.com> NOTIFY=NEVER", 501).await;
    client.send("RCPT TO:<refused@example.com>", 550).await;
    client.send("RCPT TO:<later@example.com>", 451).await;
    for number in 0..10 {
        client.send(&format!("RCPT TO:<user{number}@example.com>"), 250).await;
    }
    client.send("RCPT TO:<user10@example.com>", 452).await;
    client.send("RSET", 250).await;
    client.send("DATA", 503).await;
    client.submit(&["ada@example.com"], &MESSAGE.replace("Date", "Data"), 554).await;
    client.submit(&["ada@example.com"], &MESSAGE.replace("dot", "døt"), 554).await;
    client.submit(&["ada@example.com"], MESSAGE, 250).await;
    assert_eq!(expect(200, world.get("/sandbox/mail/messages")).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lines_messages_commands_and_sessions_are_limited() {
    let world = World::start().await;
    let mut client = Client::connect(&world).await;
    client.write("EHLO reef.example\n").await;
    assert_eq!(client.read_reply().await, 500);
    client.assert_closed().await;
    let mut client = Client::connect(&world).await;
    client.write(&"x".repeat(1001)).await;
    assert_eq!(client.read_reply().await, 500);
    client.assert_closed().await;
    let mut client = Client::connect(&world).await;
    client.send("EHLO reef.example", 250).await;
    client.submit(&["ada@example.com"], &format!("{}\r\n", "y".repeat(998)).repeat(263), 552).await;
    let mut client = Client::connect(&world).await;
    for _ in 0..200 {
        client.send("NOOP", 250).await;
    }
    assert_eq!(client.read_reply().await, 421);
    client.assert_closed().await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(Client::connect(&world).await);
    }
    let mut refused = Client(BufReader::new(TcpStream::connect(world.smtp()).await.unwrap()));
    assert_eq!(refused.read_reply().await, 421);
    idle.pop();
    // The permit is released once the server has noticed the end of the connection.
    crate::harness::until(|| async {
        let mut client = Client(BufReader::new(TcpStream::connect(world.smtp()).await.unwrap()));
        (client.read_reply().await == 220).then_some(())
    })
    .await;
    assert_eq!(expect(200, world.get("/sandbox/mail/messages")).await, json!({"data": []}));
}
