use std::fmt;

use crate::transport::error::printable;
use crate::transport::{TransportError, TransportErrorKind};

/// What a Windows host did not do: refused by the host, or never completely answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// The host answered with an error of Windows, and did nothing.
    Refused {
        /// The error's number: 5 access denied, 1060 no such service. [`codes`] names those that
        /// operations tell apart.
        code: u32,
        /// What the host says of it. Reaches logs: no secret, made safe for terminals.
        text: String,
    },
    /// No complete answer. How far the request got decides whether it may be tried again.
    Lost(TransportError),
}

/// Errors of Windows that operations tell apart (documented: System Error Codes).
pub mod codes {
    /// `ERROR_FILE_NOT_FOUND`.
    pub const FILE_NOT_FOUND: u32 = 2;
    /// `ERROR_PATH_NOT_FOUND`.
    pub const PATH_NOT_FOUND: u32 = 3;
    /// `ERROR_ACCESS_DENIED`.
    pub const ACCESS_DENIED: u32 = 5;
    /// `ERROR_INVALID_DATA`: a value is not of the type that was asked for.
    pub const INVALID_DATA: u32 = 13;
    /// `ERROR_GEN_FAILURE`: it failed, and nothing more was told.
    pub const GENERAL_FAILURE: u32 = 31;
    /// `ERROR_SHARING_VIOLATION`: somebody holds the file open.
    pub const SHARING_VIOLATION: u32 = 32;
    /// `ERROR_FILE_EXISTS`.
    pub const FILE_EXISTS: u32 = 80;
    /// `ERROR_DISK_FULL`.
    pub const DISK_FULL: u32 = 112;
    /// `ERROR_BAD_PATHNAME`.
    pub const BAD_PATH_NAME: u32 = 161;
    /// `ERROR_ALREADY_EXISTS`.
    pub const ALREADY_EXISTS: u32 = 183;
    /// `ERROR_FILE_TOO_LARGE`.
    pub const FILE_TOO_LARGE: u32 = 223;
    /// `ERROR_DEPENDENT_SERVICES_RUNNING`: stopped are those first that need it.
    pub const DEPENDENT_SERVICES_RUNNING: u32 = 1051;
    /// `ERROR_SERVICE_REQUEST_TIMEOUT`: it did not answer the start in time.
    pub const SERVICE_REQUEST_TIMEOUT: u32 = 1053;
    /// `ERROR_SERVICE_ALREADY_RUNNING`.
    pub const SERVICE_ALREADY_RUNNING: u32 = 1056;
    /// `ERROR_SERVICE_DISABLED`.
    pub const SERVICE_DISABLED: u32 = 1058;
    /// `ERROR_SERVICE_DOES_NOT_EXIST`.
    pub const SERVICE_DOES_NOT_EXIST: u32 = 1060;
    /// `ERROR_SERVICE_CANNOT_ACCEPT_CTRL`: it starts or stops just now.
    pub const SERVICE_CANNOT_ACCEPT_CONTROL: u32 = 1061;
    /// `ERROR_SERVICE_NOT_ACTIVE`: it is stopped.
    pub const SERVICE_NOT_ACTIVE: u32 = 1062;
    /// `ERROR_SERVICE_SPECIFIC_ERROR`: the service has a code of its own.
    pub const SERVICE_SPECIFIC_ERROR: u32 = 1066;
    /// `ERROR_SERVICE_DEPENDENCY_FAIL`: what it needs did not start.
    pub const SERVICE_DEPENDENCY_FAIL: u32 = 1068;
    /// `ERROR_SERVICE_NEVER_STARTED`: the exit code of a service that was not run since boot.
    pub const SERVICE_NEVER_STARTED: u32 = 1077;
    /// `RPC_S_SERVER_UNAVAILABLE`: the host can't be reached.
    pub const RPC_SERVER_UNAVAILABLE: u32 = 1722;
}

impl HostError {
    /// The host said no, and did nothing.
    #[must_use]
    pub fn refused(code: u32, text: impl Into<String>) -> Self {
        Self::Refused {
            code,
            text: printable(&text.into()),
        }
    }

    /// No complete answer.
    #[must_use]
    pub fn lost(kind: TransportErrorKind, detail: impl Into<String>) -> Self {
        Self::Lost(TransportError::new(kind, detail))
    }

    /// The number of Windows' error, if the host answered with one.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Lost(_) => None,
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, text } => write!(f, "Windows error {code}: {text}"),
            Self::Lost(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HostError {}

impl From<TransportError> for HostError {
    fn from(error: TransportError) -> Self {
        Self::Lost(error)
    }
}
