//! SQL that both databases run, although they differ in how they store ids and times.

use std::fmt::Write as _;

/// How a database writes what the tables need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub fn of(url: &str) -> Self {
        if url.starts_with("sqlite:") { Self::Sqlite } else { Self::Postgres }
    }

    /// The integers from 0 to `count - 1` as the table `n` with the column `i`, to be put before a `select`.
    pub fn numbers(self, count: u64) -> String {
        let last = count.saturating_sub(1);
        match self {
            Self::Sqlite => {
                format!("with recursive n(i) as (select 0 union all select i + 1 from n where i < {last})")
            }
            Self::Postgres => {
                format!("with n(i) as (select generate_series::bigint from generate_series(0, {last}))")
            }
        }
    }

    /// A number as hexadecimal digits.
    pub fn hex(self, number: &str, digits: u8) -> String {
        match self {
            Self::Sqlite => format!("printf('%0{digits}x', {number})"),
            Self::Postgres => format!("lpad(to_hex(({number})::bigint), {digits}, '0')"),
        }
    }

    /// An id of version 7 with the time `ms`. Two ids differ if their `kind` or `number` differs.
    pub fn id(self, ms: &str, kind: u8, number: &str) -> String {
        let mut text = self.hex(ms, 12);
        let _ = write!(text, " || '7000800{kind}' || {}", self.hex(number, 12));
        match self {
            Self::Sqlite => format!("unhex({text})"),
            Self::Postgres => format!("({text})::uuid"),
        }
    }

    /// A time, from milliseconds since 1970.
    pub fn time(self, ms: &str) -> String {
        match self {
            Self::Sqlite => ms.to_owned(),
            Self::Postgres => format!("(timestamptz 'epoch' + ({ms}) * interval '1 millisecond')"),
        }
    }

    /// An id from its text.
    pub fn id_from(self, text: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{}'", text.replace('-', "")),
            Self::Postgres => format!("'{text}'::uuid"),
        }
    }

    pub const fn false_value(self) -> &'static str {
        match self {
            Self::Sqlite => "0",
            Self::Postgres => "false",
        }
    }

    pub const fn true_value(self) -> &'static str {
        match self {
            Self::Sqlite => "1",
            Self::Postgres => "true",
        }
    }

    /// One byte, where a sealed secret would be.
    pub const fn one_byte(self) -> &'static str {
        match self {
            Self::Sqlite => "x'00'",
            Self::Postgres => "'\\x00'::bytea",
        }
    }
}

/// The names of columns, which differ between versions of Reef.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub plan: &'static str,
    pub webhook_url: &'static str,
    pub bot_token_fingerprint: &'static str,
    pub model_key_fingerprint: &'static str,
    pub signing_secret: &'static str,
}

impl Columns {
    pub const CURRENT: Self = Self {
        plan: "plan",
        webhook_url: "webhook_url",
        bot_token_fingerprint: "bot_token_fingerprint",
        model_key_fingerprint: "model_key_fingerprint",
        signing_secret: "signing_secret",
    };

    /// The names before the schema became one migration, as at commit 824066d.
    pub const BEFORE_RELEASE: Self = Self {
        plan: "mode",
        webhook_url: "callback_url",
        bot_token_fingerprint: "bot_token_mark",
        model_key_fingerprint: "model_key_mark",
        signing_secret: "callback_secret",
    };
}
