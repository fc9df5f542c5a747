//! Key files of the server: writing them, restoring from them, and what SQL Server's refusals mean.

use std::future::Future;

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::ServerPath;
use crate::operation::Observation;
use crate::secret::Secret;
use crate::sql::answer::Answer;
use crate::sql::connection::Connection;
use crate::sql::file_examination::{self, FileExamination};
use crate::sql::lost_session;
use crate::sql::numbers;
use crate::sql::statement::Statement;
use crate::transport::MessageSupport;

/// Sends a BACKUP of a key to `file` and looks at what was written: success of the statement alone
/// is not believed.
pub(crate) async fn write(
    connection: &mut Connection<'_>,
    statement: Statement,
    file: &ServerPath,
    secrets: &[&Secret],
) -> Result<FileExamination> {
    let (cx, instance) = (connection.cx(), connection.instance().clone());
    let deadline = Some(cx.deadlines().key);
    let observe = async {
        let mut fresh = Connection::open(cx, &instance, None).await?;
        observe_written(&mut fresh, file).await
    };
    let batch = statement.batch();
    let answer = lost_session::change(connection, batch, secrets, deadline, observe).await?;
    if let Err(error) = answer.or_error() {
        return Err(if error.has_number(&[numbers::CANNOT_WRITE_KEY_FILE]) {
            file_examination::explain_unwritable(connection, file, error.sql_messages()).await
        } else {
            error
        });
    }
    examine_written(connection, file).await
}

/// Looks at a key file that SQL Server says it wrote.
pub(crate) async fn examine_written(
    connection: &mut Connection<'_>,
    file: &ServerPath,
) -> Result<FileExamination> {
    let examination = FileExamination::of_key_file(connection, file)
        .await
        .map_err(|error| error.with_effect(Effect::Done))?;
    let problem = match &examination {
        FileExamination::Absent => "it is not there",
        FileExamination::Hashed { size: 0, .. } => "it is empty",
        _ => return Ok(examination),
    };
    Err(Error::new(
        ErrorKind::Corrupt,
        format!("SQL Server reported success, but of {file}: {problem}"),
    )
    .with_effect(Effect::Done)
    .with_remedy("back the key up again, to another folder"))
}

/// What can be seen of a key file that was to be written. Whether it holds the key only a restore
/// can prove.
pub(crate) async fn observe_written(
    connection: &mut Connection<'_>,
    file: &ServerPath,
) -> Result<Observation> {
    Ok(
        match FileExamination::of_key_file(connection, file).await? {
            FileExamination::Absent => Observation::NotDone,
            FileExamination::Hashed { size: 0, .. } => Observation::Partial {
                state: format!("{file} is empty"),
            },
            FileExamination::NotExamined { reason } => Observation::Indeterminate { seen: reason },
            FileExamination::Hashed { .. } | FileExamination::Present => {
                Observation::Indeterminate {
                    seen: format!(
                        "{file} exists; whether it holds the key only a restore can prove"
                    ),
                }
            }
        },
    )
}

/// Looks at the key file that came by the setter `field` before it is restored from; what can't be a
/// key file, or not the expected one, is refused.
pub(crate) async fn examine(
    connection: &mut Connection<'_>,
    field: &str,
    file: &ServerPath,
    expected_sha256: Option<&str>,
) -> Result<FileExamination> {
    let examination = FileExamination::of_key_file(connection, file).await?;
    match (&examination, expected_sha256) {
        (FileExamination::Absent, _) => Err(Error::new(
            ErrorKind::NotFound,
            format!("{field}: {file} does not exist on the server, or its service account may not see it"),
        )
        .with_remedy("copy the key file to where SQL Server's service account can read it")),
        (FileExamination::Hashed { size: 0, .. }, _) => {
            Err(Error::new(ErrorKind::Corrupt, format!("{field}: {file} is empty")))
        }
        (FileExamination::Hashed { sha256, .. }, Some(expected)) if sha256 != expected => Err(Error::new(
            ErrorKind::Corrupt,
            format!("{field}: {file} has SHA-256 {sha256}, not {expected}: it is another file, or was changed"),
        )
        .with_remedy("use the copy that was made when the key was backed up")),
        (FileExamination::Hashed { .. }, _) | (_, None) => Ok(examination),
        (FileExamination::Present | FileExamination::NotExamined { .. }, Some(_)) => Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("{field}: the hash of {file} is to be checked and its content can't be read"),
        )
        .with_remedy("GRANT ADMINISTER BULK OPERATIONS to the login, or don't ask for the hash")),
    }
}

/// Refuses FORCE on a transport without messages.
pub(crate) fn refuse_untold_losses(cx: &Context) -> Result<()> {
    if cx.sql().capabilities().messages != MessageSupport::None {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        "forcing: this transport reports no messages, so nobody could be told what was lost",
    )
    .with_remedy("use a transport that reports messages"))
}

/// Sends a RESTORE of a key. If its answer is lost, its session is ended before it is observed: it
/// can't be cancelled, so it may be at it still.
pub(crate) async fn restore(
    connection: &mut Connection<'_>,
    statement: Statement,
    secrets: &[&Secret],
    observe: impl Future<Output = Result<Observation>> + Send,
) -> Result<Answer> {
    let deadline = Some(connection.cx().deadlines().key);
    let batch = statement.batch();
    let answer = lost_session::change(connection, batch, secrets, deadline, observe).await?;
    // What FORCE went on without may come as an error (15593's class is unconfirmed), and the key is
    // replaced all the same.
    let mut messages = answer.messages().iter();
    if messages.any(|message| message.is_error() && !is_ignored(message.number)) {
        return answer.or_error().map_err(explain);
    }
    Ok(answer)
}

fn is_ignored(number: i32) -> bool {
    numbers::LOST_BY_FORCE.contains(&number)
}

/// What SQL Server says that FORCE went on without.
pub(crate) fn ignored(answer: &Answer) -> Vec<String> {
    answer
        .messages()
        .iter()
        .filter(|message| is_ignored(message.number))
        .map(|message| message.text.clone())
        .collect()
}

/// Says what SQL Server's refusal means, and no more than it means.
fn explain(error: Error) -> Error {
    let number = error
        .sql_messages()
        .iter()
        .find(|message| message.is_error())
        .map_or(0, |message| message.number);
    let messages = error.sql_messages().to_vec();
    if numbers::KEY_FILE_FAMILY.contains(&number) {
        return Error::new(
            ErrorKind::KeyMismatch,
            format!("SQL Server error {number}: the password is wrong, or the file is missing, damaged or no key file; SQL Server does not tell which"),
        )
        .with_messages(messages)
        .with_remedy("check the password and the file's SHA-256 against what was kept when the key was backed up");
    }
    if numbers::WOULD_LOSE.contains(&number) {
        let lost: Vec<&str> = messages
            .iter()
            .filter(|message| numbers::WOULD_LOSE.contains(&message.number))
            .map(|message| message.text.as_str())
            .collect();
        return Error::new(
            ErrorKind::ConsentRequired,
            format!(
                "the server refused, because the new key would lose: {}",
                lost.join(" / ")
            ),
        )
        .with_messages(messages.clone())
        .with_remedy(
            "mend or drop what the old key does not open; there may be more than is named here",
        );
    }
    error
}
