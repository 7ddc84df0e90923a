//! The pages, each in a file or folder.

pub(crate) mod assistant;
pub(crate) mod assistants;
pub(crate) mod billing;
pub(crate) mod docs;
pub(crate) mod forgot;
pub(crate) mod goodbye;
pub(crate) mod home;
pub(crate) mod keys;
pub(crate) mod mail_links;
pub(crate) mod new_assistant;
pub(crate) mod not_found;
pub(crate) mod receipts;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod sign_in_code;
pub(crate) mod sign_up;
pub(crate) mod styleguide;
