//! QR codes as SVG.

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};
use reef_service::Error;

/// The quiet zone around a QR code, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A QR code as one SVG path.
pub(crate) struct Qr {
    side: usize,
    path: String,
}

impl Qr {
    /// Fails when `text` is too long for a QR code.
    pub(crate) fn of(text: &str) -> Result<Self, Error> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(Error::internal)?;
        let width = code.width();
        let mut path = String::new();
        for (index, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                path += &format!("M{} {}h1v1h-1z", index % width + QUIET_ZONE, index / width + QUIET_ZONE);
            }
        }
        Ok(Self { side: width + 2 * QUIET_ZONE, path })
    }
}

/// The code is dark on light in every theme, because cameras read nothing else reliably.
#[component]
pub(crate) fn QrPicture(qr: Qr, #[prop(into)] aria_label: String) -> impl IntoView {
    let view_box = format!("0 0 {0} {0}", qr.side);
    view! {
        <svg class="qr" viewBox=view_box role="img" aria-label=aria_label shape-rendering="crispEdges">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <path fill="#000000" d=qr.path/>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qr_code_has_quiet_zone_and_finder_patterns() {
        let Qr { side, path } = Qr::of("https://t.me/coral_bot").unwrap();
        // Version 2 has 25 modules a side, and a finder pattern of seven in three corners.
        assert_eq!(side, 25 + 8);
        for corner in ["M4 4h", "M28 4h", "M4 28h"] {
            assert!(path.contains(corner), "{corner}");
        }
        assert!(
            !path.contains("M3 ") && !path.contains("M5 5h"),
            "the quiet zone and the inside of the finder patterns are light"
        );
    }
}
