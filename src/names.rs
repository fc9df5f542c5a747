//! Names of things, parsed once and never re-checked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod backup_device;
mod backup_url;
mod server_path;
mod web_url;
pub use backup_device::BackupDevice;
pub use backup_url::BackupUrl;
pub use server_path::ServerPath;
pub(crate) use web_url::split as split_url;

/// Why a text is not the name it was meant to be. Says which name and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct NameError {
    what: &'static str,
    problem: String,
}

impl NameError {
    pub(crate) fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self {
            what,
            problem: problem.into(),
        }
    }

    /// What was to be named: `"database name"`, `"server path"`.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// What is wrong, and the remedy.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// `sysname`: the longest identifier of SQL Server, in UTF-16 units.
const SYSNAME_UNITS: usize = 128;

fn check_identifier(what: &'static str, text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::new(what, "it is empty; give a name"));
    }
    let units = text.encode_utf16().count();
    if units > SYSNAME_UNITS {
        return Err(NameError::new(
            what,
            format!("it has {units} characters; SQL Server takes at most {SYSNAME_UNITS}"),
        ));
    }
    if let Some(found) = text.chars().find(|c| c.is_control()) {
        return Err(NameError::new(
            what,
            format!(
                "it holds the control character U+{:04X}; remove it",
                u32::from(found)
            ),
        ));
    }
    Ok(())
}

/// What every name here can do: parse, show, compare, and cross serde as its text.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                let check: fn(&'static str, &str) -> Result<(), NameError> = $check;
                check($what, &text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a database: 1 to 128 characters, quotes and brackets welcome.
    DatabaseName, "database name", check_identifier
}

name! {
    /// The logical name of a database file, as `RESTORE FILELISTONLY` tells it.
    LogicalFileName, "logical file name", check_identifier
}

name! {
    /// The name of a key inside a database, such as `ORCHESTRATOR_SYM_KEY`.
    KeyName, "key name", check_identifier
}

name! {
    /// The name of a login: `recovery`, `CONTOSO\recovery`.
    LoginName, "login name", check_identifier
}

name! {
    /// The name of a schema, such as `dbo`.
    SchemaName, "schema name", check_identifier
}

name! {
    /// The name of a table.
    TableName, "table name", check_identifier
}

name! {
    /// The name of a stored procedure.
    ProcedureName, "procedure name", check_identifier
}

name! {
    /// The name of a column.
    ColumnName, "column name", check_identifier
}

name! {
    /// The name of a user of a database: `recovery`, `CONTOSO\recovery`.
    UserName, "database user name", check_identifier
}

name! {
    /// A SQL Server instance by its explicit name: `SQL01`, `SQL01\ORCH` or `SQL01,1433`.
    ///
    /// It is a logical name: a transport maps it to an endpoint and a login.
    SqlInstance, "SQL Server instance", check_instance
}

fn check_instance(what: &'static str, text: &str) -> Result<(), NameError> {
    const FORM: &str = "write SERVER, SERVER\\INSTANCE or SERVER,PORT";
    let wrong = |problem: String| Err(NameError::new(what, format!("{problem}; {FORM}")));
    let (server, rest) = match text.find(['\\', ',']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    if server.is_empty() || server.len() > 255 || !server.chars().all(is_host) {
        return wrong(format!(
            "its server part is empty, too long or holds a character that no host name has ({} characters)",
            server.chars().count()
        ));
    }
    match rest.map(|rest| rest.split_at(1)) {
        None => Ok(()),
        Some((",", port)) if port.parse::<u16>().is_ok_and(|port| port != 0) => Ok(()),
        Some((",", _)) => wrong("its port is not a number from 1 to 65535".to_owned()),
        Some((_, name))
            if (1..=16).contains(&name.chars().count())
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '&')) =>
        {
            Ok(())
        }
        Some(_) => wrong(
            "its instance part is not 1 to 16 letters, digits, `_`, `$`, `#` or `&`".to_owned(),
        ),
    }
}

name! {
    /// A computer by its name or address: `MS01`, `ms01.contoso.example`, `10.0.0.7`.
    ///
    /// It is a logical name: an adapter maps it to an address and a login.
    HostName, "host name", check_host
}

fn check_host(what: &'static str, text: &str) -> Result<(), NameError> {
    let is_part = |part: &str| {
        let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        (1..=63).contains(&part.chars().count()) && part.chars().all(is_inside)
    };
    if text.len() > 255 || !text.split('.').all(is_part) {
        return Err(NameError::new(
            what,
            "a part is empty, too long or holds a character that no host name has; write NAME or NAME.DOMAIN",
        ));
    }
    Ok(())
}

name! {
    /// The short name of a service, such as `orunbook`: 1 to 256 characters, no `/` or `\`.
    ServiceName, "service name", check_service
}

fn check_service(what: &'static str, text: &str) -> Result<(), NameError> {
    let problem = if text.is_empty() {
        "it is empty; give the short name, such as orunbook"
    } else if text.encode_utf16().count() > 256 {
        "it has more than 256 characters; give the short name, such as orunbook"
    } else if text.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')) {
        "it holds `/`, `\\` or a control character, which no service name has"
    } else {
        return Ok(());
    };
    Err(NameError::new(what, problem))
}

name! {
    /// A file or folder on a host's own drives: `C:\inetpub\site\web.config`. What would surprise is
    /// refused as in [`ServerPath`], and shares of other machines too.
    HostPath, "host path", check_host_path
}

name! {
    /// An address on a web server: `http://localhost:81/api/login`. ASCII, without a user's name.
    WebUrl, "web address", web_url::check
}

fn check_host_path(what: &'static str, text: &str) -> Result<(), NameError> {
    server_path::check(what, text)?;
    if text.starts_with(r"\\") {
        return Err(NameError::new(
            what,
            "it is on a share; give the path on the host's own drive",
        ));
    }
    Ok(())
}

impl HostPath {
    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit(self.separator()).next().unwrap_or_default()
    }

    /// What is called `leaf` in this folder.
    ///
    /// # Errors
    /// What parsing the joined path says.
    pub fn child(&self, leaf: &str) -> Result<Self, NameError> {
        format!("{}{}{leaf}", self.0, self.separator()).parse()
    }

    /// What is called `leaf` in the same folder.
    ///
    /// # Errors
    /// What parsing the joined path says.
    pub fn sibling(&self, leaf: &str) -> Result<Self, NameError> {
        let folder = &self.0[..self.0.len() - self.file_name().len()];
        format!("{folder}{leaf}").parse()
    }

    fn separator(&self) -> char {
        if self.0.starts_with('/') { '/' } else { '\\' }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_services_and_their_paths_are_plain() {
        for good in ["MS01", "ms01.contoso.example", "10.0.0.7", "Büro-3"] {
            assert_eq!(good.parse::<HostName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "a..b",
            "ms01;calc",
            "a b",
            "a/b",
            r"\\ms01",
            "a'b",
            "-\u{202e}",
        ] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
        assert!("orunbook".parse::<ServiceName>().is_ok());
        for bad in ["", r"a\b", "a/b", "a\nb"] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
        let folder: HostPath = r"C:\Program Files (x86)\o'x & 100 %".parse().unwrap();
        let file = folder.child("web.config").unwrap();
        assert_eq!(
            file.as_str(),
            r"C:\Program Files (x86)\o'x & 100 %\web.config"
        );
        assert_eq!(file.file_name(), "web.config");
        assert_eq!(
            file.sibling("b.bak").unwrap(),
            folder.child("b.bak").unwrap()
        );
        assert!(folder.child(r"..\b").is_err());
        for bad in [r"\\ms01\c$\a", r"a\b", r"C:\a\..\b", r"C:\NUL", "C:\\a\nb"] {
            assert!(bad.parse::<HostPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_keep_what_sql_server_allows() {
        for good in ["Orchestrator", "o'clock", "a]b", "漢字", " x"] {
            assert_eq!(good.parse::<DatabaseName>().unwrap().as_str(), good);
        }
        assert!("漢".repeat(128).parse::<DatabaseName>().is_ok());
    }

    #[test]
    fn names_refuse_what_it_does_not() {
        for (bad, part) in [
            ("", "empty"),
            ("a\0b", "U+0000"),
            ("a\nb", "U+000A"),
            (&"x".repeat(4000), "4000 characters"),
        ] {
            let error = bad.parse::<DatabaseName>().unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.what(), "database name");
        }
    }

    #[test]
    fn instances_have_three_forms() {
        for good in [
            "SQL01",
            "sql01.corp.example",
            r"SQL01\ORCH",
            "SQL01,1433",
            "127.0.0.1,1",
        ] {
            assert!(good.parse::<SqlInstance>().is_ok(), "{good}");
        }
        for bad in [
            "",
            r"\ORCH",
            "SQL01,0",
            "SQL01,99999",
            r"SQL01\",
            "a b",
            "a;b",
            "a'b",
            "a\nb",
            r"A\B\C",
        ] {
            assert!(bad.parse::<SqlInstance>().is_err(), "{bad}");
        }
    }

    #[test]
    fn serde_parses_too() {
        assert!(serde_json::from_str::<DatabaseName>(r#""a\u0000""#).is_err());
        let name: DatabaseName = serde_json::from_str(r#""a]b""#).unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""a]b""#);
    }
}
