//! Pictures, documents and sounds for a model, and which model takes which.

use std::fmt;

use data_encoding::BASE64;
use reef_domain::wire::Provider;

/// The kind of an attachment, as models distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentKind {
    /// A picture.
    Image,
    /// A document with pages.
    Document,
    /// A voice note or other sound.
    Audio,
}

/// A file that the last message of a person contains. Its `Debug` output hides the content.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What the file is.
    pub kind: AttachmentKind,
    /// The media type, such as `image/jpeg`. Parameters are allowed and not sent.
    pub media_type: String,
    /// The name that the file has in the chat.
    pub file_name: Option<String>,
    /// The content.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("kind", &self.kind)
            .field("media_type", &self.media_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Attachment {
    pub(crate) fn plain_media_type(&self) -> String {
        plain(&self.media_type)
    }

    pub(crate) fn base64(&self) -> String {
        BASE64.encode(&self.bytes)
    }

    pub(crate) fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.plain_media_type(), self.base64())
    }

    /// The name of the sound's format at OpenAI and OpenRouter, which is also the usual ending of its file's name.
    pub(crate) fn audio_format(&self) -> &'static str {
        audio_format(&self.plain_media_type()).unwrap_or("wav")
    }
}

/// Removes the parameters of a media type: `audio/ogg; codecs=opus` becomes `audio/ogg`.
fn plain(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn audio_format(media_type: &str) -> Option<&'static str> {
    Some(match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/ogg" | "audio/opus" => "ogg",
        "audio/flac" | "audio/x-flac" => "flac",
        "audio/aac" => "aac",
        "audio/aiff" | "audio/x-aiff" => "aiff",
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "m4a",
        "audio/webm" | "video/webm" => "webm",
        "video/mp4" => "mp4",
        _ => return None,
    })
}

/// The makers of models, which decide what a model takes wherever it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maker {
    Anthropic,
    Openai,
    Google,
    Other,
}

/// Whether a model takes attachments of this kind and media type, by what its maker documents. Models that are not known
/// take none.
pub fn accepts(provider: Provider, model_id: &str, kind: AttachmentKind, media_type: &str) -> bool {
    let id = model_id.to_ascii_lowercase();
    let (maker, id) = match provider {
        Provider::Anthropic => (Maker::Anthropic, id.as_str()),
        Provider::Openai => (Maker::Openai, id.as_str()),
        Provider::Google => (Maker::Google, id.strip_prefix("models/").unwrap_or(&id)),
        Provider::Openrouter => split_maker(&id),
    };
    let takes_kind = match maker {
        Maker::Anthropic => kind != AttachmentKind::Audio && is_claude_with_vision(id),
        Maker::Openai => match kind {
            AttachmentKind::Audio => id.contains("audio"),
            _ => is_gpt_with_vision(id),
        },
        Maker::Google => match kind {
            AttachmentKind::Image => is_gemini(id) || id.starts_with("gemma-3"),
            _ => is_gemini(id),
        },
        Maker::Other => match kind {
            AttachmentKind::Image => OTHER_VISION_MODELS.iter().any(|family| id.contains(family)),
            // OpenRouter chooses a model that takes the document.
            AttachmentKind::Document => id == "openrouter/auto",
            AttachmentKind::Audio => false,
        },
    };
    takes_kind && takes_media_type(maker, kind, &plain(media_type))
}

fn takes_media_type(maker: Maker, kind: AttachmentKind, media_type: &str) -> bool {
    match kind {
        AttachmentKind::Image => match media_type {
            "image/jpeg" | "image/png" | "image/webp" => true,
            "image/gif" => matches!(maker, Maker::Anthropic | Maker::Openai),
            "image/heic" | "image/heif" => maker == Maker::Google,
            _ => false,
        },
        AttachmentKind::Document => media_type == "application/pdf",
        AttachmentKind::Audio => match audio_format(media_type) {
            Some("wav" | "mp3") => true,
            Some("ogg" | "flac" | "aac" | "aiff") => maker == Maker::Google,
            _ => false,
        },
    }
}

/// Splits an id of OpenRouter, such as `anthropic/claude-opus-5:online`. Ids of other makers keep their prefix.
fn split_maker(id: &str) -> (Maker, &str) {
    let base = id.split_once(':').map_or(id, |(base, _)| base);
    match base.trim_start_matches('~').split_once('/') {
        Some(("anthropic", name)) => (Maker::Anthropic, name),
        Some(("openai", name)) => (Maker::Openai, name),
        Some(("google", name)) => (Maker::Google, name),
        _ => (Maker::Other, base),
    }
}

/// Models of other makers that see, as OpenRouter lists them.
const OTHER_VISION_MODELS: [&str; 11] = [
    "openrouter/auto",
    "meta-llama/llama-4",
    "meta-llama/llama-3.2-11b-vision",
    "meta-llama/llama-3.2-90b-vision",
    "mistralai/pixtral",
    "mistralai/mistral-medium-3",
    "mistralai/mistral-small-3.",
    "qwen/qwen2.5-vl",
    "qwen/qwen3-vl",
    "x-ai/grok-4",
    "amazon/nova-",
];

/// All Claude models since version 3 see.
fn is_claude_with_vision(id: &str) -> bool {
    id.starts_with("claude-")
        && !["claude-1", "claude-2", "claude-instant"].iter().any(|old| id.starts_with(old))
}

/// Whether an OpenAI model sees. Those that do also read PDF files.
fn is_gpt_with_vision(id: &str) -> bool {
    const FAMILIES: [&str; 9] =
        ["gpt-4o", "chatgpt-4o", "gpt-4.1", "gpt-4-turbo", "gpt-5", "gpt-6", "o1", "o3", "o4"];
    const OTHERS: [&str; 7] = ["audio", "realtime", "transcribe", "tts", "search", "o1-mini", "o3-mini"];
    FAMILIES.iter().any(|family| id.starts_with(family))
        && id != "o1-preview"
        && !OTHERS.iter().any(|other| id.contains(other))
}

/// Whether a Google model is a Gemini that chats. All of these see, hear and read.
fn is_gemini(id: &str) -> bool {
    id.starts_with("gemini-") && !["embedding", "tts"].iter().any(|other| id.contains(other))
}

const MIB: usize = 1024 * 1024;

/// Returns the maximum size of one attachment in bytes, before it is encoded, as the provider documents it.
///
/// - Anthropic: 5 MiB for an image, counted in base64, and 32 MB for a request.
/// - OpenAI: 50 MB for the files or images of a request; 20 MB for a sound.
/// - Google: 20 MB for a request, counted in base64.
/// - OpenRouter: the least of these, because it documents none and passes a request on to any of them.
pub fn attachment_bytes_max(provider: Provider, kind: AttachmentKind) -> usize {
    match (provider, kind) {
        (Provider::Anthropic | Provider::Openrouter, AttachmentKind::Image) => 5 * MIB / 4 * 3,
        (Provider::Anthropic, _) => 22 * MIB,
        (Provider::Openai, AttachmentKind::Audio) => 15 * MIB,
        (Provider::Openai, _) => 35 * MIB,
        (Provider::Google | Provider::Openrouter, _) => 14 * MIB,
    }
}
