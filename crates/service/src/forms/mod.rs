//! What plain browser forms need: carrying each out once, and handing the next page what no URL may contain.

pub mod flash;
pub(crate) mod once;
