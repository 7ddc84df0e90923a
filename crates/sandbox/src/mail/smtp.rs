//! SMTP (RFC 5321) as far as handing in mail needs it: no TLS, no log-in, and as strict as servers out there.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::{Envelope, keep, read};
use crate::World;

/// Conversations at once; the next one is told to come again.
const CONVERSATIONS_MAX: usize = 16;
/// A line with its CRLF, as the standard has it.
const LINE_BYTES_MAX: u64 = 1_000;
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const RECIPIENTS_MAX: usize = 10;
const ADDRESS_BYTES_MAX: usize = 254;
/// In one conversation.
const COMMANDS_MAX: usize = 200;
/// How long the client may take for a line, and to take an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes mail until the sandbox stops. What was answered with 250 is kept.
pub(crate) async fn serve(world: World, listener: TcpListener) {
    let seats = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    let mut conversations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = world.stop.cancelled() => return,
            _ = conversations.join_next(), if !conversations.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let mut stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the sandbox's mail server could not take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            // Fits what the system buffers, so it holds nobody up; a client that is gone needs no answer.
            let _ = stream.try_write(b"421 4.3.2 too many conversations\r\n");
            let _ = stream.shutdown().await;
            continue;
        };
        let world = world.clone();
        conversations.spawn(async move {
            let _seat = seat;
            if let Err(error) = Conversation::new(world, stream).hold().await {
                tracing::debug!(%error, "a client of the sandbox's mail server went away");
            }
        });
    }
}

/// An answer of the server.
type Answer = &'static str;

/// A client that hands in mail.
struct Conversation {
    world: World,
    stream: BufReader<TcpStream>,
    has_said_hello: bool,
    envelope: Envelope,
}

impl Conversation {
    fn new(world: World, stream: TcpStream) -> Self {
        Self { world, stream: BufReader::new(stream), has_said_hello: false, envelope: Envelope::default() }
    }

    /// From the greeting to the end.
    async fn hold(mut self) -> io::Result<()> {
        self.say("220 sandbox.test ESMTP").await?;
        for _ in 0..COMMANDS_MAX {
            let Some(line) = self.line().await? else { return Ok(()) };
            let Ok(line) = String::from_utf8(line) else {
                self.say("500 5.5.2 commands are ASCII").await?;
                continue;
            };
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.hello(rest, "250-sandbox.test\r\n250-8BITMIME\r\n250 SIZE 262144"),
                "HELO" => self.hello(rest, "250 sandbox.test"),
                "MAIL" => self.mail(rest),
                "RCPT" => self.recipient(rest),
                "DATA" => self.data().await?,
                "RSET" => {
                    self.envelope = Envelope::default();
                    "250 2.0.0 forgotten"
                }
                "NOOP" => "250 2.0.0 fine",
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => "502 5.5.1 there is no such command here",
            };
            self.say(answer).await?;
        }
        self.say("421 4.7.0 too many commands").await
    }

    fn hello(&mut self, name: &str, answer: Answer) -> Answer {
        if name.trim().is_empty() {
            return "501 5.5.4 hello needs a name";
        }
        self.has_said_hello = true;
        self.envelope = Envelope::default();
        answer
    }

    /// `MAIL FROM:<address> [SIZE=n] [BODY=…]`
    fn mail(&mut self, rest: &str) -> Answer {
        if !self.has_said_hello || self.envelope.sender.is_some() {
            return "503 5.5.1 EHLO comes first, and one message at a time";
        }
        let mut words = rest.split(' ');
        let Some(sender) = words.next().and_then(|word| address(word, "FROM:")) else {
            return "501 5.1.7 MAIL FROM:<address>";
        };
        let mut is_8bit = false;
        for word in words {
            match word.to_ascii_uppercase().split_once('=') {
                Some(("SIZE", size)) => match size.parse::<usize>() {
                    Ok(size) if size <= MESSAGE_BYTES_MAX => {}
                    Ok(_) => return TOO_LARGE,
                    Err(_) => return "501 5.5.4 SIZE is a number",
                },
                Some(("BODY", "8BITMIME")) => is_8bit = true,
                Some(("BODY", "7BIT")) => {}
                _ => return "555 5.5.4 there is no such parameter here",
            }
        }
        self.envelope = Envelope { sender: Some(sender), is_8bit, recipients: Vec::new() };
        "250 2.1.0 go on"
    }

    /// `RCPT TO:<address>`
    fn recipient(&mut self, rest: &str) -> Answer {
        if self.envelope.sender.is_none() {
            return "503 5.5.1 MAIL comes first";
        }
        let Some(recipient) = address(rest, "TO:") else { return "501 5.1.3 RCPT TO:<address>" };
        if recipient.starts_with("refused") {
            return "550 5.1.1 nobody has this address";
        }
        if recipient.starts_with("later") {
            return "451 4.2.1 not now";
        }
        if self.envelope.recipients.len() == RECIPIENTS_MAX {
            return "452 4.5.3 too many recipients";
        }
        self.envelope.recipients.push(recipient);
        "250 2.1.5 go on"
    }

    /// `DATA`, and the message after it.
    async fn data(&mut self) -> io::Result<Answer> {
        if self.envelope.recipients.is_empty() {
            return Ok("503 5.5.1 RCPT comes first");
        }
        self.say("354 end with a dot on a line of its own").await?;
        let mut message = Vec::new();
        loop {
            let Some(line) = self.line().await? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            if line == b"." {
                break;
            }
            // A line that begins with a dot was given another one.
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            message.extend_from_slice(b"\r\n");
            if message.len() > MESSAGE_BYTES_MAX {
                self.say(TOO_LARGE).await?;
                // Nobody knows where the message ends.
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let envelope = std::mem::take(&mut self.envelope);
        let (subject, text) = match read(&message, envelope.is_8bit) {
            Ok(read) => read,
            Err(problem) => {
                tracing::warn!(problem, "the sandbox's mail server refused a message");
                return Ok("554 5.6.0 the message is not well-formed");
            }
        };
        if let Err(error) = keep(&self.world, &envelope, &subject, &text).await {
            tracing::error!(%error, "the sandbox could not keep a mail");
            return Ok("451 4.3.0 the sandbox failed; its log says why");
        }
        Ok("250 2.0.0 kept")
    }

    /// One line without its CRLF; `None` when the client has gone.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
        let Ok(length) = timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await else {
            self.say("421 4.4.2 too slow").await?;
            return Err(io::ErrorKind::TimedOut.into());
        };
        if length? == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\r\n") {
            self.say("500 5.5.2 lines end in CRLF and have at most 1000 bytes").await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        let whole = format!("{answer}\r\n");
        timeout(PATIENCE, self.stream.get_mut().write_all(whole.as_bytes()))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

const TOO_LARGE: Answer = "552 5.3.4 the message is too large";

/// The address in `TO:<address>`.
fn address(text: &str, prefix: &str) -> Option<String> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    let address = rest.strip_prefix('<')?.strip_suffix('>')?;
    let (user, host) = address.rsplit_once('@')?;
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>@\"\\,;:()".contains(&byte))
    };
    let is_one = start.eq_ignore_ascii_case(prefix)
        && address.len() <= ADDRESS_BYTES_MAX
        && is_plain(user)
        && is_plain(host);
    is_one.then(|| address.to_owned())
}
