//! Reef's pages: drawn on the server (feature `ssr`), taken over in the browser (feature `hydrate`).

mod app;
mod components;
mod error;
mod functions;
mod live;
mod pages;
mod secret;
#[cfg(feature = "ssr")]
mod server;
#[cfg(feature = "ssr")]
pub mod session;
#[cfg(feature = "ssr")]
mod shell;
mod text;

pub use app::App;
pub use error::AppError;
#[cfg(feature = "ssr")]
pub use server::SiteInfo;
#[cfg(feature = "ssr")]
pub use shell::{Assets, shell};
