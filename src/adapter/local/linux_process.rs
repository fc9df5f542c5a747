use std::fs;
use std::time::Duration;

use time::OffsetDateTime;

use super::refused;
use crate::transport::{HostError, ProcessStatus, TransportErrorKind};

/// Ticks a second of what `/proc` tells: 100 on every platform (documented: `USER_HZ`).
const TICKS: u64 = 100;

/// What runs under a process id, from `/proc`.
pub(super) fn status(process_id: u32) -> Result<Option<ProcessStatus>, HostError> {
    let folder = format!("/proc/{process_id}");
    let stat = match fs::read_to_string(format!("{folder}/stat")) {
        Ok(stat) => stat,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(&folder, &error)),
    };
    let program =
        fs::read_link(format!("{folder}/exe")).map_err(|error| refused(&folder, &error))?;
    let boot = fs::read_to_string("/proc/stat").map_err(|error| refused(&"/proc/stat", &error))?;
    let unread = || {
        HostError::lost(
            TransportErrorKind::Unknown,
            format!("{folder} can't be read"),
        )
    };
    Ok(Some(ProcessStatus {
        program: program
            .to_str()
            .and_then(|path| path.parse().ok())
            .ok_or_else(unread)?,
        started: started(&stat, &boot).ok_or_else(unread)?,
    }))
}

/// Field 22 of `stat`, in ticks since the machine started. The second, the program's name, may hold anything, a `)` too.
fn started(stat: &str, boot: &str) -> Option<OffsetDateTime> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let seconds = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot = OffsetDateTime::from_unix_timestamp(seconds.trim().parse().ok()?).ok()?;
    Some(boot + Duration::from_millis(ticks * 1000 / TICKS))
}
