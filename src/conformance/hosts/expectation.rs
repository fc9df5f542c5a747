//! What checks of several ports expect of an answer.

use std::fmt;

use crate::conformance::check::{Outcome, expect, miss, not_applicable};
use crate::names::HostName;
use crate::transport::{HostError, TransportErrorKind, codes};

use super::fixture::HostFixture;

/// Fails unless it was done.
pub(super) fn done<T>(what: &str, result: Result<T, HostError>) -> Outcome<T> {
    result.map_err(|error| miss(what, error.to_string()))
}

/// Fails unless the host refused it with one of these errors of Windows.
pub(super) fn refused<T: fmt::Debug>(
    what: &str,
    wanted: &[u32],
    result: Result<T, HostError>,
) -> Outcome {
    let code = match &result {
        Ok(_) => None,
        Err(error) => error.code(),
    };
    expect(
        code.is_some_and(|code| wanted.contains(&code)),
        format!("{what}: refused with {wanted:?}"),
        || match result {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => error.to_string(),
        },
    )
}

/// Fails unless the host, or the port for it, said no.
pub(super) fn refused_anyhow<T: fmt::Debug>(what: &str, result: Result<T, HostError>) -> Outcome {
    let is_refusal = matches!(result, Err(HostError::Refused { .. }));
    expect(is_refusal, format!("{what}: a refusal"), || {
        format!("{result:?}")
    })
}

/// A host that can't be reached, if the fixture knows one.
pub(super) fn unreachable_host<F: HostFixture + ?Sized>(fixture: &F) -> Outcome<HostName> {
    match fixture.unreachable_host() {
        Some(host) => Ok(host),
        None => not_applicable("there is no host that can't be reached"),
    }
}

/// Fails unless it says that nothing was done because the host can't be reached.
pub(super) fn out_of_reach<T: fmt::Debug>(result: Result<T, HostError>) -> Outcome {
    let is_so = match &result {
        Err(HostError::Refused { code, .. }) => *code == codes::RPC_SERVER_UNAVAILABLE,
        Err(HostError::Lost(error)) => error.kind().is_before_send(),
        Ok(_) => false,
    };
    expect(
        is_so,
        "error 1722, or a connection that was not made",
        || format!("{result:?}"),
    )
}

/// Whether something is refused before it is done, or done as it is asked.
pub(super) fn or_refused<T>(what: &str, result: Result<T, HostError>) -> Outcome<Option<T>> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(HostError::Refused { .. }) => Ok(None),
        Err(HostError::Lost(error)) if error.kind().is_before_send() => Ok(None),
        Err(error) => Err(miss(
            format!("{what}: done, or refused before anything is done"),
            error.to_string(),
        )),
    }
}

/// Whether the port says that it can't do this.
pub(super) fn is_unsupported<T>(result: &Result<T, HostError>) -> bool {
    matches!(result, Err(HostError::Lost(error)) if error.kind() == TransportErrorKind::Unsupported)
}
