//! The allowance of an assistant: calls of the model are reserved before they are made.

use reef_domain::settings::Settings as Behavior;

use crate::calls::{CallEstimate, Permit};
use crate::host::{MemoryError, ModelHost};
use crate::texts;

/// Reserves what a call may cost, if the assistant has an allowance. Otherwise a turn writes nothing for it.
///
/// # Errors
/// [`MemoryError`] if the reservation could not be written.
pub(crate) async fn reserve<H: ModelHost>(
    host: &H,
    behavior: &Behavior,
    estimate: CallEstimate<'_>,
) -> Result<Permit, MemoryError> {
    let allowance = &behavior.allowance;
    if allowance.per_day_usd.is_none() && allowance.per_month_usd.is_none() {
        return Ok(Permit::Granted { reservation: None });
    }
    host.reserve_call(behavior, estimate).await
}

/// The sentence that people read while the allowance is used up.
pub(crate) fn exhausted_text<H: ModelHost>(
    host: &H,
    behavior: &Behavior,
    continues_at_unix_ms: i64,
) -> String {
    let offset = host.utc_offset_s(&behavior.time_zone, continues_at_unix_ms);
    texts::allowance_reached(continues_at_unix_ms, offset)
}
