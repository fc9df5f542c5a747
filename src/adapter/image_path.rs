use crate::names::HostPath;

/// What stands for these in a service's `ImagePath`, on a machine whose Windows is on `C:`.
const VARIABLES: [(&str, &str); 4] = [
    ("%systemroot%", r"C:\Windows"),
    ("%windir%", r"C:\Windows"),
    ("%programfiles%", r"C:\Program Files"),
    ("%programfiles(x86)%", r"C:\Program Files (x86)"),
];

/// The program of a service's `ImagePath`, without its arguments. `None`: it names no program of this machine.
///
/// Without quotes the path may hold blanks, as Windows allows: it ends at the first `.exe` that a blank or nothing
/// follows, else at the first blank.
pub(super) fn program(image_path: &str) -> Option<HostPath> {
    let text = image_path.trim();
    let text = text.strip_prefix(r"\??\").unwrap_or(text);
    let path = match text.strip_prefix('"') {
        Some(rest) => rest.split('"').next()?,
        None => {
            let lower = text.to_ascii_lowercase();
            let ends = lower
                .match_indices(".exe")
                .map(|(at, found)| at + found.len());
            let end = ends
                .filter(|end| matches!(lower.as_bytes().get(*end), None | Some(b' ' | b'\t')))
                .min();
            let blank = || text.find([' ', '\t']);
            &text[..end.or_else(blank).unwrap_or(text.len())]
        }
    };
    expanded(path)?.parse().ok()
}

fn expanded(path: &str) -> Option<String> {
    let lower = path.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix(r"\systemroot\") {
        return Some(format!(r"C:\Windows\{}", &path[path.len() - rest.len()..]));
    }
    for (variable, value) in VARIABLES {
        if lower.starts_with(variable) {
            return Some(format!("{value}{}", &path[variable.len()..]));
        }
    }
    // One alone is a letter; two may be around the name of a variable, which only that machine knows.
    (path.matches('%').count() < 2).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_without_their_arguments() {
        for (image_path, expected) in [
            (
                r"C:\windows\system32\svchost.exe -k Local",
                r"C:\windows\system32\svchost.exe",
            ),
            (
                r#""C:\Program Files\o o\x.exe" -a "b c""#,
                r"C:\Program Files\o o\x.exe",
            ),
            (
                r"C:\Program Files\o.exe o\x.EXE -a",
                r"C:\Program Files\o.exe",
            ),
            (r"C:\Program Files\o o\x.EXE", r"C:\Program Files\o o\x.EXE"),
            (
                r"%SystemRoot%\System32\spoolsv.exe",
                r"C:\Windows\System32\spoolsv.exe",
            ),
            (
                r"%ProgramFiles(x86)%\a\b.exe /s",
                r"C:\Program Files (x86)\a\b.exe",
            ),
            (
                r"\SystemRoot\System32\drivers\x.sys",
                r"C:\Windows\System32\drivers\x.sys",
            ),
            (r"\??\C:\a\b.sys", r"C:\a\b.sys"),
            (r#""C:\100 % & ü\b.exe" -a"#, r"C:\100 % & ü\b.exe"),
        ] {
            assert_eq!(
                program(image_path).unwrap().as_str(),
                expected,
                "{image_path}"
            );
        }
        for nothing in [
            "",
            "x.exe",
            r"%APPDATA%\x.exe",
            r"C:\%a%\x.exe",
            r"\\ms01\share\x.exe",
            "\"",
        ] {
            assert!(program(nothing).is_none(), "{nothing}");
        }
    }
}
