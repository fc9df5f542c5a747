//! Languages.

use super::{Columns, Row, SYSNAME, View, int, text};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;

pub(super) const VIEWS: &[View] = &[View {
    schema: "sys",
    name: "syslanguages",
    columns: LANGUAGES,
    make: languages,
}];

/// As documented, without the names of months and days.
const LANGUAGES: Columns = &[
    ("langid", WireType::SmallInt),
    ("dateformat", WireType::NChar(3)),
    ("datefirst", WireType::TinyInt),
    ("upgrade", WireType::Int),
    ("name", SYSNAME),
    ("alias", SYSNAME),
    ("lcid", WireType::Int),
    ("msglangid", WireType::SmallInt),
];

/// Name, English name, locale, the order in dates, the first day of the week; by their ids.
const KNOWN: &[(&str, &str, i32, &str, i32)] = &[
    ("us_english", "English", 1033, "mdy", 7),
    ("Deutsch", "German", 1031, "dmy", 1),
    ("Français", "French", 1036, "dmy", 1),
    ("日本語", "Japanese", 1041, "ymd", 7),
    ("Dansk", "Danish", 1030, "dmy", 1),
    ("Español", "Spanish", 3082, "dmy", 1),
    ("Italiano", "Italian", 1040, "dmy", 1),
    ("Nederlands", "Dutch", 1043, "dmy", 1),
    ("Norsk", "Norwegian", 2068, "dmy", 1),
    ("Português", "Portuguese", 2070, "dmy", 7),
    ("Suomi", "Finnish", 1035, "dmy", 1),
    ("Svenska", "Swedish", 1053, "ymd", 1),
    ("čeština", "Czech", 1029, "dmy", 1),
    ("magyar", "Hungarian", 1038, "ymd", 1),
    ("polski", "Polish", 1045, "dmy", 1),
    ("română", "Romanian", 1048, "dmy", 1),
    ("hrvatski", "Croatian", 1050, "ymd", 1),
    ("slovenčina", "Slovak", 1051, "dmy", 1),
    ("slovenski", "Slovenian", 1060, "dmy", 1),
    ("ελληνικά", "Greek", 1032, "dmy", 1),
    ("български", "Bulgarian", 1026, "dmy", 1),
    ("русский", "Russian", 1049, "dmy", 1),
    ("Türkçe", "Turkish", 1055, "dmy", 1),
    ("British", "British English", 2057, "dmy", 1),
    ("eesti", "Estonian", 1061, "dmy", 1),
    ("latviešu", "Latvian", 1062, "ymd", 1),
    ("lietuvių", "Lithuanian", 1063, "ymd", 1),
    ("Português (Brasil)", "Brazilian", 1046, "dmy", 7),
    ("繁體中文", "Traditional Chinese", 1028, "ymd", 7),
    ("한국어", "Korean", 1042, "ymd", 7),
    ("简体中文", "Simplified Chinese", 2052, "ymd", 7),
    ("Arabic", "Arabic", 1025, "dmy", 1),
    ("Thai", "Thai", 1054, "dmy", 7),
    ("norsk (bokmål)", "Norwegian (Bokmål)", 1044, "dmy", 1),
];

/// A language, by its place among all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Language(usize);

impl Language {
    /// By its name or its English name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let is_it = |known: &str| known.to_lowercase() == name.to_lowercase();
        KNOWN
            .iter()
            .position(|(name, alias, ..)| is_it(name) || is_it(alias))
            .map(Self)
    }

    pub(crate) fn id(self) -> i64 {
        i64::try_from(self.0).unwrap_or(0)
    }

    pub(crate) fn name(self) -> &'static str {
        KNOWN.get(self.0).map_or("us_english", |known| known.0)
    }

    pub(crate) fn first_day(self) -> i64 {
        KNOWN.get(self.0).map_or(7, |known| known.4.into())
    }
}

fn languages(_: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok((0_i64..)
        .zip(KNOWN)
        .map(|(id, (name, alias, locale, order, first))| {
            // British has no messages of its own.
            let messages = if *name == "British" { 1033 } else { *locale };
            vec![
                int(id),
                text(*order),
                int(*first),
                int(0),
                text(*name),
                text(*alias),
                int(*locale),
                int(messages),
            ]
        })
        .collect())
}
