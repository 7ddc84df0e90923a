//! QR codes, drawn by the server.

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};
use reef_service::Error;

/// The margin that a QR code needs, in squares.
const QUIET: usize = 4;

/// A QR code as one SVG path.
pub struct Qr {
    side: usize,
    path: String,
}

impl Qr {
    /// The code of a text.
    ///
    /// # Errors
    /// [`Error::Internal`] when the text is too long for one.
    pub fn of(text: &str) -> Result<Self, Error> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(Error::internal)?;
        let width = code.width();
        let mut path = String::new();
        for (index, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                path += &format!("M{} {}h1v1h-1z", index % width + QUIET, index / width + QUIET);
            }
        }
        Ok(Self { side: width + 2 * QUIET, path })
    }
}

/// The picture: dark on light in every theme, for that is what cameras read.
#[component]
pub fn QrPicture(
    qr: Qr,
    /// What it is, for those who cannot see it.
    #[prop(into)]
    spoken: String,
) -> impl IntoView {
    let view_box = format!("0 0 {0} {0}", qr.side);
    view! {
        <svg class="qr" viewBox=view_box role="img" aria-label=spoken shape-rendering="crispEdges">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <path fill="#000000" d=qr.path/>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_has_its_margin_and_its_corners() {
        let Qr { side, path } = Qr::of("https://t.me/coral_bot").unwrap();
        // Version 2 has 25 squares a side; each of three corners begins with a frame of seven.
        assert_eq!(side, 25 + 8);
        for corner in ["M4 4h", "M28 4h", "M4 28h"] {
            assert!(path.contains(corner), "{corner}");
        }
        assert!(!path.contains("M3 ") && !path.contains("M5 5h"), "margin and the frame's inside are light");
    }
}
