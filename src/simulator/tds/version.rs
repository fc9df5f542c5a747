//! Versions of TDS.

/// A version of TDS that is spoken here, older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TdsVersion {
    /// SQL Server 2000: no types without a greatest length; `text`, `ntext` and `image` stand for them.
    V7_1,
    /// SQL Server 2005: the first with `ALL_HEADERS` and row counts of eight bytes.
    V7_2,
    /// SQL Server 2008: `date`, `time`, `datetime2`, `datetimeoffset`.
    V7_3A,
    V7_3B,
    /// SQL Server 2012: features at sign-in, routing.
    V7_4,
    /// SQL Server 2022: TLS first.
    V8_0,
}

use TdsVersion::{V7_1, V7_2, V7_3A, V7_3B, V7_4, V8_0};

impl TdsVersion {
    /// The older of the newest version that a client knows and of what is spoken here: TDS 8.0
    /// only where TLS came first. `None` for clients before 7.1.
    pub(super) const fn agreed(asked: u32, tls_first: bool) -> Option<Self> {
        // The number of 8.0 is below all others.
        match asked {
            0x0800_0000 if tls_first => Some(V8_0),
            0x0800_0000 | 0x7400_0004.. => Some(V7_4),
            0x730B_0003.. => Some(V7_3B),
            0x730A_0003.. => Some(V7_3A),
            0x7209_0002.. => Some(V7_2),
            // With or without the second of its revisions, which changed nothing that is sent here.
            0x7100_0000.. => Some(V7_1),
            _ => None,
        }
    }

    /// As LOGINACK has it.
    pub(super) const fn number(self) -> u32 {
        match self {
            V7_1 => 0x7100_0001,
            V7_2 => 0x7209_0002,
            V7_3A => 0x730A_0003,
            V7_3B => 0x730B_0003,
            V7_4 => 0x7400_0004,
            V8_0 => 0x0800_0000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_of_both_is_spoken() {
        for (asked, tls_first, agreed) in [
            (0x7000_0000, false, None),
            (0x0700_0000, false, None),
            (0x7100_0000, false, Some(V7_1)),
            (0x7100_0001, true, Some(V7_1)),
            (0x7209_0002, false, Some(V7_2)),
            (0x730A_0003, true, Some(V7_3A)),
            (0x730B_0003, false, Some(V7_3B)),
            (0x7400_0004, false, Some(V7_4)),
            (0x7400_0004, true, Some(V7_4)),
            (0x7500_0000, false, Some(V7_4)),
            (0x0800_0000, false, Some(V7_4)),
            (0x0800_0000, true, Some(V8_0)),
        ] {
            assert_eq!(TdsVersion::agreed(asked, tls_first), agreed, "{asked:x}");
            if let Some(version) = agreed {
                assert_eq!(TdsVersion::agreed(version.number(), true), agreed);
            }
        }
        assert!(V7_1 < V7_2 && V7_2 < V7_4 && V7_4 < V8_0);
    }
}
