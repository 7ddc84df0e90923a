//! What happens to assistants: changes that are published as they happen, and the events that are recorded.

pub(crate) mod event_bus;
mod listener;
pub(crate) mod timeline;

pub use event_bus::{AssistantChange, EventBus, Subscription};
pub use timeline::{TIMELINE_MAX, TimelineEntry};
