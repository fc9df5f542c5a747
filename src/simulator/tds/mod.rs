//! The wire: TDS 7.1 to 8.0, by hand.
//!
//! `packet` cuts messages and puts them together; `secure`, `prelogin`, `handshake`,
//! `login_stream`, `login` and `sign_in` bring a client in; `request`, `rpc`, `parameter` and `prepared` read what it asks; `token`,
//! `column` and `value` write what it is answered, in the order that `reply` knows; `connection`
//! holds the conversation.

mod calendar;
mod code_page;
mod column;
mod connection;
mod cursor;
mod dialect;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handshake;
mod login;
mod login_stream;
mod long_text;
mod packet;
mod parameter;
mod prelogin;
mod prepared;
mod reply;
mod request;
mod rpc;
mod secure;
mod short_value;
mod sign_in;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod variant;
mod version;

pub(crate) use connection::{Endpoint, serve};
