//! All that a browser talks to: pages and forms, rendered on the server, with their sessions, cross-site protection and live
//! updates. What runs in the browser is in `reef-frontend`.
//!
//! - `pages` has a file or folder for each page, with its texts and buttons; `components` what they share; `app` the routes.
//! - `functions` has the server function behind each form.
//! - `flash` is what a form leaves for the next page; `flash/notice.rs` has the sentences.
//! - `session` is who is signed in, `layers` what a browser may send, `live` the streams that keep pages up to date.

#![allow(clippy::needless_pass_by_value, reason = "components take their properties by value")]

mod app;
mod assets;
mod checks;
mod components;
mod cookies;
mod device_cookie;
mod error;
mod etag;
pub mod event_stream;
mod flash;
mod functions;
mod http_status;
mod labels;
mod layers;
mod live;
mod pages;
mod people;
mod request;
mod router;
mod scripts;
mod secret;
mod server;
mod session;
mod shell;
mod snapshot;

pub use assets::Assets;
pub use components::page::{SOCIAL_CARD, SocialCard};
pub use etag::matches_etag;
pub use http_status::status_of;
pub use layers::page_policy::PagePolicy;
pub use layers::panic_page::internal_error_page;
pub use layers::principal::RequestPrincipal;
pub use router::{SiteParts, router};
pub use server::SiteInfo;
