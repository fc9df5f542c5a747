//! The checks, by what they look at. Their order is that of the report.

mod batch;
mod cancel;
mod connect;
mod hostile;
mod message;
mod result;
mod session;
mod value;
mod wire;

use super::check::Check;

/// Every check.
pub(super) fn all() -> Vec<&'static Check> {
    [
        connect::CHECKS,
        session::CHECKS,
        batch::CHECKS,
        result::CHECKS,
        message::CHECKS,
        value::CHECKS,
        cancel::CHECKS,
        wire::CHECKS,
    ]
    .iter()
    .chain(hostile::CHECKS)
    .copied()
    .flatten()
    .collect()
}
