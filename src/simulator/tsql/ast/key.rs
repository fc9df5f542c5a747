//! Statements on keys, certificates and credentials. T-SQL takes literals here, never variables.

/// `ENCRYPTION BY …` or `DECRYPTION BY …` of a symmetric key, asymmetric key or certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyProtector {
    Password(String),
    AsymmetricKey {
        name: String,
        password: Option<String>,
    },
    Certificate {
        name: String,
        password: Option<String>,
    },
    SymmetricKey(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MasterKeyProtector {
    ServiceMasterKey,
    Password(String),
}

/// `WITH PRIVATE KEY (…)` of a certificate's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrivateKeyFile {
    pub(crate) file: String,
    pub(crate) encryption: Option<String>,
    pub(crate) decryption: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyStatement {
    BackupServiceMasterKey {
        file: String,
        password: String,
    },
    RestoreServiceMasterKey {
        file: String,
        password: String,
        force: bool,
    },
    RegenerateServiceMasterKey {
        force: bool,
    },

    CreateMasterKey {
        password: String,
    },
    OpenMasterKey {
        password: String,
    },
    CloseMasterKey,
    DropMasterKey,
    /// BACKUP or RESTORE MASTER KEY with a URL in place of a file, as 2022 and later can.
    MasterKeyAtUrl,
    BackupMasterKey {
        file: String,
        password: String,
    },
    RestoreMasterKey {
        file: String,
        decryption: String,
        encryption: String,
        force: bool,
    },
    RegenerateMasterKey {
        password: String,
        force: bool,
    },
    AddMasterKeyEncryption(MasterKeyProtector),
    DropMasterKeyEncryption(MasterKeyProtector),

    CreateAsymmetricKey {
        name: String,
        algorithm: String,
        password: Option<String>,
    },
    DropAsymmetricKey(String),
    CreateCertificate {
        name: String,
        subject: String,
        password: Option<String>,
    },
    DropCertificate(String),
    BackupCertificate {
        name: String,
        file: String,
        private_key: Option<PrivateKeyFile>,
    },
    CreateCertificateFromFile {
        name: String,
        file: String,
        private_key: Option<PrivateKeyFile>,
    },
    CreateDatabaseEncryptionKey {
        algorithm: String,
        certificate: String,
    },
    RegenerateDatabaseEncryptionKey {
        algorithm: String,
    },
    ProtectDatabaseEncryptionKey {
        certificate: String,
    },
    DropDatabaseEncryptionKey,
    CreateSymmetricKey {
        name: String,
        algorithm: String,
        protectors: Vec<KeyProtector>,
    },
    OpenSymmetricKey {
        name: String,
        decryption: KeyProtector,
    },
    CloseSymmetricKey(String),
    CloseAllSymmetricKeys,
    DropSymmetricKey(String),

    CreateCredential {
        name: String,
        identity: String,
        secret: Option<String>,
    },
    AlterCredential {
        name: String,
        identity: String,
        secret: Option<String>,
    },
    DropCredential(String),
}
