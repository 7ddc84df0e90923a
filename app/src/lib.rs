//! Reef's pages and forms, rendered on the server. What runs in the browser is in `reef-frontend`.

#![allow(clippy::needless_pass_by_value, reason = "components take their properties by value")]

mod app;
mod checks;
mod components;
mod cookies;
mod device_cookie;
mod error;
pub mod form_error_query;
mod functions;
mod http_status;
mod labels;
mod notice_cookie;
mod pages;
mod secret;
mod server;
pub mod session;
mod shell;
pub mod snapshot;

pub use app::App;
pub use components::page::{SOCIAL_CARD, SocialCard};
pub use error::AppError;
pub use http_status::status_of;
pub use server::SiteInfo;
pub use shell::{Assets, shell};
