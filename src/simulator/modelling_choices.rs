//! What nobody could confirm about real servers, as switches.

/// How the simulator behaves where no source says what SQL Server does. Tests run under each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModellingChoices {
    /// The number raised for a wrong password of a key file (15466, 15465 or 15317; unconfirmed).
    pub wrong_key_file_password: i32,
    /// Whether RESTORE SERVICE MASTER KEY (without FORCE) fails with 15320 because of a database
    /// whose master key the current service master key doesn't open, such as a copy restored from
    /// another server (unconfirmed). `false`: such a key is left alone.
    pub foreign_master_key_stops_key_restore: bool,
    /// Whether RESTORE SERVICE MASTER KEY fails because a database that has a master key is
    /// offline or can't be opened (unconfirmed). `false`: it is re-encrypted from master's copy, as
    /// it always is for a database that is being restored.
    pub offline_database_stops_key_restore: bool,
    /// Whether `is_master_key_encrypted_by_server` is computed from master's copy, so that it reads
    /// 0 after a restore from another server (an inference of the documentation, unconfirmed).
    /// `false`: from the database's own copy.
    pub master_key_flag_from_master: bool,
    /// The number raised for a wrong password of a private key (15466, 15465 or 15556;
    /// unconfirmed).
    pub wrong_private_key_password: i32,
    /// The state of messages on keys whose state nobody saw: 15116, 15117, 15240, 15282, 15320,
    /// 15329, 15393, 15465, 15466 but for `DECRYPTBYASYMKEY`, 15579, 15584, 15585, 15588, 15593,
    /// 15594, 15595 (unconfirmed).
    pub unseen_state: u8,
    /// Whether 15282 and 15593, whose class on the wire nobody saw, have the severity of
    /// `sys.messages`: then 15282 is a notice, though its statement fails, and 15593 is an error,
    /// though its statement goes on (unconfirmed). `false`: a failure is an error of class 16, as
    /// was seen of others with severity 10, and a notice is one.
    pub class_as_catalogued: bool,
    /// `CurCmd` of the ends of statements where nobody saw it: of those on keys, of RESTORE LOG and
    /// RESTORE LABELONLY (unconfirmed).
    pub unseen_command: u16,
    /// Whether weak passwords of key files are refused on Linux by SQL Server's own policy, 33062 to
    /// 33064, rather than by the operating system's, 15116 to 15118 (unconfirmed).
    pub own_password_policy_on_linux: bool,
    /// Whether a key file carries the key's GUID to the server that restores it (unconfirmed).
    /// `false`: a restored key gets a new one.
    pub key_file_carries_guid: bool,
    /// Whether ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY fails with 15579 where this
    /// server's service master key already opens the key (unconfirmed). `false`: it does nothing.
    pub adding_same_encryption_fails: bool,
    /// Whether a batch goes on when its client is gone, as backups were seen to for a while.
    pub batch_outlives_socket: bool,
    /// Whether an attention is acknowledged in a message of its own, after the end of the batch
    /// that it stopped (seen by a capture, and the only form that all drivers take).
    /// `false`: both in one message.
    pub attention_in_own_message: bool,
    /// The internal version of SQL Server 2025's databases (998 by community lists; unconfirmed).
    pub database_version_of_2025: i32,
}

impl Default for ModellingChoices {
    fn default() -> Self {
        Self {
            wrong_key_file_password: 15466,
            foreign_master_key_stops_key_restore: false,
            offline_database_stops_key_restore: true,
            master_key_flag_from_master: true,
            wrong_private_key_password: 15466,
            unseen_state: 1,
            class_as_catalogued: false,
            unseen_command: 0,
            own_password_policy_on_linux: false,
            key_file_carries_guid: true,
            adding_same_encryption_fails: false,
            batch_outlives_socket: false,
            attention_in_own_message: true,
            database_version_of_2025: 998,
        }
    }
}
