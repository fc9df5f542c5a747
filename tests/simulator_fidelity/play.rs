//! Plays the rows of a table, each in every situation that it names.

use std::collections::{BTreeMap, BTreeSet};

use super::columns;
use super::compare::{Comparison, Tally};
use super::scene::{Scene, Settings as SceneSettings};
use super::switches;
use super::table::{Item, Mark, Row, Setting, Settings, Table, Version};

/// A row under some settings.
struct Situation<'r> {
    with: Settings,
    version: Version,
    stream: &'r [Item],
    columns: Option<usize>,
    values: bool,
    /// Its fields stand in the table, so they are counted.
    is_written: bool,
}

/// Reads a table, plays all of it and prints the figure. Panics with all that is amiss.
pub(crate) async fn play(file: &str, expected: &[&str]) {
    let table = Table::read(file);
    let mut misses: Vec<String> = table.problems(expected);
    let (mut tally, mut situations, mut not_raised) = (Tally::default(), 0, 0);
    for row in &table.row {
        if let Some(reason) = &row.not_raised {
            assert!(reason.len() > 20, "{}: why is it not raised?", row.id);
            println!("not raised: {} {}: {reason}", table.section, row.id);
            not_raised += 1;
            continue;
        }
        misses.extend(unplayed_switches(&table.section, row));
        for situation in situations_of(row) {
            situations += 1;
            let (counted, missed) = play_row(&table.section, row, &situation).await;
            if situation.is_written {
                tally.add(counted);
            }
            misses.extend(missed);
        }
    }
    println!(
        "fidelity {}: rows {} of {}, fields {}: {} captured, {} documented, {} transcript, {} switch; \
         not raisable {not_raised}, each with a reason; {situations} situations played, {} missed",
        table.section.replace(' ', "-"),
        table.row.len(),
        expected.len(),
        tally.fields,
        tally.captured,
        tally.documented,
        tally.transcript,
        tally.switch,
        misses.len()
    );
    assert!(misses.is_empty(), "\n{}", misses.join("\n"));
}

async fn play_row(section: &str, row: &Row, situation: &Situation<'_>) -> (Tally, Vec<String>) {
    let mut scene = Scene::open(SceneSettings {
        choices: switches::choices(&situation.with),
        platform: row.platform,
        version: situation.version,
    })
    .await;
    let mut comparison = Comparison {
        place: place(section, row, situation),
        mark: row.mark.as_ref(),
        with: &situation.with,
        tally: Tally::default(),
        misses: Vec::new(),
    };
    for step in &row.setup {
        if let Err(problem) = scene.step(step).await {
            comparison.miss(problem);
            return (comparison.tally, comparison.misses);
        }
    }
    let tokens = scene.run(&row.run).await;
    comparison.stream(situation.stream, &tokens);
    if let Some(table) = &row.columns {
        let what = (situation.columns, situation.values);
        columns::compare(&mut comparison, table, what, &tokens);
    }
    for other in &row.others {
        let (tokens, is_closed) = scene.rest(&other.session, other.closed).await;
        comparison.stream(&other.stream, &tokens);
        let expected = other.closed.to_string();
        comparison.field("closed", None, expected, is_closed.to_string());
    }
    (comparison.tally, comparison.misses)
}

fn place(section: &str, row: &Row, situation: &Situation<'_>) -> String {
    let mut place = format!("{section}, row {}", row.id);
    for (name, setting) in &situation.with {
        place.push_str(&format!(", {name} {setting:?}"));
    }
    if situation.version != row.version {
        place.push_str(&format!(", {:?}", situation.version));
    }
    place
}

/// The row as it stands there; with each switch whose value a field is, set otherwise; and as it
/// stands there under other settings.
fn situations_of(row: &Row) -> Vec<Situation<'_>> {
    let base = |with: Settings, is_written| Situation {
        with,
        version: row.version,
        stream: &row.stream,
        columns: None,
        values: true,
        is_written,
    };
    let mut situations = vec![base(row.with.clone(), true)];
    for switch in switches_of(row) {
        if !switches::is_own_value(&switch) {
            continue;
        }
        for value in switches::values(&switch) {
            if *value != switches::default_of(&switch) {
                let mut with = row.with.clone();
                with.insert(switch.clone(), *value);
                situations.push(base(with, false));
            }
        }
    }
    for under in &row.under {
        let mut with = row.with.clone();
        with.extend(under.with.clone());
        situations.push(Situation {
            with,
            version: under.version.unwrap_or(row.version),
            stream: &under.stream,
            columns: under.columns,
            values: under.values,
            is_written: true,
        });
    }
    situations
}

/// The switches that marks of a row name.
fn switches_of(row: &Row) -> BTreeSet<String> {
    let others = row.others.iter().flat_map(|other| &other.stream);
    let under = row.under.iter().flat_map(|under| &under.stream);
    let items = row.stream.iter().chain(others).chain(under);
    let marks = items.flat_map(|item| item.marks.values()).chain(&row.mark);
    marks
        .filter_map(|mark| match mark {
            Mark::Switch(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// What is marked as chosen by a switch, but isn't played with each of its values.
fn unplayed_switches(section: &str, row: &Row) -> Vec<String> {
    let situations = situations_of(row);
    let mut played: BTreeMap<String, BTreeSet<Setting>> = BTreeMap::new();
    for switch in switches_of(row) {
        for situation in &situations {
            let value = situation.with.get(&switch).copied();
            let value = value.unwrap_or_else(|| switches::default_of(&switch));
            played.entry(switch.clone()).or_default().insert(value);
        }
    }
    let missing = played.iter().filter(|(switch, values)| {
        let all = switches::values(switch);
        all.iter().any(|value| !values.contains(value))
    });
    missing
        .map(|(switch, _)| {
            format!(
                "MISS {section}, row {}: {switch} is not played with each of its values",
                row.id
            )
        })
        .collect()
}
