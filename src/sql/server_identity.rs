use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::names::{ServerPath, SqlInstance};
use crate::sql::answer::Row;
use crate::sql::statement::Statement;

/// Who answered: what an instance says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerIdentity {
    /// `@@SERVERNAME`: the name it was set up with, which can be out of date.
    pub server_name: String,
    /// `SERVERPROPERTY('MachineName')`: the computer, or the virtual server of a cluster.
    pub machine_name: String,
    /// `SERVERPROPERTY('ServerName')`: computer and instance, kept up to date.
    pub property_server_name: String,
    /// `SERVERPROPERTY('ProductVersion')`, such as `16.0.4236.2`.
    pub product_version: String,
    /// `SERVERPROPERTY('Edition')`.
    pub edition: String,
    /// `SERVERPROPERTY('EngineEdition')`: 2 Standard, 3 Enterprise, 4 Express.
    pub engine_edition: i64,
    /// Whether availability groups are enabled on it.
    pub is_availability_groups_enabled: bool,
    /// Whether it runs on Linux: `SERVERPROPERTY('PathSeparator')` is `/` (NULL before SQL Server
    /// 2017, which ran on Windows only).
    #[serde(default)]
    pub is_on_linux: bool,
    /// When it was started (when its `tempdb` was made), server time.
    pub started: String,
}

impl ServerIdentity {
    pub(crate) fn question() -> Statement {
        Statement::new(
            "SELECT CAST(@@SERVERNAME AS nvarchar(128)) AS server_name, \
             CAST(SERVERPROPERTY('MachineName') AS nvarchar(128)) AS machine_name, \
             CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS property_server_name, \
             CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version, \
             CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition, \
             CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition, \
             CAST(SERVERPROPERTY('IsHadrEnabled') AS int) AS is_hadr_enabled, \
             CAST(SERVERPROPERTY('PathSeparator') AS nvarchar(1)) AS path_separator, \
             (SELECT CONVERT(nvarchar(30), create_date, 126) FROM sys.databases WHERE name = N'tempdb') AS started, \
             (SELECT CONVERT(nvarchar(30), login_time, 126) FROM sys.dm_exec_sessions WHERE session_id = @@SPID) AS login_time, \
             @@SPID AS session_id",
        )
    }

    pub(crate) fn read(row: Row<'_>) -> Result<Self> {
        let text =
            |name: &str| Ok::<_, Error>(row.text_or_null(name)?.unwrap_or_default().to_owned());
        Ok(Self {
            server_name: text("server_name")?,
            machine_name: text("machine_name")?,
            property_server_name: text("property_server_name")?,
            product_version: text("product_version")?,
            edition: text("edition")?,
            engine_edition: row.integer("engine_edition")?,
            is_availability_groups_enabled: row.is("is_hadr_enabled")?,
            is_on_linux: text("path_separator")? == "/",
            started: text("started")?,
        })
    }

    /// The names that make the identity, in one line: what must not change under a run.
    #[must_use]
    pub fn names(&self) -> String {
        format!(
            "{} (machine {}, @@SERVERNAME {})",
            self.property_server_name, self.machine_name, self.server_name
        )
    }

    /// The major version: 16 for SQL Server 2022.
    #[must_use]
    pub fn major_version(&self) -> u32 {
        self.product_version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(0)
    }

    /// Whether its edition compresses backups. Express (4) and its like don't, nor does Web, which
    /// says 2 as Standard does (documented); everything else since 2008 R2 does.
    pub(crate) fn can_compress(&self) -> bool {
        matches!(self.engine_edition, 2 | 3) && !self.edition.starts_with("Web ")
    }

    /// Azure SQL Database (5) and Managed Instance (8) have neither key files nor backups to disk.
    pub(crate) fn refuse_azure(&self) -> Result<()> {
        let product = match self.engine_edition {
            5 => "Azure SQL Database",
            8 => "Azure SQL Managed Instance",
            _ => return Ok(()),
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the server is {product}, which has no service master key files and no backups to files"
            ),
        ))
    }

    /// A path of the other platform leads elsewhere: Windows takes `/a/b` for a file of the drive
    /// that it happens to be on, and Linux may take `C:\a` for one of its own folders.
    pub(crate) fn refuse_foreign_path(&self, field: &str, path: &ServerPath) -> Result<()> {
        if path.is_posix() == self.is_on_linux {
            return Ok(());
        }
        let (of, on, form) = if self.is_on_linux {
            ("Windows", "Linux", "/folder/file")
        } else {
            ("Linux", "Windows", r"C:\FOLDER\FILE or \\SERVER\SHARE\FILE")
        };
        let server = &self.property_server_name;
        Err(Error::invalid(
            field,
            format!("{path} is a path of {of}, and {server} runs on {on}"),
        )
        .with_remedy(format!(
            "give {field} the path as that server sees it, such as {form}"
        )))
    }

    /// Keys belong to one instance: where availability groups are on, only its own name will do.
    pub(crate) fn refuse_listener(&self, instance: &SqlInstance) -> Result<()> {
        if !self.is_availability_groups_enabled {
            return Ok(());
        }
        let asked = instance.as_str();
        let host = asked.split(['\\', ',']).next().unwrap_or(asked);
        let label = host.split('.').next().unwrap_or(host);
        let own = self
            .property_server_name
            .split('\\')
            .next()
            .unwrap_or_default();
        if label.eq_ignore_ascii_case(&self.machine_name) || label.eq_ignore_ascii_case(own) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{asked} is not the name of the instance that answered ({own}) and may be an availability group listener, behind which the instance can change"),
        )
        .with_remedy(format!("name the replica itself: {own}")))
    }
}
