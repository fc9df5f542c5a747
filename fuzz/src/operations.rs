//! Every operation with each of its options, as the library's own tests plan them: recorded once against
//! simulated servers, to be run again with other names.

use std::sync::{Arc, Mutex, PoisonError};

use scorch_recovery::transport::{SqlBatch, SqlCapabilities, SqlTransport};
use scorch_recovery::{AnyOperation, Operation};
use sqlparser::tokenizer::Token;
use tokio::runtime::Runtime;

use crate::over::Over;
use crate::plan::{self, DELIMITER, LOGIN, Plan, SECRETS, Seen, Stage};
use crate::recording::{Recorder, Recording, Replay, Sent};
use crate::{judge, plans};

/// A plan and all that its operation sent.
struct Scene {
    make: fn(&Seen) -> AnyOperation,
    seen: Seen,
    recording: Recording<Vec<Token>>,
    script: Vec<Vec<Token>>,
    capabilities: SqlCapabilities,
}

/// All plans, recorded.
pub struct Scenes {
    scenes: Vec<Scene>,
    runtime: Runtime,
}

/// The values that are made over. What comes later stands behind, so that the corpora keep their meaning.
const HARMLESS: [&str; 17] = [
    plan::DATABASE,
    plan::BESIDE,
    plan::NEIGHBOUR,
    "QfileKey",
    "QfileOwn",
    "QfileBackup",
    "QfileCopy",
    "ORCHESTRATOR_SYM_KEY",
    "ORCHESTRATOR_ASYM_KEY",
    "dbo",
    "VARIABLES",
    "Value",
    DELIMITER,
    SECRETS[0].1,
    SECRETS[1].1,
    "QcertificateD",
    LOGIN,
];

/// The first of them, which are names of databases.
const DATABASES: usize = 3;

/// Texts that are too plain to be made over inside of others.
const WHOLE: [&str; 3] = ["dbo", "VARIABLES", "Value"];

/// What makes a password strong enough for every rule, whatever comes behind it.
const STRONG: &str = "Zq7rT4w0xK9mN2bVp!";

const THREADS: usize = 4;

/// With its clock stopped nobody waits for a recorded answer.
fn runtime(is_stopped: bool) -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(is_stopped)
        .build()
        .expect("a runtime")
}

impl Scene {
    async fn of(plan: &Plan, stage: &Stage) -> Self {
        let seen = (plan.prepare)(stage).await;
        let operation = (plan.make)(&seen);
        let recorder = Recorder::new(stage.transport(), judge::tokens);
        let ended = operation
            .run(&plan::context(recorder.clone(), &SECRETS))
            .await;
        assert!(ended.is_err() == plan.fails, "{}: {ended:?}", plan.source);
        let script = operation.describe().script;
        Self {
            make: plan.make,
            seen,
            recording: recorder.take(),
            script: script.iter().map(|text| judge::tokens(text)).collect(),
            capabilities: recorder.capabilities(),
        }
    }
}

impl Scenes {
    /// Runs every plan on simulated servers and records it.
    ///
    /// # Panics
    /// If one of them does not end as planned.
    #[must_use]
    pub fn record() -> Self {
        let plans = plans::plans();
        // Most of it is waiting for files to be written.
        let scenes = std::thread::scope(|scope| {
            let share = plans.len().div_ceil(THREADS);
            let threads: Vec<_> = plans
                .chunks(share)
                .map(|plans| scope.spawn(|| Self::record_some(plans)))
                .collect();
            let ended = threads.into_iter();
            ended
                .flat_map(|thread| thread.join().expect("plans that end as planned"))
                .collect()
        });
        let runtime = runtime(true);
        let scenes = Self { scenes, runtime };
        scenes.check_reach();
        scenes
    }

    fn record_some(plans: &[Plan]) -> Vec<Scene> {
        let runtime = runtime(false);
        let stage = runtime.block_on(Stage::new());
        let record = |plan| runtime.block_on(Scene::of(plan, &stage.copied()));
        plans.iter().map(record).collect()
    }

    /// With other values, each as long as the recorded one, every batch is reached.
    fn check_reach(&self) {
        let values: Vec<String> = HARMLESS
            .iter()
            .zip(('g'..='z').chain('G'..='Z'))
            .map(|(harmless, letter)| {
                let other = |c: char| if c.is_ascii_alphabetic() { letter } else { c };
                harmless.chars().map(other).collect()
            })
            .collect();
        for (number, scene) in (0..).zip(&self.scenes) {
            let batches = scene.recording.batches();
            let reached = self.run(number, &values);
            assert_eq!(reached, Some((batches, batches)), "plan {number}");
        }
    }

    /// Runs an operation with other values against what was recorded. Gives how many batches were
    /// the recorded ones, made over, and how many there were; `None` where the values are none.
    ///
    /// # Panics
    /// If a statement is not the recorded one, made over.
    #[must_use]
    pub fn run(&self, number: u8, values: &[String]) -> Option<(usize, usize)> {
        let scene = &self.scenes[usize::from(number) % self.scenes.len()];
        let has_harmless = |value: &String| HARMLESS.iter().any(|text| value.contains(text));
        if values.iter().any(has_harmless) {
            return None;
        }
        // Two databases of one name are another plan.
        let databases: Vec<String> = (0..DATABASES)
            .map(|at| values.get(at).filter(|value| !value.is_empty()))
            .zip(HARMLESS)
            .map(|(value, harmless)| value.map_or(harmless, String::as_str).to_lowercase())
            .collect();
        if (1..DATABASES).any(|at| databases[..at].contains(&databases[at])) {
            return None;
        }
        let mut over = Over::default();
        let mut secrets = SECRETS.map(|(name, harmless)| (name, harmless.to_owned()));
        for (at, harmless) in HARMLESS.into_iter().enumerate() {
            let Some(value) = values.get(at).filter(|value| !value.is_empty()) else {
                continue;
            };
            let which = SECRETS.iter().position(|(_, secret)| *secret == harmless);
            over = if let Some(which) = which {
                let secret = format!("{STRONG}{value}");
                if values.iter().any(|value| value.contains(&secret)) {
                    return None;
                }
                secrets[which].1.clone_from(&secret);
                over.anywhere(harmless, &secret)
            } else if WHOLE.contains(&harmless) {
                over.whole(harmless, value)
            } else {
                over.anywhere(harmless, value)
            };
        }
        let seen = scene.seen.made_over(&over)?;
        let operation: AnyOperation = over.value(&(scene.make)(&seen))?;
        let script = operation.describe().script;
        // A name that is made of another may be too long: what is shown then is never sent.
        if script.iter().any(|text| text.contains("<aside_as>")) {
            return None;
        }
        assert_eq!(script.len(), scene.script.len());
        for (recorded, shown) in scene.script.iter().zip(&script) {
            judge::check(&over, recorded, shown);
        }
        let over = Arc::new(over);
        let checked = Arc::new(Mutex::new(0));
        let look = {
            let (over, checked) = (Arc::clone(&over), Arc::clone(&checked));
            let secrets = secrets.clone();
            Arc::new(move |sent: &Sent<Vec<Token>>, batch: &SqlBatch| {
                judge::check(&over, &sent.clear, batch.clear_text());
                judge::check(&over, &sent.redacted, batch.redacted());
                for (_, secret) in &secrets {
                    let is_shown = batch.redacted().contains(secret.as_str());
                    assert!(!is_shown, "a secret is shown");
                }
                *checked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            })
        };
        let replay = Replay::new(&scene.recording, scene.capabilities, over, look);
        let cx = plan::context(replay, &secrets);
        let _ = self.runtime.block_on(operation.run(&cx));
        let checked = *checked.lock().unwrap_or_else(PoisonError::into_inner);
        Some((checked, scene.recording.batches()))
    }
}
