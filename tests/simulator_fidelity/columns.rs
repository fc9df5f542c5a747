//! The columns of a result set and values in its rows, as a table in a table: one line a column,
//! cells between bars, the head's names first.

use super::compare::Comparison;
use super::table::Mark;
use super::token::{Column, Token, Value};

/// One line.
struct Expected<'t> {
    name: &'t str,
    kind: &'t str,
    /// Empty where the type has none.
    length: &'t str,
    precision: &'t str,
    scale: &'t str,
    flags: &'t str,
    /// What the first rows hold; empty where nothing is known.
    values: Vec<&'t str>,
    marks: Vec<(&'t str, Mark)>,
}

/// Compares the first result set of a reply with the table, up to that many of its lines, with the
/// values in its rows or without.
pub(crate) fn compare(
    comparison: &mut Comparison<'_>,
    table: &str,
    (limit, with_values): (Option<usize>, bool),
    tokens: &[Token],
) {
    let expected = read(table);
    let expected = &expected[..limit.unwrap_or(expected.len())];
    let columns = tokens.iter().find_map(|token| match token {
        Token::Columns(columns) => Some(columns.as_slice()),
        _ => None,
    });
    let columns = columns.unwrap_or_default();
    if columns.len() != expected.len() {
        comparison.miss(format!(
            "expected {} columns, got {}",
            expected.len(),
            columns.len()
        ));
    }
    let rows: Vec<&Vec<Value>> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    for (at, (wanted, column)) in expected.iter().zip(columns).enumerate() {
        column_fields(comparison, wanted, column);
        for (row, value) in wanted.values.iter().enumerate() {
            if value.is_empty() || !with_values {
                continue;
            }
            let got = rows.get(row).and_then(|row| row.get(at));
            let shown = got.map_or_else(|| "no such row".to_owned(), show);
            // A value that fits is as good as equal.
            let fits = got.is_some_and(|got| fits(value, got));
            let expected = if fits { &shown } else { *value };
            let name = format!("{} in row {}", wanted.name, row + 1);
            let mark = wanted.mark("value");
            comparison.field(&name, mark, expected.to_owned(), shown.clone());
        }
    }
}

fn column_fields(comparison: &mut Comparison<'_>, wanted: &Expected<'_>, column: &Column) {
    let shown = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    for (field, expected, got) in [
        ("name", wanted.name, column.name.clone()),
        ("type", wanted.kind, column.kind.to_owned()),
        ("length", wanted.length, shown(column.length)),
        (
            "precision",
            wanted.precision,
            shown(column.precision.map(u32::from)),
        ),
        ("scale", wanted.scale, shown(column.scale.map(u32::from))),
        ("flags", wanted.flags, column.flags.to_string()),
    ] {
        if expected.is_empty() && got.is_empty() {
            continue;
        }
        let name = format!("{} of {}", field, wanted.name);
        comparison.field(&name, wanted.mark(field), expected.to_owned(), got);
    }
}

impl Expected<'_> {
    fn mark(&self, field: &str) -> Option<&Mark> {
        let mark = self.marks.iter().find(|(name, _)| *name == field);
        mark.map(|(_, mark)| mark)
    }
}

fn read(table: &str) -> Vec<Expected<'_>> {
    let mut lines = table.lines().filter(|line| !line.trim().is_empty());
    let head: Vec<&str> = split(lines.next().expect("a head"));
    assert_eq!(
        head[..6],
        ["name", "type", "length", "precision", "scale", "flags"]
    );
    let marks_at = head.iter().position(|name| *name == "marks");
    let values_end = marks_at.unwrap_or(head.len());
    lines
        .map(|line| {
            let cells = split(line);
            assert_eq!(cells.len(), head.len(), "{line}");
            Expected {
                name: cells[0],
                kind: cells[1],
                length: cells[2],
                precision: cells[3],
                scale: cells[4],
                flags: cells[5],
                values: cells[6..values_end].to_vec(),
                marks: marks_at.map_or_else(Vec::new, |at| marks(cells[at])),
            }
        })
        .collect()
}

fn split(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).collect()
}

/// `flags documented, value switch unseen_state`.
fn marks(cell: &str) -> Vec<(&str, Mark)> {
    let parts = cell.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (field, mark) = part.split_once(' ').expect("a field and its mark");
            (field, Mark::try_from(mark.to_owned()).unwrap())
        })
        .collect()
}

fn fits(pattern: &str, value: &Value) -> bool {
    match (pattern, value) {
        ("<guid>", Value::Guid)
        | ("<number>", Value::Int(_) | Value::Numeric(_))
        | ("<datetime>", Value::DateTime)
        | ("<string>", Value::Text(_))
        | ("<bytes>", Value::Bytes(_)) => true,
        (pattern, value) => pattern == show(value),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bit(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Numeric(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        Value::Bytes(_) => "<bytes>".to_owned(),
        Value::Guid => "<guid>".to_owned(),
        Value::DateTime => "<datetime>".to_owned(),
        Value::Other => "<other>".to_owned(),
    }
}
