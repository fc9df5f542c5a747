use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps every log event and every span of this thread, as text.
#[derive(Clone, Debug, Default)]
pub(super) struct LogCapture(Arc<Mutex<String>>);

impl LogCapture {
    pub(super) fn text(&self) -> String {
        self.0
            .lock()
            .map_or_else(|broken| broken.into_inner().clone(), |text| text.clone())
    }

    fn keep(&self, metadata: Option<&Metadata<'_>>, record: impl FnOnce(&mut Words<'_>)) {
        if let Ok(mut text) = self.0.lock() {
            if let Some(metadata) = metadata {
                let _ = write!(text, "{} {}", metadata.target(), metadata.name());
            }
            record(&mut Words(&mut text));
            text.push('\n');
        }
    }
}

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}

impl Subscriber for LogCapture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.keep(Some(span.metadata()), |words| span.record(words));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.keep(None, |words| values.record(words));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.keep(Some(event.metadata()), |words| event.record(words));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
