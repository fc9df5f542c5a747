//! One thing that nobody could confirm, and what it could be.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::ModellingChoices;

/// One of the [`ModellingChoices`], with the values that it can have.
#[derive(Clone, Copy, Debug)]
pub struct ModellingSwitch {
    pub(super) name: &'static str,
    /// How many values it has beside the usual one.
    pub(super) others: usize,
    pub(super) choose: fn(&mut ModellingChoices, usize),
    pub(super) text: fn(&ModellingChoices) -> String,
}

impl ModellingSwitch {
    /// The name of the field.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its values as text, the usual one first.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        (0..=self.others)
            .map(|at| {
                let mut choices = ModellingChoices::default();
                self.set(&mut choices, at);
                (self.text)(&choices)
            })
            .collect()
    }

    /// Sets it to one of its values, given as text.
    ///
    /// # Errors
    /// Fails if it has no such value, and says which it has.
    pub fn choose(&self, choices: &mut ModellingChoices, value: &str) -> Result<(), String> {
        let values = self.values();
        let at = values.iter().position(|known| known == value);
        let at = at.ok_or_else(|| format!("{} is {}", self.name, values.join(" or ")))?;
        // Where it has another value already, the usual one is not its own to give back.
        if at == 0 && (self.text)(choices) != values[0] {
            return Err(format!("{} is given twice", self.name));
        }
        self.set(choices, at);
        Ok(())
    }

    /// 0 leaves the usual value.
    fn set(&self, choices: &mut ModellingChoices, at: usize) {
        if let Some(other) = at.checked_sub(1) {
            (self.choose)(choices, other);
        }
    }
}

impl ModellingChoices {
    /// Every other value of every switch, alone.
    #[must_use]
    pub fn each_alone() -> Vec<Self> {
        let mut all = Vec::new();
        for switch in Self::SWITCHES {
            for other in 0..switch.others {
                let mut choices = Self::default();
                (switch.choose)(&mut choices, other);
                all.push(choices);
            }
        }
        all
    }

    /// Choices in which every two values of every two switches meet at least once: far fewer than
    /// there are pairs.
    #[must_use]
    pub fn pairwise() -> Vec<Self> {
        covering_rows()
            .into_iter()
            .map(|row| {
                let mut choices = Self::default();
                for (switch, at) in Self::SWITCHES.iter().zip(row) {
                    if let Some(other) = at.checked_sub(1) {
                        (switch.choose)(&mut choices, other);
                    }
                }
                choices
            })
            .collect()
    }
}

/// A value of a switch, by their places.
type Cell = (usize, usize);

/// Greedy: each row begins with two values that have not met, and goes on with those that meet the
/// most new ones.
fn covering_rows() -> Vec<Vec<usize>> {
    let counts: Vec<usize> = ModellingChoices::SWITCHES
        .iter()
        .map(|switch| switch.others + 1)
        .collect();
    let mut unmet: BTreeSet<(Cell, Cell)> = BTreeSet::new();
    for (first, count) in counts.iter().enumerate() {
        for (second, other_count) in counts.iter().enumerate().skip(first + 1) {
            for value in 0..*count {
                unmet.extend((0..*other_count).map(|other| ((first, value), (second, other))));
            }
        }
    }
    let mut rows = Vec::new();
    while let Some((one, two)) = unmet.last().copied() {
        let mut row: Vec<Option<usize>> = vec![None; counts.len()];
        row[one.0] = Some(one.1);
        row[two.0] = Some(two.1);
        for switch in 0..counts.len() {
            if row[switch].is_some() {
                continue;
            }
            let new = |value: usize| {
                let meets = |(other, chosen): (usize, &Option<usize>)| {
                    chosen.is_some_and(|chosen| {
                        let pair = [(other, chosen), (switch, value)];
                        unmet.contains(&(pair[0].min(pair[1]), pair[0].max(pair[1])))
                    })
                };
                row.iter().enumerate().filter(|cell| meets(*cell)).count()
            };
            // The last of several that are as good: the unusual ones.
            row[switch] = (0..counts[switch]).max_by_key(|value| new(*value));
        }
        let row: Vec<usize> = row.into_iter().map(Option::unwrap_or_default).collect();
        let cells: Vec<Cell> = row.iter().copied().enumerate().collect();
        unmet.retain(|(one, two)| !(cells.contains(one) && cells.contains(two)));
        rows.push(row);
    }
    rows
}

/// What differs from the default; nothing where nothing does.
impl fmt::Display for ModellingChoices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        let mut separator = "";
        for switch in Self::SWITCHES {
            let value = (switch.text)(self);
            if value != (switch.text)(&usual) {
                write!(f, "{separator}{}={value}", switch.name)?;
                separator = ",";
            }
        }
        Ok(())
    }
}

/// Reads what `Display` writes.
impl FromStr for ModellingChoices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut choices = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part
                .trim()
                .split_once('=')
                .ok_or_else(|| format!("{part} is not NAME=VALUE"))?;
            let switch = Self::SWITCHES.iter().find(|switch| switch.name == name);
            let switch = switch.ok_or_else(|| {
                let names: Vec<&str> = Self::SWITCHES.iter().map(|switch| switch.name).collect();
                format!("there is no switch {name}, but {}", names.join(", "))
            })?;
            switch.choose(&mut choices, value)?;
        }
        Ok(choices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_has_other_values_and_can_be_written() {
        for choices in ModellingChoices::each_alone() {
            let text = choices.to_string();
            assert!(!text.is_empty() && !text.contains(','), "{text}");
            assert_eq!(text.parse(), Ok(choices));
        }
        for switch in ModellingChoices::SWITCHES {
            let values: BTreeSet<String> = switch.values().into_iter().collect();
            assert!(
                values.len() >= 2 && values.len() == switch.others + 1,
                "{}: {values:?}",
                switch.name
            );
        }
        assert_eq!("".parse(), Ok(ModellingChoices::default()));
        assert!("no_such=1".parse::<ModellingChoices>().is_err());
        assert!("unseen_state=200".parse::<ModellingChoices>().is_err());
    }

    #[test]
    fn every_two_values_of_two_switches_meet() {
        let rows = ModellingChoices::pairwise();
        for (at, one) in ModellingChoices::SWITCHES.iter().enumerate() {
            for two in &ModellingChoices::SWITCHES[at + 1..] {
                for value in one.values() {
                    for other in two.values() {
                        let meets = rows
                            .iter()
                            .any(|row| (one.text)(row) == value && (two.text)(row) == other);
                        assert!(meets, "{}={value} and {}={other}", one.name, two.name);
                    }
                }
            }
        }
        assert!(rows.len() <= 28, "{} rows", rows.len());
    }
}
