//! The T-SQL that makes an Orchestrator database.

use std::fmt::Write as _;

use super::OrchestratorOptions;
use super::runtime;
use super::seed::Seed;
use crate::names::DatabaseName;

/// Documented schema names.
pub(super) const ROOT: &str = "Microsoft.SystemCenter.Orchestrator";
/// What surrounds an encrypted value (community).
const DELIMITER: &str = r"\`d.T.~De/";
pub(super) const SYMMETRIC: &str = "ORCHESTRATOR_SYM_KEY";
pub(super) const ASYMMETRIC: &str = "ORCHESTRATOR_ASYM_KEY";

/// All batches, in order. The first runs in `master`.
pub(super) fn batches(name: &DatabaseName, options: &OrchestratorOptions) -> Vec<String> {
    let mut seed = Seed::new(options.seed);
    let database = format!("[{}]", name.as_str().replace(']', "]]"));
    let mut batches = vec![
        format!("CREATE DATABASE {database}"),
        format!("USE {database}"),
    ];
    for part in [
        "",
        ".Cryptography",
        ".Internal",
        ".Runtime",
        ".Runtime.Internal",
        ".Maintenance",
        ".Statistics",
    ] {
        batches.push(format!("CREATE SCHEMA [{ROOT}{part}]"));
    }
    let heartbeat = heartbeat_column(options.seed);
    batches.extend(tables(&mut seed, heartbeat));
    batches.extend(procedures(&mut seed, &Shape::of(options.seed)));
    batches.extend(runtime::batches(options.seed));
    batches.push(format!(
        "EXEC [{ROOT}.Cryptography].[CreateOrchestratorKeys]"
    ));
    batches.push(rows(&mut seed, options, heartbeat));
    batches.push(encrypted_rows(&mut seed));
    batches.push(configurations(options.seed));
    batches.push(runtime::rows(options.seed));
    batches
}

/// The column's name is unconfirmed. It has a seed of its own, so that what other seeds make stays.
fn heartbeat_column(seed: u64) -> &'static str {
    let names = [
        "Heartbeat",
        "HeartbeatTime",
        "LastHeartbeat",
        "LastHeartBeat",
    ];
    Seed::new(!seed).pick(&names)
}

fn tables(seed: &mut Seed, heartbeat: &str) -> Vec<String> {
    let heartbeat = format!("{heartbeat} datetime NULL");
    let tables: &[(&str, &[&str])] = &[
        (
            "VARIABLES",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Value nvarchar(max) NULL",
            ],
        ),
        (
            "OBJECTS",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Name nvarchar(250) NULL",
                "ObjectType uniqueidentifier NULL",
                "ParentID uniqueidentifier NULL",
                "Deleted bit NOT NULL",
            ],
        ),
        (
            "FOLDERS",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Name nvarchar(250) NULL",
                "ParentID uniqueidentifier NULL",
            ],
        ),
        (
            "POLICIES",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Name nvarchar(250) NULL",
                "Version int NOT NULL",
                "CheckOutUser nvarchar(250) NULL",
                "CheckOutTime datetime NULL",
                "Deleted bit NOT NULL",
            ],
        ),
        (
            "ACTIONSERVERS",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Computer nvarchar(250) NOT NULL",
                "MaxRunningPolicies int NOT NULL",
                heartbeat.as_str(),
            ],
        ),
        (
            "CAPS",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Name nvarchar(250) NULL",
                "Version nvarchar(50) NULL",
            ],
        ),
        (
            "CONFIGURATION",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "TypeGUID uniqueidentifier NULL",
                "DataName nvarchar(250) NULL",
                "DataValue nvarchar(max) NULL",
            ],
        ),
        ("VERSION", &["DBVersion nvarchar(50) NOT NULL"]),
        (
            "POLICY_PUBLISH_QUEUE",
            &[
                "SeqNumber bigint IDENTITY(1,1) NOT NULL",
                "PolicyID uniqueidentifier NOT NULL",
                "AssignedActionServer uniqueidentifier NULL",
                "StopRequested bit NOT NULL",
            ],
        ),
        (
            "POLICYINSTANCES",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "PolicyID uniqueidentifier NOT NULL",
                "TimeStarted datetime NULL",
                "TimeEnded datetime NULL",
                "State nvarchar(50) NULL",
            ],
        ),
        (
            "EVENTS",
            &[
                "UniqueID uniqueidentifier NOT NULL",
                "Summary nvarchar(max) NULL",
                "DateTime datetime NULL",
            ],
        ),
        (
            "CLIENTCONNECTIONS",
            &[
                "ClientMachine nvarchar(250) NULL",
                "ClientUser nvarchar(250) NULL",
            ],
        ),
    ];
    // Not Orchestrator's: values as ENCRYPTBYKEY gives them, for callers that count by column.
    let mut batches = vec![
        "CREATE TABLE dbo.SIMULATED_SECRETS (UniqueID uniqueidentifier NOT NULL, Value varbinary(8000) NULL)"
            .to_owned(),
    ];
    for (table, known) in tables {
        // The columns that tools of the community use, in any order, among others that they don't.
        let mut columns: Vec<String> = known.iter().map(|&column| column.to_owned()).collect();
        for _ in 0..seed.between(0, 3) {
            let filler = seed.pick(&[
                "Description nvarchar(max) NULL",
                "Flags int NULL",
                "Data0 nvarchar(250) NULL",
            ]);
            columns.push(filler.replacen(' ', &format!("{} ", columns.len()), 1));
        }
        seed.shuffle(&mut columns);
        batches.push(format!(
            "CREATE TABLE [dbo].[{table}] ({})",
            columns.join(", ")
        ));
    }
    batches
}

/// What is not known of Encrypt and Decrypt beside the name of their first parameter.
struct Shape {
    /// Value in, then the OUTPUT parameter: community.
    is_output_first: bool,
    value: &'static str,
    stored: &'static str,
}

impl Shape {
    /// From a seed of its own, so that what other seeds make stays.
    fn of(seed: u64) -> Self {
        let mut seed = Seed::new(!seed ^ 0x5CA1_AB1E);
        Self {
            is_output_first: seed.between(0, 4) == 0,
            value: seed.pick(&["nvarchar(max)", "nvarchar(4000)"]),
            stored: seed.pick(&["nvarchar(max)", "varchar(8000)", "nvarchar(4000)"]),
        }
    }

    fn parameters(&self, given: &str, output: &str) -> String {
        if self.is_output_first {
            format!("{output}, {given}")
        } else {
            format!("{given}, {output}")
        }
    }
}

fn procedures(seed: &mut Seed, shape: &Shape) -> Vec<String> {
    let schema = format!("[{ROOT}.Cryptography]");
    // The name of the value's parameter is not known.
    let value = seed.pick(&["@Data", "@DataToEncrypt", "@PlainText", "@Value", "@Input"]);
    let stored = seed.pick(&["@Data", "@DataToDecrypt", "@CipherText", "@Value", "@Input"]);
    let open = format!("OPEN SYMMETRIC KEY {SYMMETRIC} DECRYPTION BY ASYMMETRIC KEY {ASYMMETRIC}");
    let close = format!("CLOSE SYMMETRIC KEY {SYMMETRIC}");
    vec![
        format!(
            "CREATE PROCEDURE {schema}.[CreateOrchestratorKeys] AS\nBEGIN\n\
             DECLARE @passphrase nvarchar(200) = N'aA1!' + CONVERT(nvarchar(100), NEWID()) + CONVERT(nvarchar(100), NEWID());\n\
             EXEC (N'CREATE MASTER KEY ENCRYPTION BY PASSWORD = N''' + @passphrase + N'''');\n\
             CREATE ASYMMETRIC KEY {ASYMMETRIC} WITH ALGORITHM = RSA_2048;\n\
             CREATE SYMMETRIC KEY {SYMMETRIC} WITH ALGORITHM = AES_128 ENCRYPTION BY ASYMMETRIC KEY {ASYMMETRIC};\n\
             {}\nEND",
            runtime::grants_on_keys()
        ),
        format!(
            "CREATE PROCEDURE {schema}.[DropOrchestratorKeys] AS\nBEGIN\n\
             DROP SYMMETRIC KEY {SYMMETRIC};\nDROP ASYMMETRIC KEY {ASYMMETRIC};\nDROP MASTER KEY;\nEND"
        ),
        format!(
            "CREATE PROCEDURE {schema}.[Encrypt] {} AS\nBEGIN\n{open};\n\
             SET @EncryptedData = CONVERT(nvarchar(max), ENCRYPTBYKEY(KEY_GUID(N'{SYMMETRIC}'), {value}), 2);\n{close};\nEND",
            shape.parameters(
                &format!("{value} {}", shape.value),
                &format!("@EncryptedData {} OUTPUT", shape.stored)
            )
        ),
        format!(
            "CREATE PROCEDURE {schema}.[Decrypt] {} AS\nBEGIN\n{open};\n\
             SET @DecryptedData = CONVERT(nvarchar(max), DECRYPTBYKEY(CONVERT(varbinary(8000), {stored}, 2)));\n{close};\nEND",
            shape.parameters(
                &format!("{stored} {}", shape.stored),
                &format!("@DecryptedData {} OUTPUT", shape.value)
            )
        ),
    ]
}

fn rows(seed: &mut Seed, options: &OrchestratorOptions, heartbeat: &str) -> String {
    let mut batch = String::new();
    let version = seed.pick(&["7.3.117.0", "10.19.40.0", "10.22.2.0", "10.25.1.0"]);
    let _ = writeln!(
        batch,
        "INSERT INTO dbo.VERSION (DBVersion) VALUES (N'{version}');"
    );
    for server in &options.runbook_servers {
        let server = server.replace('\'', "''");
        let _ = writeln!(
            batch,
            "INSERT INTO dbo.ACTIONSERVERS (UniqueID, Computer, MaxRunningPolicies, {heartbeat}) VALUES (NEWID(), N'{server}', 50, GETUTCDATE());"
        );
    }
    for number in 0..seed.between(2, 8) {
        let _ = writeln!(
            batch,
            "INSERT INTO dbo.FOLDERS (UniqueID, Name) VALUES (NEWID(), N'Folder {number}');\n\
             INSERT INTO dbo.POLICIES (UniqueID, Name, Version, Deleted) VALUES (NEWID(), N'Runbook {number}', {}, 0);\n\
             INSERT INTO dbo.OBJECTS (UniqueID, Name, Deleted) VALUES (NEWID(), N'Activity {number}', 0);\n\
             INSERT INTO dbo.EVENTS (UniqueID, Summary, DateTime) VALUES (NEWID(), N'Runbook {number} ran', GETUTCDATE());",
            seed.between(1, 20)
        );
    }
    let _ = writeln!(
        batch,
        "INSERT INTO dbo.POLICYINSTANCES (UniqueID, PolicyID, TimeStarted, State) SELECT TOP (1) NEWID(), UniqueID, GETUTCDATE(), N'InProgress' FROM dbo.POLICIES;"
    );
    batch
}

/// In hexadecimal, where the key is open.
fn encrypt(plain: &str) -> String {
    format!("CONVERT(nvarchar(max), ENCRYPTBYKEY(KEY_GUID(N'{SYMMETRIC}'), N'{plain}'), 2)")
}

fn open_key() -> String {
    format!("OPEN SYMMETRIC KEY {SYMMETRIC} DECRYPTION BY ASYMMETRIC KEY {ASYMMETRIC};\n")
}

/// Encrypted variables, plain ones among them, and a configuration with an encrypted part.
fn encrypted_rows(seed: &mut Seed) -> String {
    let mut batch = open_key();
    for number in 0..seed.between(12, 200) {
        let plain = format!("value {number} {:016x}", seed.next());
        let _ = writeln!(
            batch,
            "INSERT INTO dbo.VARIABLES (UniqueID, Value) VALUES (NEWID(), N'{DELIMITER}' + {} + N'{DELIMITER}');",
            encrypt(&plain)
        );
    }
    for number in 0..seed.between(2, 20) {
        let _ = writeln!(
            batch,
            "INSERT INTO dbo.SIMULATED_SECRETS (UniqueID, Value) VALUES (NEWID(), ENCRYPTBYKEY(KEY_GUID(N'{SYMMETRIC}'), N'secret {number}'));"
        );
    }
    for number in 0..seed.between(1, 9) {
        let _ = writeln!(
            batch,
            "INSERT INTO dbo.VARIABLES (UniqueID, Value) VALUES (NEWID(), N'plain {number}');"
        );
    }
    let _ = writeln!(
        batch,
        "INSERT INTO dbo.VARIABLES (UniqueID, Value) VALUES (NEWID(), NULL);"
    );
    let _ = writeln!(
        batch,
        "INSERT INTO dbo.CONFIGURATION (UniqueID, TypeGUID, DataName, DataValue) VALUES (NEWID(), NEWID(), N'Configurations', \
         N'<Data><Password>{DELIMITER}' + {} + N'{DELIMITER}</Password></Data>');",
        encrypt("a configured password")
    );
    let _ = writeln!(batch, "CLOSE SYMMETRIC KEY {SYMMETRIC};");
    batch
}

/// What integration packs are configured with: XML with any number of encrypted parts, and empty
/// passwords between two delimiters (community). From a seed of its own, so that what other seeds make
/// stays.
fn configurations(seed: u64) -> String {
    let mut seed = Seed::new(!seed ^ 0xC0FF_EE00);
    let mut batch = open_key();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(
            batch,
            "INSERT INTO dbo.CONFIGURATION (UniqueID, TypeGUID, DataName, DataValue) VALUES (NEWID(), NEWID(), N'{name}', {value});"
        );
    };
    for pack in 0..seed.between(2, 6) {
        let mut value = "N'<Configurations>'".to_owned();
        // The first has several, whatever the seed.
        let connections = if pack == 0 { 3 } else { seed.between(0, 5) };
        for number in 0..connections {
            let password = encrypt(&format!("password {number} of pack {pack}"));
            let _ = write!(
                value,
                " + N'<Connection><User>o''brien {number}</User><Password>{DELIMITER}' + {password} + N'{DELIMITER}</Password></Connection>'"
            );
        }
        if pack == 0 || seed.between(0, 2) == 0 {
            let _ = write!(
                value,
                " + N'<Connection><Password>{DELIMITER}{DELIMITER}</Password></Connection>'"
            );
        }
        row("Configurations", &format!("{value} + N'</Configurations>'"));
    }
    row("Registration", "N'<Registration />'");
    row("Configurations", "NULL");
    let _ = writeln!(batch, "CLOSE SYMMETRIC KEY {SYMMETRIC};");
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessed_names_vary_by_seed_and_nothing_else_does() {
        let name: DatabaseName = "a]b".parse().unwrap();
        let of = |seed: u64| batches(&name, &OrchestratorOptions::seeded(seed));
        assert_eq!(of(1), of(1));
        assert_eq!(of(1)[0], "CREATE DATABASE [a]]b]");
        let parameters: std::collections::BTreeSet<String> = (0..40)
            .map(|seed| {
                let encrypt = of(seed)
                    .into_iter()
                    .find(|batch| batch.contains(".[Encrypt]"))
                    .unwrap();
                let (_, head) = encrypt.split_once(".[Encrypt] ").unwrap();
                let (head, _) = head.split_once(" AS\n").unwrap();
                head.to_owned()
            })
            .collect();
        assert!(parameters.len() > 8, "{parameters:?}");
        let is_output_first = |head: &&String| head.starts_with("@EncryptedData");
        let swapped = parameters.iter().filter(is_output_first).count();
        assert!(swapped > 0 && swapped < parameters.len(), "{parameters:?}");
    }
}
