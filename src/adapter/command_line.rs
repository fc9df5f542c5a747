//! Command lines of Windows: the one place where arguments become one.
//!
//! A program of Windows gets one text, not a list, and takes it apart itself: nearly all do it as
//! `CommandLineToArgvW` does (documented), for which [`join`] quotes. Where `cmd.exe` reads the text first, quoting
//! is not enough: it puts the value of a variable in the place of `%NAME%` between quotes too, and there is no way
//! to say that it shall not. So [`for_cmd`] refuses what `cmd.exe` would change, and what is refused goes another
//! way: [`encoded_powershell`] makes a command line of letters and digits only, which every shell leaves as it is.
//!
//! Secrets belong on no command line, encoded or not: whoever looks at the processes of a machine reads them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The longest command line that `cmd.exe` takes (documented: 8191 characters), less what a server of OpenSSH puts
/// around it.
const LONGEST_FOR_CMD: usize = 8000;
/// The longest that `CreateProcess` takes (documented: 32,767 characters with the zero at the end).
const LONGEST: usize = 32_766;

/// Windows PowerShell, by its whole path: none is looked for.
const POWERSHELL: &str = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";

/// Why a text can be no part of a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandLineError {
    /// It holds U+0000, at which Windows ends the whole line.
    #[error("it holds U+0000, at which a command line ends")]
    Nul,
    /// The program has no name, or one with a quote, which no file has.
    #[error("the program has no name, or one with a quote in it")]
    Program,
    /// `cmd.exe` would change it.
    #[error("it holds {0:?}, which cmd.exe would not leave as it is")]
    CmdWouldChange(char),
    /// Windows takes no longer one.
    #[error("it makes a command line of {units} characters, and {most} are the most")]
    TooLong {
        /// UTF-16 units that it has.
        units: usize,
        /// UTF-16 units that it may have.
        most: usize,
    },
}

/// The command line from which `CommandLineToArgvW` makes this program and these arguments.
///
/// # Errors
/// What no command line can hold.
///
/// # Example
/// ```
/// use scorch_recovery::adapter::command_line::join;
///
/// let line = join(r"C:\Program Files\x.exe", &["-f", r"C:\a b\", r#"say "hi""#])?;
/// assert_eq!(line, r#""C:\Program Files\x.exe" -f "C:\a b\\" "say \"hi\"""#);
/// # Ok::<(), scorch_recovery::adapter::command_line::CommandLineError>(())
/// ```
pub fn join(program: &str, arguments: &[impl AsRef<str>]) -> Result<String, CommandLineError> {
    if program.is_empty() || program.contains('"') {
        return Err(CommandLineError::Program);
    }
    let mut line = String::new();
    // The program's name is read by a rule of its own: to the next quote or blank, and `\` stands for itself. cmd.exe
    // ends it at more than blanks.
    if program.chars().all(is_plain_in_a_program) {
        line.push_str(program);
    } else {
        line.extend(["\"", program, "\""]);
    }
    for argument in arguments {
        line.push(' ');
        push_argument(&mut line, argument.as_ref());
    }
    if line.contains('\0') {
        return Err(CommandLineError::Nul);
    }
    check_length(&line, LONGEST)?;
    Ok(line)
}

/// The same for a shell that is `cmd.exe`, between the quotes that a server of OpenSSH puts around it (community):
/// only such as `cmd.exe` hands on unchanged.
///
/// # Errors
/// What no command line can hold, and what `cmd.exe` would change: `%` (variables), `!` (variables, where delayed
/// expansion is on for all, documented), a quote within an argument (it would end the quoting, as `cmd.exe` knows no
/// `\"`), line breaks and other control characters but the tab. The other characters that mean something to it, `& | < > ( ) ^`,
/// mean nothing between quotes.
pub fn for_cmd(program: &str, arguments: &[impl AsRef<str>]) -> Result<String, CommandLineError> {
    let parts = arguments.iter().map(AsRef::as_ref).chain([program]);
    for found in parts.flat_map(str::chars) {
        if matches!(found, '%' | '!' | '"') || (found.is_control() && !matches!(found, '\0' | '\t'))
        {
            return Err(CommandLineError::CmdWouldChange(found));
        }
    }
    let line = join(program, arguments)?;
    check_length(&line, LONGEST_FOR_CMD)?;
    Ok(line)
}

/// A text as a literal of PowerShell, in single quotes: nothing in it is expanded, `$` and backticks included.
/// Five characters are single quotes to PowerShell, the curved ones too, and each is doubled.
///
/// # Errors
/// [`CommandLineError::Nul`].
pub fn powershell_literal(text: &str) -> Result<String, CommandLineError> {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\0' => return Err(CommandLineError::Nul),
            '\'' | '\u{2018}'..='\u{201b}' => literal.extend([c, c]),
            _ => literal.push(c),
        }
    }
    literal.push('\'');
    Ok(literal)
}

/// The command line by which Windows PowerShell runs a script: base64 of UTF-16, so that no shell on the way finds
/// anything in it to change. The script is no secret: anybody can decode it, and events 4688 and 4104 hold it.
///
/// # Errors
/// [`CommandLineError::TooLong`] beyond what `cmd.exe` takes: some 2,900 characters of script.
pub fn encoded_powershell(script: &str) -> Result<String, CommandLineError> {
    let units: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = BASE64_STANDARD.encode(units);
    let line = format!("{POWERSHELL} -NoProfile -NonInteractive -EncodedCommand {encoded}");
    check_length(&line, LONGEST_FOR_CMD)?;
    Ok(line)
}

fn check_length(line: &str, most: usize) -> Result<(), CommandLineError> {
    let units = line.encode_utf16().count();
    if units > most {
        return Err(CommandLineError::TooLong { units, most });
    }
    Ok(())
}

const fn is_plain_in_a_program(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '\\' | '_')
}

const fn is_plain(c: char) -> bool {
    is_plain_in_a_program(c) || matches!(c, '+' | ',' | '/' | '=' | '@')
}

/// Quotes where anything could mean something to anybody: a backslash stands for itself unless a quote follows.
fn push_argument(line: &mut String, argument: &str) {
    if !argument.is_empty() && argument.chars().all(is_plain) {
        line.push_str(argument);
        return;
    }
    line.push('"');
    let mut backslashes = 0;
    for c in argument.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                // Those before a quote are doubled, and one more is the quote's.
                line.extend(std::iter::repeat_n('\\', backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        line.push(c);
    }
    // The quote that ends the argument must not be taken for one of it.
    line.extend(std::iter::repeat_n('\\', backslashes));
    line.push('"');
}

#[cfg(test)]
mod tests;
