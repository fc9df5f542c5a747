use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::field::{Field, Visit};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Event, Level, Subscriber};

use crate::adapter::ear::Ear;

/// Hears one thing of the driver's log: whether the last statement of an answer said that it is the
/// last. The driver takes an answer for whole when its message ends, and tells it nowhere else.
#[derive(Debug, Default)]
pub(super) struct EndingEar(Arc<AtomicBool>);

/// The module of the driver that says it, and how it begins and goes on.
const SPEAKER: &str = "tiberius::tds::stream::token";
const WORDS: &str = "Done with status ";
const NOT_LAST: &str = "More";
/// The longest that it says; rows, which are told in the same place, are cut there.
const LONGEST: usize = 160;

impl EndingEar {
    /// Whether an answer that was taken for whole is not. Never where this program was built without
    /// the log events that tell it.
    pub(super) fn missed_the_end(&self) -> bool {
        LevelFilter::TRACE <= STATIC_MAX_LEVEL && !self.0.load(Ordering::Relaxed)
    }

    /// Takes the driver's log events.
    pub(super) fn listening(&self) -> impl Subscriber + Send + Sync + use<> {
        let ended = Arc::clone(&self.0);
        Ear {
            speakers: &[(SPEAKER, Level::TRACE)],
            hear: move |event: &Event<'_>| {
                let mut beginning = Beginning::default();
                event.record(&mut beginning);
                if let Some(status) = beginning.0.strip_prefix(WORDS) {
                    ended.store(!status.contains(NOT_LAST), Ordering::Relaxed);
                } else if !beginning.0.is_empty() {
                    // Rows and columns that come after an end are not at an end.
                    ended.store(false, Ordering::Relaxed);
                }
            },
        }
    }
}

/// The beginning of what is said. The rest is not even put into words.
#[derive(Default)]
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let is_about_an_end = {
            let common = WORDS.len().min(self.0.len() + part.len());
            self.0.push_str(part);
            self.0.is_char_boundary(common) && WORDS.starts_with(&self.0[..common])
        };
        if is_about_an_end && self.0.len() <= LONGEST {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

impl Visit for Beginning {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        // An error is the wish to hear no more.
        let _ = write!(self, "{value:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_a_statement_that_is_the_last() {
        let ear = EndingEar::default();
        let say = |words: &str| tracing::trace!(target: SPEAKER, "{words}");
        tracing::subscriber::with_default(ear.listening(), || {
            assert!(ear.missed_the_end());
            say("Done with status BitFlags<DoneStatus>(0b10001, More | Count) (5 rows left)");
            assert!(ear.missed_the_end());
            say("Done with status BitFlags<DoneStatus>(<empty>)");
            assert!(!ear.missed_the_end());
            say("TokenRow { data: [I32(Some(1))] }");
            assert!(ear.missed_the_end());
            say("Done with status BitFlags<DoneStatus>(0b10000, Count) (1 row left)");
            // What servers say is told at other levels.
            tracing::debug!(target: SPEAKER, "Done with status More");
            tracing::trace!("Done with status More");
            assert!(!ear.missed_the_end());
        });
    }
}
