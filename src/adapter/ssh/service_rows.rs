//! What `sc.exe` prints, read without its words.

use std::time::Duration;

use crate::transport::ServiceState;

/// The numbers of a service's status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServiceRows {
    pub(super) state: ServiceState,
    pub(super) exit_code: u32,
    pub(super) service_exit_code: u32,
    pub(super) checkpoint: u32,
    pub(super) wait_hint: Duration,
    pub(super) process_id: Option<u32>,
}

impl ServiceRows {
    /// Reads `sc query`; with `has_process`, `sc queryex`. `None`: it is not of the form that is known.
    pub(super) fn read(output: &str, has_process: bool) -> Option<Self> {
        // The rows with a number, but for the service's name, which may be one, and a display name before the rest:
        // type, state, both exit codes, checkpoint, hint, process.
        let lines = output.lines().filter(|line| !line.trim().is_empty());
        let rows: Vec<&str> = lines.skip(1).filter_map(number).collect();
        let wanted = if has_process { 7 } else { 6 };
        let rows = &rows[rows.len().checked_sub(wanted)?..];
        // The type is hexadecimal without saying so.
        u32::from_str_radix(rows[0], 16).ok()?;
        let state = match rows[1] {
            "1" => ServiceState::Stopped,
            "2" => ServiceState::StartPending,
            "3" => ServiceState::StopPending,
            "4" => ServiceState::Running,
            "5" => ServiceState::ContinuePending,
            "6" => ServiceState::PausePending,
            "7" => ServiceState::Paused,
            _ => return None,
        };
        let process_id = match rows.get(6) {
            Some(row) => Some(row.parse().ok()?).filter(|id| *id != 0),
            None => None,
        };
        Some(Self {
            state,
            exit_code: rows[2].parse().ok()?,
            service_exit_code: rows[3].parse().ok()?,
            checkpoint: hexadecimal(rows[4])?,
            wait_hint: Duration::from_millis(hexadecimal(rows[5])?.into()),
            process_id,
        })
    }
}

/// The number that a row's value begins with. Some languages write a wide colon.
fn number(line: &str) -> Option<&str> {
    let (_, value) = line.split_once([':', '\u{ff1a}'])?;
    let first = value.split_whitespace().next()?;
    first
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(first)
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The number of Windows' error in what `sc.exe` prints of a refusal: the last one in its line `[SC] … FAILED 1060:`.
pub(super) fn refused(output: &str) -> Option<u32> {
    let line = output
        .lines()
        .find(|line| line.trim_start().starts_with("[SC]"))?;
    let mut numbers = line
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty());
    numbers.next_back()?.parse().ok().filter(|code| *code != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a page of Microsoft (documented), with the two rows that `queryex` adds.
    const ENGLISH: &str = "\r\nSERVICE_NAME: 7\r\nDISPLAY_NAME: 3 Blind Mice\r\n        TYPE               : 110  WIN32_OWN_PROCESS  (interactive)\r\n        STATE              : 3  STOP_PENDING\r\n                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)\r\n        WIN32_EXIT_CODE    : 1066  (0x42a)\r\n        SERVICE_EXIT_CODE  : 42  (0x2a)\r\n        CHECKPOINT         : 0x1f\r\n        WAIT_HINT          : 0xbb8\r\n        PID                : 4711\r\n        FLAGS              : RUNS_IN_SYSTEM_PROCESS\r\n";

    /// Words of another language (community), same order.
    const GERMAN: &str = "\r\nSERVICE_NAME: omonitor\r\n        TYP                : 10  WIN32_OWN_PROCESS\r\n        STATUS             : 1  STOPPED\r\n        WIN32_BEENDIGUNGSCODE : 1077  (0x435)\r\n        DIENST_BEENDIGUNGSCODE : 0  (0x0)\r\n        PR\u{fffd}FPUNKT         : 0x0\r\n        WARTEHINWEIS       : 0x0\r\n        PID                : 0\r\n        MARKIERUNGEN       :\r\n";

    /// Wine 8.0, as it was seen.
    const WINE: &str = "SERVICE_NAME: EventLog\r\n        TYPE               : 20  WIN32_SHARE_PROCESS\r\n        STATE              : 4  RUNNING\r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n        SERVICE_EXIT_CODE  : 0  (0x0)\r\n        CHECKPOINT         : 0x0\r\n        WAIT_HINT          : 0x0\r\n";

    #[test]
    fn numbers_are_read_in_their_order_in_any_language() {
        let rows = ServiceRows::read(ENGLISH, true).unwrap();
        let expected = ServiceRows {
            state: ServiceState::StopPending,
            exit_code: 1066,
            service_exit_code: 42,
            checkpoint: 0x1f,
            wait_hint: Duration::from_secs(3),
            process_id: Some(4711),
        };
        assert_eq!(rows, expected);
        let rows = ServiceRows::read(GERMAN, true).unwrap();
        assert_eq!(
            (rows.state, rows.exit_code, rows.process_id),
            (ServiceState::Stopped, 1077, None)
        );
        let wide = GERMAN.replace(" :", "\u{ff1a}");
        assert_eq!(ServiceRows::read(&wide, true).unwrap(), rows);
        let rows = ServiceRows::read(WINE, false).unwrap();
        assert_eq!((rows.state, rows.process_id), (ServiceState::Running, None));
    }

    #[test]
    fn what_is_cut_or_of_another_form_is_not_guessed_at() {
        assert_eq!(ServiceRows::read(WINE, true), None);
        assert_eq!(ServiceRows::read("", false), None);
        for line in WINE.lines().skip(1) {
            assert_eq!(
                ServiceRows::read(&WINE.replace(line, ""), false),
                None,
                "{line}"
            );
        }
        assert_eq!(
            ServiceRows::read(&WINE.replace("4  RUNNING", "9  RUNNING"), false),
            None
        );
        assert_eq!(
            ServiceRows::read(&WINE.replace(": 0x0", ": 0"), false),
            None
        );
    }

    #[test]
    fn refusals_tell_their_number() {
        for (output, expected) in [
            (
                "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\r\n\r\nThe specified 1 service\r\n",
                Some(1060),
            ),
            ("\r\n[SC] StartService FEHLER 1056:\r\n", Some(1056)),
            ("[SC] OpenSCManager FAILED 5:\r\n", Some(5)),
            ("[SC] ChangeServiceConfig SUCCESS\r\n", None),
            ("Usage: sc command servicename", None),
        ] {
            assert_eq!(refused(output), expected, "{output}");
        }
    }
}
