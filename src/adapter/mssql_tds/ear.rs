use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Event, Level, Subscriber};

use crate::adapter::ear::Ear;

/// Hears one thing of the driver's log, and nothing else: that the server sent it on. The driver
/// follows such a word without asking and says it nowhere else.
#[derive(Debug, Default)]
pub(super) struct RedirectionEar(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    place: Mutex<Option<(String, u16)>>,
    said: Notify,
}

/// The module of the driver that says it, and how.
const SPEAKER: &str = "mssql_tds::connection_provider::tds_connection_provider";
const WORDS: &str = "Redirection to: \"";

impl RedirectionEar {
    /// Whether this program was built with log events of the level that it is said at.
    pub(super) fn can_hear() -> bool {
        LevelFilter::INFO <= STATIC_MAX_LEVEL
    }

    /// Waits for the first such word. A place that can't be read from it is an empty name.
    pub(super) async fn heard(&self) -> (String, u16) {
        loop {
            let said = self.0.said.notified();
            if let Some(place) = self.place() {
                return place;
            }
            said.await;
        }
    }

    /// Takes the driver's log events.
    pub(super) fn listening(&self) -> impl Subscriber + Send + Sync + use<> {
        let heard = Arc::clone(&self.0);
        Ear {
            speaker: SPEAKER,
            level: Level::INFO,
            hear: move |event: &Event<'_>| {
                let mut message = Message::default();
                event.record(&mut message);
                let Some(words) = message.0.strip_prefix(WORDS) else {
                    return;
                };
                let mut place = heard.place.lock().unwrap_or_else(PoisonError::into_inner);
                place.get_or_insert_with(|| read(words).unwrap_or_default());
                heard.said.notify_one();
            },
        }
    }

    fn place(&self) -> Option<(String, u16)> {
        let place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone()
    }
}

/// `host", 1433, database: …`. A host with escapes in it is no host.
fn read(words: &str) -> Option<(String, u16)> {
    let (host, rest) = words.split_once("\", ")?;
    let (port, _) = rest.split_once(", ")?;
    if host.contains(['\\', '"']) {
        return None;
    }
    Some((host.to_owned(), port.parse().ok()?))
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_pretend_to_be_another() {
        assert_eq!(
            read("sql02\", 1433, database: None"),
            Some(("sql02".to_owned(), 1433))
        );
        for words in [
            r#"sql01\", 1433, database: None", 9, database: None"#,
            r#"sql01\\orch", 1433, database: None"#,
            r#"sql01", 65536, database: None"#,
            "",
        ] {
            assert_eq!(read(words), None, "{words}");
        }
    }

    #[tokio::test]
    async fn hears_that_word_only() {
        let ear = RedirectionEar::default();
        tracing::subscriber::with_default(ear.listening(), || {
            tracing::info!(target: SPEAKER, "TLS config: password");
            tracing::info!("Redirection to: {:?}, {:?}, database: None", "elsewhere", 1);
            let (host, port) = ("sql02", 5000);
            tracing::info!(target: SPEAKER, "Redirection to: {:?}, {:?}, database: None", host, port);
            tracing::info!(target: SPEAKER, "Redirection to: {:?}, {:?}, database: None", "sql03", 1);
        });
        assert_eq!(ear.heard().await, ("sql02".to_owned(), 5000));
    }
}
