//! Progress on the terminal: a bar where there is one, plain lines where there is none.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use scorch_recovery::{Observer, Progress};

/// Where progress is shown: standard error, so that standard output holds the result alone.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    bar: Option<ProgressBar>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            if let Ok(style) = ProgressStyle::with_template("   {wide_bar} {percent:>3} % {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar }
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Screen {
    fn on_progress(&self, progress: &Progress) {
        match (progress, &self.bar) {
            (Progress::Started { operation, target }, _) => {
                self.say(&format!("   {operation}: {target}"))
            }
            (Progress::Doing { what, .. }, Some(bar)) => {
                bar.set_position(0);
                bar.set_message(*what);
            }
            (Progress::Percent { percent, .. }, Some(bar)) => {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a percentage"
                )]
                bar.set_position(percent.clamp(0.0, 100.0) as u64);
            }
            (Progress::Percent { operation, percent }, None) => {
                self.say(&format!("   {operation}: {percent:.0} %"))
            }
            (Progress::Notice { text, .. }, _) => self.say(&format!("   note: {text}")),
            (Progress::ServerRestarted { instance }, _) => {
                self.say(&format!("   {instance} was restarted"))
            }
            _ => {}
        }
    }
}
