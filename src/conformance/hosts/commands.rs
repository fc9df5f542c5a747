//! Programs get what they are given, and are told apart by what they answer.

mod exposing;

use std::sync::Arc;

use super::expectation::{done, or_refused, out_of_reach, refused, unreachable_host};
use super::fixture::CommandTransportFixture;
use crate::conformance::check::{Check, Outcome, check, expect, expect_same, miss, not_applicable};
use crate::names::HostPath;
use crate::secret::Secret;
use crate::transport::{
    CommandArgument, CommandOutput, ExposingCommand, HostCommand, HostError, codes,
};

pub(super) const CHECKS: &[Check<Scene>] = &[
    check!("commands/passes-arguments", passes_arguments),
    check!(
        "commands/passes-hostile-arguments",
        passes_hostile_arguments
    ),
    check!("commands/passes-input", passes_input),
    check!("commands/ends-the-input", ends_the_input),
    check!("commands/tells-exit-codes", tells_exit_codes),
    check!("commands/keeps-the-outputs-apart", keeps_the_outputs_apart),
    check!("commands/bounds-the-outputs", bounds_the_outputs),
    check!("commands/bears-any-output", bears_any_output),
    check!("commands/looks-for-no-program", looks_for_no_program),
    check!("commands/works-beside-itself", works_beside_itself),
    check!("commands/exposes-arguments", exposing::passes_arguments),
    check!(
        "commands/exposes-hostile-arguments",
        exposing::passes_hostile_arguments
    ),
    check!(
        "commands/exposes-and-tells-exit-codes",
        exposing::tells_exit_codes
    ),
    check!(
        "commands/exposes-to-no-other-program",
        exposing::looks_for_no_program
    ),
    check!("commands/exposes-to-nobody-else", exposing::keeps_secrets),
    check!("commands/knows-a-process", knows_a_process),
    check!(
        "commands/knows-that-a-process-ended",
        knows_that_a_process_ended
    ),
    check!(
        "commands/says-who-is-out-of-reach",
        says_who_is_out_of_reach
    ),
];

/// Every one must arrive as it is.
const ARGUMENTS: &[&str] = &[
    "plain",
    "with blanks  and more",
    "",
    r"C:\Program Files (x86)\Orchestrator",
    r"C:\Program Files\",
    r"trailing\",
    r"trailing two\\",
    "/pid",
    "-x=y;z,w",
    "it's",
    "tab\there",
];

/// Each must arrive as it is, or be refused before anything is run.
const HOSTILE: &[&str] = &[
    r#"""#,
    r#"say "hello""#,
    r#"a\"b"#,
    r#"a\\" b"#,
    "%PATH%",
    "100 %",
    "a & echo b",
    "a&echo b",
    "a | more",
    "a > b",
    "a^b",
    "!PATH!",
    "$HOME",
    "$(echo x)",
    "`echo x`",
    "Büro 漢字",
    "\u{2018}typographic\u{2019} \u{201c}quotes\u{201d}",
    "line\nbreak",
    "line\r\nbreak",
    "*",
    "C:\\*.txt",
    "(a) & (b",
    "@file",
    r#"" & echo x & ""#,
];

/// What a check has at hand.
#[derive(Clone, Debug)]
pub(super) struct Scene(pub(super) Arc<dyn CommandTransportFixture>);

impl Scene {
    async fn try_run(
        &self,
        arguments: &[&str],
        input: Option<&str>,
    ) -> Result<CommandOutput, HostError> {
        let command = HostCommand {
            program: self.0.program(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            standard_input: input.map(|input| Secret::new(input.to_owned())),
        };
        self.0.transport().run(&self.0.host(), &command).await
    }

    async fn run(&self, arguments: &[&str], input: Option<&str>) -> Outcome<CommandOutput> {
        done("a program's end", self.try_run(arguments, input).await)
    }
}

/// What the program tells in hexadecimal digits, a text a line.
fn told(output: &CommandOutput) -> Outcome<Vec<String>> {
    let text = |line: &str| {
        hex::decode(line.trim_end())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let told: Option<Vec<String>> = output.standard_output.lines().map(text).collect();
    told.ok_or_else(|| miss("texts in hexadecimal digits", format!("{output:?}")))
}

async fn passes_arguments(scene: &Scene) -> Outcome {
    for argument in ARGUMENTS {
        let output = scene.run(&["arguments", argument], None).await?;
        expect_same(
            "the argument",
            &vec![(*argument).to_owned()],
            &told(&output)?,
        )?;
    }
    let all: Vec<&str> = ["arguments"].iter().chain(ARGUMENTS).copied().collect();
    let output = scene.run(&all, None).await?;
    let expected: Vec<String> = ARGUMENTS
        .iter()
        .map(|&argument| argument.to_owned())
        .collect();
    expect_same("the arguments", &expected, &told(&output)?)
}

async fn passes_hostile_arguments(scene: &Scene) -> Outcome {
    for argument in HOSTILE {
        let arguments = ["arguments", "before", argument, "after"];
        let answer = scene.try_run(&arguments, None).await;
        let Some(output) = or_refused("a program's end", answer)? else {
            continue;
        };
        let expected: Vec<String> = arguments[1..]
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        expect_same("the arguments", &expected, &told(&output)?)?;
    }
    Ok(())
}

async fn passes_input(scene: &Scene) -> Outcome {
    let long = "0123456789abcdef\n".repeat(20_000);
    for input in [
        "one",
        "one\ntwo\n",
        "\r\n \t",
        "päss'w\"ord %PATH% $x",
        &long,
    ] {
        let output = scene.run(&["input"], Some(input)).await?;
        let told = told(&output)?;
        expect(
            told == [input],
            format!("{} bytes of input, as given", input.len()),
            || {
                let length = told.first().map_or(0, String::len);
                format!("{length} bytes, and the end with {}", output.exit_code)
            },
        )?;
    }
    Ok(())
}

async fn ends_the_input(scene: &Scene) -> Outcome {
    for input in [None, Some("")] {
        let output = scene.run(&["input"], input).await?;
        expect_same("no input", &vec![String::new()], &told(&output)?)?;
    }
    Ok(())
}

async fn tells_exit_codes(scene: &Scene) -> Outcome {
    for code in [0, 1, 42, 255] {
        let output = scene.run(&["exit", &code.to_string()], None).await?;
        expect_same("the exit code", &code, &output.exit_code)?;
    }
    Ok(())
}

async fn keeps_the_outputs_apart(scene: &Scene) -> Outcome {
    let output = scene.run(&["words"], None).await?;
    let seen = (
        output.standard_output.trim_end(),
        output.standard_error.trim_end(),
    );
    expect_same("standard output and standard error", &("out", "err"), &seen)
}

async fn bounds_the_outputs(scene: &Scene) -> Outcome {
    const KEPT: usize = 1 << 20;
    let output = scene.run(&["both", "3000000"], None).await?;
    expect_same("the exit code", &0, &output.exit_code)?;
    for (text, filled) in [
        (&output.standard_output, 'o'),
        (&output.standard_error, 'e'),
    ] {
        let kept = text.chars().take_while(|&c| c == filled).count();
        expect(
            kept > KEPT / 2 && text.len() < KEPT + 200 && kept < text.len(),
            "1 MiB of each output, with a word on the rest",
            || format!("{kept} of {} bytes", text.len()),
        )?;
    }
    Ok(())
}

async fn bears_any_output(scene: &Scene) -> Outcome {
    let output = scene.run(&["bytes"], None).await?;
    let is_kept =
        output.standard_output.contains("before") && output.standard_output.contains("after");
    expect(
        is_kept && output.exit_code == 0,
        "what can be read of the output",
        || format!("{output:?}"),
    )
}

async fn looks_for_no_program(scene: &Scene) -> Outcome {
    let program = scene.0.program();
    let missing = program.sibling("no such program 'x' & %y%.exe");
    let missing: HostPath = missing.map_err(|error| miss("a path", error.to_string()))?;
    let command = HostCommand {
        program: missing,
        arguments: vec!["words".to_owned()],
        standard_input: None,
    };
    let answer = scene.0.transport().run(&scene.0.host(), &command).await;
    refused(
        "a program that is not there",
        &[codes::FILE_NOT_FOUND, codes::PATH_NOT_FOUND],
        answer,
    )
}

async fn works_beside_itself(scene: &Scene) -> Outcome {
    let work = |name: &'static str| async move {
        let output = scene.run(&["input"], Some(name)).await?;
        expect_same("its own input", &vec![name.to_owned()], &told(&output)?)
    };
    let (a, b, c, d) = tokio::join!(work("one"), work("two"), work("three"), work("four"));
    a.and(b).and(c).and(d)
}

async fn knows_a_process(scene: &Scene) -> Outcome {
    let Some((process_id, program)) = scene.0.running() else {
        return not_applicable("no process is known");
    };
    let port = scene.0.transport();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answer = port.process(&scene.0.host(), process_id).await;
        let Some(process) = done("what is known of a process", answer)? else {
            return Err(miss("a process", "none"));
        };
        expect(
            process
                .program
                .as_str()
                .eq_ignore_ascii_case(program.as_str()),
            program.as_str(),
            || process.program.to_string(),
        )?;
        seen.push(process.started);
    }
    expect_same("the time of its start", &seen[0], &seen[1])
}

async fn knows_that_a_process_ended(scene: &Scene) -> Outcome {
    if !scene.0.sees_processes() {
        return not_applicable("the port does not look at processes");
    }
    let output = scene.run(&["number"], None).await?;
    let process_id: u32 = output
        .standard_output
        .trim()
        .parse()
        .map_err(|_| miss("a process id", format!("{output:?}")))?;
    let answer = scene
        .0
        .transport()
        .process(&scene.0.host(), process_id)
        .await;
    let process = done("what is known of a process that ended", answer)?;
    // The number may have been given again.
    let is_it = process
        .as_ref()
        .is_some_and(|process| process.program == scene.0.program());
    expect(!is_it, "no such process", || format!("{process:?}"))
}

async fn says_who_is_out_of_reach(scene: &Scene) -> Outcome {
    let host = unreachable_host(&*scene.0)?;
    let command = HostCommand {
        program: scene.0.program(),
        arguments: vec!["words".to_owned()],
        standard_input: None,
    };
    out_of_reach(scene.0.transport().run(&host, &command).await)?;
    let command = ExposingCommand {
        program: command.program,
        arguments: vec![CommandArgument::Plain("words".to_owned())],
    };
    out_of_reach(scene.0.transport().run_exposing(&host, &command).await)
}
