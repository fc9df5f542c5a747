//! What an operation tells while it runs.

use std::fmt;

/// A piece of news from a running operation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// An operation began.
    Started {
        /// Such as `back up database`.
        operation: &'static str,
        /// What it is done to.
        target: String,
    },
    /// A part of it begins: `verify the backup set`.
    Doing {
        /// The operation.
        operation: &'static str,
        /// The part, in words.
        what: &'static str,
    },
    /// How far the server is with the part that was told last, by its own account.
    Percent {
        /// The operation.
        operation: &'static str,
        /// 0 to 100.
        percent: f64,
    },
    /// The server was restarted since this context saw it last. What was under way there is
    /// observed, not assumed.
    ServerRestarted {
        /// The instance.
        instance: String,
    },
    /// Something the caller should know that does not stop the operation.
    Notice {
        /// The operation.
        operation: &'static str,
        /// In words.
        text: String,
    },
    /// Somebody has to do something by hand, and the operation waits for it.
    Attend {
        /// The operation.
        operation: &'static str,
        /// The host to do it on.
        host: String,
        /// What to do, step by step, with the exact values. Passwords by their name only.
        steps: Vec<String>,
    },
    /// The operation ended well.
    Finished {
        /// The operation.
        operation: &'static str,
    },
}

/// Takes the news.
///
/// # Contract
/// Called in line, from any thread: it must return at once.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Takes one piece of news.
    fn on_progress(&self, progress: &Progress);
}

/// Takes the news and drops it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on_progress(&self, _: &Progress) {}
}
