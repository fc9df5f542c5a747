//! The devices of a backup: one file or URL, or the stripes of one media set.

use std::fmt;
use std::mem::discriminant;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{BackupDevice, BackupUrl, ServerPath};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;

/// The most devices of a media set (documented).
const MOST_DEVICES: usize = 64;

/// The devices of a media set, as one backup or restore names them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupMedia {
    first: BackupDevice,
    others: Vec<BackupDevice>,
}

impl From<&ServerPath> for BackupMedia {
    fn from(file: &ServerPath) -> Self {
        Self {
            first: file.clone().into(),
            others: Vec::new(),
        }
    }
}

impl BackupMedia {
    /// Takes the devices that came by the setter `field`, if they can be one set.
    pub(crate) fn new(
        cx: &Context,
        field: &str,
        first: &BackupDevice,
        others: &[BackupDevice],
    ) -> Result<Self> {
        let media = Self {
            first: first.clone(),
            others: others.to_vec(),
        };
        let count = media.all().count();
        if count > MOST_DEVICES {
            return Err(Error::invalid(
                field,
                format!("{count} files were said, and a media set has {MOST_DEVICES} at most"),
            ));
        }
        for (at, device) in media.all().enumerate() {
            cx.check_device(field, device)?;
            if !is_same_kind(first, device) {
                return Err(Error::invalid(
                    field,
                    format!(
                        "{first} and {device} are devices of two kinds, and a media set has one"
                    ),
                )
                .with_remedy("stripe over files alone, or over URLs of one kind alone"));
            }
            if media.all().take(at).any(|other| is_same(other, device)) {
                return Err(Error::invalid(field, format!("{device} was said twice"))
                    .with_remedy("each stripe is a file of its own; name each once"));
            }
        }
        Ok(media)
    }

    pub(crate) fn refuse_foreign(&self, identity: &ServerIdentity, field: &str) -> Result<()> {
        self.all()
            .filter_map(BackupDevice::file)
            .try_for_each(|file| identity.refuse_foreign_path(field, file))
    }

    /// Refuses URLs that the server can't reach for want of its version or of a credential. Whether
    /// the credential's secret is right shows when it is used.
    pub(crate) async fn require_credentials(
        &self,
        connection: &mut Connection<'_>,
        field: &str,
    ) -> Result<()> {
        let mut seen: Vec<&str> = Vec::new();
        for url in self.urls() {
            if seen.contains(&url.container()) {
                continue;
            }
            seen.push(url.container());
            require_version(connection.identity(), field, url)?;
            require_credential(connection, field, url).await?;
        }
        Ok(())
    }

    pub(crate) fn is_on_s3(&self) -> bool {
        self.urls().any(BackupUrl::is_s3)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &BackupDevice> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn urls(&self) -> impl Iterator<Item = &BackupUrl> {
        self.all().filter_map(BackupDevice::url)
    }

    /// `DISK = N'…', DISK = N'…'` behind what is there.
    pub(crate) fn devices(&self, statement: Statement) -> Statement {
        devices(statement, self.all().map(BackupDevice::as_str))
    }
}

/// What devices take besides the rights on databases: documented for backups to URLs and restores
/// from them, and what shows the credentials.
pub(crate) fn permission<'a>(
    devices: impl IntoIterator<Item = &'a BackupDevice>,
) -> Option<Permission> {
    let mut devices = devices.into_iter();
    devices
        .any(|device| device.url().is_some())
        .then(|| Permission::server("ALTER ANY CREDENTIAL"))
}

/// The devices, of paths and URLs as a description shows them.
pub(crate) fn devices<'a>(
    statement: Statement,
    paths: impl IntoIterator<Item = &'a str>,
) -> Statement {
    let mut statement = statement;
    for (at, path) in paths.into_iter().enumerate() {
        // As `BackupDevice` reads them.
        let kind = if path.contains("://") {
            "URL = "
        } else {
            "DISK = "
        };
        statement = statement
            .text(if at == 0 { "" } else { ", " })
            .text(kind)
            .literal(path);
    }
    statement
}

fn is_same_kind(one: &BackupDevice, other: &BackupDevice) -> bool {
    discriminant(one) == discriminant(other)
        && one.url().map(BackupUrl::is_s3) == other.url().map(BackupUrl::is_s3)
}

/// Names of blobs and objects differ by case; files of Windows don't.
fn is_same(one: &BackupDevice, other: &BackupDevice) -> bool {
    one == other || (one.url().is_none() && one.as_str().eq_ignore_ascii_case(other.as_str()))
}

/// Documented: signatures since SQL Server 2016, S3 since 2022. What was before, page blobs under an
/// account's key, is not made here.
fn require_version(identity: &ServerIdentity, field: &str, url: &BackupUrl) -> Result<()> {
    let (needed, year) = if url.is_s3() { (16, 2022) } else { (13, 2016) };
    if identity.major_version() >= needed {
        return Ok(());
    }
    let server = &identity.property_server_name;
    let version = &identity.product_version;
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{field}: {server} ({version}) does not reach {url}: that takes SQL Server {year}"),
    )
    .with_remedy("use a file"))
}

async fn require_credential(
    connection: &mut Connection<'_>,
    field: &str,
    url: &BackupUrl,
) -> Result<()> {
    // A credential of S3 may be for the bucket or for the whole storage (documented).
    let mut names = vec![url.container()];
    if url.is_s3() {
        names.push(url.storage());
    }
    let mut question = Statement::new(
        "SELECT credential_identity AS [identity] \
         FROM sys.credentials WHERE name IN (",
    );
    for (at, name) in names.iter().enumerate() {
        question = question.text(if at == 0 { "" } else { ", " }).literal(name);
    }
    let question = question
        .text("); SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'ALTER ANY CREDENTIAL') AS sees_all")
        .batch();
    let answer = connection.look(question).await?;
    let identities: Vec<String> = answer
        .rows(0)
        .map(|row| Ok(row.text_or_null("identity")?.unwrap_or_default().to_owned()))
        .collect::<Result<_>>()?;
    let known: &[&str] = if url.is_s3() {
        &["S3 Access Key"]
    } else {
        &["SHARED ACCESS SIGNATURE", "Managed Identity"]
    };
    let is_known = |identity: &String| known.iter().any(|name| name.eq_ignore_ascii_case(identity));
    if identities.iter().any(is_known) {
        return Ok(());
    }
    let container = url.container();
    let sees_all = match answer.rows(1).next() {
        Some(row) => row.is("sees_all")?,
        None => false,
    };
    let (kind, problem) = if !identities.is_empty() {
        (
            ErrorKind::InvalidInput,
            format!(
                "the credential {container} is of another kind than {}",
                known.join(" or ")
            ),
        )
    } else if sees_all {
        (
            ErrorKind::NotFound,
            format!("the server has no credential named {container}"),
        )
    } else {
        (
            ErrorKind::PermissionDenied,
            format!(
                "whether the server has a credential named {container} is unknown: this login may not see it without ALTER ANY CREDENTIAL"
            ),
        )
    };
    Err(Error::new(kind, format!("{field}: {problem}")).with_remedy(remedy(url)))
}

/// The credential that a URL takes.
fn remedy(url: &BackupUrl) -> String {
    let container = url.container();
    let (identity, secret) = if url.is_s3() {
        ("S3 Access Key", "ACCESS-KEY-ID:SECRET-KEY")
    } else {
        (
            "SHARED ACCESS SIGNATURE",
            "the signature, without a leading `?`",
        )
    };
    format!(
        "make it: CREATE CREDENTIAL [{container}] WITH IDENTITY = '{identity}', SECRET = '<{secret}>', with rights to read, write and list"
    )
}

/// Whether an error is one of reaching a device that is a URL.
pub(crate) fn is_of_url(error: &Error) -> bool {
    error.sql_messages().iter().any(|message| {
        matches!(message.number, 3201..=3203 | 3271 | 3292..=3298)
            && (message.text.contains("https://") || message.text.contains("s3://"))
    })
}

impl fmt::Display for BackupMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.others
            .iter()
            .try_for_each(|device| write!(f, ", {device}"))
    }
}
