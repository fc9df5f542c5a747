//! A plan, recorded once on a stage with harmless names, and said again with hostile ones.

use std::sync::{Arc, Mutex};

use scorch_recovery::names::LoginName;
use scorch_recovery::sql::grant_script;
use scorch_recovery::transport::{SqlBatch, SqlCapabilities, SqlTransport};
use scorch_recovery::{AnyOperation, Operation};
use serde_json::{Value, json};

use crate::hostile::{Hostile, Use};
use crate::over::Over;
use crate::plan::{self, DELIMITER, LOGIN, Plan, SECRETS, Seen, Stage};
use crate::recording::{Recorder, Recording, Replay, Sent};

/// What is made over wherever it stands, and what it is used for.
const ANYWHERE: [(&str, Use); 12] = [
    (plan::DATABASE, Use::Name),
    (plan::BESIDE, Use::Name),
    (plan::NEIGHBOUR, Use::Name),
    ("QfileKey", Use::Leaf),
    ("QfileOwn", Use::Leaf),
    ("QfileBackup", Use::Leaf),
    ("QfileCopy", Use::Leaf),
    ("ORCHESTRATOR_SYM_KEY", Use::Name),
    ("ORCHESTRATOR_ASYM_KEY", Use::Name),
    (LOGIN, Use::Name),
    ("QcertificateD", Use::Name),
    (DELIMITER, Use::Text),
];

/// What is made over where it stands alone.
const WHOLE: [&str; 3] = ["dbo", "VARIABLES", "Value"];

/// What an operation does, each of which is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    ObserveBefore,
    Run,
    ObserveAfter,
}

impl Act {
    const ALL: [Self; 3] = [Self::ObserveBefore, Self::Run, Self::ObserveAfter];

    const fn name(self) -> &'static str {
        match self {
            Self::ObserveBefore => "observe before",
            Self::Run => "run",
            Self::ObserveAfter => "observe after",
        }
    }

    /// Whether it succeeded.
    async fn play(
        self,
        operation: &AnyOperation,
        cx: &scorch_recovery::Context,
    ) -> Result<(), String> {
        let ended = match self {
            Self::Run => operation.run(cx).await.map(drop),
            Self::ObserveBefore | Self::ObserveAfter => operation.observe(cx).await.map(drop),
        };
        ended.map_err(|error| format!("{error:?}"))
    }
}

/// A plan and all that it sent.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) tag: String,
    pub(crate) source: &'static str,
    make: fn(&Seen) -> AnyOperation,
    seen: Seen,
    /// The texts that were sent, once each, in their order.
    pub(crate) texts: Vec<String>,
    acts: Vec<(Act, Recording<String>)>,
    capabilities: SqlCapabilities,
}

/// What was sent in a round.
pub(crate) struct Round {
    pub(crate) values: Value,
    /// The operation, made of them.
    pub(crate) operation: Value,
    /// The number of the recorded text, and what was sent in its place.
    pub(crate) sent: Vec<(usize, String)>,
    /// Where in it that begins and ends which was sent to do it.
    pub(crate) run: [usize; 2],
    /// Whether all was sent that was recorded.
    pub(crate) is_full: bool,
}

impl Recorded {
    /// Plays the plan on a stage, which is its own.
    pub(crate) async fn of(plan: &Plan, stage: &Stage) -> Self {
        let seen = (plan.prepare)(stage).await;
        let operation = (plan.make)(&seen);
        let recorder = Recorder::new(stage.transport(), str::to_owned);
        let cx = plan::context(recorder.clone(), &SECRETS);
        let mut acts = Vec::new();
        let mut texts = shown(&operation);
        for act in Act::ALL {
            let ended = act.play(&operation, &cx).await;
            let is_to_fail = plan.fails && act == Act::Run;
            assert!(
                act != Act::Run || ended.is_err() == is_to_fail,
                "{} ended with {ended:?}",
                plan.source
            );
            let recording = recorder.take();
            for sent in recording.sent() {
                if !texts.contains(&sent.clear) {
                    texts.push(sent.clear.clone());
                }
            }
            acts.push((act, recording));
        }
        let json = serde_json::to_value(&operation).unwrap();
        Self {
            tag: json["operation"].as_str().unwrap().to_owned(),
            source: plan.source,
            make: plan.make,
            seen,
            texts,
            acts,
            capabilities: recorder.capabilities(),
        }
    }

    /// What is recorded, for who judges it.
    pub(crate) fn line(&self, number: usize, options: &[String]) -> Value {
        let names: Vec<&str> = Act::ALL.iter().map(|act| act.name()).collect();
        let shown = shown(&(self.make)(&self.seen)).len();
        json!({
            "plan": number, "operation": self.tag, "options": options, "acts": names,
            "shown": shown, "texts": self.texts,
        })
    }

    /// Says all again with the next names. `None` where an operation does not take them.
    pub(crate) async fn round(&self, hostile: &mut Hostile) -> Option<Round> {
        let mut over = Over::default();
        let (mut anywhere, mut whole, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        for (harmless, usage) in ANYWHERE {
            let value = hostile.value(usage);
            over = over.anywhere(harmless, &value);
            anywhere.push((harmless, value));
        }
        for harmless in WHOLE {
            let value = hostile.value(Use::Name);
            over = over.whole(harmless, &value);
            whole.push((harmless, value));
        }
        for (name, harmless) in SECRETS {
            // Strong enough for every rule of passwords, before what is hostile of it.
            let value = format!("Zq7rT4w0xK9mN2bVp!{}", hostile.value(Use::Password));
            over = over.anywhere(harmless, &value);
            anywhere.push((harmless, value.clone()));
            secrets.push((name, value));
        }
        let seen = self.seen.made_over(&over)?;
        let operation: AnyOperation = over.value(&(self.make)(&seen))?;
        let mut sent = self.shown_again(&over, &operation);
        // A name that is made of another may be too long: what is shown then is never sent.
        if sent.iter().any(|(_, text)| text.contains("<aside_as>")) {
            return None;
        }
        let over = Arc::new(over);
        let (mut is_full, mut run) = (true, [0, 0]);
        for (act, recording) in &self.acts {
            let pairs: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
            let look = {
                let pairs = Arc::clone(&pairs);
                Arc::new(move |recorded: &Sent<String>, batch: &SqlBatch| {
                    let pair = (recorded.clear.clone(), batch.clear_text().to_owned());
                    pairs.lock().unwrap().push(pair);
                })
            };
            let replay = Replay::new(recording, self.capabilities, Arc::clone(&over), look);
            // How it ends is judged where names are harmless; what it sends, here.
            let _ = act.play(&operation, &plan::context(replay, &secrets)).await;
            let pairs = std::mem::take(&mut *pairs.lock().unwrap());
            is_full &= pairs.len() == recording.batches();
            if *act == Act::Run {
                run = [sent.len(), sent.len() + pairs.len()];
            }
            for (recorded, text) in pairs {
                sent.push((self.number(&recorded), text));
            }
        }
        Some(Round {
            values: json!({ "anywhere": anywhere, "whole": whole, "secrets": secrets }),
            operation: serde_json::to_value(&operation).unwrap(),
            sent,
            run,
            is_full,
        })
    }

    fn number(&self, recorded: &str) -> usize {
        self.texts.iter().position(|text| text == recorded).unwrap()
    }

    /// What the operation shows of itself, with the names made over.
    fn shown_again(&self, over: &Over, operation: &AnyOperation) -> Vec<(usize, String)> {
        let login = over.text(LOGIN);
        shown_for(operation, &login)
            .into_iter()
            .enumerate()
            .collect()
    }
}

fn shown(operation: &AnyOperation) -> Vec<String> {
    shown_for(operation, LOGIN)
}

/// The script of an operation, and that of the rights it needs.
fn shown_for(operation: &AnyOperation, login: &str) -> Vec<String> {
    let description = operation.describe();
    let login: LoginName = login.parse().unwrap();
    let mut shown = description.script;
    shown.extend(grant_script(&description.permissions, &login));
    shown
}
