//! What nobody could confirm about real servers, as switches.

use super::ModellingSwitch;

/// What the client of a BACKUP or RESTORE hears that its attention stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelledBackup {
    /// 3204, then 3013, as other failures are told.
    AbortedThenTerminating,
    /// No error at all, as was captured of other statements.
    Nothing,
    /// 3013, then 3204.
    TerminatingThenAborted,
}

/// The choices, what each is where nobody chooses, and what else it could be: one list, from which
/// the type, its default and the switches are made.
macro_rules! modelling_choices {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $usual:expr, or $others:expr;)*) => {
        /// How the simulator behaves where no source says what SQL Server does. Tests run under
        /// each.
        ///
        /// As text, what differs from the default: `unseen_state=7,key_file_carries_guid=false`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct ModellingChoices {
            $($(#[$doc])* pub $name: $kind,)*
        }

        impl Default for ModellingChoices {
            fn default() -> Self {
                Self { $($name: $usual,)* }
            }
        }

        impl ModellingChoices {
            /// Every switch that there is, in their order here.
            pub const SWITCHES: &'static [ModellingSwitch] = &[$(ModellingSwitch {
                name: stringify!($name),
                others: {
                    const OTHERS: &[$kind] = &$others;
                    OTHERS.len()
                },
                choose: |choices, other| {
                    const OTHERS: &[$kind] = &$others;
                    choices.$name = OTHERS[other];
                },
                text: |choices| format!("{:?}", choices.$name),
            },)*];
        }
    };
}

modelling_choices! {
    /// The number raised for a wrong password of a key file (15466, 15465 or 15317; unconfirmed).
    wrong_key_file_password: i32 = 15466, or [15465, 15317];
    /// Whether RESTORE SERVICE MASTER KEY (without FORCE) fails with 15320 because of a database
    /// whose master key the current service master key doesn't open, such as a copy restored from
    /// another server (unconfirmed). `false`: such a key is left alone.
    foreign_master_key_stops_key_restore: bool = false, or [true];
    /// Whether RESTORE SERVICE MASTER KEY fails because a database that has a master key is
    /// offline or can't be opened (unconfirmed). `false`: it is re-encrypted from master's copy.
    offline_database_stops_key_restore: bool = true, or [false];
    /// The same of a database that is being restored (unconfirmed).
    restoring_database_stops_key_restore: bool = false, or [true];
    /// The same of a read-only database, whose own copy can't be encrypted anew (unconfirmed).
    /// `false`: only master's copy is.
    read_only_database_stops_key_restore: bool = false, or [true];
    /// Whether `is_master_key_encrypted_by_server` is computed from master's copy, so that it reads
    /// 0 after a restore from another server (an inference of the documentation, unconfirmed).
    /// `false`: from the database's own copy.
    master_key_flag_from_master: bool = true, or [false];
    /// Whether `is_master_key_encrypted_by_server` is NULL where the database has no master key
    /// (one blog says so, unconfirmed). `false`: 0.
    master_key_flag_is_null_without_key: bool = false, or [true];
    /// The number raised for a wrong password of a private key (15466, 15465 or 15556;
    /// unconfirmed).
    wrong_private_key_password: i32 = 15466, or [15465, 15556];
    /// The state of messages on keys and logins whose state nobody saw: 3716, 15021, 15033, 15122,
    /// 15401, 15407, 15433, and 15116, 15117, 15208, 15240, 15282,
    /// 15297, 15320,
    /// 15329, 15393, 15465, 15466 but for `DECRYPTBYASYMKEY`, 15579, 15584, 15585, 15588, 15593,
    /// 15594, 15595, 33101 to 33108, 33117, 33118 (unconfirmed).
    unseen_state: u8 = 1, or [7];
    /// Whether 15282 and 15593, whose class on the wire nobody saw, have the severity of
    /// `sys.messages`: then 15282 is a notice, though its statement fails, and 15593 is an error,
    /// though its statement goes on (unconfirmed). `false`: a failure is an error of class 16, as
    /// was seen of others with severity 10, and a notice is one.
    class_as_catalogued: bool = false, or [true];
    /// Whether BACKUP CERTIFICATE leaves the certificate's file behind where the private key's can't
    /// be written (unconfirmed). `false`: it takes it away again.
    failed_certificate_backup_leaves_file: bool = true, or [false];
    /// Whether HEADERONLY and FILELISTONLY of an encrypted backup raise 33111 where its certificate is
    /// not there (unconfirmed). `false`: they show the set, with its thumbprint.
    encrypted_header_needs_certificate: bool = false, or [true];
    /// Whether FILELISTONLY of a backup of an encrypted database (TDE) raises 33111 where its
    /// certificate is not there, as community reports have it (unconfirmed).
    tde_file_list_needs_certificate: bool = true, or [false];
    /// The same of HEADERONLY (unconfirmed).
    tde_header_needs_certificate: bool = false, or [true];
    /// Whether a database whose encryption was turned off needs its certificate to be restored for
    /// as long as it has its key (a community report; documented is only that some operations may
    /// need it). `false`: it does not.
    unused_encryption_key_needs_certificate: bool = true, or [false];
    /// Whether an encrypted database whose key doesn't open at the start is SUSPECT (unconfirmed).
    /// `false`: RECOVERY_PENDING.
    locked_database_is_suspect: bool = false, or [true];
    /// Whether `sys.databases.is_encrypted` is 1 for tempdb too while a database is encrypted
    /// (community reports have both). `false`: 0.
    tempdb_has_encryption_flag: bool = false, or [true];
    /// `CurCmd` of the ends of statements where nobody saw it: of those on keys, of RESTORE LOG and
    /// RESTORE LABELONLY (unconfirmed).
    unseen_command: u16 = 0, or [253];
    /// Whether weak passwords of key files are refused on Linux by SQL Server's own policy, 33062 to
    /// 33064, rather than by the operating system's, 15116 to 15118 (unconfirmed).
    own_password_policy_on_linux: bool = false, or [true];
    /// Whether a key file that is named without a folder lies at the root of a Linux server's disk
    /// (unconfirmed). `false`: in the data folder, as on Windows.
    bare_key_file_at_root_on_linux: bool = false, or [true];
    /// Whether a key file carries the key's GUID to the server that restores it (unconfirmed).
    /// `false`: a restored key gets a new one.
    key_file_carries_guid: bool = true, or [false];
    /// Whether ALTER SERVICE MASTER KEY REGENERATE gives the key a new GUID (unconfirmed).
    regenerating_changes_guid: bool = true, or [false];
    /// Whether ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY fails with 15579 where this
    /// server's service master key already opens the key (unconfirmed). `false`: it does nothing.
    adding_same_encryption_fails: bool = false, or [true];
    /// Whether `DECRYPTBYKEYAUTOCERT` and its like raise 15581 where the database master key can't
    /// be opened (unconfirmed). `false`: they are NULL.
    automatic_decryption_fails: bool = false, or [true];
    /// The number for who may not enter a RESTRICTED_USER database: 923 by its text in the
    /// documented list, 916 as for any other database (unconfirmed).
    restricted_user_refusal: i32 = 923, or [916];
    /// Whether a database that is offline can be given another name (unconfirmed). `false`: 942, as
    /// for all that opens it.
    offline_can_be_renamed: bool = true, or [false];
    /// Whether a batch goes on when its client is gone, as backups were seen to for a while.
    batch_outlives_socket: bool = false, or [true];
    /// Whether an attention is acknowledged in a message of its own, after the end of the batch
    /// that it stopped (seen by a capture, and the only form that all drivers take).
    /// `false`: both in one message.
    attention_in_own_message: bool = true, or [false];
    /// What is said of a BACKUP or RESTORE that an attention stopped, before the end of the batch:
    /// that it was aborted is documented, the order unconfirmed.
    cancelled_backup: CancelledBackup = CancelledBackup::AbortedThenTerminating,
        or [CancelledBackup::TerminatingThenAborted, CancelledBackup::Nothing];
    /// The internal version of SQL Server 2025's databases (998 by community lists; unconfirmed).
    database_version_of_2025: i32 = 998, or [1000];
    /// Whether LABELONLY sends `IsCompressed` as tinyint, as HEADERONLY was seen to send
    /// `Compressed`, rather than as the documented bit (unconfirmed).
    label_flag_is_tinyint: bool = false, or [true];
}
