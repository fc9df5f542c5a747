//! Dates and times.

use time::{Date, Duration, Month, PrimitiveDateTime, Time};

use crate::simulator::wire_type::WireType;

/// Reads the forms that do not depend on a language: `2026-03-09`, `20260309`,
/// `2026-03-09 13:04:05.678`, `2026-03-09T13:04:05`.
pub(crate) fn parse_date_time(text: &str) -> Option<PrimitiveDateTime> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    if !date.is_ascii() || !time.is_ascii() {
        return None;
    }
    if date.contains(':') {
        // A time alone is a time on the first day.
        return Some(PrimitiveDateTime::new(first_day()?, parse_time(text)?));
    }
    let digits: Vec<&str> = date.split(['-', '/']).collect();
    let (year, month, day) = match digits.as_slice() {
        [whole] if whole.len() == 8 => (&whole[..4], &whole[4..6], &whole[6..]),
        [year, month, day] if year.len() == 4 => (*year, *month, *day),
        _ => return None,
    };
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    Some(PrimitiveDateTime::new(date, parse_time(time.trim())?))
}

fn first_day() -> Option<Date> {
    Date::from_calendar_date(1900, Month::January, 1).ok()
}

fn parse_time(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::MIDNIGHT);
    }
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = clock.split(':').collect();
    let number = |at: usize| {
        parts
            .get(at)
            .map_or(Some(0), |part| part.parse::<u8>().ok())
    };
    if !(2..=3).contains(&parts.len()) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Time::from_hms_nano(number(0)?, number(1)?, number(2)?, nanoseconds).ok()
}

/// A date and time as its type holds it: datetime in three-hundredths of a second.
pub(crate) fn round_to(value: PrimitiveDateTime, kind: WireType) -> PrimitiveDateTime {
    let nanoseconds = i64::from(value.nanosecond());
    let unit = match kind {
        WireType::Date => return value.replace_time(Time::MIDNIGHT),
        WireType::DateTime => {
            let ticks = (nanoseconds * 3 + 5_000_000) / 10_000_000;
            // Ticks show as .000, .003 and .007.
            let milliseconds = (ticks * 10 + 1) / 3;
            return value
                .checked_add(Duration::nanoseconds(
                    milliseconds * 1_000_000 - nanoseconds,
                ))
                .unwrap_or(value);
        }
        WireType::DateTime2(digits) => 10_i64.pow(9 - u32::from(digits.min(7))),
        _ => return value,
    };
    let rounded = (nanoseconds + unit / 2) / unit * unit;
    value
        .checked_add(Duration::nanoseconds(rounded - nanoseconds))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn forms_without_a_language_are_read() {
        for text in [
            "2026-03-09 13:04:05.5",
            "2026-03-09T13:04:05.500",
            "20260309 13:04:05.5",
        ] {
            assert_eq!(
                parse_date_time(text),
                Some(datetime!(2026-03-09 13:04:05.5)),
                "{text}"
            );
        }
        for text in [
            "2026-13-01",
            "",
            "x",
            "2026-02-30",
            "2026-01-01 25:00",
            "é",
            "2026-01-01 é",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }

    #[test]
    fn datetime_counts_in_three_hundredths() {
        for (from, to) in [
            (
                datetime!(2026-01-01 00:00:00.001),
                datetime!(2026-01-01 00:00:00.000),
            ),
            (
                datetime!(2026-01-01 00:00:00.002),
                datetime!(2026-01-01 00:00:00.003),
            ),
            (
                datetime!(2026-01-01 00:00:00.005),
                datetime!(2026-01-01 00:00:00.007),
            ),
            (
                datetime!(2026-01-01 00:00:00.999),
                datetime!(2026-01-01 00:00:01),
            ),
        ] {
            assert_eq!(round_to(from, WireType::DateTime), to);
        }
    }
}
