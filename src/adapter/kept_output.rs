use crate::transport::{LONGEST_OUTPUT, output_text};

/// What is kept of an output while it is read to its end.
#[derive(Debug, Default)]
pub(super) struct KeptOutput {
    bytes: Vec<u8>,
    length: u64,
}

impl KeptOutput {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = (LONGEST_OUTPUT - self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.length += bytes.len() as u64;
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        output_text(&self.bytes, self.length)
    }
}

#[cfg(feature = "ssh")]
impl KeptOutput {
    /// Takes away its first line, if it is this.
    pub(super) fn drop_line(&mut self, line: &str) -> bool {
        let Some(rest) = self.bytes.strip_prefix(line.as_bytes()) else {
            return false;
        };
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let Some(rest) = rest.strip_prefix(b"\n") else {
            return false;
        };
        self.length -= (self.bytes.len() - rest.len()) as u64;
        self.bytes = rest.to_vec();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_is_shown() {
        let mut kept = KeptOutput::default();
        kept.add(&vec![b'x'; LONGEST_OUTPUT - 1]);
        assert_eq!(kept.text().len(), LONGEST_OUTPUT - 1);
        kept.add(b"yz");
        kept.add(b"abc");
        assert_eq!(kept.bytes.len(), LONGEST_OUTPUT);
        assert!(kept.text().ends_with(&format!(
            "xy\n[the first {LONGEST_OUTPUT} of {} bytes]",
            LONGEST_OUTPUT + 4
        )));
    }

    #[cfg(feature = "ssh")]
    #[test]
    fn only_a_whole_first_line_is_taken_away() {
        let mut kept = KeptOutput::default();
        kept.add(b"first\r\nsecond");
        assert!(!kept.drop_line("firs") && !kept.drop_line("second"));
        assert!(kept.drop_line("first"));
        assert_eq!(kept.text(), "second");
    }
}
