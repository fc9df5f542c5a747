//! Where a row is played: an instance, its listener, and clients that speak bare TDS.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::time::Duration;

use scorch_recovery::Secret;
use scorch_recovery::simulator::{
    InstanceBuilder, Listener, ModellingChoices, Platform, SimulatedInstance, StartError, TlsMode,
    Version,
};
use tempfile::TempDir;

use super::raw_client::{Login, RawClient};
use super::table;
use super::token::{Token, Value, tokens};
use crate::simulator_client::file;

const PASSWORD: &str = "Sa-Passw0rd-1";
/// The session that steps without a name belong to.
const MAIN: &str = "main";
/// Loopback answers at once; this is for a machine under load.
const SOON: Duration = Duration::from_secs(60);

/// What an instance of a row is like.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) choices: ModellingChoices,
    pub(crate) platform: table::Platform,
    pub(crate) version: table::Version,
}

pub(crate) struct Scene {
    settings: Settings,
    sessions: BTreeMap<String, RawClient>,
    running: Option<(SimulatedInstance, Listener)>,
    /// How often the folder was taken to another machine.
    moves: u32,
    folder: TempDir,
}

impl Scene {
    pub(crate) async fn open(settings: Settings) -> Self {
        let mut scene = Self {
            settings,
            sessions: BTreeMap::new(),
            running: None,
            moves: 0,
            folder: tempfile::tempdir().unwrap(),
        };
        scene.start().await;
        scene
    }

    fn builder(&self) -> InstanceBuilder {
        let folder = self.folder.path();
        let secret = folder.join(format!("machine-{}", self.moves));
        SimulatedInstance::builder("SQL01", folder.join("instance"))
            .machine_secret(secret)
            .platform(match self.settings.platform {
                table::Platform::Linux => Platform::Linux,
                table::Platform::Windows => Platform::Windows,
            })
            .version(match self.settings.version {
                table::Version::Sql2014 => Version::Sql2014,
                table::Version::Sql2019 => Version::Sql2019,
                table::Version::Sql2022 => Version::Sql2022,
                table::Version::Sql2025 => Version::Sql2025,
            })
            .modelling(self.settings.choices.clone())
            .sa_password(Secret::new(PASSWORD.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN)
    }

    async fn start(&mut self) {
        let instance = soon(self.when_free()).await;
        let listener = Listener::bind(&instance, 0, TlsMode::Off).await.unwrap();
        self.running = Some((instance, listener));
    }

    /// Starts the instance as soon as the one that had its folder before has seen all its
    /// connections end, which it does by itself.
    async fn when_free(&self) -> SimulatedInstance {
        loop {
            match self.builder().build() {
                Err(StartError::Folder { .. }) => tokio::task::yield_now().await,
                built => return built.unwrap(),
            }
        }
    }

    /// Does a step of a row's setup, which must succeed.
    pub(crate) async fn step(&mut self, step: &str) -> Result<(), String> {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["!move"] => {
                self.sessions.clear();
                self.running = None;
                self.moves += 1;
                self.start().await;
            }
            ["!empty", leaf] => std::fs::write(file(self.folder.path(), leaf), "").unwrap(),
            ["!write", leaf, text @ ..] => {
                std::fs::write(file(self.folder.path(), leaf), text.join(" ")).unwrap();
            }
            ["!sign-in", session, ..] => {
                let session = (*session).to_owned();
                let answer = self.sign_in(&words[1..]).await;
                check(step, &answer)?;
                assert!(self.sessions.contains_key(&session));
            }
            _ => match background(step) {
                Some((session, text)) => self.start_batch(session, text).await,
                None => check(step, &self.run(step).await)?,
            },
        }
        Ok(())
    }

    /// Runs a statement, or signs in, and gives the answer's tokens.
    pub(crate) async fn run(&mut self, step: &str) -> Vec<Token> {
        if let Some(words) = step.strip_prefix("!sign-in ") {
            let words: Vec<&str> = words.split_whitespace().collect();
            return self.sign_in(&words).await;
        }
        let (session, text) = session_and_text(step);
        let client = self.session(session).await;
        client.batch(text).await;
        let answer = soon(client.message()).await;
        tokens(&answer.unwrap_or_else(|| panic!("no whole answer to {step}")))
    }

    /// What a session gets to see without asking for more, and whether its connection ends.
    pub(crate) async fn rest(&mut self, session: &str, closes: bool) -> (Vec<Token>, bool) {
        let client = self.session(session).await;
        let mut bytes = Vec::new();
        loop {
            match soon(client.packet()).await {
                Some((is_last, body)) => {
                    bytes.extend(body);
                    if is_last && !closes {
                        return (tokens(&bytes), false);
                    }
                }
                None => return (tokens(&bytes), true),
            }
        }
    }

    async fn sign_in(&mut self, words: &[&str]) -> Vec<Token> {
        let [session, user, password, database @ ..] = words else {
            panic!("!sign-in SESSION USER PASSWORD [DATABASE], not {words:?}");
        };
        let address = self.running.as_ref().unwrap().1.address();
        let database = database.first().copied().unwrap_or_default();
        let password = if *password == "its" {
            PASSWORD
        } else {
            password
        };
        let login = Login {
            user,
            password,
            database,
            ..Login::default()
        };
        let opened = RawClient::try_sign_in(address, &login);
        let (client, answer) = soon(opened).await;
        self.sessions.insert((*session).to_owned(), client);
        tokens(&answer)
    }

    async fn session(&mut self, name: &str) -> &mut RawClient {
        if !self.sessions.contains_key(name) {
            let answer = self.sign_in(&[name, "sa", PASSWORD]).await;
            check("signing in", &answer).unwrap();
        }
        self.sessions.get_mut(name).unwrap()
    }

    /// Starts a batch and waits until the server runs it.
    async fn start_batch(&mut self, session: &str, text: &str) {
        self.session(session).await.batch(text).await;
        let running = "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE session_id <> @@SPID";
        let seen = async {
            loop {
                let answer = self.run(running).await;
                let is_running = answer
                    .iter()
                    .any(|token| *token == Token::Row(vec![Value::Int(1)]));
                if is_running {
                    return;
                }
            }
        };
        soon(seen).await;
    }
}

/// `@session& text`: not waited for.
fn background(step: &str) -> Option<(&str, &str)> {
    let (session, text) = step.strip_prefix('@')?.split_once(' ')?;
    Some((session.strip_suffix('&')?, text))
}

/// `@session text`, or a text of the main session.
fn session_and_text(step: &str) -> (&str, &str) {
    match step.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
        Some((session, text)) => (session, text),
        None => (MAIN, step),
    }
}

fn check(step: &str, answer: &[Token]) -> Result<(), String> {
    for token in answer {
        if let Token::Message(message) = token
            && message.is_error
        {
            return Err(format!("the step {step:?} failed: {message:?}"));
        }
    }
    Ok(())
}

/// Boxed, because a client's futures are large.
fn soon<'a, T: 'a>(
    work: impl Future<Output = T> + Send + 'a,
) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(async move {
        let done = tokio::time::timeout(SOON, work).await;
        done.expect("the server answers in time")
    })
}
