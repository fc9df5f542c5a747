//! RESTORE HEADERONLY, FILELISTONLY, LABELONLY and VERIFYONLY.

use super::cell::{Cell, columns};
use super::device::{self, Media};
use super::options::Options;
use super::progress::Progress;
use super::rows::{file_cells, header_cells, label_cells};
use super::{
    RESTORE_FILELISTONLY, RESTORE_HEADERONLY, RESTORE_VERIFYONLY, ROWS, encryption, media_message,
    message, permission, restore_database,
};
use crate::simulator::engine::Session;
use crate::simulator::media::SetHeader;
use crate::simulator::output::{Output, Reply};
use crate::simulator::server_error::{Failure, Result};
use crate::simulator::tsql::ast::{Device, RestoreKind};

pub(super) async fn run(
    session: &Session,
    kind: RestoreKind,
    devices: &[Device],
    options: Options,
    output: &Output,
) -> Result<(), Failure> {
    permission::create_database(session, &session.instance.state())?;
    let paths = device::paths(session, devices)?;
    // One family is enough to read headers and labels.
    let media = device::open_to_read(session, paths, kind == RestoreKind::VerifyOnly)?;
    match kind {
        RestoreKind::VerifyOnly => verify(session, &media, options, output).await,
        RestoreKind::LabelOnly => {
            let rows = media.families.first().map(|family| {
                let choices = &session.instance.choices;
                label_cells(&family.label, choices.label_flag_is_tinyint)
            });
            let command = session.instance.choices.unseen_command;
            send(output, rows.into_iter().collect(), command).await
        }
        RestoreKind::FileListOnly => {
            let set = media.choose(options.position.unwrap_or(1))?;
            let header = set.header()?;
            check_certificate(session, header)?;
            check_file_list(session, header)?;
            let rows = header
                .files
                .iter()
                .map(|file| file_cells(header, file))
                .collect();
            send(output, rows, RESTORE_FILELISTONLY).await
        }
        _ => {
            let rows = header_rows(session, &media, options.position)?;
            send(output, rows, RESTORE_HEADERONLY).await
        }
    }
}

/// Whether the set may be shown where its certificates are not there, nobody could confirm.
fn check_certificate(session: &Session, header: &SetHeader) -> Result<()> {
    let choices = &session.instance.choices;
    let of_backup = header.encryption.as_ref();
    let of_backup = of_backup.map(|encryption| &encryption.thumbprint);
    let of_backup = of_backup.filter(|_| choices.encrypted_header_needs_certificate);
    let of_database = header.tde.as_ref();
    let of_database = of_database.filter(|_| choices.tde_header_needs_certificate);
    for thumbprint in of_backup.into_iter().chain(of_database) {
        encryption::require_certificate(session, &session.instance.state(), thumbprint)?;
    }
    Ok(())
}

/// The same, of the files of an encrypted database: community reports have 33111.
fn check_file_list(session: &Session, header: &SetHeader) -> Result<()> {
    let thumbprint = header.tde.as_ref();
    let needs = session.instance.choices.tde_file_list_needs_certificate;
    match thumbprint.filter(|_| needs) {
        Some(thumbprint) => {
            encryption::require_certificate(session, &session.instance.state(), thumbprint)
        }
        None => Ok(()),
    }
}

/// All sets, or the one that was asked for.
fn header_rows(
    session: &Session,
    media: &Media,
    position: Option<usize>,
) -> Result<Vec<Vec<Cell>>> {
    let version = session.instance.version;
    let row = |position: usize| {
        let set = media.choose(position)?;
        let header = set.header()?;
        check_certificate(session, header)?;
        Ok(header_cells(header, position, version))
    };
    if let Some(position) = position {
        return Ok(vec![row(position)?]);
    }
    let family = media.families.first();
    if family.is_none_or(|family| family.sets.is_empty()) {
        return Err(media_message::malformed_family(media.device()));
    }
    (1..=family.map_or(0, |family| family.sets.len()))
        .map(row)
        .collect()
}

async fn send(output: &Output, rows: Vec<Vec<Cell>>, command: u16) -> Result<(), Failure> {
    let count = rows.len() as u64;
    output
        .send(Reply::Columns(
            rows.first().map(|row| columns(row)).unwrap_or_default(),
        ))
        .await?;
    for row in rows {
        let values = row.into_iter().map(|(_, _, value)| value).collect();
        output.send(Reply::Row(values)).await?;
    }
    output
        .send(Reply::Done {
            command: ROWS,
            rows: Some(count),
            is_error: false,
        })
        .await?;
    Ok(output
        .send(Reply::Done {
            command,
            rows: None,
            is_error: false,
        })
        .await?)
}

async fn verify(
    session: &Session,
    media: &Media,
    options: Options,
    output: &Output,
) -> Result<(), Failure> {
    let position = options.position.unwrap_or(1);
    let set = media.choose(position)?;
    encryption::check_readable(session, &session.instance.state(), set.header()?)?;
    if options.checksum == Some(true) && !set.header()?.has_checksums {
        return Err(media_message::no_checksums().into());
    }
    let progress = Progress::start(session, "RESTORE VERIFYONLY", RESTORE_VERIFYONLY);
    progress.run(options.stats, output).await?;
    restore_database::read_content(session, &session.instance.state(), set)?;
    if set.is_before_damage() {
        return Err(media_message::damaged_end(media.device()).into());
    }
    Ok(progress
        .notice(message::set_is_valid(position), output)
        .await?)
}
