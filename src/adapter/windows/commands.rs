use std::io::{self, Read, Write as _};
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use async_trait::async_trait;
use windows_sys::Win32::Foundation::ERROR_INVALID_NAME;
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

use super::answer::{blocking, failed};
use super::hosts::{Place, WindowsHosts};
use super::processes::process;
use crate::names::{HostName, HostPath};
use crate::secret::Secret;
use crate::transport::{
    CommandArgument, CommandOutput, CommandTransport, ExposingCommand, HostCommand, HostError,
    LONGEST_OUTPUT, ProcessStatus, TransportErrorKind, output_text,
};

/// Besides the port's contract: programs of this machine only; in their own folder, with the environment of this
/// process, without a window; batch files are refused, because the shell that runs them reads arguments its own way.
/// A program that leaves others behind which hold its output is waited for until they end too.
#[async_trait]
impl CommandTransport for WindowsHosts {
    async fn run(
        &self,
        host: &HostName,
        command: &HostCommand,
    ) -> Result<CommandOutput, HostError> {
        self.check_here(host, "no programs are run")?;
        let HostCommand {
            program,
            arguments,
            standard_input,
        } = command;
        let (program, arguments) = (program.clone(), arguments.clone());
        let input = standard_input.clone();
        blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run(&program, &arguments, input.as_ref())
        })
        .await
    }

    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        self.check_here(host, "no programs are run")?;
        let program = command.program.clone();
        let whole: Vec<Secret> = command
            .arguments
            .iter()
            .map(CommandArgument::whole)
            .collect();
        blocking(move || {
            let arguments: Vec<&str> = whole.iter().map(Secret::expose).collect();
            run(&program, &arguments, None)
        })
        .await
    }

    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError> {
        self.check_here(host, "no processes are looked at")?;
        blocking(move || process(process_id)).await
    }
}

impl WindowsHosts {
    fn check_here(&self, host: &HostName, what: &str) -> Result<(), HostError> {
        match self.place(host) {
            Place::Here => Ok(()),
            Place::There(name) => Err(HostError::lost(
                TransportErrorKind::Unsupported,
                format!(
                    "{name} is another machine, where {what} by Windows' own calls; use a transport over OpenSSH for its programs"
                ),
            )),
        }
    }
}

fn run(
    program: &HostPath,
    arguments: &[&str],
    input: Option<&Secret>,
) -> Result<CommandOutput, HostError> {
    let path = Path::new(program.as_str());
    let is_batch = path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("bat") || extension.eq_ignore_ascii_case("cmd")
    });
    if is_batch {
        return Err(HostError::lost(
            TransportErrorKind::Unsupported,
            format!("{program} is a batch file, which runs in a shell only; give the program"),
        ));
    }
    if program.as_str().starts_with('/') || arguments.iter().any(|text| text.contains('\0')) {
        let problem = "the program is no path of Windows, or an argument holds NUL";
        return Err(HostError::refused(ERROR_INVALID_NAME, problem));
    }
    // std quotes as programs of Windows read it (documented: CommandLineToArgvW), and looks for no program: the path
    // is whole.
    let mut command = Command::new(path);
    command
        .args(arguments)
        .creation_flags(CREATE_NO_WINDOW)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(folder) = path.parent() {
        command.current_dir(folder);
    }
    let mut child = command.spawn().map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // All three at once: a program waits while what it writes is not read.
    let (standard_output, standard_error) = thread::scope(|scope| {
        let output = scope.spawn(|| stdout.map(keep));
        let error = scope.spawn(|| stderr.map(keep));
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program need not read it.
            drop(stdin.write_all(input.expose().as_bytes()));
        }
        (output.join(), error.join())
    });
    let status = child.wait().map_err(failed)?;
    let text = |kept: thread::Result<Option<io::Result<String>>>| match kept {
        Ok(Some(Ok(text))) => Ok(text),
        Ok(Some(Err(error))) => Err(failed(error)),
        Ok(None) | Err(_) => Err(HostError::lost(
            TransportErrorKind::Interrupted,
            "what the program wrote was not read to the end",
        )),
    };
    Ok(CommandOutput {
        // Windows' exit codes have all 32 bits; std shows them with a sign.
        exit_code: status.code().unwrap_or(-1).cast_unsigned(),
        standard_output: text(standard_output)?,
        standard_error: text(standard_error)?,
    })
}

/// Reads to the end, and keeps the beginning.
fn keep(mut from: impl Read) -> io::Result<String> {
    let mut kept = Vec::new();
    let begun = from.by_ref().take(LONGEST_OUTPUT as u64);
    let length = { begun }.read_to_end(&mut kept)?;
    let rest = io::copy(&mut from, &mut io::sink())?;
    Ok(output_text(&kept, length as u64 + rest))
}
