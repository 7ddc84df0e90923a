//! QR codes as SVG.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};
use reef_service::Error;

/// The quiet zone around a QR code, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// How many codes are held, of about 5 KB each.
const HELD_MAX: usize = 500;

/// A QR code as one SVG path.
#[derive(Clone)]
pub(crate) struct Qr {
    side: usize,
    path: Arc<str>,
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
        Ok(Self { side: width + 2 * QUIET_ZONE, path: path.into() })
    }
}

/// The codes of public addresses that pages have shown, because computing one takes as long as reading the page's data. Codes of
/// secrets are not held.
#[derive(Clone, Default)]
pub(crate) struct QrCodes(Arc<Mutex<HashMap<String, Qr>>>);

impl QrCodes {
    /// Fails when `address` is too long for a QR code.
    pub(crate) fn of_address(&self, address: &str) -> Result<Qr, Error> {
        let held = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(qr) = held().get(address) {
            return Ok(qr.clone());
        }
        let qr = Qr::of(address)?;
        let mut codes = held();
        if codes.len() >= HELD_MAX {
            codes.clear();
        }
        codes.insert(address.to_owned(), qr.clone());
        Ok(qr)
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
    #[test]
    fn held_codes_are_bounded_and_equal_computed_ones() {
        let codes = QrCodes::default();
        for number in 0..=HELD_MAX {
            codes.of_address(&number.to_string()).unwrap();
        }
        assert_eq!(codes.0.lock().unwrap().len(), 1);
        for _ in 0..2 {
            let address = "https://t.me/coral_bot";
            assert_eq!(codes.of_address(address).unwrap().path, Qr::of(address).unwrap().path);
        }
    }
}
