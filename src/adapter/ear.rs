use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Hears what certain modules of a driver log, each at one level, and nothing else: the rest goes
/// nowhere.
///
/// For what a driver says in its log and tells nobody in its interface.
pub(super) struct Ear<H> {
    /// The modules, by name, and their levels.
    pub(super) speakers: &'static [(&'static str, Level)],
    pub(super) hear: H,
}

impl<H: Fn(&Event<'_>) + 'static> Subscriber for Ear<H> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && self
                .speakers
                .contains(&(metadata.target(), *metadata.level()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let levels = self.speakers.iter().map(|(_, level)| *level);
        levels.max().map(LevelFilter::from_level)
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
