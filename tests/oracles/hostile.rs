//! Names that hurt whoever does not quote them, from a seed.

use scorch_recovery::names::{DatabaseName, ServerPath};

/// What is taken for something else where it is not quoted.
const PIECES: [&str; 34] = [
    "'",
    "''",
    "]",
    "]]",
    "[",
    "\"",
    "--",
    "/*",
    "*/",
    ";",
    "GO",
    "; DROP DATABASE master --",
    "N'x'",
    "' + N'",
    "') OR ('1'='1",
    "] WITH FORCE --",
    "'; SHUTDOWN --",
    "$(x)",
    "@@SERVERNAME",
    "@p1",
    "#tmp",
    "%",
    "_",
    "\\",
    "漢",
    "字\u{301}",
    "\u{1F600}",
    "\u{202E}",
    "\u{2028}",
    "\u{A0}",
    "\u{FF07}",
    "\u{2019}",
    "0x41",
    "{d '2026-01-01'}",
];

/// Line breaks and their company, where they are taken.
const BREAKS: [&str; 6] = ["\n", "\r\n", "\\\n", "\\\r\n", "\nGO\n", "\t"];

/// Whole names.
const WHOLE: [&str; 12] = [
    " leading",
    "trailing ",
    "GO",
    "N'a'",
    "a]b",
    "]",
    "'",
    "[a]",
    "a.b",
    "sys",
    "SELECT",
    "--",
];

/// What a value is used for, which says what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Name,
    Leaf,
    Text,
    Password,
}

/// xorshift64*: the same names on every machine.
#[derive(Debug)]
pub(crate) struct Hostile(u64);

impl Hostile {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % below
    }

    /// The next value that may be used so.
    pub(crate) fn value(&mut self, usage: Use) -> String {
        loop {
            let value = self.any(usage);
            if is_taken(usage, &value) {
                return value;
            }
        }
    }

    fn any(&mut self, usage: Use) -> String {
        match self.next(12) {
            0 => WHOLE[self.next(WHOLE.len())].to_owned(),
            // As long as a name may be; with surrogate pairs, half as many.
            1 if usage == Use::Name => "漢".repeat(128),
            2 if usage == Use::Name => "\u{1F600}".repeat(64),
            3 if usage == Use::Name => "]".repeat(128),
            4 if usage == Use::Name => "'".repeat(128),
            _ => self.pieces(usage),
        }
    }

    fn pieces(&mut self, usage: Use) -> String {
        let mut value = String::new();
        for _ in 0..=self.next(6) {
            match self.next(5) {
                0 if usage != Use::Leaf && usage != Use::Name => {
                    value.push_str(BREAKS[self.next(BREAKS.len())]);
                }
                0 | 1 => {
                    let letter = u8::try_from(self.next(26)).unwrap();
                    value.push(char::from(b'a' + letter));
                    value.push_str(&self.next(1000).to_string());
                }
                _ => value.push_str(PIECES[self.next(PIECES.len())]),
            }
        }
        value
    }
}

fn is_taken(usage: Use, value: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    match usage {
        Use::Name => value.parse::<DatabaseName>().is_ok(),
        Use::Leaf => {
            !value.contains('\\')
                && format!(r"\\vault\keys\{value}.bak")
                    .parse::<ServerPath>()
                    .is_ok()
        }
        Use::Text => true,
        // T-SQL takes a password as one literal only.
        Use::Password => !value.contains("\\\n") && !value.contains("\\\r"),
    }
}
