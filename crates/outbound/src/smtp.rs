//! Sends mail through the operator's SMTP server.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use reef_ports::{Mail, MailError, Mailer};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use tokio::time::timeout;
use url::{Host, Url};

/// The timeout for the connection and for each reply of the server.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout for sending one mail.
const TIMEOUT: Duration = Duration::from_secs(40);

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    /// With TLS from the first byte, for `smtps://`.
    Wrapped,
    /// With STARTTLS, or nothing is sent, for `smtp://`.
    Required,
    /// With STARTTLS if the server supports it, for `smtp://…?tls=opportunistic`.
    Opportunistic,
    /// Without encryption, for `smtp://` on loopback.
    Plain,
}

/// A mail server as given by `SMTP_URL`. Its `Debug` output hides the password.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, SecretString)>,
}

impl SmtpServer {
    /// Parses `smtp://` or `smtps://[user:password@]host[:port]`. With `smtp://`, STARTTLS is required except on
    /// loopback; `?tls=opportunistic` makes it optional. The default ports are 587 and 465.
    ///
    /// # Errors
    /// A message that continues "SMTP_URL …". It does not quote the text, which may contain a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "is not smtp://[user:password@]host[:port] or smtps://…".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong());
        }
        let (security, port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Security::Wrapped, 465),
            ("smtp", None) if is_loopback(host) => (Security::Plain, 587),
            ("smtp", None) => (Security::Required, 587),
            ("smtp", Some("tls=opportunistic")) => (Security::Opportunistic, 587),
            ("smtp" | "smtps", Some(_)) => {
                return Err("accepts no parameter except ?tls=opportunistic".to_owned());
            }
            _ => return Err(wrong()),
        };
        let decoded = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| wrong())?;
            Ok::<_, String>(decoded.into_owned())
        };
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                Some((decoded(user)?, SecretString::from(decoded(password)?)))
            }
            _ => return Err("has a user without a password, or a password without a user".to_owned()),
        };
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(port), security, login })
    }

    /// The host and port for messages: `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Whether a host is loopback. It is parsed here because the URL parser leaves the host of other schemes than HTTP as
/// text.
fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    }
}

/// The sender of mail as given by `MAIL_FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSender(Mailbox);

impl MailSender {
    /// Parses `name@host` or `Name <name@host>`.
    ///
    /// # Errors
    /// A message that quotes the invalid text.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is not an address such as Reef <reef@example.com>"))
    }

    /// Returns `Reef <reef@…>` with the host of `public_url`, or with `localhost` if that is an IP address.
    ///
    /// # Errors
    /// A message if the host cannot be part of a mail address.
    pub fn default_for(public_url: &str) -> Result<Self, String> {
        let url = Url::parse(public_url).ok();
        let host = match url.as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => name,
            _ => "localhost",
        };
        Self::parse(&format!("Reef <reef@{host}>"))
    }
}

/// The mail client could not be built.
#[derive(Debug, Error)]
#[error("the mail client could not be built")]
pub struct SmtpSetupError(#[source] lettre::transport::smtp::Error);

/// The client for the operator's mail server. It connects for each mail, because there are few.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

impl Smtp {
    /// Creates a client that sends mail from `sender` through `server`.
    ///
    /// # Errors
    /// [`SmtpSetupError`] if TLS cannot be set up.
    pub fn new(server: &SmtpServer, sender: MailSender) -> Result<Self, SmtpSetupError> {
        let MailSender(sender) = sender;
        let tls = match server.security {
            Security::Plain => Tls::None,
            Security::Wrapped => Tls::Wrapper(tls(&server.host).map_err(SmtpSetupError)?),
            Security::Required => Tls::Required(tls(&server.host).map_err(SmtpSetupError)?),
            Security::Opportunistic => Tls::Opportunistic(tls(&server.host).map_err(SmtpSetupError)?),
        };
        // The builder is "dangerous" because it does not use TLS by default; the next lines set it explicitly.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
            .port(server.port)
            .tls(tls)
            .timeout(Some(REPLY_TIMEOUT))
            .hello_name(ClientId::Domain(sender.email.domain().to_owned()));
        if let Some((user, password)) = &server.login {
            let password = password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { transport: builder.build(), sender })
    }

    fn message(&self, mail: &Mail) -> Result<(Envelope, Vec<u8>), MailError> {
        let no_address = || MailError::Refused { reason: "not an address".to_owned() };
        let to: Address = mail.to.parse().map_err(|_| no_address())?;
        let at = UNIX_EPOCH
            + Duration::from_millis(u64::try_from(mail.requested_at.unix_ms()).unwrap_or_default());
        let no_reply = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.as_str())
            .date(at)
            .message_id(Some(format!("<{}@{}>", mail.id, self.sender.email.domain())))
            // The header keeps autoresponders from answering (RFC 3834).
            .raw_header(HeaderValue::new(no_reply, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.expose_secret().to_owned())
            .map_err(|error| MailError::Refused { reason: error.to_string() })?;
        Ok((message.envelope().clone(), message.formatted()))
    }
}

/// TLS with the root certificates of the system, and the built-in ones for systems that have none.
fn tls(host: &str) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
    }
    builder.build_rustls()
}

/// Converts an error without the server's message, which may quote the mail.
fn mail_error(error: &lettre::transport::smtp::Error) -> MailError {
    let code = error.status().map(u16::from);
    match code {
        // The operator has to fix the login. The mail itself is fine, so it is sent again later.
        Some(530..=538) => MailError::Unavailable("the server rejects the user or password".to_owned()),
        Some(code @ 500..) => MailError::Refused { reason: code.to_string() },
        Some(code) => MailError::Unavailable(format!("the server replied {code}")),
        None if error.is_timeout() => MailError::Unavailable("no reply in time".to_owned()),
        None if error.is_tls() => MailError::Unavailable("TLS failed".to_owned()),
        None if error.is_client() => {
            MailError::Unavailable("the server does not support the required login or STARTTLS".to_owned())
        }
        None => MailError::Unavailable("the server could not be reached".to_owned()),
    }
}

fn timed_out<T>(_: T) -> MailError {
    MailError::Unavailable("no reply in time".to_owned())
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let (envelope, message) = self.message(mail)?;
        let sent = timeout(TIMEOUT, self.transport.send_raw(&envelope, &message)).await.map_err(timed_out)?;
        sent.map(|_| ()).map_err(|error| mail_error(&error))
    }

    async fn check(&self) -> Result<(), MailError> {
        match timeout(TIMEOUT, self.transport.test_connection()).await.map_err(timed_out)? {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(MailError::Unavailable("the server did not confirm that it is ready".to_owned()))
            }
            Err(error) => Err(mail_error(&error)),
        }
    }
}
