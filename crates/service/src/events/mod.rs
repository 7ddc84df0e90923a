//! What happens to assistants: changes that are published as they happen, and the events that are recorded.

pub(crate) mod event_bus;
mod listener;
pub(crate) mod timeline;

pub use event_bus::{AssistantChange, Change, EventBus, wait_for_change};
pub use timeline::{TIMELINE_MAX, TimelineEntry};
