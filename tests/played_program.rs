//! The program that the suites of ports to hosts have run, where only tests are built: without a harness of its own
//! it does what its first argument says. Run by cargo it does nothing.
#![allow(unreachable_pub, reason = "it is a module here and a program there")]

#[path = "../examples/played_program.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod played_program;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

const WORDS: [&str; 7] = [
    "arguments",
    "input",
    "exit",
    "words",
    "both",
    "bytes",
    "number",
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if !arguments
        .first()
        .is_some_and(|first| WORDS.iter().any(|word| first == word))
    {
        return ExitCode::SUCCESS;
    }
    let (mut input, mut output, mut error) = (io::stdin(), io::stdout(), io::stderr());
    played_program::play(&arguments, &mut input, &mut output, &mut error)
        .map_or_else(|_| ExitCode::from(99), ExitCode::from)
}
