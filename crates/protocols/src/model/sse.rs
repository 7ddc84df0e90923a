//! Server-sent events, cut into pieces anywhere.

use super::error::ModelError;

/// The maximum size of one event in bytes, many times the size of the largest that providers send.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Finds the data of events in a stream of bytes. Names, ids and comments are skipped: all that providers say is in the
/// data.
#[derive(Debug, Default)]
pub(super) struct SseReader {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The data of the event that is not complete yet.
    data: Option<Vec<u8>>,
}

impl SseReader {
    /// Reads the next bytes and calls `on_data` for each event that they complete.
    ///
    /// # Errors
    /// [`ModelError::UnexpectedResponse`] if an event is too large, or the first error of `on_data`.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut on_data: impl FnMut(&[u8]) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let buffered = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
            if buffered + piece.len() > EVENT_BYTES_MAX {
                return Err(ModelError::UnexpectedResponse);
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                if let Some(data) = self.read_line(&line) {
                    on_data(&data)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the data of a last event that no blank line follows.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        self.read_line(&line).or(self.data)
    }

    /// Reads a line. Returns the data of an event if the line ends it.
    fn read_line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.data.take();
        }
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        if let Some(value) = line.strip_prefix(b"data:") {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        None
    }
}
