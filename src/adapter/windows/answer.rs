//! What Windows answers, as the ports say it.

use std::io;

use windows_sys::Win32::Foundation::{
    ERROR_BAD_NETPATH, ERROR_BROKEN_PIPE, ERROR_CONNECTION_ABORTED, ERROR_LOGON_FAILURE,
    ERROR_NETNAME_DELETED, ERROR_NETWORK_UNREACHABLE, ERROR_SEM_TIMEOUT, ERROR_TIMEOUT,
    ERROR_UNEXP_NET_ERR,
};

use crate::transport::{HostError, TransportErrorKind};

/// `RPC_S_CALL_FAILED`: it broke off, after it may have been made.
const CALL_FAILED: u32 = 1726;
/// `RPC_S_CALL_FAILED_DNE`: it broke off before it was made.
const CALL_FAILED_DNE: u32 = 1727;
/// `RPC_S_CALL_CANCELLED`.
const CALL_CANCELLED: u32 = 1818;

/// An error of Windows by its number, in Windows' words.
pub(super) fn answered(code: u32) -> HostError {
    let text = io::Error::from_raw_os_error(code.cast_signed()).to_string();
    let number = format!(" (os error {})", code.cast_signed());
    let text = text.strip_suffix(&number).unwrap_or(&text);
    // What never reached the other machine, or may have been done there although no answer came.
    let kind = match code {
        CALL_FAILED_DNE | ERROR_BAD_NETPATH | ERROR_NETWORK_UNREACHABLE => {
            TransportErrorKind::Connect
        }
        CALL_CANCELLED
        | CALL_FAILED
        // A service that ends at once takes the answer to its stop with it (seen under Wine).
        | ERROR_BROKEN_PIPE
        | ERROR_CONNECTION_ABORTED
        | ERROR_NETNAME_DELETED
        | ERROR_SEM_TIMEOUT
        | ERROR_UNEXP_NET_ERR => TransportErrorKind::Interrupted,
        ERROR_LOGON_FAILURE => TransportErrorKind::Authenticate,
        ERROR_TIMEOUT => TransportErrorKind::Timeout,
        _ => return HostError::refused(code, text),
    };
    HostError::lost(kind, format!("Windows error {code}: {text}"))
}

/// An error of std, which on Windows carries Windows' number.
pub(super) fn failed(error: io::Error) -> HostError {
    match error.raw_os_error() {
        Some(code) => answered(code.cast_unsigned()),
        None => HostError::lost(TransportErrorKind::Unknown, error.to_string()),
    }
}

/// The number of the call of Windows that failed last on this thread.
pub(super) fn last_error() -> u32 {
    let code = io::Error::last_os_error().raw_os_error();
    code.map_or(0, i32::cast_unsigned)
}

/// A text as Windows takes it: UTF-16 with an end.
pub(super) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Makes a call that blocks. A panic in it ends the call and nothing else.
///
/// # Cancel safety
/// Once begun, the call is made to its end.
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, HostError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(answer) => answer,
        Err(error) => Err(HostError::lost(
            TransportErrorKind::Unknown,
            format!("the call was not made to its end: {error}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_with_windows_own_words_and_what_was_lost_is_told_apart() {
        let refused = answered(1060);
        assert_eq!(refused.code(), Some(1060));
        assert!(!refused.to_string().contains("os error"), "{refused}");
        let kind = |code| match answered(code) {
            HostError::Lost(error) => error.kind(),
            HostError::Refused { .. } => panic!("{code} is no answer of the host"),
        };
        assert_eq!(kind(53), TransportErrorKind::Connect);
        assert_eq!(kind(1727), TransportErrorKind::Connect);
        assert_eq!(kind(1726), TransportErrorKind::Interrupted);
        assert_eq!(kind(109), TransportErrorKind::Interrupted);
        assert_eq!(kind(64), TransportErrorKind::Interrupted);
        for code in [2, 5, 32, 1051, 1722] {
            assert_eq!(answered(code).code(), Some(code));
        }
    }

    #[tokio::test]
    async fn a_panic_in_a_call_is_an_error() {
        let lost = blocking(|| -> Result<(), HostError> { panic!("planted") }).await;
        assert!(matches!(lost, Err(HostError::Lost(_))));
    }
}
