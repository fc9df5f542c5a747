use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NameError;

/// A path as SQL Server sees it, on its own machine: `D:\backup\a.bak`, `\\vault\keys\a.key` or
/// `/var/opt/mssql/data/a.bak`. Never a path of this process.
///
/// What would surprise is refused: relative paths (they land in the data folder), `..`, device
/// names (`NUL` "succeeds" and discards everything), `\\?\` and `\\.\`, trailing dots and blanks,
/// alternate data streams, control characters, more than 259 characters (`MAX_PATH`, as in
/// `FILELISTONLY`'s `nvarchar(260)`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerPath(String);

const WHAT: &str = "server path";
const MAX_UNITS: usize = 259;

impl ServerPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit(self.separator()).next().unwrap_or_default()
    }

    /// The server of a UNC path, or `None` for a path on the server's own drives.
    #[must_use]
    pub fn unc_host(&self) -> Option<&str> {
        self.0
            .strip_prefix(r"\\")
            .and_then(|rest| rest.split('\\').next())
    }

    /// Whether it is a path of Linux: it starts with `/`.
    #[must_use]
    pub fn is_posix(&self) -> bool {
        self.0.starts_with('/')
    }

    /// The same folder's `leaf`, which is checked as part of the path it makes.
    ///
    /// # Errors
    /// What parsing the joined path says.
    pub fn sibling(&self, leaf: &str) -> Result<Self, NameError> {
        let folder = &self.0[..self.0.len() - self.file_name().len()];
        check_leaf(WHAT, leaf)?;
        format!("{folder}{leaf}").parse()
    }

    /// A file named `leaf` in the folder `folder`, given as the server gives folders: with or
    /// without a separator at its end.
    ///
    /// # Errors
    /// What parsing the joined path says.
    pub fn in_folder(folder: &str, leaf: &str) -> Result<Self, NameError> {
        let separator = if folder.starts_with('/') { '/' } else { '\\' };
        check_leaf(WHAT, leaf)?;
        format!("{}{separator}{leaf}", folder.trim_end_matches(separator)).parse()
    }

    fn separator(&self) -> char {
        if self.is_posix() { '/' } else { '\\' }
    }
}

fn check_leaf(what: &'static str, leaf: &str) -> Result<(), NameError> {
    if leaf.contains(['/', '\\']) {
        return Err(NameError::new(
            what,
            "the file name holds a path separator; give the name alone",
        ));
    }
    Ok(())
}

pub(super) fn check(what: &'static str, path: &str) -> Result<(), NameError> {
    let wrong = |problem: &str| Err(NameError::new(what, problem));
    if path.is_empty() {
        return wrong("it is empty; give a full path as the server sees it");
    }
    let units = path.encode_utf16().count();
    if units > MAX_UNITS {
        return Err(NameError::new(
            what,
            format!("it has {units} characters; at most {MAX_UNITS} are taken"),
        ));
    }
    if let Some(found) = path.chars().find(|c| c.is_control()) {
        return Err(NameError::new(
            what,
            format!(
                "it holds the control character U+{:04X}; remove it",
                u32::from(found)
            ),
        ));
    }
    if path.starts_with(r"\\?\") || path.starts_with(r"\\.\") {
        return wrong(
            r"it starts with \\?\ or \\.\, which skip the checks of Windows; write it plainly",
        );
    }
    if let Some(rest) = path.strip_prefix('/') {
        // Windows takes `/` for `\`: what looks like a path of Linux must not be a file server or a
        // device there.
        if path.contains('\\') {
            return wrong(r"it mixes `\` into a path that starts with `/`; write `/` throughout");
        }
        check_components(what, rest, '/')?;
        if rest.split('/').any(is_device) {
            return wrong(
                "a part is a device name such as NUL, where data vanishes; choose another name",
            );
        }
        return Ok(());
    }
    if path.contains('/') {
        return wrong(r"it mixes `/` into a Windows path; write `\` throughout");
    }
    if let Some(rest) = path.strip_prefix(r"\\") {
        if rest.split('\\').count() < 3 {
            return wrong(r"it names no file on its share; write \\SERVER\SHARE\FILE");
        }
        return check_windows(what, rest);
    }
    let bytes = path.as_bytes();
    if bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == br":\" {
        return check_windows(what, &path[3..]);
    }
    wrong(
        r"it is not a full path to a file; write C:\FOLDER\FILE, \\SERVER\SHARE\FILE or /folder/file",
    )
}

fn check_components(what: &'static str, rest: &str, separator: char) -> Result<(), NameError> {
    for part in rest.split(separator) {
        let problem = match part {
            "" => "it has an empty part (a doubled or trailing separator); name a file",
            "." | ".." => "it holds `.` or `..`; write the path it stands for",
            _ => continue,
        };
        return Err(NameError::new(what, problem));
    }
    Ok(())
}

fn check_windows(what: &'static str, rest: &str) -> Result<(), NameError> {
    check_components(what, rest, '\\')?;
    for part in rest.split('\\') {
        let problem = if part.ends_with(['.', ' ']) {
            "a part ends with a dot or a blank, which Windows drops silently; remove it"
        } else if part.contains(['<', '>', ':', '"', '|', '?', '*']) {
            "a part holds one of < > : \" | ? *, which Windows takes for something else; remove it"
        } else if is_device(part) {
            "a part is a device name such as NUL, where data vanishes; choose another name"
        } else {
            continue;
        };
        return Err(NameError::new(what, problem));
    }
    Ok(())
}

/// Device names of Windows, alone or before an extension, in any folder.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    let upper = stem.to_uppercase();
    let numbered = |prefix: &str| {
        upper.strip_prefix(prefix).is_some_and(|digit| {
            matches!(
                digit,
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
        })
    };
    matches!(
        upper.as_str(),
        "NUL" | "CON" | "PRN" | "AUX" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) || numbered("COM")
        || numbered("LPT")
}

impl FromStr for ServerPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ServerPath {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        check(WHAT, &text)?;
        Ok(Self(text))
    }
}

impl From<ServerPath> for String {
    fn from(path: ServerPath) -> Self {
        path.0
    }
}

impl fmt::Display for ServerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_paths_are_taken() {
        for good in [
            r"C:\a.key",
            r"D:\back up\o'clock].bak",
            r"\\vault\keys\smk.key",
            "/var/opt/mssql/data/a.bak",
            "/a:b",
            r"C:\null\console.key",
        ] {
            assert_eq!(good.parse::<ServerPath>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn surprising_paths_are_refused() {
        for bad in [
            "",
            "a.key",
            r"C:a.key",
            r"C:\",
            r"C:\a\",
            r"C:\..\a",
            r"C:\a\.\b",
            "/a/../b",
            "/",
            "//a",
            "/a/",
            r"\\?\C:\a",
            r"\\.\pipe\a",
            r"\\vault\a",
            r"\\vault",
            r"C:\NUL",
            r"C:\a\nul.key",
            r"C:\com1",
            r"C:\COM¹.txt",
            r"C:\aux .x",
            r"C:\a.",
            r"C:\a \b",
            r"C:\a:b",
            "C:/a",
            "C:\\a\nb",
            "C:\\a\0",
            r"\a.key",
            r"/\evil\share\x.bak",
            r"/\?\C:\x",
            "/x/NUL",
            "NUL",
        ] {
            assert!(bad.parse::<ServerPath>().is_err(), "{bad}");
        }
        let long = format!(r"C:\{}", "x".repeat(4000));
        assert!(
            long.parse::<ServerPath>()
                .unwrap_err()
                .to_string()
                .contains("4003")
        );
    }

    #[test]
    fn parts_are_found() {
        let path: ServerPath = r"\\vault\keys\smk.key".parse().unwrap();
        assert_eq!(
            (path.file_name(), path.unc_host()),
            ("smk.key", Some("vault"))
        );
        assert_eq!(
            path.sibling("b.key").unwrap().as_str(),
            r"\\vault\keys\b.key"
        );
        assert!(path.sibling(r"..\b.key").is_err());
        assert_eq!(
            ServerPath::in_folder("/data/", "a").unwrap().as_str(),
            "/data/a"
        );
        assert_eq!(
            ServerPath::in_folder(r"C:\data", "a").unwrap().as_str(),
            r"C:\data\a"
        );
        assert_eq!("/a/b".parse::<ServerPath>().unwrap().unc_host(), None);
    }
}
