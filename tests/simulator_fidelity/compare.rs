//! Compares what came over the wire with what a table says, field by field.

use super::switches;
use super::table::{Item, Mark, Setting, Settings};
use super::token::{Done, Message, Token};

/// How many fields there are, by how they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) fields: usize,
    pub(crate) captured: usize,
    pub(crate) documented: usize,
    pub(crate) transcript: usize,
    pub(crate) switch: usize,
}

impl Tally {
    fn count(&mut self, mark: &Mark) {
        self.fields += 1;
        match mark {
            Mark::Captured => self.captured += 1,
            Mark::Documented => self.documented += 1,
            Mark::Transcript => self.transcript += 1,
            Mark::Switch(_) => self.switch += 1,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.fields += other.fields;
        self.captured += other.captured;
        self.documented += other.documented;
        self.transcript += other.transcript;
        self.switch += other.switch;
    }
}

/// One situation of a row, as it is compared.
pub(crate) struct Comparison<'a> {
    /// For messages: the row and the settings.
    pub(crate) place: String,
    pub(crate) mark: Option<&'a Mark>,
    pub(crate) with: &'a Settings,
    pub(crate) tally: Tally,
    pub(crate) misses: Vec<String>,
}

/// What is compared of a reply. Rows are counted.
#[derive(Clone, Debug, PartialEq)]
enum Part<'a> {
    Message(&'a Message),
    Columns(usize),
    Rows(usize),
    Database,
    Done(&'a Done),
}

impl Comparison<'_> {
    pub(crate) fn miss(&mut self, what: impl std::fmt::Display) {
        self.misses.push(format!("MISS {}: {what}", self.place));
    }

    /// Compares a reply. Its ends are looked at only where the table tells them.
    pub(crate) fn stream(&mut self, expected: &[Item], tokens: &[Token]) {
        let with_ends = expected.iter().any(|item| item.done.is_some());
        let with_changes = expected.iter().any(|item| item.database.is_some());
        let parts = parts(tokens, with_ends, with_changes);
        let wanted: Vec<String> = expected.iter().map(name_of).collect();
        let got: Vec<String> = parts.iter().map(name_of_part).collect();
        if wanted.len() > 1 {
            self.field("order", None, wanted.join(", "), got.join(", "));
        } else if wanted != got {
            self.miss(format!("expected {wanted:?}, got {got:?}"));
        }
        for (item, part) in expected.iter().zip(&parts) {
            match part {
                Part::Message(message) if item.info.or(item.error).is_some() => {
                    self.message(item, message);
                }
                Part::Done(done) if item.done.is_some() => self.done(item, done),
                Part::Columns(found) if item.columns.is_some() => {
                    self.item_field(item, "columns", item.columns, *found);
                }
                Part::Rows(found) if item.rows.is_some() => {
                    self.item_field(item, "rows", item.rows, *found);
                }
                Part::Database if item.database.is_some() => {
                    self.item_field(item, "database", item.database, true);
                }
                // The order says it.
                _ => {}
            }
        }
    }

    fn message(&mut self, item: &Item, message: &Message) {
        let number = item.info.or(item.error);
        self.item_field(item, "number", number, message.number);
        self.item_field(item, "state", item.state, message.state);
        self.item_field(item, "class", item.class, message.class);
        let Some(text) = &item.text else {
            return self.miss(format!("no text for {number:?} in the table"));
        };
        let mark = item.marks.get("text");
        // A text that fits is as good as equal.
        let expected = if fits(text, &message.text) {
            message.text.clone()
        } else {
            text.clone()
        };
        self.field("text", mark, expected, message.text.clone());
        if item.line.is_some() {
            self.item_field(item, "line", item.line, message.line);
        }
    }

    fn done(&mut self, item: &Item, done: &Done) {
        assert_eq!(done.kind, 0xFD, "batches end with DONE");
        self.item_field(item, "done", item.done, done.status);
        self.item_field(item, "command", item.command, done.command);
        if item.count.is_some() {
            self.item_field(item, "count", item.count, done.rows);
        }
    }

    fn item_field<T: Copy + ToString>(
        &mut self,
        item: &Item,
        name: &str,
        expected: Option<T>,
        got: T,
    ) {
        match expected {
            Some(expected) => {
                let mark = item.marks.get(name);
                self.field(name, mark, expected.to_string(), got.to_string());
            }
            None => self.miss(format!("no {name} in the table for {}", name_of(item))),
        }
    }

    /// Compares a field, and counts it.
    pub(crate) fn field(
        &mut self,
        name: &str,
        mark: Option<&Mark>,
        mut expected: String,
        got: String,
    ) {
        let Some(mark) = mark.or(self.mark) else {
            return self.miss(format!("{name} has no mark"));
        };
        self.tally.count(mark);
        if let Mark::Switch(switch) = mark
            && switches::is_own_value(switch)
            && let Some(Setting::Number(value)) = self.with.get(switch)
        {
            expected = value.to_string();
        }
        if expected != got {
            self.miss(format!("{name}: expected {expected}, got {got}"));
        }
    }
}

fn parts(tokens: &[Token], with_ends: bool, with_changes: bool) -> Vec<Part<'_>> {
    const DATABASE: u8 = 1;
    let mut parts = Vec::new();
    for token in tokens {
        match token {
            Token::Columns(columns) => parts.push(Part::Columns(columns.len())),
            Token::Row(_) => match parts.last_mut() {
                Some(Part::Rows(count)) => *count += 1,
                _ => parts.push(Part::Rows(1)),
            },
            Token::Message(message) => parts.push(Part::Message(message)),
            Token::Done(done) if with_ends => parts.push(Part::Done(done)),
            Token::Change(DATABASE, _) if with_changes => parts.push(Part::Database),
            Token::Done(_) | Token::Change(..) | Token::Login(_) | Token::ReturnStatus(_) => {}
        }
    }
    parts
}

fn name_of(item: &Item) -> String {
    match item {
        Item {
            info: Some(number), ..
        } => format!("INFO {number}"),
        Item {
            error: Some(number),
            ..
        } => format!("ERROR {number}"),
        Item {
            columns: Some(_), ..
        } => "COLMETADATA".to_owned(),
        Item { rows: Some(_), .. } => "ROW".to_owned(),
        Item {
            database: Some(_), ..
        } => "ENVCHANGE".to_owned(),
        Item { done: Some(_), .. } => "DONE".to_owned(),
        other => panic!("an item that is no token: {other:?}"),
    }
}

fn name_of_part(part: &Part<'_>) -> String {
    match part {
        Part::Message(message) if message.is_error => format!("ERROR {}", message.number),
        Part::Message(message) => format!("INFO {}", message.number),
        Part::Columns(_) => "COLMETADATA".to_owned(),
        Part::Rows(_) => "ROW".to_owned(),
        Part::Database => "ENVCHANGE".to_owned(),
        Part::Done(_) => "DONE".to_owned(),
    }
}

/// Whether a text is as the pattern has it: `<n>` is a count, `<t>` a decimal with three places, `<h>` bytes in
/// hexadecimal.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some(at) = pattern.find('<') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(&pattern[..at]) else {
        return false;
    };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    let length = match pattern.get(at..at + 3) {
        Some("<h>") => Some(rest.bytes().take_while(u8::is_ascii_hexdigit).count()),
        Some("<n>") => Some(whole),
        Some("<t>") => rest[whole..]
            .strip_prefix('.')
            .filter(|places| whole > 0 && digits(places) == 3)
            .map(|_| whole + 4),
        _ => panic!("{pattern:?} has a place for something unknown"),
    };
    match length {
        Some(length) if length > 0 => fits(&pattern[at + 3..], &rest[length..]),
        _ => false,
    }
}
