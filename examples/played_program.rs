//! The program that the conformance suites of ports to hosts have run. It needs only the standard
//! library, so that it can be built for any host: `rustc examples/played_program.rs`.
//!
//! Its first argument says what it does:
//! * `arguments A…`: writes each further argument in hexadecimal digits (UTF-8), a line each.
//! * `input`: reads its input to the end, and writes it so.
//! * `exit N`: ends with N.
//! * `words`: writes `out` to standard output and `err` to standard error.
//! * `both N`: writes N letters to each, in turns.
//! * `bytes`: writes text with bytes in it that are no text.
//! * `number`: writes its process id.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (mut input, mut output, mut error) = (io::stdin(), io::stdout(), io::stderr());
    match play(&arguments, &mut input, &mut output, &mut error) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(99),
    }
}

/// Does what the arguments say. Returns the exit code.
pub(crate) fn play(
    arguments: &[OsString],
    input: &mut dyn Read,
    output: &mut dyn Write,
    error: &mut dyn Write,
) -> io::Result<u8> {
    let word = |at: usize| arguments.get(at).map(|word| word.to_string_lossy());
    let number = |at: usize| word(at).and_then(|word| word.parse::<usize>().ok());
    match word(0).as_deref() {
        Some("arguments") => {
            for argument in &arguments[1..] {
                write_digits(output, argument.to_string_lossy().as_bytes())?;
            }
        }
        Some("input") => {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            write_digits(output, &bytes)?;
        }
        Some("exit") => {
            return Ok(number(1)
                .and_then(|code| code.try_into().ok())
                .unwrap_or(98));
        }
        Some("words") => {
            writeln!(output, "out")?;
            writeln!(error, "err")?;
        }
        Some("both") => {
            let mut left = number(1).unwrap_or_default();
            while left > 0 {
                let now = left.min(1000);
                output.write_all(&[b'o'; 1000][..now])?;
                error.write_all(&[b'e'; 1000][..now])?;
                left -= now;
            }
        }
        Some("bytes") => output.write_all(b"before \xff\xfe\x80 after\n")?,
        Some("number") => writeln!(output, "{}", std::process::id())?,
        _ => return Ok(97),
    }
    output.flush()?;
    Ok(0)
}

fn write_digits(output: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(output, "{digits}")
}
