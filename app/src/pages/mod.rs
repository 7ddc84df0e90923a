//! One file, or folder, per page.

pub(crate) mod assistant;
pub(crate) mod assistants;
pub(crate) mod home;
pub(crate) mod keys;
pub(crate) mod new_assistant;
pub(crate) mod not_found;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
