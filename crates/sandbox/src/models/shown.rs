//! What a model is shown: pictures, documents and sounds, in base64.

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

/// The kind of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
    Audio,
}

/// An attachment as the model describes it. Its content is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    kind: Kind,
    media_type: String,
    /// The size in bytes and the first 12 hexadecimal digits of the SHA-256, or nothing for content behind a URL.
    content: Option<(usize, String)>,
}

/// Why an attachment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShownError {
    Base64,
    Empty,
    MediaType,
    TooLarge,
}

impl Shown {
    /// Reads an attachment in base64 of at most `encoded_max` characters.
    pub fn decode(kind: Kind, media_type: &str, data: &str, encoded_max: usize) -> Result<Self, ShownError> {
        if data.len() > encoded_max {
            return Err(ShownError::TooLarge);
        }
        let bytes = BASE64.decode(data.as_bytes()).map_err(|_| ShownError::Base64)?;
        if bytes.is_empty() {
            return Err(ShownError::Empty);
        }
        Ok(Self::of_bytes(kind, media_type, &bytes))
    }

    pub fn of_bytes(kind: Kind, media_type: &str, bytes: &[u8]) -> Self {
        let mut hash = HEXLOWER.encode(&Sha256::digest(bytes));
        hash.truncate(12);
        Self { kind, media_type: media_type.to_owned(), content: Some((bytes.len(), hash)) }
    }

    /// Reads `data:{media type};base64,{data}`, or the URL of something that is not looked at.
    pub fn from_url(kind: Kind, url: &str, encoded_max: usize) -> Result<Self, ShownError> {
        let Some(rest) = url.strip_prefix("data:") else {
            return Ok(Self::elsewhere(kind, url));
        };
        let (media_type, data) = rest.split_once(";base64,").ok_or(ShownError::MediaType)?;
        Self::decode(kind, media_type, data, encoded_max)
    }

    /// An attachment that the vendor would fetch, by its URL or id.
    pub fn elsewhere(kind: Kind, address: &str) -> Self {
        Self { kind, media_type: address.to_owned(), content: None }
    }

    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Whether the content was sent along, and is not somewhere else.
    pub fn has_content(&self) -> bool {
        self.content.is_some()
    }

    /// Describes the attachment: `an image (image/jpeg, 1,234 bytes, SHA-256 0123456789ab)`.
    pub fn describe(&self) -> String {
        let kind = match self.kind {
            Kind::Image => "an image",
            Kind::Document => "a document",
            Kind::Audio => "a sound",
        };
        match &self.content {
            Some((size, hash)) => {
                format!("{kind} ({}, {size} bytes, SHA-256 {hash})", self.media_type)
            }
            None => format!("{kind} at {}, which I don't open", self.media_type),
        }
    }
}
