//! Reading what is attached to a message: pictures, documents and recordings, as far as the model takes them.

use reef_protocols::HttpError;
use reef_protocols::model::{
    Attachment, AttachmentKind, ModelError, accepts, attachment_bytes_max, read_transcription,
    transcription_request,
};
use reef_protocols::telegram::{Bot, File, Media, Message, TelegramError, read_response};

use super::TurnError;
use crate::host::Host;
use crate::settings::Settings;

/// The largest file that bots can download, in bytes (<https://core.telegram.org/bots/api#getfile>).
const DOWNLOAD_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// How much of a text file the model receives, in characters.
const TEXT_CHARS_MAX: usize = 20_000;

/// The longest recording that is transcribed or listened to, in seconds.
const RECORDING_S_MAX: u64 = 3_600;

/// What is attached to a message.
pub(super) enum Content {
    /// Nothing that needs to be downloaded.
    None,
    /// What a text file says, or what was spoken.
    Words(String),
    /// A file for the model.
    File(Attachment),
}

/// Why a question cannot be answered.
pub(super) enum Problem {
    /// The person is answered with this sentence.
    Sentence(String),
    /// The turn has to run again.
    Turn(TurnError),
}

/// A file as Telegram describes it.
struct Described<'a> {
    media: &'a Media,
    kind: AttachmentKind,
    media_type: String,
    /// What the file is called in sentences.
    noun: &'static str,
}

/// Reads the file of a message.
pub(super) async fn read<H: Host>(
    host: &H,
    settings: &Settings,
    message: &Message,
) -> Result<Content, Problem> {
    let Some(described) = describe(settings, message).filter(|found| !found.media.file_id.is_empty()) else {
        return Ok(Content::None);
    };
    let Described { media, kind, ref media_type, noun } = described;
    let is_text = is_text_file(media_type, media.file_name.as_deref());
    let takes = accepts(settings.provider, &settings.model_id, kind, media_type);
    let is_speech = kind == AttachmentKind::Audio;
    if !takes && !is_text && !is_speech {
        return Err(Problem::Sentence(format!(
            "I can't open this {noun} with the model that I use. Could you send it as text or as a picture?"
        )));
    }
    if media.duration.is_some_and(|seconds| seconds > RECORDING_S_MAX) {
        return Err(Problem::Sentence(format!("This {noun} is too long for me. I can take up to an hour.")));
    }
    let model_max = attachment_bytes_max(settings.provider, kind) as u64;
    let max = if takes { DOWNLOAD_BYTES_MAX.min(model_max) } else { DOWNLOAD_BYTES_MAX };
    if media.file_size.is_some_and(|size| size > max) {
        return Err(too_large(noun, max));
    }
    let bytes = download(host, settings, media, noun, max).await?;
    if bytes.is_empty() {
        return Err(Problem::Sentence(format!("This {noun} is empty. Could you send it again?")));
    }
    if is_text && !takes {
        return text_of(&bytes, media, noun);
    }
    let file = Attachment { kind, media_type: media_type.clone(), file_name: media.file_name.clone(), bytes };
    if takes { Ok(Content::File(file)) } else { transcribe(host, settings, &file, noun).await }
}

/// Finds the file of a message that a model may take. For a photo, the largest size that is small enough.
fn describe<'a>(settings: &Settings, message: &'a Message) -> Option<Described<'a>> {
    let describe = |media: &'a Media, kind, default: &str, noun| Described {
        media,
        kind,
        media_type: media.mime_type.clone().unwrap_or_else(|| default.to_owned()),
        noun,
    };
    if !message.photo.is_empty() {
        let max = attachment_bytes_max(settings.provider, AttachmentKind::Image) as u64;
        let fits = |media: &&Media| media.file_size.is_none_or(|size| size <= max);
        let largest = message.photo.iter().rev().find(fits).or(message.photo.first())?;
        return Some(describe(largest, AttachmentKind::Image, "image/jpeg", "photo"));
    }
    if let Some(voice) = &message.voice {
        return Some(describe(voice, AttachmentKind::Audio, "audio/ogg", "voice message"));
    }
    if let Some(audio) = &message.audio {
        return Some(describe(audio, AttachmentKind::Audio, "audio/mpeg", "recording"));
    }
    if let Some(note) = &message.video_note {
        return Some(describe(note, AttachmentKind::Audio, "video/mp4", "video message"));
    }
    let document = message.document.as_ref()?;
    let media_type = document.mime_type.as_deref().unwrap_or_default();
    let (kind, noun) = match media_type.split('/').next() {
        Some("image") => (AttachmentKind::Image, "picture"),
        Some("audio") => (AttachmentKind::Audio, "recording"),
        _ => (AttachmentKind::Document, "file"),
    };
    Some(describe(document, kind, "application/octet-stream", noun))
}

fn too_large(noun: &str, max: u64) -> Problem {
    Problem::Sentence(format!(
        "This {noun} is too large for me. I can take up to {} MB.",
        max / (1024 * 1024)
    ))
}

async fn download<H: Host>(
    host: &H,
    settings: &Settings,
    media: &Media,
    noun: &str,
    max: u64,
) -> Result<Vec<u8>, Problem> {
    let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
    let found = host.send(bot.get_file(&media.file_id)).await.map_err(temporary)?;
    let file: File = match read_response(&found) {
        Ok(file) => file,
        // Telegram answers so for files of more than 20 MB, and for files that it no longer has.
        Err(TelegramError::BadRequest(_)) => return Err(too_large(noun, DOWNLOAD_BYTES_MAX)),
        Err(error) => return Err(Problem::Turn(error.into())),
    };
    let unreadable =
        || Problem::Sentence(format!("I couldn't download this {noun}. Could you send it again?"));
    let path = file.file_path.ok_or_else(unreadable)?;
    let bytes_max = usize::try_from(max).unwrap_or(usize::MAX);
    match host.send(bot.download(&path, bytes_max)).await {
        Ok(response) if response.status == 200 => Ok(response.body),
        Ok(response) if response.status >= 500 => {
            Err(Problem::Turn(TelegramError::Server(response.status).into()))
        }
        Ok(_) => Err(unreadable()),
        Err(HttpError::TooLarge) => Err(too_large(noun, max)),
        Err(error) => Err(temporary(error)),
    }
}

fn temporary(error: HttpError) -> Problem {
    Problem::Turn(error.into())
}

fn is_text_file(media_type: &str, name: Option<&str>) -> bool {
    const ENDINGS: [&str; 12] =
        ["txt", "md", "csv", "tsv", "json", "xml", "yaml", "yml", "toml", "log", "html", "srt"];
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    media_type.starts_with("text/")
        || matches!(media_type, "application/json" | "application/xml" | "application/yaml")
        || ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn text_of(bytes: &[u8], media: &Media, noun: &str) -> Result<Content, Problem> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Problem::Sentence(format!("This {noun} isn't UTF-8 text, so I can't read it.")));
    };
    let name = media.file_name.as_deref().unwrap_or("text");
    let shown: String = text.chars().filter(|c| *c != '\0').take(TEXT_CHARS_MAX).collect();
    let note = if text.chars().count() > TEXT_CHARS_MAX { " (the beginning)" } else { "" };
    Ok(Content::Words(format!("[file {name}{note}]\n{shown}\n[end of file]")))
}

/// Turns speech into text at the provider, for a model that does not hear.
async fn transcribe<H: Host>(
    host: &H,
    settings: &Settings,
    file: &Attachment,
    noun: &str,
) -> Result<Content, Problem> {
    let Some(request) = transcription_request(settings.model(), file) else {
        return Err(Problem::Sentence(format!(
            "I can't listen to this {noun} with the model that I use. Could you write it?"
        )));
    };
    let transcribed = match host.send(request).await {
        Ok(response) => read_transcription(&response, host.now_unix_ms()),
        Err(error) => Err(error.into()),
    };
    match transcribed {
        Ok(answer) => Ok(Content::Words(format!("[{noun}] {}", answer.text))),
        Err(ModelError::EmptyAnswer) => Err(Problem::Sentence(format!(
            "I couldn't make out any words in this {noun}. Could you try again, or write it?"
        ))),
        Err(error) => Err(Problem::Sentence(crate::error_reply(error, settings.credit))),
    }
}
