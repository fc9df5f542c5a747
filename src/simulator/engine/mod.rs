//! Runs statements.

mod session;

pub(crate) use session::{LoginRequest, Parameter, Request, Session};
