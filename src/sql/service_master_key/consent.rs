//! What must have been seen before a service master key is replaced.

use serde::{Deserialize, Serialize};

use super::backup::KeyBackup;
use super::inspect::{self, ServiceMasterKeyInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ServerPath;
use crate::sql::connection::Connection;
use crate::sql::dependents::{Dependents, DependentsEvidence};
use crate::sql::file_examination::FileExamination;
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::statement::Statement;

/// What the caller has seen, and what may be lost of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Consent {
    pub(super) seen: DependentsEvidence,
    pub(super) force: bool,
}

/// The backup of the key that is replaced: the evidence that nothing is lost for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptKey {
    pub(super) file: ServerPath,
    server: String,
    examination: FileExamination,
    key: ServiceMasterKeyInfo,
}

impl Consent {
    pub(super) fn new(dependents: &Dependents, force: bool) -> Self {
        Self {
            seen: dependents.evidence(),
            force,
        }
    }
}

impl KeptKey {
    pub(super) fn of(backup: &KeyBackup) -> Self {
        Self {
            file: backup.file.clone(),
            server: backup.server.names(),
            examination: backup.examination.clone(),
            key: backup.key.clone(),
        }
    }
}

/// Refuses to endanger what nobody has looked at.
pub(super) fn require(consent: Option<&Consent>, dependents: &Dependents) -> Result<()> {
    dependents.require_ungrouped()?;
    if consent.is_none_or(|consent| !consent.force) {
        dependents.require_complete()?;
        dependents.require_online()?;
    }
    let Some(consent) = consent else {
        if dependents.is_empty() {
            return Ok(());
        }
        return Err(Error::new(
            ErrorKind::ConsentRequired,
            format!(
                "under the service master key of this instance also live: {}",
                dependents.names().join(", ")
            ),
        )
        .with_remedy("read Dependents::inspect, back this instance's own key up, and call .replacing(&dependents).keeping(&backup)"));
    };
    // Where nothing is left of what was seen, nothing is endangered.
    if dependents.is_empty() || consent.seen == dependents.evidence() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ConsentRequired,
        format!(
            "what lives under the service master key is not what was seen before; now: {}",
            dependents.names().join(", ")
        ),
    )
    .with_remedy("inspect the dependents again and decide anew"))
}

/// Whether a key opens no database that it should open: then it needs no backup to be given up.
pub(super) fn opens_nothing(probes: &[KeyProbe]) -> bool {
    let has = |result: ProbeResult| probes.iter().any(|probe| probe.result == result);
    has(ProbeResult::DoesNotOpen) && !has(ProbeResult::Opens)
}

/// The safeguard is looked at, not believed.
pub(super) async fn check_kept(
    connection: &mut Connection<'_>,
    kept: Option<&KeptKey>,
) -> Result<()> {
    let refuse = |problem: String| {
        Err(
            Error::new(ErrorKind::ConsentRequired, format!("keeping: {problem}")).with_remedy(
                "back this instance's own service master key up first, and call .keeping(&backup)",
            ),
        )
    };
    let Some(kept) = kept else {
        return refuse("the key that would be replaced has no backup".to_owned());
    };
    if kept.server != connection.identity().names() {
        return refuse(format!(
            "the backup is of the key of {}, not of this instance's",
            kept.server
        ));
    }
    // The catalog's row is a hint only, and may well make more careful.
    let answer = connection
        .look(Statement::new(inspect::QUESTION).batch())
        .await?;
    if inspect::read(&answer, 0)? != kept.key {
        return refuse("the instance's key was changed since it was backed up".to_owned());
    }
    let now = FileExamination::of_key_file(connection, &kept.file).await?;
    let is_whole = matches!(
        now,
        FileExamination::Hashed { size: 1.., .. } | FileExamination::Present
    );
    if !is_whole || now != kept.examination {
        return refuse(format!(
            "{} is not what was written when the key was backed up",
            kept.file
        ));
    }
    Ok(())
}
