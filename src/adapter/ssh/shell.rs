use super::connection::Connection;
use super::execute::Executed;
use super::powershell;
use crate::adapter::command_line::{CommandLineError, encoded_powershell, for_cmd};
use crate::secret::Secret;
use crate::transport::{HostError, TransportErrorKind, codes};

/// Prints `"Windows_NT"`, quotes included, in two cases: the server's shell is `cmd.exe`, and it gets the line between
/// quotes of its own, as [`for_cmd`] has it. PowerShell refuses the line, and other shells print other things.
const QUESTION: &str = r#""C:\Windows\System32\cmd.exe" /d /c echo "%OS%""#;

/// What the server hands command lines to: `DefaultShell` of its registry, and without it `cmd.exe` (documented).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    Cmd,
    Other,
}

fn unsupported(detail: impl Into<String>) -> HostError {
    HostError::lost(TransportErrorKind::Unsupported, detail)
}

impl Connection {
    /// Asked once a connection, because what is safe in one shell is code in another: `$(…)` between double quotes
    /// is run by PowerShell.
    async fn shell(&self) -> Result<Shell, HostError> {
        let asking = async {
            let answer = self.execute(QUESTION, None).await?;
            Ok(match answer.output.text().trim() {
                r#""Windows_NT""# => Shell::Cmd,
                _ => Shell::Other,
            })
        };
        Self::once(&self.shell, asking).await.copied()
    }

    /// Runs a program with arguments that it sees as they are here: by `cmd.exe` where it changes nothing, else by
    /// PowerShell and an encoded command.
    pub(super) async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        input: Option<&Secret>,
    ) -> Result<Executed, HostError> {
        let problem = match self.shell().await? {
            Shell::Cmd => match for_cmd(program, arguments) {
                Ok(line) => return self.execute(&line, input).await,
                Err(error @ (CommandLineError::Nul | CommandLineError::Program)) => {
                    return Err(unsupported(error.to_string()));
                }
                Err(error) => error.to_string(),
            },
            Shell::Other => "the server's shell is not cmd.exe (see DefaultShell)".to_owned(),
        };
        if input.is_some() {
            return Err(unsupported(format!(
                "{problem}, and what goes by PowerShell instead can't be given standard input"
            )));
        }
        let script = powershell::run(program, arguments);
        let line = script.and_then(|script| encoded_powershell(&script));
        let line =
            line.map_err(|error| unsupported(format!("{problem}, and by PowerShell: {error}")))?;
        let mut executed = self.execute(&line, None).await?;
        if executed.output.drop_line(powershell::STARTED) {
            return Ok(executed);
        }
        match powershell::answer(&executed.output.text()) {
            Some(powershell::Answer::Refused(code)) => Err(HostError::refused(code, program)),
            _ => Err(no_powershell(&executed, &problem)),
        }
    }

    /// The same with secrets among the arguments: by `cmd.exe` alone, because PowerShell would note them in a log
    /// of its own (event 4104). No error says them, or a part of them.
    pub(super) async fn run_exposing(
        &self,
        program: &str,
        arguments: &[&str],
    ) -> Result<Executed, HostError> {
        if self.shell().await? != Shell::Cmd {
            return Err(unsupported(
                "the server's shell is not cmd.exe (see DefaultShell), and PowerShell would log the secrets",
            ));
        }
        let line = for_cmd(program, arguments).map_err(|error| {
            unsupported(match error {
                CommandLineError::CmdWouldChange(_) => {
                    "an argument holds a character that cmd.exe would not leave as it is".to_owned()
                }
                error => error.to_string(),
            })
        })?;
        self.execute(&zeroize::Zeroizing::new(line), None).await
    }

    /// Whether the program is there: asked where it ended other than well, because `cmd.exe` tells that of a
    /// program which is not there in words only.
    pub(super) async fn is_absent(&self, program: &str) -> Result<bool, HostError> {
        let Ok(quoted) = for_cmd("exist", &[program]) else {
            return Ok(false);
        };
        if self.shell().await? != Shell::Cmd {
            return Ok(false);
        }
        let answer = self
            .execute(
                &format!("if {quoted} (echo there) else (echo absent)"),
                None,
            )
            .await?;
        Ok(answer.output.text().trim() == "absent")
    }

    /// Has PowerShell run a script of ours, which answers in our form.
    pub(super) async fn script(&self, script: &str) -> Result<powershell::Answer, HostError> {
        let line = encoded_powershell(script).map_err(|error| unsupported(error.to_string()))?;
        let executed = self.execute(&line, None).await?;
        powershell::answer(&executed.output.text())
            .ok_or_else(|| no_powershell(&executed, "a script"))
    }
}

fn no_powershell(executed: &Executed, what: &str) -> HostError {
    let said: String = executed.error.text().chars().take(300).collect();
    unsupported(format!(
        "{what}: it needs Windows PowerShell on the host, which did not run it (exit code {}): {said}",
        executed.exit_code
    ))
}

/// A refusal of a program of Windows that tells it by its exit code, with its own words.
pub(super) fn refusal(code: u32, program: &str, executed: &Executed) -> HostError {
    let words = [executed.error.text(), executed.output.text()].concat();
    let words: Vec<&str> = words.split_whitespace().collect();
    let said: String = words.join(" ").chars().take(300).collect();
    let code = if code == 0 {
        codes::GENERAL_FAILURE
    } else {
        code
    };
    HostError::refused(code, format!("{program}: {said}"))
}
