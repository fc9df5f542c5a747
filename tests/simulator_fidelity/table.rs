//! The committed tables, as they stand in `tests/fidelity/*.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// Where the tables lie, if not here: a copy with a fault in it, which must be found.
const FOLDER_VARIABLE: &str = "FIDELITY_TABLES";

/// One table: a section of what is known of the server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) section: String,
    /// What the marks of this table stand on, for its readers.
    #[serde(rename = "sources")]
    _sources: Vec<String>,
    /// How many rows the section has.
    pub(crate) rows: usize,
    pub(crate) row: Vec<Row>,
}

/// One row: a situation, and what the server answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) id: String,
    #[serde(rename = "about")]
    _about: String,
    /// The mark of every field that has none of its own.
    pub(crate) mark: Option<Mark>,
    #[serde(default)]
    pub(crate) platform: Platform,
    #[serde(default)]
    pub(crate) version: Version,
    /// Modelling choices that the row needs.
    #[serde(default)]
    pub(crate) with: Settings,
    #[serde(default)]
    pub(crate) setup: Vec<String>,
    #[serde(default)]
    pub(crate) run: String,
    #[serde(default)]
    pub(crate) stream: Vec<Item>,
    /// The columns of the result set, and values in its rows: a table in itself.
    pub(crate) columns: Option<String>,
    /// What other sessions get to see.
    #[serde(default)]
    pub(crate) others: Vec<Other>,
    /// The same under other settings.
    #[serde(default)]
    pub(crate) under: Vec<Under>,
    /// Why nothing here raises it.
    pub(crate) not_raised: Option<String>,
}

/// Modelling choices by the name of their field.
pub(crate) type Settings = BTreeMap<String, Setting>;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
pub(crate) enum Setting {
    Is(bool),
    Number(i32),
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Platform {
    #[default]
    Linux,
    Windows,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Version {
    #[serde(rename = "2014")]
    Sql2014,
    #[serde(rename = "2019")]
    Sql2019,
    #[default]
    #[serde(rename = "2022")]
    Sql2022,
    #[serde(rename = "2025")]
    Sql2025,
}

/// One token of a stream, or several of a kind. Which it is, its fields say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// INFO with this number.
    pub(crate) info: Option<i32>,
    /// ERROR with this number.
    pub(crate) error: Option<i32>,
    pub(crate) state: Option<u8>,
    pub(crate) class: Option<u8>,
    /// `<n>` stands for a count, `<t>` for seconds or a rate.
    pub(crate) text: Option<String>,
    pub(crate) line: Option<u32>,
    /// COLMETADATA with that many columns.
    pub(crate) columns: Option<usize>,
    /// That many ROWs.
    pub(crate) rows: Option<usize>,
    /// ENVCHANGE of the database.
    pub(crate) database: Option<bool>,
    /// DONE with this status.
    pub(crate) done: Option<u16>,
    pub(crate) command: Option<u16>,
    pub(crate) count: Option<u64>,
    #[serde(default)]
    pub(crate) marks: BTreeMap<String, Mark>,
}

/// What another session of the row gets to see.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Other {
    pub(crate) session: String,
    #[serde(default)]
    pub(crate) stream: Vec<Item>,
    /// Its connection ends.
    pub(crate) closed: bool,
}

/// A row under other settings: what it says replaces what the row says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Under {
    #[serde(default)]
    pub(crate) with: Settings,
    pub(crate) version: Option<Version>,
    pub(crate) stream: Vec<Item>,
    /// The result set ends after that many of the row's columns.
    pub(crate) columns: Option<usize>,
    /// Whether the rows hold the same values.
    #[serde(default = "yes")]
    pub(crate) values: bool,
}

const fn yes() -> bool {
    true
}

/// How a field is known.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) enum Mark {
    /// Seen on a real server's wire.
    Captured,
    Documented,
    /// Pasted by others, from the output of their tools.
    Transcript,
    /// Nobody knows: this field of `ModellingChoices` chooses.
    Switch(String),
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "captured" => Ok(Self::Captured),
            "documented" => Ok(Self::Documented),
            "transcript" => Ok(Self::Transcript),
            other => match other.strip_prefix("switch ") {
                Some(switch) => Ok(Self::Switch(switch.to_owned())),
                None => Err(format!("{other:?} is no mark")),
            },
        }
    }
}

impl Table {
    pub(crate) fn read(name: &str) -> Self {
        let folder = std::env::var_os(FOLDER_VARIABLE).map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fidelity")),
            PathBuf::from,
        );
        let file = folder.join(name);
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What is wrong with the table itself: rows that are missing, twice there, or say too little.
    pub(crate) fn problems(&self, expected: &[&str]) -> Vec<String> {
        let mut problems = Vec::new();
        if self.rows != self.row.len() || self.rows != expected.len() {
            problems.push(format!(
                "MISS {}: its head says {} rows, it has {}, the section has {}",
                self.section,
                self.rows,
                self.row.len(),
                expected.len()
            ));
        }
        for id in expected {
            let found = self.row.iter().filter(|row| row.id == *id).count();
            if found != 1 {
                problems.push(format!(
                    "MISS {}: row {id} is there {found} times",
                    self.section
                ));
            }
        }
        for row in &self.row {
            let says = !row.run.is_empty() && (!row.stream.is_empty() || !row.others.is_empty());
            if says == row.not_raised.is_some() {
                let id = &row.id;
                problems.push(format!(
                    "MISS {}: row {id} says neither what raises it nor why nothing does, or both",
                    self.section
                ));
            }
        }
        problems
    }
}
