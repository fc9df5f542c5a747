use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Event, Level, Subscriber};

use crate::adapter::ear::Ear;

/// Hears two things of the driver's log, which it says nowhere else, and nothing beside them:
/// * that the server sent it on, which it follows without asking;
/// * of which kind the server's packets are, at which it does not look, and how long they are.
#[derive(Clone, Debug, Default)]
pub(super) struct DriverEar(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    place: Mutex<Option<(String, u16)>>,
    said: Notify,
    is_strange: AtomicBool,
    bytes: AtomicU64,
}

/// The module of the driver that says that it was sent on, and how.
const GUIDE: &str = "mssql_tds::connection_provider::tds_connection_provider";
const SENT_ON: &str = "Redirection to: \"";
/// The module that shows each packet, and how: its bytes in lines of hexadecimal numbers.
const READER: &str = "mssql_tds::connection::transport::network_transport";
const PACKET: &str = "Packet content: ";
const LENGTH: &str = "Length: ";
const FIRST_LINE: &str = "0000:   ";
/// What a packet of an answer begins with: its kind, as the driver shows it.
const ANSWER: &str = "04";
/// By then the kind of a packet was told. What follows is not even put into words.
const LONGEST: usize = 80;

impl DriverEar {
    /// Whether this program was built with log events of the level at which a redirection is told.
    pub(super) fn can_hear_of_places() -> bool {
        LevelFilter::INFO <= STATIC_MAX_LEVEL
    }

    /// Waits until the server sent the driver on. A place that can't be read is an empty name.
    pub(super) async fn sent_on(&self) -> (String, u16) {
        loop {
            let said = self.0.said.notified();
            if let Some(place) = self.place() {
                return place;
            }
            said.await;
        }
    }

    /// Whether a packet came that is none of an answer. Never where this program was built without
    /// the log events that tell it.
    pub(super) fn met_a_strange_packet(&self) -> bool {
        self.0.is_strange.load(Ordering::Relaxed)
    }

    /// How many bytes came in packets since [`forget_bytes`](Self::forget_bytes).
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn forget_bytes(&self) {
        self.0.bytes.store(0, Ordering::Relaxed);
    }

    /// Takes the driver's log events.
    pub(super) fn listening(&self) -> impl Subscriber + Send + Sync + use<> {
        let heard = Arc::clone(&self.0);
        Ear {
            speakers: &[(GUIDE, Level::INFO), (READER, Level::DEBUG)],
            hear: move |event: &Event<'_>| {
                if event.metadata().target() == GUIDE {
                    heard.of_a_place(event);
                } else {
                    heard.of_a_packet(event);
                }
            },
        }
    }

    fn place(&self) -> Option<(String, u16)> {
        let place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone()
    }
}

impl Heard {
    fn of_a_place(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let Some(words) = message.0.strip_prefix(SENT_ON) else {
            return;
        };
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert_with(|| read(words).unwrap_or_default());
        self.said.notify_one();
    }

    fn of_a_packet(&self, event: &Event<'_>) {
        let mut beginning = Beginning::default();
        event.record(&mut beginning);
        let Some(shown) = beginning.0.strip_prefix(PACKET) else {
            return;
        };
        let length = shown
            .strip_prefix(LENGTH)
            .and_then(|length| length.split_once(' ')?.0.parse().ok());
        self.bytes.fetch_add(length.unwrap_or(0), Ordering::Relaxed);
        let bytes = shown
            .split_once('\n')
            .and_then(|(_, lines)| lines.strip_prefix(FIRST_LINE));
        if bytes.is_none_or(|bytes| !bytes.starts_with(ANSWER)) {
            self.is_strange.store(true, Ordering::Relaxed);
        }
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

/// The beginning of what is said.
#[derive(Default)]
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.push_str(part);
        if self.0.len() < LONGEST {
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
    async fn hears_where_it_was_sent_and_that_only() {
        let ear = DriverEar::default();
        tracing::subscriber::with_default(ear.listening(), || {
            tracing::info!(target: GUIDE, "TLS config: password");
            tracing::info!("Redirection to: {:?}, {:?}, database: None", "elsewhere", 1);
            let (host, port) = ("sql02", 5000);
            tracing::info!(target: GUIDE, "Redirection to: {:?}, {:?}, database: None", host, port);
            tracing::info!(target: GUIDE, "Redirection to: {:?}, {:?}, database: None", "sql03", 1);
        });
        assert_eq!(ear.sent_on().await, ("sql02".to_owned(), 5000));
    }

    #[test]
    fn packets_are_measured() {
        let ear = DriverEar::default();
        tracing::subscriber::with_default(ear.listening(), || {
            for _ in 0..3 {
                tracing::debug!(target: READER, "Packet content: Length: 1492 (0x5d4) bytes\n0000:   04");
            }
        });
        assert_eq!(ear.bytes(), 3 * 1492);
        ear.forget_bytes();
        assert_eq!(ear.bytes(), 0);
    }

    #[test]
    fn only_packets_of_answers_are_no_strangers() {
        let is_strange = |shown: &str| {
            let ear = DriverEar::default();
            tracing::subscriber::with_default(ear.listening(), || {
                tracing::debug!(target: READER, "Received packet of size: 21");
                tracing::debug!("Packet content: of another module");
                tracing::debug!(target: READER, "{shown}");
            });
            ear.met_a_strange_packet()
        };
        let packet = |bytes: &str| {
            let more = "00 ".repeat(500);
            format!("Packet content: Length: 1492 (0x5d4) bytes\n0000:   {bytes} {more}")
        };
        assert!(!is_strange(&packet("04 01 05 d4")));
        assert!(is_strange(&packet("7e 01 05 d4")));
        assert!(is_strange(&packet("12 04 04 04")));
        // What can't be read is no answer.
        assert!(is_strange("Packet content: 04 01 05 d4"));
    }

    /// Not even a formatter that goes on regardless brings more than the beginning into memory.
    #[test]
    fn little_of_a_packet_is_put_into_words() {
        let mut beginning = Beginning::default();
        assert!(write!(beginning, "{:?}", [0_u8; 4096]).is_err());
        assert!(beginning.0.len() < 2 * LONGEST, "{}", beginning.0.len());
    }
}
