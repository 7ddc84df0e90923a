//! The pages, each in a file or folder, with its texts and the labels of its buttons.

pub(crate) mod assistant;
pub(crate) mod assistants;
pub(crate) mod billing;
pub(crate) mod docs;
pub(crate) mod email_links;
pub(crate) mod goodbye;
pub(crate) mod keys;
pub(crate) mod landing;
pub(crate) mod new_assistant;
pub(crate) mod not_found;
pub(crate) mod password_reset;
pub(crate) mod receipts;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod styleguide;
pub(crate) mod two_factor_sign_in;
