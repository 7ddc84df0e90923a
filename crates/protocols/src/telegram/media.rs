//! What messages contain besides text.

use serde::Deserialize;

use super::lenient::or_default;
use super::parties::{Chat, User};

/// A file in a message.
#[derive(Debug, Clone, Deserialize)]
pub struct Media {
    /// The id with which the file can be downloaded; empty if it is missing.
    #[serde(default, deserialize_with = "or_default")]
    pub file_id: String,
    /// The size in bytes.
    #[serde(default, deserialize_with = "or_default")]
    pub file_size: Option<u64>,
    /// The media type that the sender has given.
    #[serde(default, deserialize_with = "or_default")]
    pub mime_type: Option<String>,
    /// The name that the sender has given.
    #[serde(default, deserialize_with = "or_default")]
    pub file_name: Option<String>,
    /// The length of a recording in seconds.
    #[serde(default, deserialize_with = "or_default")]
    pub duration: Option<u64>,
    /// The width of a picture in pixels.
    #[serde(default, deserialize_with = "or_default")]
    pub width: Option<u32>,
    /// The height of a picture in pixels.
    #[serde(default, deserialize_with = "or_default")]
    pub height: Option<u32>,
}

/// A sticker.
#[derive(Debug, Clone, Deserialize)]
pub struct Sticker {
    /// The emoji that the sticker stands for.
    #[serde(default, deserialize_with = "or_default")]
    pub emoji: Option<String>,
}

/// A location on Earth.
#[derive(Debug, Clone, Deserialize)]
pub struct Location {
    /// The latitude in degrees.
    pub latitude: f64,
    /// The longitude in degrees.
    pub longitude: f64,
}

/// The quoted part of a message.
#[derive(Debug, Clone, Deserialize)]
pub struct Quote {
    /// The text of the part.
    pub text: String,
}

/// Where a forwarded message comes from.
#[derive(Debug, Clone, Deserialize)]
pub struct ForwardOrigin {
    /// The person who wrote it.
    #[serde(default, deserialize_with = "or_default")]
    pub sender_user: Option<User>,
    /// The name of a person who hides their account.
    #[serde(default, deserialize_with = "or_default")]
    pub sender_user_name: Option<String>,
    /// The group that it was written for.
    #[serde(default, deserialize_with = "or_default")]
    pub sender_chat: Option<Chat>,
    /// The channel that it was posted in.
    #[serde(default, deserialize_with = "or_default")]
    pub chat: Option<Chat>,
}
