//! An SMTP server (RFC 5321) for message submission, without TLS and authentication. It rejects what strict servers
//! reject.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::{Envelope, insert, parse_message};
use crate::World;

/// Further connections are refused with 421.
const SESSIONS_MAX: usize = 16;
/// RFC 5321 §4.5.3.1.6 allows a text line 1,000 bytes, including its CRLF.
const LINE_BYTES_MAX: u64 = 1_000;
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const RECIPIENTS_MAX: usize = 10;
const ADDRESS_BYTES_MAX: usize = 254;
const COMMANDS_MAX: usize = 200;
/// How long a client may take to send a line or to read a reply.
const IO_TIMEOUT: Duration = Duration::from_secs(30);

/// Accepts mail until the sandbox stops. A message is stored before it is acknowledged with 250.
pub(crate) async fn serve(world: World, listener: Arc<TcpListener>) {
    let permits = Arc::new(Semaphore::new(SESSIONS_MAX));
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = world.stop.cancelled() => return,
            _ = sessions.join_next(), if !sessions.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let mut stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "sandbox mail server could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            // The reply fits the socket's buffer, so this does not block. A client that is gone needs no reply.
            let _ = stream.try_write(b"421 4.3.2 too many connections\r\n");
            let _ = stream.shutdown().await;
            continue;
        };
        let world = world.clone();
        sessions.spawn(async move {
            let _seat = permit;
            if let Err(error) = SmtpSession::new(world, stream).run().await {
                tracing::debug!(%error, "connection to the sandbox mail server failed");
            }
        });
    }
}

/// A reply line of the server, without its CRLF.
type Reply = &'static str;

/// A connection of a client that submits mail.
struct SmtpSession {
    world: World,
    stream: BufReader<TcpStream>,
    has_greeted: bool,
    envelope: Envelope,
}

impl SmtpSession {
    fn new(world: World, stream: TcpStream) -> Self {
        Self { world, stream: BufReader::new(stream), has_greeted: false, envelope: Envelope::default() }
    }

    /// Runs the session from the greeting to the end of the connection.
    async fn run(mut self) -> io::Result<()> {
        self.write_reply("220 sandbox.test ESMTP").await?;
        for _ in 0..COMMANDS_MAX {
            let Some(line) = self.read_line().await? else { return Ok(()) };
            let Ok(line) = String::from_utf8(line) else {
                self.write_reply("500 5.5.2 commands are ASCII").await?;
                continue;
            };
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greet(rest, "250-sandbox.test\r\n250-8BITMIME\r\n250 SIZE 262144"),
                "HELO" => self.greet(rest, "250 sandbox.test"),
                "MAIL" => self.mail(rest),
                "RCPT" => self.recipient(rest),
                "DATA" => self.data().await?,
                "RSET" => {
                    self.envelope = Envelope::default();
                    "250 2.0.0 reset"
                }
                "NOOP" => "250 2.0.0 ok",
                "QUIT" => return self.write_reply("221 2.0.0 bye").await,
                _ => "502 5.5.1 command not implemented",
            };
            self.write_reply(answer).await?;
        }
        self.write_reply("421 4.7.0 too many commands").await
    }

    fn greet(&mut self, name: &str, answer: Reply) -> Reply {
        if name.trim().is_empty() {
            return "501 5.5.4 a host name is required";
        }
        self.has_greeted = true;
        self.envelope = Envelope::default();
        answer
    }

    /// `MAIL FROM:<address> [SIZE=n] [BODY=…]`
    fn mail(&mut self, rest: &str) -> Reply {
        if !self.has_greeted || self.envelope.sender.is_some() {
            return "503 5.5.1 send EHLO first, and one message at a time";
        }
        let mut words = rest.split(' ');
        let Some(sender) = words.next().and_then(|word| address(word, "FROM:")) else {
            return "501 5.1.7 expected MAIL FROM:<address>";
        };
        let mut is_8bit = false;
        for word in words {
            match word.to_ascii_uppercase().split_once('=') {
                Some(("SIZE", size)) => match size.parse::<usize>() {
                    Ok(size) if size <= MESSAGE_BYTES_MAX => {}
                    Ok(_) => return TOO_LARGE,
                    Err(_) => return "501 5.5.4 SIZE must be a number",
                },
                Some(("BODY", "8BITMIME")) => is_8bit = true,
                Some(("BODY", "7BIT")) => {}
                _ => return "555 5.5.4 parameter not supported",
            }
        }
        self.envelope = Envelope { sender: Some(sender), is_8bit, recipients: Vec::new() };
        "250 2.1.0 ok"
    }

    /// `RCPT TO:<address>`
    fn recipient(&mut self, rest: &str) -> Reply {
        if self.envelope.sender.is_none() {
            return "503 5.5.1 send MAIL first";
        }
        let Some(recipient) = address(rest, "TO:") else { return "501 5.1.3 expected RCPT TO:<address>" };
        if recipient.starts_with("refused") {
            return "550 5.1.1 no such mailbox";
        }
        if recipient.starts_with("later") {
            return "451 4.2.1 try again later";
        }
        if self.envelope.recipients.len() == RECIPIENTS_MAX {
            return "452 4.5.3 too many recipients";
        }
        self.envelope.recipients.push(recipient);
        "250 2.1.5 ok"
    }

    /// `DATA`, and the message after it.
    async fn data(&mut self) -> io::Result<Reply> {
        if self.envelope.recipients.is_empty() {
            return Ok("503 5.5.1 send RCPT first");
        }
        self.write_reply("354 end the message with <CRLF>.<CRLF>").await?;
        let mut message = Vec::new();
        loop {
            let Some(line) = self.read_line().await? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            if line == b"." {
                break;
            }
            // The client has doubled a leading dot (RFC 5321 §4.5.2).
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            message.extend_from_slice(b"\r\n");
            if message.len() > MESSAGE_BYTES_MAX {
                self.write_reply(TOO_LARGE).await?;
                // The connection cannot continue, because the end of the message is unknown.
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let envelope = std::mem::take(&mut self.envelope);
        let (subject, text) = match parse_message(&message, envelope.is_8bit) {
            Ok(read) => read,
            Err(problem) => {
                tracing::warn!(problem, "sandbox mail server rejected a message");
                return Ok("554 5.6.0 the message is not well-formed");
            }
        };
        if let Err(error) = insert(&self.world, &envelope, &subject, &text).await {
            tracing::error!(%error, "sandbox mail server could not store a message");
            return Ok("451 4.3.0 internal error, see the log of the sandbox");
        }
        Ok("250 2.0.0 stored")
    }

    /// Reads a line without its CRLF. Returns `None` when the client has closed the connection.
    async fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
        let Ok(length) = timeout(IO_TIMEOUT, limited.read_until(b'\n', &mut line)).await else {
            self.write_reply("421 4.4.2 too slow").await?;
            return Err(io::ErrorKind::TimedOut.into());
        };
        if length? == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\r\n") {
            self.write_reply("500 5.5.2 a line must end in CRLF and have at most 1000 bytes").await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    async fn write_reply(&mut self, answer: &str) -> io::Result<()> {
        let whole = format!("{answer}\r\n");
        timeout(IO_TIMEOUT, self.stream.get_mut().write_all(whole.as_bytes()))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

const TOO_LARGE: Reply = "552 5.3.4 the message is too large";

/// The address in `TO:<address>`.
fn address(text: &str, prefix: &str) -> Option<String> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    let address = rest.strip_prefix('<')?.strip_suffix('>')?;
    let (user, host) = address.rsplit_once('@')?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>@\"\\,;:()".contains(&byte))
    };
    let is_valid = start.eq_ignore_ascii_case(prefix)
        && address.len() <= ADDRESS_BYTES_MAX
        && is_plain(user)
        && is_plain(host);
    is_valid.then(|| address.to_owned())
}
