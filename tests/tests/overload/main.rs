//! More callers than the host can serve: bounded queues, turns between tenants, a polite refusal after which nothing is
//! missing, and memory that does not grow.

mod by_hand;
mod cycles;
mod places_taken;

/// What every refusal for want of room ends in.
const COME_AGAIN: &str = "send this one again later.";
