//! What statements on keys answer. Numbers and texts are SQL Server's; failures whose row in
//! `sys.messages` says severity 10 are raised with class 16, as transcripts show.

use crate::simulator::ModellingChoices;
use crate::simulator::keys::{CryptographyFailed, PasswordProblem};
use crate::simulator::server_error::{ServerError, message};
use crate::transport::SqlMessage;

fn error(number: i32, state: u8, text: impl Into<String>) -> ServerError {
    ServerError::new(number, 16, state, text)
}

fn notice(number: i32, text: impl Into<String>) -> SqlMessage {
    message(number, 0, 1, text)
}

/// The messages whose state nobody saw.
const UNSEEN_STATES: [i32; 29] = [
    3716, 15116, 15117, 15208, 15240, 15282, 15297, 15320, 15329, 15393, 15465, 15466, 15579,
    15584, 15585, 15588, 15593, 15594, 15595, 33101, 33102, 33103, 33104, 33105, 33106, 33107,
    33108, 33117, 33118,
];

/// Gives a message the state and the class that were chosen for those of which nobody saw them.
pub(super) fn choose_unseen(message: &mut SqlMessage, choices: &ModellingChoices) {
    if UNSEEN_STATES.contains(&message.number) {
        message.state = choices.unseen_state;
    }
    match message.number {
        15282 if choices.class_as_catalogued => message.class = 0,
        15593 if choices.class_as_catalogued => message.class = 16,
        _ => {}
    }
}

/// 33062 to 33064: the policy that SQL Server has where the operating system has none. Texts from
/// the logs of containers.
pub(super) fn password_refused_by_server(problem: PasswordProblem) -> ServerError {
    let (number, why) = match problem {
        PasswordProblem::TooShort => (
            33062,
            "too short. The password must be at least 8 characters.",
        ),
        PasswordProblem::TooLong => (
            33063,
            "too long. The password must be at most 128 characters.",
        ),
        PasswordProblem::NotComplex => (
            33064,
            "not complex enough. The password must be at least 8 characters long and contain \
             characters from three of the following four sets: Uppercase letters, Lowercase \
             letters, Base 10 digits, and Symbols.",
        ),
    };
    error(
        number,
        2,
        format!(
            "Password validation failed. The password does not meet SQL Server password policy \
             requirements because it is {why}"
        ),
    )
}

/// 15118 and its neighbours.
pub(super) fn password_refused(problem: PasswordProblem) -> ServerError {
    let (number, why) = match problem {
        PasswordProblem::TooShort => (15116, "too short"),
        PasswordProblem::TooLong => (15117, "too long"),
        PasswordProblem::NotComplex => (15118, "not complex enough"),
    };
    error(
        number,
        1,
        format!(
            "Password validation failed. The password does not meet the operating system policy \
             requirements because it is {why}."
        ),
    )
}

pub(super) fn not_found(action: &str, kind: &str, name: &str) -> ServerError {
    error(
        15151,
        1,
        format!(
            "Cannot {action} the {kind} '{name}', because it does not exist or you do not have \
             permission."
        ),
    )
}

/// 15232, 15282 or 15396, by kind.
pub(super) fn name_taken(kind: &str, name: &str) -> ServerError {
    match kind {
        "certificate" => error(
            15232,
            1,
            format!(
                "A certificate with name '{name}' already exists or this certificate already has \
                 been added to the database."
            ),
        ),
        "asymmetric key" => error(
            15396,
            1,
            format!(
                "An asymmetric key with name '{name}' already exists or this asymmetric key \
                 already has been added to the database."
            ),
        ),
        _ => error(
            15282,
            1,
            format!(
                "A key with name '{name}' or user defined unique identifier already exists or you \
                 do not have permissions to create it."
            ),
        ),
    }
}

pub(super) fn cannot_write(path: &str) -> ServerError {
    error(
        15240,
        1,
        format!(
            "Cannot write into file '{path}'. Verify that you have write permissions, that the \
             file path is valid, and that the file does not already exist."
        ),
    )
}

pub(super) fn no_permission() -> ServerError {
    error(
        15247,
        1,
        "User does not have permission to perform this action.",
    )
}

pub(super) fn wrong_decryptor() -> ServerError {
    error(
        15313,
        1,
        "The key is not encrypted using the specified decryptor.",
    )
}

pub(super) fn unavailable_algorithm() -> ServerError {
    error(
        15314,
        1,
        "Either no algorithm has been specified or the bitlength and the algorithm specified for \
         the key are not available in this installation of this operating system.",
    )
}

pub(super) fn not_open(name: &str) -> ServerError {
    error(
        15315,
        1,
        format!("The key '{name}' is not open. Please open the key before using it."),
    )
}

pub(super) fn invalid_key_file() -> ServerError {
    error(
        15317,
        2,
        "The master key file does not exist or has invalid format.",
    )
}

/// Which number a wrong password of a key file raises is unconfirmed.
pub(super) fn wrong_key_file_password(number: i32) -> ServerError {
    match number {
        15317 => invalid_key_file(),
        15465 => private_key_password(),
        _ => not_decrypted(),
    }
}

pub(super) fn dependent_not_decrypted(kind: &str, name: &str) -> ServerError {
    error(
        15320,
        1,
        format!(
            "An error occurred while decrypting {kind} '{name}' that was encrypted by the old \
             master key. The FORCE option can be used to ignore this error and continue the \
             operation, but data that cannot be decrypted by the old master key will become \
             unavailable."
        ),
    )
}

pub(super) fn dependent_ignored(kind: &str, name: &str) -> SqlMessage {
    notice(
        15584,
        format!(
            "An error occurred while decrypting {kind} '{name}' that was encrypted by the old \
             master key. The error was ignored because the FORCE option was specified."
        ),
    )
}

pub(super) fn linked_login_not_decrypted(name: &str) -> ServerError {
    error(
        15393,
        1,
        format!(
            "An error occurred while decrypting the password for linked login '{name}' that was \
             encrypted by the old master key. The FORCE option can be used to ignore this error \
             and continue the operation but the data encrypted by the old master key will be lost."
        ),
    )
}

/// The table says severity 16, the text is a notice, and with FORCE the statement goes on.
pub(super) fn linked_login_ignored(name: &str) -> SqlMessage {
    notice(
        15593,
        format!(
            "An error occurred while decrypting the password for linked login '{name}' that was \
             encrypted by the old master key. The error was ignored because the FORCE option was \
             specified."
        ),
    )
}

pub(super) fn current_key_not_decrypted() -> ServerError {
    error(
        15329,
        1,
        "The current master key cannot be decrypted. If this is a database master key, you should \
         attempt to open it in the session before performing this operation. The FORCE option can \
         be used to ignore this error and continue the operation but the data encrypted by the old \
         master key will be lost.",
    )
}

pub(super) fn current_key_ignored() -> SqlMessage {
    notice(
        15585,
        "The current master key cannot be decrypted. The error was ignored because the FORCE \
         option was specified.",
    )
}

pub(super) fn identical_keys() -> SqlMessage {
    notice(
        15588,
        "The old and new master keys are identical. No data re-encryption is required.",
    )
}

pub(super) fn private_key_password() -> ServerError {
    error(15465, 1, "The private key password is invalid.")
}

/// 15556, seen with this state where a certificate's private key was gone.
pub(super) fn no_private_key(kind: &str) -> ServerError {
    error(
        15556,
        1,
        format!(
            "Cannot decrypt or encrypt using the specified {kind}, either because it has no \
             private key or because the password provided for the private key is incorrect."
        ),
    )
}

/// What a wrong password of a private key raises is unconfirmed.
pub(super) fn wrong_private_key_password(number: i32, kind: &str) -> ServerError {
    match number {
        15465 => private_key_password(),
        15556 => no_private_key(kind),
        _ => not_decrypted(),
    }
}

/// 15208: a certificate's file, or that of its private key.
pub(super) fn invalid_certificate_file() -> ServerError {
    error(
        15208,
        1,
        "The certificate, asymmetric key, or private key file is not valid or does not exist; or \
         you do not have permissions for it.",
    )
}

/// 15297: a private key that does not belong to the certificate. That it is this number is
/// unconfirmed.
pub(super) fn invalid_certificate_data() -> ServerError {
    error(
        15297,
        1,
        "The certificate, asymmetric key, or private key data is invalid.",
    )
}

pub(super) fn not_decrypted() -> ServerError {
    error(15466, 1, "An error occurred during decryption.")
}

/// 15466 as `DECRYPTBYASYMKEY` raises it.
pub(super) fn not_decrypted_by_function() -> ServerError {
    error(15466, 9, "An error occurred during decryption.")
}

pub(super) fn already_exists(kind: &str, name: &str) -> ServerError {
    error(
        15530,
        1,
        format!("The {kind} with name \"{name}\" already exists."),
    )
}

pub(super) fn cannot_drop_encryption(kind: &str, name: &str) -> ServerError {
    error(15558, 1, format!("Cannot drop {kind} by {name}."))
}

pub(super) fn master_key_exists() -> ServerError {
    error(
        15578,
        1,
        "There is already a master key in the database. Please drop it before performing this \
         statement.",
    )
}

pub(super) fn same_encryption(kind: &str, name: &str) -> ServerError {
    error(
        15579,
        1,
        format!(
            "Adding an encryption to the symmetric key failed. An encryption by the same {kind} \
             '{name}' may already exist."
        ),
    )
}

pub(super) fn in_use(what: &str, kind: &str, name: &str) -> ServerError {
    error(
        15580,
        1,
        format!("Cannot drop {what} because {kind} '{name}' is encrypted by it."),
    )
}

/// 15581; the state says which statement needed the master key.
pub(super) fn no_master_key(state: u8) -> ServerError {
    error(
        15581,
        state,
        "Please create a master key in the database or open the master key in the session before \
         performing this operation.",
    )
}

/// 3716.
pub(super) fn encrypts_a_database(kind: &str, name: &str) -> ServerError {
    error(
        3716,
        1,
        format!(
            "The {kind} '{name}' cannot be dropped because it is bound to one or more database \
             encryption key."
        ),
    )
}

/// 33091, a warning.
pub(crate) fn certificate_not_backed_up() -> SqlMessage {
    notice(
        33091,
        "Warning: The certificate used for encrypting the database encryption key has not been \
         backed up. You should immediately back up the certificate and the private key associated \
         with the certificate. If the certificate ever becomes unavailable or if you must restore \
         or attach the database on another server, you must have backups of both the certificate \
         and the private key or you will not be able to open the database.",
    )
}

/// 33101.
pub(crate) fn unusable_certificate(name: &str) -> ServerError {
    error(
        33101,
        1,
        format!(
            "Cannot use certificate '{name}', because its private key is not present or it is not \
             protected by the database master key. SQL Server requires the ability to automatically \
             access the private key of the certificate used for this operation."
        ),
    )
}

/// 33111: what encrypts a backup or a database is not here.
pub(super) fn no_server_certificate(thumbprint: &[u8]) -> ServerError {
    let thumbprint = hex::encode_upper(thumbprint);
    error(
        33111,
        3,
        format!("Cannot find server certificate with thumbprint '0x{thumbprint}'."),
    )
}

/// What CREATE, ALTER and DROP of a database's encryption fail with, where it takes no name: 33102 to
/// 33108, 33117, 33118.
pub(super) fn database_encryption(number: i32) -> ServerError {
    let text = match number {
        33102 => {
            "Cannot encrypt a system database. Database encryption operations cannot be performed \
             for 'master', 'model', 'tempdb', 'msdb', or 'resource' databases."
        }
        33103 => "A database encryption key already exists for this database.",
        33104 => "A database encryption key does not exist for this database.",
        33105 => {
            "Cannot drop the database encryption key because it is currently in use. Database \
             encryption needs to be turned off to be able to drop the database encryption key."
        }
        33106 => {
            "Cannot change database encryption state because no database encryption key is set."
        }
        33107 => "Cannot enable database encryption because it is already enabled.",
        33108 => "Cannot disable database encryption because it is already disabled.",
        33117 => {
            "Transparent Data Encryption is not available in the edition of this SQL Server \
             instance. See books online for more details on feature support in different SQL Server \
             editions."
        }
        _ => {
            "Cannot enable or modify database encryption on a database that is read-only, has \
             read-only files or is not recovered."
        }
    };
    error(number, 1, text)
}

pub(super) fn password_provisioned(database: &str) -> ServerError {
    error(
        15594,
        1,
        format!("The password is already provisioned for the database '{database}'"),
    )
}

pub(super) fn password_not_provisioned(database: &str) -> ServerError {
    error(
        15595,
        1,
        format!(
            "The password cannot be dropped because it is not provisioned for the database \
             '{database}'"
        ),
    )
}

pub(super) fn system_database() -> ServerError {
    error(
        15276,
        1,
        "Cannot provision master key passwords for system databases.",
    )
}

/// Where no statement says it better.
impl From<CryptographyFailed> for ServerError {
    fn from(_: CryptographyFailed) -> Self {
        error(15209, 1, "An error occurred during encryption.")
    }
}
