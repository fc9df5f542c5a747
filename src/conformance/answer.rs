use std::time::Instant;

use crate::transport::{SqlColumn, SqlMessage, SqlSink, SqlValue};

/// What reached the sink, in its order, and when.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) events: Vec<(Instant, Event)>,
}

/// One thing that reached the sink.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Columns(Vec<String>),
    Row(Vec<SqlValue>),
    Message(SqlMessage),
}

impl Answer {
    fn push(&mut self, event: Event) {
        self.events.push((Instant::now(), event));
    }

    pub(super) fn rows(&self) -> Vec<&Vec<SqlValue>> {
        let events = self.events.iter();
        events
            .filter_map(|(_, event)| match event {
                Event::Row(row) => Some(row),
                _ => None,
            })
            .collect()
    }

    pub(super) fn columns(&self) -> Vec<&Vec<String>> {
        let events = self.events.iter();
        events
            .filter_map(|(_, event)| match event {
                Event::Columns(columns) => Some(columns),
                _ => None,
            })
            .collect()
    }

    pub(super) fn messages(&self) -> Vec<&SqlMessage> {
        let events = self.events.iter();
        events
            .filter_map(|(_, event)| match event {
                Event::Message(message) => Some(message),
                _ => None,
            })
            .collect()
    }

    pub(super) fn errors(&self) -> Vec<&SqlMessage> {
        let mut messages = self.messages();
        messages.retain(|message| message.is_error());
        messages
    }

    /// The texts of what is informational, without what every `USE` and sign-in says.
    pub(super) fn notices(&self) -> Vec<&str> {
        let messages = self.messages().into_iter();
        messages
            .filter(|message| !message.is_error() && !matches!(message.number, 5701 | 5703))
            .map(|message| message.text.as_str())
            .collect()
    }

    /// The order of it all, one word for each event: for reports.
    pub(super) fn outline(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for (_, event) in &self.events {
            let word = match event {
                Event::Columns(columns) => format!("columns{columns:?}"),
                Event::Row(row) => format!("row{row:?}"),
                Event::Message(message) => {
                    let text = message.text.escape_debug();
                    format!("message {}/{} {text}", message.number, message.class)
                }
            };
            words.push(word);
        }
        const MOST: usize = 20;
        let more = words.len().saturating_sub(MOST);
        words.truncate(MOST);
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        if words.is_empty() {
            words.push("nothing".to_owned());
        }
        words.join(", ")
    }
}

impl SqlSink for Answer {
    fn columns(&mut self, columns: &[SqlColumn]) {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        self.push(Event::Columns(names));
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.push(Event::Row(row));
    }

    fn message(&mut self, message: SqlMessage) {
        self.push(Event::Message(message));
    }
}
