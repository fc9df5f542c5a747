use std::fmt;
use std::time::Duration;

/// What became of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The transport does what is asked of it.
    Passed,
    /// It does not.
    Failed {
        /// What should have happened.
        expected: String,
        /// What happened.
        seen: String,
    },
    /// The check makes no sense for this transport.
    NotApplicable {
        /// Why.
        reason: String,
    },
}

/// One check and what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took.
    pub duration: Duration,
    /// How many sessions with servers that the suite played came to an end.
    pub ends: u32,
    /// How long the longest of those sessions took.
    pub slowest: Duration,
    /// How many bytes more the process took while the check ran: only where that can be measured
    /// ([`limit_memory`](super::Suite::limit_memory)).
    pub growth: Option<u64>,
}

/// What the suite found, in the order of its checks.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) const fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// Every check that ran.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The names of the checks that passed.
    #[must_use]
    pub fn passed(&self) -> Vec<&'static str> {
        self.names(|verdict| *verdict == Verdict::Passed)
    }

    /// The names of the checks that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Failed { .. }))
    }

    /// The names of the checks that make no sense for this transport.
    #[must_use]
    pub fn not_applicable(&self) -> Vec<&'static str> {
        self.names(|verdict| matches!(verdict, Verdict::NotApplicable { .. }))
    }

    fn names(&self, wanted: impl Fn(&Verdict) -> bool) -> Vec<&'static str> {
        let findings = self.findings.iter();
        findings
            .filter(|finding| wanted(&finding.verdict))
            .map(|finding| finding.check)
            .collect()
    }

    /// Ends a test unless something passed and nothing failed.
    ///
    /// # Panics
    /// When a check failed, or none passed, with the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(
            self.failed().is_empty() && !self.passed().is_empty(),
            "the transport does not conform:\n{self}"
        );
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => write!(f, "passed  {}", self.check),
            Verdict::Failed { expected, seen } => write!(
                f,
                "FAILED  {}\n        expected: {expected}\n        seen:     {seen}",
                self.check
            ),
            Verdict::NotApplicable { reason } => write!(f, "n.a.    {} ({reason})", self.check),
        }
    }
}

/// A line for each check, and the sum.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(
            f,
            "{} passed, {} failed, {} not applicable",
            self.passed().len(),
            self.failed().len(),
            self.not_applicable().len()
        )
    }
}
