//! The hosts that run the workers of assistants. Today there is one, which runs them within the Reef process.

pub mod embedded;
