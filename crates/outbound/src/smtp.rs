//! Mail, handed to the operator's mail server by SMTP.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use reef_service::ports::{Mail, MailError, Mailer};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use tokio::time::timeout;
use url::{Host, Url};

/// For the connection and for each answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// For the whole conversation; its job tries again.
const TIMEOUT: Duration = Duration::from_secs(40);

/// How the connection is kept from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    /// TLS from the first byte: `smtps://`.
    Wrapped,
    /// STARTTLS, or nothing is sent: `smtp://`.
    Required,
    /// STARTTLS if the server has it: `smtp://…?tls=opportunistic`.
    Opportunistic,
    /// Not at all: `smtp://` on loopback.
    Plain,
}

/// A mail server, as `SMTP_URL` names it. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, SecretString)>,
}

impl SmtpServer {
    /// Reads `smtp://` or `smtps://[user:password@]host[:port]`. With `smtp://` STARTTLS is required, except on loopback;
    /// `?tls=opportunistic` makes it optional. The default ports are 587 and 465.
    ///
    /// # Errors
    /// What is wrong, without a word of what was given: it may hold a password.
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
            ("smtp" | "smtps", Some(_)) => return Err("takes no parameter but ?tls=opportunistic".to_owned()),
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

    /// Host and port, for people.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Schemes that browsers do not know leave their hosts as text.
fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    }
}

/// Whom mail is from, as `MAIL_FROM` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// Reads `name@host` or `Name <name@host>`.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is not an address such as Reef <reef@example.com>"))
    }

    /// `Reef <reef@…>` at the host of `public_url`. A machine that has a number only is `localhost`.
    ///
    /// # Errors
    /// When the host is none that mail can be from.
    pub fn default_for(public_url: &str) -> Result<Self, String> {
        let url = Url::parse(public_url).ok();
        let host = match url.as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => name,
            _ => "localhost",
        };
        Self::parse(&format!("Reef <reef@{host}>"))
    }
}

/// The client cannot be set up.
#[derive(Debug, Error)]
#[error("the mail client cannot be set up")]
pub struct SmtpSetupError(#[source] lettre::transport::smtp::Error);

/// The operator's mail server. A connection a mail: there are few of them.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

impl Smtp {
    /// The given server, with mail from `sender`.
    ///
    /// # Errors
    /// [`SmtpSetupError`] when TLS cannot be set up.
    pub fn new(server: &SmtpServer, sender: Sender) -> Result<Self, SmtpSetupError> {
        let Sender(sender) = sender;
        let tls = match server.security {
            Security::Plain => Tls::None,
            Security::Wrapped => Tls::Wrapper(tls(&server.host).map_err(SmtpSetupError)?),
            Security::Required => Tls::Required(tls(&server.host).map_err(SmtpSetupError)?),
            Security::Opportunistic => Tls::Opportunistic(tls(&server.host).map_err(SmtpSetupError)?),
        };
        // "Dangerous" means without TLS, which is said here.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
            .port(server.port)
            .tls(tls)
            .timeout(Some(ANSWER_TIMEOUT))
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
        let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(mail.at.unix_ms()).unwrap_or_default());
        let no_reply = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.as_str())
            .date(at)
            .message_id(Some(format!("<{}@{}>", mail.id, self.sender.email.domain())))
            // No answers from machines: out of office and the like.
            .raw_header(HeaderValue::new(no_reply, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.expose_secret().to_owned())
            .map_err(|error| MailError::Refused { reason: error.to_string() })?;
        Ok((message.envelope().clone(), message.formatted()))
    }
}

/// The system's root certificates, and the built-in ones for machines that have none.
fn tls(host: &str) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
    }
    builder.build_rustls()
}

/// The reason without the server's own words, which may quote the mail.
fn refusal(error: &lettre::transport::smtp::Error) -> MailError {
    let code = error.status().map(u16::from);
    match code {
        // Who is not let in has to be, by the operator: the mail is as good as ever.
        Some(530..=538) => MailError::Unavailable("it does not accept the user and password".to_owned()),
        Some(code @ 500..) => MailError::Refused { reason: code.to_string() },
        Some(code) => MailError::Unavailable(format!("it answered {code}")),
        None if error.is_timeout() => MailError::Unavailable("no answer in time".to_owned()),
        None if error.is_tls() => MailError::Unavailable("TLS failed".to_owned()),
        None if error.is_client() => {
            MailError::Unavailable("it lacks what is needed, such as a log-in or STARTTLS".to_owned())
        }
        None => MailError::Unavailable("it cannot be reached".to_owned()),
    }
}

fn too_slow<T>(_: T) -> MailError {
    MailError::Unavailable("no answer in time".to_owned())
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let (envelope, message) = self.message(mail)?;
        let sent = timeout(TIMEOUT, self.transport.send_raw(&envelope, &message)).await.map_err(too_slow)?;
        sent.map(|_| ()).map_err(|error| refusal(&error))
    }

    async fn check(&self) -> Result<(), MailError> {
        match timeout(TIMEOUT, self.transport.test_connection()).await.map_err(too_slow)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(MailError::Unavailable("it does not say that it is there".to_owned())),
            Err(error) => Err(refusal(&error)),
        }
    }
}
