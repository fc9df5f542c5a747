//! A program gets the secrets of its command line as they are, and nobody else hears of them.
//!
//! A port may say that it puts no secrets on command lines; then it is not held to more.

use tracing::instrument::WithSubscriber as _;

use super::super::expectation::{done, is_unsupported, or_refused, refused};
use super::{ARGUMENTS, HOSTILE, Scene, told};
use crate::conformance::check::{Outcome, expect, expect_same, miss, not_applicable};
use crate::conformance::log_capture::LogCapture;
use crate::conformance::scene::{canary, tells};
use crate::names::HostPath;
use crate::secret::Secret;
use crate::transport::{CommandArgument, CommandOutput, ExposingCommand, HostError, codes};

const PREFIX: &str = "/ServicePassword:";

fn plain(text: &str) -> CommandArgument {
    CommandArgument::Plain(text.to_owned())
}

fn secret(prefix: &str, secret: &str) -> CommandArgument {
    CommandArgument::Exposing {
        prefix: prefix.to_owned(),
        secret: Secret::new(secret.to_owned()),
    }
}

impl Scene {
    async fn try_expose(
        &self,
        program: HostPath,
        arguments: Vec<CommandArgument>,
    ) -> Result<CommandOutput, HostError> {
        let command = ExposingCommand { program, arguments };
        let port = self.0.transport();
        port.run_exposing(&self.0.host(), &command).await
    }

    async fn expose(&self, arguments: Vec<CommandArgument>) -> Outcome<CommandOutput> {
        let ran = self.try_expose(self.0.program(), arguments).await;
        done("a program's end", ran)
    }

    /// Not applicable, unless the port does it with arguments that nothing is wrong with.
    async fn exposes(&self) -> Outcome {
        let asked = vec![plain("exit"), secret("", "0")];
        match is_unsupported(&self.try_expose(self.0.program(), asked).await) {
            true => not_applicable("the port puts no secrets on command lines"),
            false => Ok(()),
        }
    }
}

pub(super) async fn passes_arguments(scene: &Scene) -> Outcome {
    scene.exposes().await?;
    let (mut all, mut wanted) = (vec![plain("arguments")], Vec::new());
    for argument in ARGUMENTS {
        let each = [
            plain(argument),
            secret("", argument),
            secret(PREFIX, argument),
        ];
        let expected = [
            (*argument).to_owned(),
            (*argument).to_owned(),
            format!("{PREFIX}{argument}"),
        ];
        let mut arguments = vec![plain("arguments")];
        arguments.extend(each.iter().cloned());
        let output = scene.expose(arguments).await?;
        expect_same("the arguments", &expected.to_vec(), &told(&output)?)?;
        all.extend(each);
        wanted.extend(expected);
    }
    let output = scene.expose(all).await?;
    expect_same("all arguments", &wanted, &told(&output)?)
}

pub(super) async fn passes_hostile_arguments(scene: &Scene) -> Outcome {
    scene.exposes().await?;
    let canary = canary();
    for hostile in HOSTILE {
        let whole = format!("{canary}{hostile}");
        // What is refused with both is asked of the secret alone.
        for with_plain in [true, false] {
            let mut arguments = vec![plain("arguments"), secret("", "before")];
            let mut expected = vec!["before".to_owned()];
            if with_plain {
                arguments.push(plain(hostile));
                expected.push((*hostile).to_owned());
            }
            arguments.extend([secret(PREFIX, &whole), plain("after")]);
            expected.extend([format!("{PREFIX}{whole}"), "after".to_owned()]);
            let answer = scene.try_expose(scene.0.program(), arguments).await;
            if let Err(error) = &answer {
                says_nothing_of_it(error, &canary)?;
            }
            if let Some(output) = or_refused("a program's end", answer)? {
                expect_same("the arguments", &expected, &told(&output)?)?;
                break;
            }
        }
    }
    Ok(())
}

fn says_nothing_of_it(error: &HostError, canary: &str) -> Outcome {
    for text in [error.to_string(), format!("{error:?}")] {
        expect(!tells(&text, canary), "an error without the secret", || {
            "it is in the error".to_owned()
        })?;
    }
    Ok(())
}

pub(super) async fn tells_exit_codes(scene: &Scene) -> Outcome {
    scene.exposes().await?;
    for code in [0, 1, 42, 255] {
        let arguments = vec![plain("exit"), secret("", &code.to_string())];
        let output = scene.expose(arguments).await?;
        expect_same("the exit code", &code, &output.exit_code)?;
    }
    Ok(())
}

pub(super) async fn looks_for_no_program(scene: &Scene) -> Outcome {
    scene.exposes().await?;
    let missing = scene.0.program().sibling("no such program.exe");
    let missing = missing.map_err(|error| miss("a path", error.to_string()))?;
    let arguments = vec![plain("exit"), secret("", "0")];
    refused(
        "a program that is not there",
        &[codes::FILE_NOT_FOUND, codes::PATH_NOT_FOUND],
        scene.try_expose(missing, arguments).await,
    )
}

/// Whatever goes wrong: the secret is in no error, not in the log and not in the port's `Debug`.
pub(super) async fn keeps_secrets(scene: &Scene) -> Outcome {
    scene.exposes().await?;
    let (port, canary, log) = (scene.0.transport(), canary(), LogCapture::default());
    let (host, program) = (scene.0.host(), scene.0.program());
    let missing = program.sibling("no such program.exe");
    let missing = missing.map_err(|error| miss("a path", error.to_string()))?;
    // At U+0000 a command line of Windows ends.
    let cut = format!("{canary}\0{canary}");
    let mut runs = vec![
        (&host, &program, "arguments", canary.clone()),
        (&host, &program, "no such part", canary.clone()),
        (&host, &program, "arguments", cut),
        (&host, &missing, "arguments", canary.clone()),
    ];
    let unreachable = scene.0.unreachable_host();
    runs.extend(
        unreachable
            .as_ref()
            .map(|host| (host, &program, "arguments", canary.clone())),
    );
    for (host, program, part, text) in runs {
        let command = ExposingCommand {
            program: program.clone(),
            arguments: vec![plain(part), secret(PREFIX, &text)],
        };
        let running = port.run_exposing(host, &command);
        if let Err(error) = running.with_subscriber(log.clone()).await {
            says_nothing_of_it(&error, &canary)?;
        }
    }
    for (place, text) in [
        ("the log", log.text()),
        ("the port's Debug", format!("{port:?}")),
    ] {
        expect(!tells(&text, &canary), "the secret nowhere", || {
            format!("it is in {place}")
        })?;
    }
    Ok(())
}
