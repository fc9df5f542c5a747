//! Servers that the suite plays, byte by byte: what no honest server can be brought to do.
//!
//! They block on threads of their own, so that a driver that never yields can't stop them.

mod certificate;
mod connection;
mod served;
pub(super) mod tokens;
mod wire;

pub(super) use certificate::{Certificate, TDS_8};
pub(super) use connection::{
    ENCRYPT_NOT_SUPPORTED, ENCRYPT_OFF, ENCRYPT_ON, Player, REPLY, packet,
};
pub(super) use served::{Play, Seen, Served};
pub(super) use wire::Cut;
