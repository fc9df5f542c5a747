//! Runs statements.

mod backup;
mod keys;
mod session;

pub(crate) use session::{LoginRequest, Parameter, Request, Session};

#[cfg(test)]
mod test_kit;
