//! The layers around pages and forms: what a browser may send, and what it gets when something fails.

pub(crate) mod csrf;
pub(crate) mod flash;
pub(crate) mod form_size;
pub(crate) mod page_policy;
pub(crate) mod panic_page;
pub(crate) mod principal;
pub(crate) mod trailing_scripts;
pub(crate) mod visitor_pages;
