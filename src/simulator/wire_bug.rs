//! Mistakes of a server on the wire, planted on purpose.

/// A mistake that a home-made TDS server makes easily and that some clients don't forgive. A
/// listener makes none unless told to: with it, a table of clients shows that it would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireBug {
    /// Each TLS record of the server's handshake travels in a message of its own, instead of one
    /// message for each flight.
    TlsRecordPerPacket,
    /// LOGINACK always names TDS 8.0, instead of the version that the client speaks.
    LoginAckVersion,
    /// Columns of nullable types don't say that they are nullable.
    ColumnFlags,
}
