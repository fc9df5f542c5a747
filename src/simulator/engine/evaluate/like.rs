//! LIKE.

/// One element of a pattern.
enum Element {
    /// `%`.
    Any,
    /// `_`.
    One,
    Letter(char),
    /// `[a-z]`, `[^a-z]`.
    Set {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

/// Whether a text matches a pattern. Case counts for nothing; blanks at the pattern's end do.
pub(super) fn matches(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let elements = elements(&pattern.to_lowercase(), escape);
    // The last `%` and the place from which it swallows one letter more.
    let (mut at, mut element) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let is_met = match elements.get(element) {
            None => at == text.len() || text[at..].iter().all(|c| *c == ' '),
            Some(Element::Any) => {
                retry = Some((at, element));
                element += 1;
                continue;
            }
            Some(Element::One) => at < text.len(),
            Some(Element::Letter(letter)) => text.get(at) == Some(letter),
            Some(Element::Set { ranges, is_negated }) => text.get(at).is_some_and(|c| {
                ranges.iter().any(|(low, high)| (low..=high).contains(&c)) != *is_negated
            }),
        };
        if is_met {
            if element == elements.len() {
                return true;
            }
            at += 1;
            element += 1;
        } else {
            match retry {
                Some((from, any)) if from < text.len() => {
                    retry = Some((from + 1, any));
                    at = from + 1;
                    element = any + 1;
                }
                _ => return false,
            }
        }
    }
}

fn elements(pattern: &str, escape: Option<char>) -> Vec<Element> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut elements = Vec::new();
    let mut at = 0;
    while let Some(c) = pattern.get(at) {
        at += 1;
        elements.push(match c {
            c if Some(*c) == escape && at < pattern.len() => {
                at += 1;
                Element::Letter(pattern[at - 1])
            }
            '%' => Element::Any,
            '_' => Element::One,
            '[' => match set(&pattern[at..]) {
                Some((set, length)) => {
                    at += length;
                    set
                }
                None => Element::Letter('['),
            },
            c => Element::Letter(*c),
        });
    }
    elements
}

/// A set, and how many characters it takes with its `]`.
fn set(pattern: &[char]) -> Option<(Element, usize)> {
    let is_negated = pattern.first() == Some(&'^');
    let start = usize::from(is_negated);
    let length = pattern.iter().skip(start + 1).position(|c| *c == ']')? + start + 1;
    let inner = &pattern[start..length];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if at + 2 < inner.len() && inner[at + 1] == '-' {
            ranges.push((inner[at], inner[at + 2]));
            at += 3;
        } else {
            ranges.push((inner[at], inner[at]));
            at += 1;
        }
    }
    Some((Element::Set { ranges, is_negated }, length + 1))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (text, pattern, expected) in [
            ("Orchestrator", "orch%", true),
            ("Orchestrator", "%STR_TOR", true),
            ("abc", "a[b-d]c", true),
            ("abc", "a[^b-d]c", false),
            ("a%c", "a[%]c", true),
            ("abc", "a[%]c", false),
            ("abc  ", "abc", true),
            ("", "%", true),
            ("aab", "%ab", true),
            ("ab", "", false),
            ("[x", "[x", true),
        ] {
            assert_eq!(
                matches(text, pattern, None),
                expected,
                "{text} LIKE {pattern}"
            );
        }
        assert!(matches("`d.T.~De/AB", "`d.T.~De/%", None));
        assert!(matches("50%", "50!%", Some('!')));
        assert!(!matches("505", "50!%", Some('!')));
    }
}
