//! SQL Server's message numbers, and the kind of error each is.

use crate::error::ErrorKind;
use crate::transport::SqlMessage;

/// RESTORE of a key file: missing, not a key file, or a wrong password. Which of the three numbers
/// stands for which is unconfirmed, so they are one family.
pub(crate) const KEY_FILE_FAMILY: [i32; 3] = [15317, 15465, 15466];
/// A dependent can't be decrypted by the old master key: FORCE would lose it.
pub(crate) const WOULD_LOSE: [i32; 3] = [15320, 15329, 15393];
/// What FORCE went on without, as notices (documented). 15593's class on the wire is unconfirmed.
pub(crate) const LOST_BY_FORCE: [i32; 3] = [15584, 15585, 15593];
/// The current master key can't be decrypted, so that nothing under it can be encrypted anew.
pub(crate) const MASTER_KEY_NOT_DECRYPTED: i32 = 15329;
/// A wrong password of a database master key: 15313 was seen (community); the others are those of
/// key files, by caution.
pub(crate) const WRONG_MASTER_KEY_PASSWORD: [i32; 4] = [15313, 15317, 15465, 15466];
/// A key is encrypted like that already. That ADD ENCRYPTION BY SERVICE MASTER KEY says so is
/// unconfirmed.
pub(crate) const SAME_ENCRYPTION: i32 = 15579;
/// The old and the new master key are identical.
pub(crate) const KEYS_IDENTICAL: i32 = 15588;
/// The master key of the database can't be opened here.
pub(crate) const MASTER_KEY_CLOSED: i32 = 15581;
/// A certificate's file, or that of its private key: missing, unreadable or not one.
pub(crate) const CERTIFICATE_FILE: i32 = 15208;
/// A private key that is not the certificate's, or damaged data. That it is this number is
/// unconfirmed.
pub(crate) const CERTIFICATE_DATA: i32 = 15297;
/// The private key of a certificate does not open: a wrong password. Which number that raises is
/// unconfirmed; 15465 is its text.
pub(crate) const WRONG_PRIVATE_KEY_PASSWORD: [i32; 3] = [15465, 15466, 15556];
/// A key file can't be written: it exists, or the folder is missing or forbidden.
pub(crate) const CANNOT_WRITE_KEY_FILE: i32 = 15240;

/// Windows has no account or group of that name (documented).
pub(crate) const NO_WINDOWS_ACCOUNT: i32 = 15401;

/// The kind of an error message, from its number.
pub(crate) fn kind_of(message: &SqlMessage) -> ErrorKind {
    match message.number {
        229
        | 230
        | 262
        | 297
        | 300
        | 916
        | 923
        | 3110
        | 4834
        | 15247
        | 18452
        | 18456
        | 18470
        | 18486..=18488 => ErrorKind::PermissionDenied,
        208 | 911 | 3132 | 4060 | 4064 | 5011 | 15151 | 15401 | 15406 | 15517 => {
            ErrorKind::NotFound
        }
        924 | 927 | 942 | 945 | 1205 | 3023 | 3101 | 3102 | 5030 | 5061 | 5064 | 5070 => {
            ErrorKind::Busy
        }
        1801 | 1834 | 3142 | 3154 | 3156 | 15025 | 15232 | 15240 | 15433 | 15579 => {
            ErrorKind::AlreadyExists
        }
        1844 | 40_510 => ErrorKind::Unsupported,
        3169 => ErrorKind::Incompatible,
        3257 | 1105 | 9002 => ErrorKind::NoSpace,
        926 | 3183 | 3189 | 3241 | 3242 | 3254 | 3256 | 3266 | 15208 | 15297 => ErrorKind::Corrupt,
        15313 | 15465 | 15466 | 15317 | 15556 | 15581 | 33101 | 33111 => ErrorKind::KeyMismatch,
        15320 | 15329 | 15393 => ErrorKind::ConsentRequired,
        15116..=15118 | 33062..=33064 => ErrorKind::InvalidInput,
        3201..=3203 | 3271 | 4860 | 4861 => device_kind(&message.text),
        _ => ErrorKind::SqlServer,
    }
}

/// Device errors carry the operating system's number in their text (in every language, as
/// `error 5(` or with other words before it).
fn device_kind(text: &str) -> ErrorKind {
    let number = text
        .match_indices('(')
        .filter_map(|(at, _)| {
            let digits = text[..at].rsplit(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u32>().ok()
        })
        .next_back();
    match number {
        Some(2 | 3 | 53 | 67) => ErrorKind::NotFound,
        Some(5) => ErrorKind::PermissionDenied,
        Some(32) => ErrorKind::Busy,
        Some(39 | 112) => ErrorKind::NoSpace,
        Some(23 | 38 | 1117) => ErrorKind::Corrupt,
        _ => ErrorKind::SqlServer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: i32, text: &str) -> SqlMessage {
        SqlMessage {
            number,
            state: 1,
            class: 16,
            text: text.to_owned(),
            procedure: String::new(),
            line: 1,
        }
    }

    #[test]
    fn device_errors_are_told_apart_by_the_operating_systems_number() {
        for (error, kind) in [
            (
                "2(The system cannot find the file specified.)",
                ErrorKind::NotFound,
            ),
            ("5(Zugriff verweigert)", ErrorKind::PermissionDenied),
            (
                "112(There is not enough space on the disk.)",
                ErrorKind::NoSpace,
            ),
            ("32(in use)", ErrorKind::Busy),
            ("no number at all", ErrorKind::SqlServer),
        ] {
            let text = format!(
                "Cannot open backup device 'C:\\x(5).bak'. Operating system error {error}."
            );
            assert_eq!(kind_of(&message(3201, &text)), kind, "{text}");
        }
        assert_eq!(kind_of(&message(50_000, "")), ErrorKind::SqlServer);
    }
}
