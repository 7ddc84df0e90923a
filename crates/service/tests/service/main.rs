//! The service layer on both databases, with an injected clock and fakes of the outside world.

mod support;

mod accounts;
mod api_keys;
mod callbacks;
mod catalog;
mod change;
mod checkout;
mod crash;
mod crash_points;
mod deployment;
mod flash;
mod idempotency;
mod jobs;
mod key_grants;
mod key_requests;
mod key_rotation;
mod life;
mod limits;
mod managed;
mod month;
mod overtaken;
mod payments;
mod payments_late;
mod preflight;
mod purchase;
mod random;
mod receipts;
mod reconcile;
mod removal;
mod search;
mod secrets;
mod steps;
mod truth;
mod webhooks;
