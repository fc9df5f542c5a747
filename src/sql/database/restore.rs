use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::backup::DatabaseBackup;
use super::inspect::DatabaseInfo;
use super::restore_check;
use super::restore_target::{self, Folders, Relocation, Space};
use super::verify::verify_set;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{BackupDevice, BackupUrl, DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::backup_media::{self, BackupMedia};
use crate::sql::backup_set::{self, BackupSet, SetChoice};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::watched;

const NAME: &str = "restore database";

/// Restores a full backup as a database.
///
/// # Contract
/// * Where a database of that name exists, the backup is restored *beside* it, under the name
///   [`beside_as`](Self::beside_as), and the existing one is left alone. Only
///   [`overwriting`](Self::overwriting) replaces it, with the evidence of what was seen and of a
///   copy that was made of it.
/// * Files go to the instance's default folders under new names.
/// * The set's kind, version and certificates, and the space are checked, and the whole set is
///   verified, before anything is touched.
/// * The database is restored WITH RESTRICTED_USER: nobody but its owners and the administrators
///   gets in until it was verified and is opened on purpose.
///
/// # Errors
/// `InvalidInput`, `NotFound`, `PermissionDenied`, `AlreadyExists`, `Incompatible` (newer version),
/// `NoSpace`, `Corrupt`, `KeyMismatch` (certificate), `ConsentRequired`, `Busy`: with effect `None`
/// nothing was changed. `Partial`: the database is left RESTORING and closed, and with
/// `overwriting` the old one is gone. `Unknown`: the answer was lost; observe.
///
/// # Cancel safety
/// Dropping the future closes the connection. The server may go on for a while, or leaves the
/// database RESTORING and closed; nothing reopens it by itself.
///
/// # T-SQL
/// `RESTORE DATABASE […] FROM DISK = N'…' | URL = N'…' WITH FILE = n, MOVE N'…' TO N'…', CHECKSUM, RESTRICTED_USER, RECOVERY, STATS = 5`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestoreDatabase {
    instance: SqlInstance,
    database: DatabaseName,
    file: Option<BackupDevice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stripes: Vec<BackupDevice>,
    #[serde(default)]
    set: SetChoice,
    beside_as: Option<DatabaseName>,
    overwriting: Option<Overwrite>,
}

/// The evidence of a database that is overwritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Overwrite {
    seen: String,
    /// When it was seen, server time: the copy was made later.
    seen_at: String,
    /// The copy that was made of it before: file and GUID of the backup set.
    copy: Option<(BackupDevice, Option<String>)>,
    /// The other files of that copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    copy_stripes: Vec<BackupDevice>,
}

/// A database that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredDatabase {
    /// The name it has now.
    pub name: DatabaseName,
    /// The existing database beside which it was restored, if there was one.
    pub beside: Option<DatabaseName>,
    /// What it was restored from. `backup_finish` is the recovery point.
    pub set: BackupSet,
    /// How it is now.
    pub database: DatabaseInfo,
}

impl Overwrite {
    fn copy_media(&self, cx: &Context) -> Result<Option<BackupMedia>> {
        match &self.copy {
            Some((file, _)) => {
                BackupMedia::new(cx, "overwriting", file, &self.copy_stripes).map(Some)
            }
            None => Ok(None),
        }
    }
}

impl RestoreDatabase {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            file: None,
            stripes: Vec::new(),
            set: SetChoice::Only,
            beside_as: None,
            overwriting: None,
        }
    }

    /// The backup file. Required.
    pub fn from_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file.into());
        self
    }

    /// One more file of the set, where it is striped: all of them are needed.
    pub fn and_file(mut self, file: ServerPath) -> Self {
        self.stripes.push(file.into());
        self
    }

    /// The URL of the backup, instead of a file. Its host must be allowed
    /// ([`ContextBuilder::allow_backup_host`](crate::ContextBuilder::allow_backup_host)), and the server
    /// must have a credential that is named like the container.
    pub fn from_url(mut self, url: BackupUrl) -> Self {
        self.file = Some(url.into());
        self
    }

    /// One more URL of the set, where it is striped: all of them are needed.
    pub fn and_url(mut self, url: BackupUrl) -> Self {
        self.stripes.push(url.into());
        self
    }

    /// The files or URLs of a backup that was made, all of them.
    pub fn from_backup(mut self, backup: &DatabaseBackup) -> Self {
        self.file = Some(backup.file.clone());
        self.stripes.clone_from(&backup.stripes);
        self
    }

    /// The place of the backup set in the file, from 1. Needed where there are several.
    pub fn position(mut self, position: u16) -> Self {
        self.set = SetChoice::Position(position);
        self
    }

    /// The newest full backup of `source` among several sets: `source` is the name that the database
    /// had when it was backed up.
    pub fn newest_of(mut self, source: DatabaseName) -> Self {
        self.set = SetChoice::NewestOf(source);
        self
    }

    /// The name to take where the wanted one is taken. Default: the wanted one with `_restored`.
    pub fn beside_as(mut self, name: DatabaseName) -> Self {
        self.beside_as = Some(name);
        self
    }

    /// Consents to deleting the database `existing`, which was seen, and of which `copy` was made.
    /// The copy is made after looking. Only a database that can't be backed up (not online) may go
    /// without one.
    pub fn overwriting(mut self, existing: &DatabaseInfo, copy: Option<&DatabaseBackup>) -> Self {
        self.overwriting = Some(Overwrite {
            seen: existing.evidence(),
            seen_at: existing.inspected.clone(),
            copy: copy.map(|copy| (copy.file.clone(), copy.set.backup_set_guid.clone())),
            copy_stripes: copy.map(|copy| copy.stripes.clone()).unwrap_or_default(),
        });
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    fn media(&self, cx: &Context) -> Result<BackupMedia> {
        let file = required(self.file.as_ref(), "from_file")?;
        BackupMedia::new(cx, "from_file", file, &self.stripes)
    }

    fn permissions(&self) -> Vec<Permission> {
        let copy = self.overwriting.iter().flat_map(|overwrite| {
            let first = overwrite.copy.iter().map(|(device, _)| device);
            first.chain(&overwrite.copy_stripes)
        });
        let devices = self.file.iter().chain(&self.stripes).chain(copy);
        let mut permissions = vec![Permission::server("CREATE ANY DATABASE")];
        permissions.extend(backup_media::permission(devices));
        permissions
    }

    fn beside_name(&self) -> Result<DatabaseName> {
        match &self.beside_as {
            Some(name) => Ok(name.clone()),
            None => Ok(format!("{}_restored", self.database).parse()?),
        }
    }

    async fn restore(&self, cx: &Context) -> Result<RestoredDatabase> {
        let media = self.media(cx)?;
        let copy = match &self.overwriting {
            Some(overwrite) => overwrite.copy_media(cx)?,
            None => None,
        };
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let identity = connection.identity();
        media.refuse_foreign(identity, "from_file")?;
        if let Some(copy) = &copy {
            copy.refuse_foreign(identity, "overwriting")?;
        }
        connection
            .require_server_permission("CREATE ANY DATABASE")
            .await?;
        media
            .require_credentials(&mut connection, "from_url")
            .await?;
        if let Some(copy) = &copy {
            copy.require_credentials(&mut connection, "overwriting")
                .await?;
        }
        let set = BackupSet::read(&mut connection, &media, self.set.clone()).await?;
        set.require_whole_database()?;
        let folders = Folders::read(&mut connection).await?;
        restore_check::refuse_newer(&connection, &set, &folders)?;
        restore_check::require_certificates(&mut connection, &set).await?;

        let existing = DatabaseInfo::read(&mut connection, &self.database).await?;
        let (name, beside) = self
            .choose_name(&mut connection, existing.as_ref(), &set, copy.as_ref())
            .await?;
        let space = restore_target::check_space(&mut connection, &set, &folders).await?;
        if let Space::Unknown(why) = space {
            cx.report(&Progress::Notice {
                operation: NAME,
                text: format!("whether the files fit can't be told: {why}"),
            });
        }
        let is_overwriting = beside.is_none() && existing.is_some();
        let files = restore_target::plan(
            &mut connection,
            &set,
            &name,
            &folders,
            is_overwriting.then_some(existing.as_ref()).flatten(),
        )
        .await?;

        cx.report(&Progress::Doing {
            operation: NAME,
            what: "verify the backup set",
        });
        verify_set(&mut connection, NAME, &media, &set).await?;

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "restore the backup set",
        });
        let batch = statement(&name, &media, &set, &files, is_overwriting).batch();
        self.send(&mut connection, batch, &name, &set, existing.as_ref())
            .await?;
        let database = restore_check::check(&mut connection, &name, &set)
            .await
            .map_err(|error| error.with_effect(Effect::Done))?;
        Ok(RestoredDatabase {
            name,
            beside,
            set,
            database,
        })
    }

    /// The name to restore as: the wanted one, or the one beside it.
    async fn choose_name(
        &self,
        connection: &mut Connection<'_>,
        existing: Option<&DatabaseInfo>,
        set: &BackupSet,
        copy: Option<&BackupMedia>,
    ) -> Result<(DatabaseName, Option<DatabaseName>)> {
        let changed = |what: &str| {
            Error::new(ErrorKind::ConsentRequired, format!("overwriting: {what}"))
                .with_remedy("inspect the database again and decide anew")
        };
        match (existing, &self.overwriting) {
            (None, None) => Ok((self.database.clone(), None)),
            (None, Some(_)) => Err(changed("the database that was seen is not there any more")),
            (Some(existing), Some(evidence)) => {
                if existing.is_in_availability_group {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "the existing database belongs to an availability group, which no operation of this library leaves or joins",
                    )
                    .with_remedy("take it out of the group first (ALTER AVAILABILITY GROUP … REMOVE DATABASE), or restore beside it"));
                }
                if existing.evidence() != evidence.seen {
                    return Err(changed("the database is not the one that was seen before"));
                }
                require_copy(connection, existing, evidence, set, copy).await?;
                // As the catalog spells it.
                Ok((existing.name.clone(), None))
            }
            (Some(existing), None) => {
                let name = self.beside_name()?;
                if DatabaseInfo::read(connection, &name).await?.is_some() {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists,
                        format!("{} exists, and so does {name}, beside it", existing.name),
                    )
                    .with_remedy("give another name with .beside_as(name)"));
                }
                Ok((name, Some(existing.name.clone())))
            }
        }
    }

    async fn send(
        &self,
        connection: &mut Connection<'_>,
        batch: crate::transport::SqlBatch,
        name: &DatabaseName,
        set: &BackupSet,
        existing: Option<&DatabaseInfo>,
    ) -> Result<()> {
        let cx = connection.cx();
        // A database that this very set was restored to before looks the same before and after.
        let was_done = existing.is_some_and(|existing| existing.name == *name)
            && restore_check::observe_name(connection, name, set, true).await?
                == Some(Observation::Done);
        // Nothing else was of that name, so what is there now is this restore's.
        let observe = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let found = restore_check::observe_name(&mut connection, name, set, true).await?;
            Ok(match found {
                Some(Observation::Done) if was_done => Observation::Indeterminate {
                    seen: format!("{name} was restored from this set before, too"),
                },
                found => found.unwrap_or(Observation::NotDone),
            })
        };
        let answer = watched::change_observed(connection, NAME, batch, observe).await?;
        let Err(error) = answer.or_error().map_err(backup_set::explain) else {
            return Ok(());
        };
        // The server said no: whether it did so before or after it began is to be seen.
        let before = existing
            .filter(|existing| existing.name == *name)
            .map(DatabaseInfo::evidence);
        let effect = match DatabaseInfo::read(connection, name).await {
            Ok(after)
                if after.as_ref().map(DatabaseInfo::evidence) == before
                    && after.as_ref().is_none_or(|after| {
                        after.state == existing.map_or("", |e| e.state.as_str())
                    }) =>
            {
                Effect::None
            }
            Ok(_) => Effect::Partial,
            Err(_) => Effect::Unknown,
        };
        let error = error.with_effect(effect);
        Err(if effect == Effect::None {
            error
        } else {
            error.with_remedy("the database stays closed; find the cause, then restore again over it with .overwriting(…)")
        })
    }
}

fn statement(
    name: &DatabaseName,
    media: &BackupMedia,
    set: &BackupSet,
    files: &[Relocation],
    is_overwriting: bool,
) -> Statement {
    let statement = Statement::new("RESTORE DATABASE ")
        .identifier(name.as_str())
        .text(" FROM ");
    let mut statement = media
        .devices(statement)
        .text(" WITH FILE = ")
        .number(set.position);
    for file in files {
        statement = statement
            .text(", MOVE ")
            .literal(file.logical_name.as_str())
            .text(" TO ")
            .literal(file.to.as_str());
    }
    statement
        .text(if set.has_checksums { ", CHECKSUM" } else { "" })
        .text(if is_overwriting { ", REPLACE" } else { "" })
        .text(", RESTRICTED_USER, RECOVERY, STATS = 5")
}

/// REPLACE deletes the database and skips the check of its log's tail (documented): so there is a
/// copy first, made of this very database, and it is looked at.
async fn require_copy(
    connection: &mut Connection<'_>,
    existing: &DatabaseInfo,
    evidence: &Overwrite,
    set: &BackupSet,
    media: Option<&BackupMedia>,
) -> Result<()> {
    let refuse = |problem: &str| {
        Err(Error::new(
            ErrorKind::ConsentRequired,
            format!("overwriting: {}: {problem}", existing.name),
        )
        .with_remedy("back the existing database up first, and give that backup to .overwriting(&existing, Some(&backup))"))
    };
    let (Some((_, guid)), Some(media)) = (&evidence.copy, media) else {
        if existing.state == "ONLINE" {
            return refuse("it is online and no copy of it was made");
        }
        return Ok(());
    };
    let copy = BackupSet::read(connection, media, SetChoice::Only).await?;
    copy.require_whole_database()?;
    let seconds = |time: &str| time.get(..19).map(str::to_owned);
    if copy.backup_set_guid != *guid {
        return refuse("the file does not hold the copy that was made");
    }
    if copy.backup_set_guid == set.backup_set_guid {
        return refuse("the copy is the very set that is to be restored");
    }
    if existing.family_guid.is_some() && copy.family_guid != existing.family_guid {
        return refuse("the copy is of another database");
    }
    if !copy
        .server_name
        .eq_ignore_ascii_case(&connection.identity().server_name)
    {
        return refuse("the copy was made on another server");
    }
    if copy.backup_start.as_deref().and_then(seconds) < seconds(&evidence.seen_at) {
        return refuse(
            "the copy was made before the database was looked at; what came since is not in it",
        );
    }
    verify_set(connection, NAME, media, &copy).await
}

impl Sealed for RestoreDatabase {}

#[async_trait]
impl Operation for RestoreDatabase {
    type Output = RestoredDatabase;

    fn describe(&self) -> Description {
        let file = shown(self.file.as_ref(), "from_file");
        let files =
            std::iter::once(file.as_str()).chain(self.stripes.iter().map(BackupDevice::as_str));
        let script = Statement::new("RESTORE DATABASE ")
            .identifier(self.database.as_str())
            .text(" FROM ");
        let mut script = backup_media::devices(script, files).text(" WITH FILE = ");
        script = match &self.set {
            SetChoice::Position(position) => script.number(*position),
            SetChoice::Only => script.text("<the only one>"),
            SetChoice::NewestOf(source) => script
                .text("<the newest of ")
                .identifier(source.as_str())
                .text(">"),
        };
        script = script.text(", MOVE <each file> TO <default folder>, CHECKSUM");
        if self.overwriting.is_some() {
            script = script.text(", REPLACE");
        }
        let mut hazards = vec![Hazard::RecoveryPoint {
            backup_finish: "the end of the backup".to_owned(),
        }];
        if self.overwriting.is_some() {
            hazards.push(Hazard::OverwritesDatabase {
                database: self.database.to_string(),
            });
        }
        Description {
            target: self.target(),
            action: if self.overwriting.is_some() {
                "restore a backup over the existing database".to_owned()
            } else {
                "restore a backup as a new database, beside an existing one of that name".to_owned()
            },
            script: vec![
                script
                    .text(", RESTRICTED_USER, RECOVERY, STATS = 5")
                    .shown(),
            ],
            hazards,
            permissions: self.permissions(),
        }
    }

    /// Told by the state of the name (and the one beside it) and by `msdb`'s history of restores.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let media = self.media(cx)?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            media.refuse_foreign(connection.identity(), "from_file")?;
            let set = BackupSet::read(&mut connection, &media, self.set.clone()).await?;
            let names = if self.overwriting.is_some() {
                vec![(self.database.clone(), true)]
            } else {
                vec![(self.database.clone(), false), (self.beside_name()?, true)]
            };
            for (name, is_certain) in names {
                let found = restore_check::observe_name(&mut connection, &name, &set, is_certain);
                if let Some(found) = found.await? {
                    return Ok(found);
                }
            }
            Ok(Observation::NotDone)
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.restore(cx)).await
    }
}
