use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Hears what one module of a driver logs at one level, and nothing else: the rest goes nowhere.
///
/// For what a driver says in its log and tells nobody in its interface.
pub(super) struct Ear<H> {
    pub(super) speaker: &'static str,
    pub(super) level: Level,
    pub(super) hear: H,
}

impl<H: Fn(&Event<'_>) + 'static> Subscriber for Ear<H> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == self.level && metadata.target() == self.speaker
    }

    fn event(&self, event: &Event<'_>) {
        (self.hear)(event);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
