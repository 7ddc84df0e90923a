//! Reef's pages. The server draws all of them (feature `ssr`); the browser (feature `hydrate`) gets only what moves:
//! islands, and a few behaviours of forms and regions that any page may use.

#![allow(
    clippy::needless_pass_by_value,
    reason = "a component is called with its properties, which are then its own"
)]

#[cfg(feature = "ssr")]
mod app;
#[cfg(feature = "hydrate")]
pub mod browser;
#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
mod device;
#[cfg(feature = "ssr")]
mod error;
mod findings;
#[cfg(feature = "ssr")]
pub mod form_address;
#[cfg(feature = "ssr")]
mod functions;
pub mod islands;
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
mod text;

#[cfg(feature = "ssr")]
pub use app::App;
#[cfg(feature = "ssr")]
pub use components::page::{SOCIAL_CARD, SocialCard};
#[cfg(feature = "ssr")]
pub use error::AppError;
#[cfg(feature = "ssr")]
pub use server::SiteInfo;
#[cfg(feature = "ssr")]
pub use shell::{Assets, shell};
