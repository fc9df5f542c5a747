use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::report::Verdict;
use super::scene::Scene;

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Miss {
    Failed { expected: String, seen: String },
    NotApplicable(String),
}

pub(super) type Outcome<T = ()> = Result<T, Miss>;

type Work<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One thing that is asked of a transport, with what a check of its kind has at hand.
pub(super) struct Check<S = Scene> {
    pub(super) name: &'static str,
    pub(super) run: for<'a> fn(&'a S) -> Work<'a>,
}

impl<S> fmt::Debug for Check<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Names a check and the asynchronous function that does it.
macro_rules! check {
    ($name:literal, $function:path) => {
        $crate::conformance::check::Check {
            name: $name,
            run: |scene| Box::pin($function(scene)),
        }
    };
}
pub(super) use check;

/// A failure: what should have happened, and what did.
pub(super) fn miss(expected: impl Into<String>, seen: impl Into<String>) -> Miss {
    Miss::Failed {
        expected: expected.into(),
        seen: seen.into(),
    }
}

/// Fails unless it is so.
pub(super) fn expect(
    is_so: bool,
    expected: impl Into<String>,
    seen: impl FnOnce() -> String,
) -> Outcome {
    if is_so {
        Ok(())
    } else {
        Err(miss(expected, seen()))
    }
}

/// Fails unless both are the same.
pub(super) fn expect_same<T: PartialEq + fmt::Debug>(
    what: &str,
    expected: &T,
    seen: &T,
) -> Outcome {
    expect(expected == seen, format!("{what}: {expected:?}"), || {
        format!("{seen:?}")
    })
}

pub(super) fn not_applicable<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Miss::NotApplicable(reason.into()))
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(()) => Self::Passed,
            Err(Miss::Failed { expected, seen }) => Self::Failed { expected, seen },
            Err(Miss::NotApplicable(reason)) => Self::NotApplicable { reason },
        }
    }
}
