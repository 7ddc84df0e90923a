//! Reef's pages. The server renders all of them (feature `ssr`). The browser (feature `hydrate`) gets islands, and a few
//! behaviors of forms and regions that any page may use.

#![allow(clippy::needless_pass_by_value, reason = "components take their properties by value")]

#[cfg(feature = "ssr")]
mod app;
#[cfg(feature = "hydrate")]
pub mod browser;
mod checks;
#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
mod cookies;
#[cfg(any(feature = "hydrate", test))]
mod deployment_outcome;
#[cfg(feature = "ssr")]
mod device_cookie;
#[cfg(feature = "ssr")]
mod error;
#[cfg(feature = "ssr")]
pub mod form_error_query;
#[cfg(feature = "ssr")]
mod functions;
#[cfg(feature = "ssr")]
mod http_status;
pub mod islands;
#[cfg(feature = "ssr")]
mod labels;
#[cfg(feature = "ssr")]
mod notice_cookie;
#[cfg(feature = "ssr")]
mod pages;
#[cfg(feature = "ssr")]
mod secret;
#[cfg(feature = "ssr")]
mod server;
#[cfg(feature = "ssr")]
pub mod session;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
pub mod snapshot;

#[cfg(feature = "ssr")]
pub use app::App;
#[cfg(feature = "ssr")]
pub use components::page::{SOCIAL_CARD, SocialCard};
#[cfg(feature = "ssr")]
pub use error::AppError;
#[cfg(feature = "ssr")]
pub use http_status::status_of;
#[cfg(feature = "ssr")]
pub use server::SiteInfo;
#[cfg(feature = "ssr")]
pub use shell::{Assets, shell};
