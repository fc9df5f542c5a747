//! The scripts that are run on hosts, and what they answer. No PowerShell was to be had to run them by us; they are
//! written plainly, and each is compared with what is expected after decoding.

use crate::adapter::command_line::{CommandLineError, join, powershell_literal};

/// The first line of what a program answers that was started by [`run`].
pub(super) const STARTED: &str = "scorch:started";

/// What a script of ours answers, in its last line that is of our form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done(String),
    Refused(u32),
}

pub(super) fn answer(output: &str) -> Option<Answer> {
    let ours = |line: &str| line.trim_end().strip_prefix("scorch:").map(str::to_owned);
    let line = output.lines().rev().find_map(ours)?;
    match line.split_once(' ') {
        Some(("refused", code)) => code.parse().ok().map(Answer::Refused),
        Some(("done", told)) => Some(Answer::Done(told.to_owned())),
        None if line == "done" => Some(Answer::Done(String::new())),
        _ => None,
    }
}

/// What fails is told by its number, where it is one of Windows: an HRESULT of facility 7.
fn answering(body: &str, undo: &str) -> String {
    format!(
        r"$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {{
{body}
}} catch {{
    $result = $_.Exception.GetBaseException().HResult
    $code = 31
    if (($result -band 0x7FFF0000) -eq 0x70000) {{
        $code = $result -band 0xFFFF
    }}
{undo}    [Console]::Out.WriteLine('scorch:refused ' + $code)
}}
"
    )
}

/// Starts a program with these arguments, waits for it, and ends with its exit code.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<String, CommandLineError> {
    let line = join("x", arguments)?;
    let arguments = powershell_literal(line[1..].trim_start())?;
    let program = powershell_literal(program)?;
    Ok(format!(
        r"$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
$start.FileName = {program}
$start.Arguments = {arguments}
$start.UseShellExecute = $false
if (-not [System.IO.File]::Exists($start.FileName)) {{
    [Console]::Out.WriteLine('scorch:refused 2')
    exit 2
}}
[Console]::Out.WriteLine('{STARTED}')
$process = [System.Diagnostics.Process]::Start($start)
$process.WaitForExit()
exit $process.ExitCode
"
    ))
}

/// Tells the start and the program of a process, or that there is none.
pub(super) fn process(process_id: u32) -> String {
    let body = format!(
        r"    $process = Get-Process -Id {process_id} -ErrorAction SilentlyContinue
    if ($null -eq $process) {{
        [Console]::Out.WriteLine('scorch:done')
    }} else {{
        $started = $process.StartTime.ToUniversalTime().ToString('o')
        $path = [System.Text.Encoding]::UTF8.GetBytes($process.MainModule.FileName)
        [Console]::Out.WriteLine('scorch:done ' + $started + ' ' + [Convert]::ToBase64String($path))
    }}"
    );
    answering(&body, "")
}

/// Puts a file in the place of another by `ReplaceFile`. The old one is kept beside for as long as that takes, because
/// without it a failure in the middle can leave none (documented, 1176); then it is put back.
pub(super) fn replace(new: &str, target: &str, kept: &str) -> Result<String, CommandLineError> {
    let [new, target, kept] = [new, target, kept].map(powershell_literal);
    let body = format!(
        r"    $new = {}
    $target = {}
    $kept = {}
    [System.IO.File]::Replace($new, $target, $kept)
    [System.IO.File]::Delete($kept)
    [Console]::Out.WriteLine('scorch:done')",
        new?, target?, kept?
    );
    let undo = r"    if ([System.IO.File]::Exists($kept)) {
        if ([System.IO.File]::Exists($target)) {
            if (-not [System.IO.File]::Exists($new)) {
                [Console]::Out.WriteLine('scorch:done kept')
                exit 0
            }
        } else {
            [System.IO.File]::Move($kept, $target)
        }
    }
";
    Ok(answering(&body, undo))
}

/// Copies a file with its owner, its permissions and its times.
pub(super) fn copy(from: &str, to: &str) -> Result<String, CommandLineError> {
    let [from, to] = [from, to].map(powershell_literal);
    let body = format!(
        r"    $from = {}
    $to = {}
    $made = $false
    [System.IO.File]::Copy($from, $to)
    $made = $true
    Get-Acl -LiteralPath $from | Set-Acl -LiteralPath $to
    [System.IO.File]::SetCreationTimeUtc($to, [System.IO.File]::GetCreationTimeUtc($from))
    [Console]::Out.WriteLine('scorch:done')",
        from?, to?
    );
    let undo = "    if ($made) {\n        [System.IO.File]::Delete($to)\n    }\n";
    Ok(answering(&body, undo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_the_last_line_of_our_form() {
        assert_eq!(
            answer("noise\r\nscorch:done\r\n"),
            Some(Answer::Done(String::new()))
        );
        assert_eq!(
            answer("scorch:done a b"),
            Some(Answer::Done("a b".to_owned()))
        );
        assert_eq!(
            answer("scorch:refused 32\r\nmore"),
            Some(Answer::Refused(32))
        );
        for nothing in [
            "",
            "done",
            "scorch:refused x",
            "scorch:other",
            "xscorch:done",
        ] {
            assert_eq!(answer(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn scripts_hold_values_as_literals_only() {
        let hostile = "C:\\a'; calc; '\u{2019}$(calc)`";
        let literal = "'C:\\a''; calc; ''\u{2019}\u{2019}$(calc)`'";
        for script in [
            run(hostile, &[]).unwrap(),
            replace(hostile, hostile, hostile).unwrap(),
            copy(hostile, hostile).unwrap(),
        ] {
            let lines: Vec<&str> = script
                .lines()
                .filter(|line| line.contains("calc"))
                .collect();
            assert!(!lines.is_empty());
            for line in lines {
                let (before, after) = line.split_once('=').unwrap();
                assert!(before.trim().starts_with('$'), "{line}");
                assert_eq!(after.trim(), literal, "{line}");
            }
        }
        let [new, target, kept] = ["txt.new", "txt", "txt.old"]
            .map(|end| format!("C:\\100 % R&D\\o'clock \u{2019}.{end}"));
        for (script, expected) in [
            (
                replace(&new, &target, &kept),
                include_str!("../../../tests/ssh/replace.ps1"),
            ),
            (
                copy(&target, r"C:\$HOME `x`.txt"),
                include_str!("../../../tests/ssh/copy.ps1"),
            ),
        ] {
            assert_eq!(script.unwrap(), expected.replace("\r\n", "\n"));
        }
        let script = run("x.exe", &["100 %", "say \"hi\""]).unwrap();
        assert!(
            script.contains("$start.Arguments = '\"100 %\" \"say \\\"hi\\\"\"'\n"),
            "{script}"
        );
        assert!(run("x.exe", &["\0"]).is_err());
        // Neither may grow beyond what cmd.exe takes, with the longest paths.
        let longest = "'".repeat(259);
        for script in [
            replace(&longest, &longest, &longest),
            copy(&longest, &longest),
        ] {
            crate::adapter::command_line::encoded_powershell(&script.unwrap()).unwrap();
        }
    }
}
