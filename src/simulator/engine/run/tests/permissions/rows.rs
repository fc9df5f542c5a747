//! The statements of recovery, and who may run each. Rights are documented; where a number is not,
//! a comment says so.

/// What is run: `#` stands for a number that is new each time.
pub(super) struct Row {
    pub(super) statement: &'static str,
    /// The errors of who may not.
    pub(super) refused: &'static [i32],
    /// The errors of who may: none, or what proves that permissions were not the matter.
    pub(super) allowed: &'static [i32],
    /// How `HAS_PERMS_BY_NAME` is asked for what it needs.
    pub(super) asked: &'static str,
    /// Each of these is enough.
    pub(super) enough: &'static [Grant],
    /// These together are not.
    pub(super) too_little: &'static [Grant],
}

/// A way to more rights.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grant {
    /// A permission on the server.
    Server(&'static str),
    /// A fixed role of the server.
    ServerRole(&'static str),
    /// A permission on database `D`.
    Database(&'static str),
    /// A fixed role of database `D`.
    Role(&'static str),
    /// Database `D` is the login's.
    Owner,
    /// A permission in `master`.
    Master(&'static str),
}

use Grant::{Database, Master, Owner, Role, Server as OnServer, ServerRole};

impl Grant {
    pub(super) fn give(self) -> String {
        match self {
            OnServer(name) => format!("GRANT {name} TO weak"),
            ServerRole(name) => format!("ALTER SERVER ROLE {name} ADD MEMBER weak"),
            Database(name) => format!("USE D; GRANT {name} TO weak; USE master"),
            Role(name) => format!("USE D; ALTER ROLE {name} ADD MEMBER weak; USE master"),
            Owner => {
                "USE D; DROP USER weak; USE master; ALTER AUTHORIZATION ON DATABASE::D TO weak"
                    .to_owned()
            }
            Master(name) => format!("CREATE USER weak FOR LOGIN weak; GRANT {name} TO weak"),
        }
    }

    pub(super) fn take(self) -> String {
        match self {
            OnServer(name) => format!("REVOKE {name} FROM weak"),
            ServerRole(name) => format!("ALTER SERVER ROLE {name} DROP MEMBER weak"),
            Database(name) => format!("USE D; REVOKE {name} FROM weak; USE master"),
            Role(name) => format!("USE D; ALTER ROLE {name} DROP MEMBER weak; USE master"),
            Owner => {
                "ALTER AUTHORIZATION ON DATABASE::D TO sa; USE D; CREATE USER weak FOR LOGIN weak; USE master"
                    .to_owned()
            }
            Master(_) => "DROP USER weak".to_owned(),
        }
    }
}

const CONTROL_SERVER: &str = "NULL, NULL, 'CONTROL SERVER'";
const CONTROL: &str = "'D', 'DATABASE', 'CONTROL'";
const MANY: &[Grant] = &[
    OnServer("ALTER ANY DATABASE"),
    OnServer("VIEW SERVER STATE"),
    OnServer("ADMINISTER BULK OPERATIONS"),
    ServerRole("serveradmin"),
    ServerRole("securityadmin"),
    Role("db_owner"),
];
const ALL_OF_SERVER: &[Grant] = &[OnServer("CONTROL SERVER"), ServerRole("sysadmin")];
const ALL_OF_DATABASE: &[Grant] = &[
    Database("CONTROL"),
    Role("db_owner"),
    OnServer("CONTROL SERVER"),
];
const SOME_OF_DATABASE: &[Grant] = &[
    Database("ALTER"),
    Database("BACKUP DATABASE"),
    Database("VIEW DEFINITION"),
    Role("db_ddladmin"),
    Role("db_securityadmin"),
    OnServer("ALTER ANY DATABASE"),
];
/// What is done in `D` by who controls it; 15247 is unconfirmed for them.
const fn in_database(statement: &'static str, allowed: &'static [i32]) -> Row {
    Row {
        statement,
        refused: &[15247],
        allowed,
        asked: CONTROL,
        enough: ALL_OF_DATABASE,
        too_little: SOME_OF_DATABASE,
    }
}

/// What is done by who controls the server; 15247 is unconfirmed for them.
const fn on_server(statement: &'static str) -> Row {
    Row {
        statement,
        refused: &[15247],
        allowed: &[],
        asked: CONTROL_SERVER,
        enough: ALL_OF_SERVER,
        too_little: MANY,
    }
}

/// What makes a database, or reads a backup that could.
const fn making_databases(statement: &'static str, refused: &'static [i32]) -> Row {
    Row {
        statement,
        refused,
        allowed: &[],
        asked: "NULL, NULL, 'CREATE ANY DATABASE'",
        enough: &[
            OnServer("CREATE ANY DATABASE"),
            OnServer("ALTER ANY DATABASE"),
            ServerRole("dbcreator"),
            Master("CREATE DATABASE"),
        ],
        too_little: &[Role("db_owner"), ServerRole("serveradmin")],
    }
}

/// What alters `D`.
const fn altering(statement: &'static str) -> Row {
    Row {
        statement,
        refused: &[5011, 5069],
        allowed: &[],
        asked: "'D', 'DATABASE', 'ALTER'",
        enough: &[
            Database("ALTER"),
            Database("CONTROL"),
            Role("db_owner"),
            OnServer("ALTER ANY DATABASE"),
            ServerRole("dbcreator"),
            Owner,
        ],
        too_little: &[
            Role("db_datareader"),
            Role("db_backupoperator"),
            OnServer("CREATE ANY DATABASE"),
            OnServer("VIEW SERVER STATE"),
        ],
    }
}

pub(super) const KEYS: &[Row] = &[
    on_server("BACKUP SERVICE MASTER KEY TO FILE = '#.key' ENCRYPTION BY PASSWORD = 'Some Pass 1'"),
    on_server(
        "RESTORE SERVICE MASTER KEY FROM FILE = 'smk.key' DECRYPTION BY PASSWORD = 'Some Pass 1'",
    ),
    on_server(
        "RESTORE SERVICE MASTER KEY FROM FILE = 'smk.key' DECRYPTION BY PASSWORD = 'Some Pass 1' FORCE",
    ),
    on_server("ALTER SERVICE MASTER KEY REGENERATE"),
    Row {
        statement: "CREATE CREDENTIAL c# WITH IDENTITY = 'i', SECRET = 's'",
        asked: "NULL, NULL, 'ALTER ANY CREDENTIAL'",
        enough: &[OnServer("ALTER ANY CREDENTIAL"), OnServer("CONTROL SERVER")],
        too_little: &[OnServer("ALTER ANY DATABASE"), Role("db_owner")],
        ..on_server("")
    },
    in_database(
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Some Pass 1'",
        &[15578],
    ),
    in_database(
        "OPEN MASTER KEY DECRYPTION BY PASSWORD = 'Some Pass 1'",
        &[],
    ),
    in_database(
        "BACKUP MASTER KEY TO FILE = 'd#.key' ENCRYPTION BY PASSWORD = 'Some Pass 1'",
        &[],
    ),
    in_database(
        "RESTORE MASTER KEY FROM FILE = 'dmk.key' DECRYPTION BY PASSWORD = 'Some Pass 1' \
         ENCRYPTION BY PASSWORD = 'Some Pass 1'",
        &[],
    ),
    in_database(
        "ALTER MASTER KEY REGENERATE WITH ENCRYPTION BY PASSWORD = 'Some Pass 1'",
        &[],
    ),
    in_database(
        "ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = 'Some # Pass'",
        &[],
    ),
    in_database("ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY", &[]),
    // And puts it back, so that it can be dropped again.
    Row {
        refused: &[15247, 15247, 15247, 15315],
        ..in_database(
            "ALTER MASTER KEY DROP ENCRYPTION BY SERVICE MASTER KEY; \
             OPEN MASTER KEY DECRYPTION BY PASSWORD = 'Some Pass 1'; \
             ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY; CLOSE MASTER KEY",
            &[],
        )
    },
    in_database("DROP MASTER KEY", &[15580]),
    in_database(
        "EXEC sp_control_dbmasterkey_password @db_name = N'D', @password = N'Pass #', @action = N'add'",
        &[],
    ),
    Row {
        statement: "CREATE CERTIFICATE c# WITH SUBJECT = 'c'",
        asked: "'D', 'DATABASE', 'CREATE CERTIFICATE'",
        enough: &[
            Database("CREATE CERTIFICATE"),
            Database("ALTER ANY CERTIFICATE"),
            Database("CONTROL"),
        ],
        too_little: &[
            Database("CREATE ASYMMETRIC KEY"),
            Database("ALTER ANY SYMMETRIC KEY"),
        ],
        ..in_database("", &[])
    },
    Row {
        statement: "CREATE ASYMMETRIC KEY a# WITH ALGORITHM = RSA_2048",
        asked: "'D', 'DATABASE', 'CREATE ASYMMETRIC KEY'",
        enough: &[Database("CREATE ASYMMETRIC KEY"), Role("db_ddladmin")],
        too_little: &[
            Database("CREATE CERTIFICATE"),
            Database("ALTER ANY SYMMETRIC KEY"),
        ],
        ..in_database("", &[])
    },
    Row {
        statement: "CREATE SYMMETRIC KEY s# WITH ALGORITHM = AES_256 ENCRYPTION BY PASSWORD = 'Some Pass 1'",
        asked: "'D', 'DATABASE', 'ALTER ANY SYMMETRIC KEY'",
        enough: &[Database("ALTER ANY SYMMETRIC KEY"), Database("CONTROL")],
        too_little: &[
            Database("CREATE CERTIFICATE"),
            Database("CREATE ASYMMETRIC KEY"),
        ],
        ..in_database("", &[])
    },
    // The asymmetric key is what is used; the symmetric one need only be seen.
    Row {
        statement: "OPEN SYMMETRIC KEY s DECRYPTION BY ASYMMETRIC KEY a",
        refused: &[15151],
        asked: CONTROL,
        enough: &[Database("CONTROL"), Role("db_owner")],
        too_little: &[
            Database("VIEW DEFINITION"),
            Database("VIEW DEFINITION ON SYMMETRIC KEY::s"),
            Database("VIEW DEFINITION ON ASYMMETRIC KEY::a"),
            Database("ALTER ANY SYMMETRIC KEY"),
        ],
        ..in_database("", &[])
    },
];

pub(super) const DATABASES: &[Row] = &[
    making_databases("USE master; CREATE DATABASE New#", &[262]),
    making_databases("RESTORE HEADERONLY FROM DISK = 'd.bak'", &[262, 3013]),
    making_databases("RESTORE FILELISTONLY FROM DISK = 'd.bak'", &[262, 3013]),
    making_databases("RESTORE LABELONLY FROM DISK = 'd.bak'", &[262, 3013]),
    making_databases("RESTORE VERIFYONLY FROM DISK = 'd.bak'", &[262, 3013]),
    making_databases(
        "USE master; RESTORE DATABASE Beside# FROM DISK = 'd.bak' \
         WITH MOVE 'D' TO 'C:\\#.mdf', MOVE 'D_log' TO 'C:\\#.ldf'",
        &[262, 3013],
    ),
    Row {
        statement: "USE master; RESTORE DATABASE D FROM DISK = 'd.bak' WITH REPLACE",
        refused: &[3110, 3013],
        allowed: &[],
        asked: "NULL, NULL, 'ALTER ANY DATABASE'",
        enough: &[OnServer("ALTER ANY DATABASE"), ServerRole("dbcreator")],
        too_little: &[
            Role("db_owner"),
            Role("db_backupoperator"),
            Database("CONTROL"),
            OnServer("CREATE ANY DATABASE"),
        ],
    },
    Row {
        statement: "BACKUP DATABASE D TO DISK = '#.bak'",
        refused: &[262, 3013],
        allowed: &[],
        asked: "'D', 'DATABASE', 'BACKUP DATABASE'",
        enough: &[
            Database("BACKUP DATABASE"),
            Role("db_backupoperator"),
            Role("db_owner"),
            OnServer("CONTROL SERVER"),
            Owner,
        ],
        too_little: &[
            Database("BACKUP LOG"),
            Role("db_datareader"),
            ServerRole("dbcreator"),
        ],
    },
    Row {
        statement: "BACKUP LOG D TO DISK = '#.trn'",
        refused: &[262, 3013],
        allowed: &[],
        asked: "'D', 'DATABASE', 'BACKUP LOG'",
        enough: &[Database("BACKUP LOG"), Role("db_backupoperator")],
        too_little: &[Database("BACKUP DATABASE"), ServerRole("dbcreator")],
    },
    Row {
        refused: &[5011, 5069, 5011, 5069],
        ..altering(
            "USE master; ALTER DATABASE D SET SINGLE_USER WITH ROLLBACK IMMEDIATE; \
             ALTER DATABASE D SET MULTI_USER",
        )
    },
    altering("USE master; ALTER DATABASE D MODIFY NAME = D"),
    altering("ALTER DATABASE D SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE"),
    altering("ALTER DATABASE D SET RECOVERY FULL"),
    Row {
        refused: &[15151],
        asked: "'D', 'DATABASE', 'TAKE OWNERSHIP'",
        // Both halves: the database, and whom it is given to.
        enough: &[OnServer("CONTROL SERVER"), ServerRole("sysadmin")],
        too_little: &[
            Role("db_owner"),
            Database("CONTROL"),
            OnServer("ALTER ANY DATABASE"),
        ],
        ..altering("ALTER AUTHORIZATION ON DATABASE::D TO sa")
    },
    Row {
        statement: "ALTER USER lost WITH LOGIN = found",
        refused: &[15247],
        allowed: &[],
        asked: CONTROL,
        enough: &[Database("CONTROL"), Role("db_owner")],
        too_little: &[
            Database("ALTER ANY USER"),
            Role("db_accessadmin"),
            OnServer("ALTER ANY LOGIN"),
        ],
    },
];

pub(super) const SERVER: &[Row] = &[
    Row {
        statement: "KILL 31000",
        refused: &[6102],
        // There is no such session.
        allowed: &[6106],
        asked: "NULL, NULL, 'ALTER ANY CONNECTION'",
        enough: &[
            OnServer("ALTER ANY CONNECTION"),
            ServerRole("processadmin"),
            OnServer("CONTROL SERVER"),
        ],
        too_little: &[
            OnServer("VIEW SERVER STATE"),
            ServerRole("serveradmin"),
            Role("db_owner"),
        ],
    },
    Row {
        statement: "SELECT * FROM OPENROWSET(BULK N'C:\\none', SINGLE_BLOB) AS b",
        refused: &[4834],
        // There is no such file.
        allowed: &[4860],
        asked: "NULL, NULL, 'ADMINISTER BULK OPERATIONS'",
        enough: &[
            OnServer("ADMINISTER BULK OPERATIONS"),
            ServerRole("bulkadmin"),
        ],
        too_little: &[OnServer("ALTER ANY DATABASE"), Role("db_owner")],
    },
    Row {
        statement: "SELECT COUNT(*) FROM sys.dm_exec_connections",
        refused: &[300, 297],
        allowed: &[],
        asked: "NULL, NULL, 'VIEW SERVER PERFORMANCE STATE'",
        enough: &[
            OnServer("VIEW SERVER PERFORMANCE STATE"),
            OnServer("VIEW SERVER STATE"),
            ServerRole("serveradmin"),
        ],
        too_little: &[OnServer("VIEW ANY DEFINITION"), Role("db_owner")],
    },
    Row {
        statement: "EXEC sp_addlinkedserver @server = N'S#'",
        refused: &[15247],
        allowed: &[],
        asked: "NULL, NULL, 'ALTER ANY LINKED SERVER'",
        enough: &[
            OnServer("ALTER ANY LINKED SERVER"),
            ServerRole("setupadmin"),
        ],
        too_little: &[OnServer("ALTER ANY LOGIN"), Role("db_owner")],
    },
    Row {
        statement: "CREATE LOGIN l# WITH PASSWORD = 'Some Pass 1'",
        refused: &[15247],
        allowed: &[],
        asked: "NULL, NULL, 'ALTER ANY LOGIN'",
        enough: &[OnServer("ALTER ANY LOGIN"), ServerRole("securityadmin")],
        too_little: &[OnServer("ALTER ANY DATABASE"), Role("db_owner")],
    },
];
