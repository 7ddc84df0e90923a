//! Files within messages: their objects in the Bot API, and what the first bytes of a file say about it.

use serde_json::{Value, json};

use super::multipart::File;

/// The kinds of files, by the name of their field in a `Message` object.
pub(super) const KINDS: [&str; 7] = ["photo", "document", "voice", "audio", "video_note", "video", "sticker"];

/// The file of a message. The object of a photo is its largest size.
pub(super) struct Media<'a> {
    pub kind: &'static str,
    pub object: &'a Value,
}

/// Returns the file of a `Message` object.
pub(super) fn find(doc: &Value) -> Option<Media<'_>> {
    KINDS.into_iter().find_map(|kind| {
        let object = doc.get(kind)?;
        let object = object.as_array().map_or(Some(object), |sizes| sizes.last())?;
        Some(Media { kind, object })
    })
}

/// A file that a person or a bot sends.
pub(super) struct Upload {
    pub kind: &'static str,
    pub name: String,
    pub mime: String,
    pub bytes: Vec<u8>,
    /// The duration of a recording in seconds, if the sender says it.
    pub duration: Option<i64>,
}

impl Upload {
    pub fn new(kind: &'static str, file: File, duration: Option<i64>) -> Self {
        let known = match kind {
            "voice" => Some("audio/ogg"),
            "audio" => Some("audio/mpeg"),
            "video" | "video_note" => Some("video/mp4"),
            _ => None,
        };
        let sent = file.mime.filter(|mime| !mime.is_empty() && mime != "application/octet-stream");
        let mime = sent.unwrap_or_else(|| known.unwrap_or("application/octet-stream").to_owned());
        // Browsers send only the last part of a path, but other clients may send all of it.
        let name = file.name.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("file");
        Self { kind, name: name.to_owned(), mime, bytes: file.bytes.to_vec(), duration }
    }

    /// Returns the folder and the ending of the file's path.
    pub fn place(&self) -> (&'static str, &str) {
        let ending = self.name.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| {
            (1..=8).contains(&ending.len()) && ending.bytes().all(|c| c.is_ascii_alphanumeric())
        });
        match self.kind {
            "photo" => ("photos", if self.bytes.starts_with(b"\x89PNG") { "png" } else { "jpg" }),
            "voice" => ("voice", "oga"),
            "audio" => ("music", ending.unwrap_or("mp3")),
            "video_note" => ("video_notes", "mp4"),
            "video" => ("videos", ending.unwrap_or("mp4")),
            "sticker" => ("stickers", "webp"),
            _ => ("documents", ending.unwrap_or("bin")),
        }
    }

    /// Renders the field of the `Message` object. `key` is the key that the file is stored with.
    pub fn object(&self, key: &str) -> Value {
        let size = self.bytes.len();
        let id = file_id(key);
        let mut object = json!({"file_id": id, "file_unique_id": unique_id(&id), "file_size": size});
        let mut set = |name: &str, value: Value| object[name] = value;
        match self.kind {
            "photo" => return photo_sizes(&self.bytes, key),
            "voice" => {
                set("duration", json!(self.duration()));
                set("mime_type", json!(self.mime));
            }
            "video_note" => {
                set("duration", json!(self.duration()));
                set("length", json!(240));
            }
            "sticker" => {
                for (name, value) in
                    [("width", json!(512)), ("height", json!(512)), ("type", json!("regular"))]
                {
                    set(name, value);
                }
                set("is_animated", json!(false));
                set("is_video", json!(false));
                set("emoji", json!("🙂"));
            }
            kind => {
                set("file_name", json!(self.name));
                set("mime_type", json!(self.mime));
                if kind != "document" {
                    set("duration", json!(self.duration()));
                }
                if kind == "video" {
                    set("width", json!(640));
                    set("height", json!(360));
                }
            }
        }
        object
    }

    fn duration(&self) -> i64 {
        // Without a header that says it, the duration is that of speech at 16 kbit/s, or of music and films at 128.
        let bytes_per_second = if self.kind == "voice" { 2_000 } else { 16_000 };
        let guess = || i64::try_from(self.bytes.len() / bytes_per_second).unwrap_or(i64::MAX).max(1);
        self.duration.or_else(|| ogg_seconds(&self.bytes)).unwrap_or_else(guess)
    }
}

pub(super) fn file_id(key: &str) -> String {
    format!("BQACAgQAAx{key}")
}

/// Returns the key in a file's id. The ids of a photo's sizes differ by a letter at the end.
pub(super) fn key_of(file_id: &str) -> Option<&str> {
    let key = file_id.strip_prefix("BQACAgQAAx")?;
    Some(key.split_once('-').map_or(key, |(key, _)| key))
}

/// Returns the `file_unique_id` of a file's id.
pub(super) fn unique_id(file_id: &str) -> String {
    let key: String = key_of(file_id).unwrap_or_default().chars().take(12).collect();
    file_id.split_once('-').map_or_else(|| key.clone(), |(_, size)| format!("{key}-{size}"))
}

/// Renders three sizes of a photo, which share the bytes.
fn photo_sizes(bytes: &[u8], key: &str) -> Value {
    let (width, height) = image_size(bytes).unwrap_or((1280, 960));
    let size = |letter: char, side_max: u32| {
        let side = width.max(height).max(1);
        let scaled = |length: u32| {
            let scaled = u64::from(length) * u64::from(side_max.min(side)) / u64::from(side);
            scaled.max(1)
        };
        let id = format!("{}-{letter}", file_id(key));
        json!({"file_id": id, "file_unique_id": unique_id(&id),
            "width": scaled(width), "height": scaled(height), "file_size": bytes.len()})
    };
    json!([size('s', 90), size('m', 320), size('y', u32::MAX)])
}

/// Reads the width and height of a PNG or JPEG from its header.
fn image_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (be32(bytes, 16)?, be32(bytes, 20)?)
    } else if bytes.starts_with(&[0xff, 0xd8]) {
        jpeg_size(bytes)?
    } else {
        return None;
    };
    (size.0 > 0 && size.1 > 0).then_some(size)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

/// Walks the segments of a JPEG to its frame header (ITU-T T.81, B.2.2).
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        match *bytes.get(at + 1)? {
            0xff => at += 1,
            // The codes between are tables and restart intervals, not frames.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((be16(bytes, at + 7)?, be16(bytes, at + 5)?));
            }
            _ => at += 2 + usize::try_from(be16(bytes, at + 2)?).ok()?,
        }
    }
}

/// Reads the duration of an Ogg Opus file from the position of its last page (RFC 7845).
fn ogg_seconds(bytes: &[u8]) -> Option<i64> {
    if !bytes.starts_with(b"OggS") {
        return None;
    }
    let last = bytes.windows(4).rposition(|window| window == b"OggS")?;
    let position = i64::from_le_bytes(bytes.get(last + 6..last + 14)?.try_into().ok()?);
    (position > 0).then(|| (position / 48_000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_images_are_read_from_their_headers() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 4, 0, 0, 0, 2, 0]);
        assert_eq!(image_size(&png), Some((1024, 512)));
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc2, 0, 11, 8, 1, 0x2c, 2, 0x58, 3];
        assert_eq!(image_size(&jpeg), Some((600, 300)));
        for broken in [&b"GIF89a"[..], &png[..20], &jpeg[..12], &[0xff, 0xd8, 0], b""] {
            assert_eq!(image_size(broken), None);
        }
        let sizes = photo_sizes(&png, "abcdefghijklmnop");
        assert_eq!((&sizes[0]["width"], &sizes[0]["height"]), (&json!(90), &json!(45)));
        assert_eq!((&sizes[2]["width"], &sizes[2]["height"]), (&json!(1024), &json!(512)));
    }

    #[test]
    fn duration_of_a_voice_note_is_that_of_its_last_page() {
        let mut ogg = b"OggS\0\x02\0\0\0\0\0\0\0\0".to_vec();
        ogg.extend(b"OggS\0\x04");
        ogg.extend((90 * 48_000_i64).to_le_bytes());
        assert_eq!(ogg_seconds(&ogg), Some(90));
        assert_eq!(ogg_seconds(b"RIFF"), None);
    }
}
