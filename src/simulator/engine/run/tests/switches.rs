//! Every switch changes something that a client sees: each of its values, side by side.

use crate::simulator::engine::test_kit::{Answer, SA_PASSWORD, builder, run, sign_in};
use crate::simulator::engine::{Request, Session};
use crate::simulator::output::Reply;
use crate::simulator::running_request::{RunningRequest, Step};
use crate::simulator::{ModellingChoices, ModellingSwitch, Platform, Version};

/// What of the last answer tells the values of a switch apart.
#[derive(Clone, Copy)]
enum Look {
    /// The numbers of the errors.
    Errors,
    /// The first value of the last row.
    Value,
    /// Number, class and state of the first message.
    Message,
    /// `CurCmd` of the end.
    Command,
    /// The type of the last column.
    Type,
    /// The errors of a batch that an attention stopped.
    Stopped,
    /// Whether the batch goes on without its client.
    Outlives,
}

/// What is done under each value of a switch, and what is seen then.
struct Scene {
    switch: &'static str,
    platform: Platform,
    version: Version,
    /// Without errors, but for the last one.
    batches: &'static [&'static str],
    look: Look,
    /// By value, the usual one first.
    seen: &'static [(&'static str, &'static str)],
}

const fn scene(
    switch: &'static str,
    batches: &'static [&'static str],
    look: Look,
    seen: &'static [(&'static str, &'static str)],
) -> Scene {
    Scene {
        switch,
        platform: Platform::Windows,
        version: Version::Sql2022,
        batches,
        look,
        seen,
    }
}

const fn on_linux(scene: Scene) -> Scene {
    Scene {
        platform: Platform::Linux,
        ..scene
    }
}

const KEYS: &str = "CREATE DATABASE D; USE D; \
    CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Some Pass 1'; \
    CREATE ASYMMETRIC KEY a WITH ALGORITHM = RSA_2048; \
    CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY ASYMMETRIC KEY a; \
    OPEN SYMMETRIC KEY s DECRYPTION BY ASYMMETRIC KEY a; \
    CREATE TABLE T (v varbinary(400)); INSERT T SELECT ENCRYPTBYKEY(KEY_GUID('s'), 'x'); \
    CLOSE ALL SYMMETRIC KEYS; USE master";
const MASTER_KEY: &str = "CREATE DATABASE D; USE D; \
    CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Some Pass 1'; USE master";
/// A copy of `D` under a service master key that isn't the server's any more.
const MOVE: &str = "BACKUP SERVICE MASTER KEY TO FILE = 'smk.key' ENCRYPTION BY PASSWORD = 'Some Pass 1'; \
    BACKUP DATABASE D TO DISK = 'd.bak'; DROP DATABASE D; ALTER SERVICE MASTER KEY REGENERATE; \
    RESTORE DATABASE D FROM DISK = 'd.bak'";
const BACK_UP: &str =
    "BACKUP SERVICE MASTER KEY TO FILE = 'smk.key' ENCRYPTION BY PASSWORD = 'Some Pass 1'";
const RESTORE: &str =
    "RESTORE SERVICE MASTER KEY FROM FILE = 'smk.key' DECRYPTION BY PASSWORD = 'Some Pass 1'";
const REGENERATE: &str = "ALTER SERVICE MASTER KEY REGENERATE";
const NOTE_GUID: &str = "CREATE TABLE tempdb.dbo.G (g uniqueidentifier); \
    INSERT tempdb.dbo.G SELECT key_guid FROM master.sys.symmetric_keys WHERE symmetric_key_id = 102";
const COMPARE_GUID: &str = "SELECT CASE WHEN k.key_guid = g.g THEN 'the same' ELSE 'another' END \
    FROM master.sys.symmetric_keys AS k CROSS JOIN tempdb.dbo.G AS g WHERE k.symmetric_key_id = 102";
/// An encrypted database under a certificate, its backup, and the certificate gone.
const ENCRYPTED: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Some Pass 1'; CREATE CERTIFICATE c WITH SUBJECT = 'c'; \
    CREATE DATABASE D; USE D; \
    CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER CERTIFICATE c; USE master; \
    ALTER DATABASE D SET ENCRYPTION ON";
const GONE: &str = "BACKUP DATABASE D TO DISK = 'd.bak'; DROP DATABASE D; DROP CERTIFICATE c";
const FLAG: &str = "SELECT is_master_key_encrypted_by_server FROM sys.databases WHERE name = 'D'";

#[rustfmt::skip]
const SCENES: &[Scene] = &[
    scene("wrong_key_file_password",
        &[BACK_UP, "RESTORE SERVICE MASTER KEY FROM FILE = 'smk.key' DECRYPTION BY PASSWORD = 'Some Pass 2'"],
        Look::Errors, &[("15466", "[15466]"), ("15465", "[15465]"), ("15317", "[15317]")]),
    scene("foreign_master_key_stops_key_restore", &[KEYS, MOVE, RESTORE],
        Look::Errors, &[("false", "[]"), ("true", "[15320]")]),
    scene("offline_database_stops_key_restore", &[MASTER_KEY, "ALTER DATABASE D SET OFFLINE", REGENERATE],
        Look::Errors, &[("true", "[15320]"), ("false", "[]")]),
    scene("restoring_database_stops_key_restore",
        &[MASTER_KEY, "BACKUP DATABASE D TO DISK = 'd.bak'",
            "RESTORE DATABASE D FROM DISK = 'd.bak' WITH REPLACE, NORECOVERY", REGENERATE],
        Look::Errors, &[("false", "[]"), ("true", "[15320]")]),
    scene("read_only_database_stops_key_restore", &[MASTER_KEY, "ALTER DATABASE D SET READ_ONLY", REGENERATE],
        Look::Errors, &[("false", "[]"), ("true", "[15320]")]),
    scene("master_key_flag_from_master", &[KEYS, MOVE, FLAG],
        Look::Value, &[("true", "0"), ("false", "1")]),
    scene("master_key_flag_is_null_without_key", &["CREATE DATABASE D", FLAG],
        Look::Value, &[("false", "0"), ("true", "NULL")]),
    scene("wrong_private_key_password",
        &["CREATE CERTIFICATE c ENCRYPTION BY PASSWORD = 'Some Pass 1' WITH SUBJECT = 'c'; \
           CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY CERTIFICATE c",
            "OPEN SYMMETRIC KEY s DECRYPTION BY CERTIFICATE c WITH PASSWORD = 'wrong'"],
        Look::Errors, &[("15466", "[15466]"), ("15465", "[15465]"), ("15556", "[15556]")]),
    scene("unseen_state", &[BACK_UP, BACK_UP],
        Look::Message, &[("1", "15240/16/1"), ("7", "15240/16/7")]),
    scene("class_as_catalogued",
        &["CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY PASSWORD = 'Some Pass 1'",
            "CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY PASSWORD = 'Some Pass 1'"],
        Look::Message, &[("false", "15282/16/1"), ("true", "15282/0/1")]),
    scene("failed_certificate_backup_leaves_file",
        &["CREATE CERTIFICATE c ENCRYPTION BY PASSWORD = 'Some Pass 1' WITH SUBJECT = 'c'", BACK_UP,
            "BACKUP CERTIFICATE c TO FILE = 'C:\\c.cer' WITH PRIVATE KEY (FILE = 'smk.key', \
              DECRYPTION BY PASSWORD = 'Some Pass 1', ENCRYPTION BY PASSWORD = 'Some Pass 1'); \
              EXEC xp_fileexist 'C:\\c.cer'"],
        Look::Value, &[("true", "1"), ("false", "0")]),
    scene("encrypted_header_needs_certificate",
        &["CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Some Pass 1'; CREATE CERTIFICATE c WITH SUBJECT = 'c'; \
           BACKUP DATABASE model TO DISK = 'e.bak' WITH ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = c); \
           DROP CERTIFICATE c", "RESTORE HEADERONLY FROM DISK = 'e.bak'"],
        Look::Errors, &[("false", "[]"), ("true", "[33111, 3013]")]),
    scene("tde_file_list_needs_certificate", &[ENCRYPTED, GONE, "RESTORE FILELISTONLY FROM DISK = 'd.bak'"],
        Look::Errors, &[("true", "[33111, 3013]"), ("false", "[]")]),
    scene("tde_header_needs_certificate", &[ENCRYPTED, GONE, "RESTORE HEADERONLY FROM DISK = 'd.bak'"],
        Look::Errors, &[("false", "[]"), ("true", "[33111, 3013]")]),
    scene("unused_encryption_key_needs_certificate",
        &[ENCRYPTED, "ALTER DATABASE D SET ENCRYPTION OFF", GONE, "RESTORE DATABASE D FROM DISK = 'd.bak'"],
        Look::Errors, &[("true", "[33111, 3013]"), ("false", "[]")]),
    scene("tempdb_has_encryption_flag", &[ENCRYPTED, "SELECT is_encrypted FROM sys.databases WHERE name = 'tempdb'"],
        Look::Value, &[("false", "0"), ("true", "1")]),
    scene("unseen_command", &[BACK_UP],
        Look::Command, &[("0", "0"), ("253", "253")]),
    on_linux(scene("own_password_policy_on_linux",
        &["BACKUP SERVICE MASTER KEY TO FILE = 'smk.key' ENCRYPTION BY PASSWORD = 'weakweak'"],
        Look::Errors, &[("false", "[15118]"), ("true", "[33064]")])),
    on_linux(scene("bare_key_file_at_root_on_linux", &[BACK_UP, "EXEC xp_fileexist '/smk.key'"],
        Look::Value, &[("false", "0"), ("true", "1")])),
    scene("key_file_carries_guid", &[NOTE_GUID, BACK_UP, REGENERATE, RESTORE, COMPARE_GUID],
        Look::Value, &[("true", "the same"), ("false", "another")]),
    scene("regenerating_changes_guid", &[NOTE_GUID, REGENERATE, COMPARE_GUID],
        Look::Value, &[("true", "another"), ("false", "the same")]),
    scene("adding_same_encryption_fails", &[MASTER_KEY, "USE D; ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY"],
        Look::Errors, &[("false", "[]"), ("true", "[15579]")]),
    scene("automatic_decryption_fails",
        &[KEYS, MOVE, "USE D; SELECT DECRYPTBYKEYAUTOASYMKEY(ASYMKEY_ID('a'), NULL, v) FROM T"],
        Look::Errors, &[("false", "[]"), ("true", "[15581]")]),
    scene("offline_can_be_renamed",
        &["CREATE DATABASE D; ALTER DATABASE D SET OFFLINE", "ALTER DATABASE D MODIFY NAME = E"],
        Look::Errors, &[("true", "[]"), ("false", "[942, 5069]")]),
    scene("restricted_user_refusal",
        &["CREATE DATABASE D; CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1'; USE D; \
           CREATE USER weak FOR LOGIN weak; USE master; ALTER DATABASE D SET RESTRICTED_USER",
            "EXECUTE AS LOGIN = 'weak'; USE D"],
        Look::Errors, &[("923", "[923]"), ("916", "[916]")]),
    scene("batch_outlives_socket", &["SELECT 1"],
        Look::Outlives, &[("false", "false"), ("true", "true")]),
    scene("cancelled_backup", &["BACKUP DATABASE master TO DISK = 'm.bak' WITH STATS = 1"],
        Look::Stopped, &[("AbortedThenTerminating", "[3204, 3013]"),
            ("TerminatingThenAborted", "[3013, 3204]"), ("Nothing", "[]")]),
    Scene { version: Version::Sql2025, ..scene("database_version_of_2025",
        &["SELECT DATABASEPROPERTYEX('master', 'Version')"],
        Look::Value, &[("998", "998"), ("1000", "1000")]) },
    scene("label_flag_is_tinyint",
        &["BACKUP DATABASE master TO DISK = 'm.bak'", "RESTORE LABELONLY FROM DISK = 'm.bak'"],
        Look::Type, &[("false", "Bit"), ("true", "TinyInt")]),
];

/// Switches of the wire and of a new start, which one running engine can't show, and the test that
/// does.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "attention_in_own_message",
        include_str!("../../../../../tests/simulator_wire/attention.rs"),
    ),
    (
        "locked_database_is_suspect",
        include_str!("../../../../../tests/encrypted_databases.rs"),
    ),
];

#[tokio::test(start_paused = true)]
async fn every_value_of_every_switch_is_seen() {
    for switch in ModellingChoices::SWITCHES {
        if let Some((name, test)) = ELSEWHERE.iter().find(|(name, _)| *name == switch.name()) {
            assert!(test.contains(name), "{name} is shown nowhere");
            continue;
        }
        let scene = SCENES.iter().find(|scene| scene.switch == switch.name());
        let scene = scene.unwrap_or_else(|| panic!("nothing shows {}", switch.name()));
        let values: Vec<&str> = scene.seen.iter().map(|(value, _)| *value).collect();
        assert_eq!(values, switch.values(), "{}", switch.name());
        for (value, seen) in scene.seen {
            let what = look(scene, switch, value).await;
            assert_eq!(what, *seen, "{}={value}", switch.name());
        }
    }
}

async fn look(scene: &Scene, switch: &ModellingSwitch, value: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut choices = ModellingChoices::default();
    switch.choose(&mut choices, value).unwrap();
    let instance = builder(folder.path(), "SQL01")
        .platform(scene.platform)
        .version(scene.version)
        .pace(std::time::Duration::from_secs(1))
        .modelling(choices)
        .build()
        .unwrap();
    let mut sa = sign_in(&instance, "sa", SA_PASSWORD);
    let (last, before) = scene.batches.split_last().unwrap();
    for batch in before {
        let answer = run(&mut sa, batch).await;
        assert_eq!(answer.errors(), Vec::<i32>::new(), "{batch}: {answer:?}");
    }
    match scene.look {
        Look::Stopped => return stopped(sa, last).await,
        Look::Outlives => {
            let request = RunningRequest::start(sa, Request::Batch((*last).to_owned()));
            return request.outlives_client().to_string();
        }
        _ => {}
    }
    told(scene.look, &run(&mut sa, last).await)
}

fn told(look: Look, answer: &Answer) -> String {
    match look {
        Look::Value => answer.rows.last().unwrap()[0].clone(),
        Look::Message => {
            let first = &answer.messages[0];
            format!("{}/{}/{}", first.number, first.class, first.state)
        }
        Look::Command => answer.ends.last().unwrap().0.to_string(),
        Look::Type => format!("{:?}", answer.columns.last().unwrap().kind),
        _ => format!("{:?}", answer.errors()),
    }
}

/// The errors of a batch that is stopped once it has told something.
async fn stopped(session: Session, batch: &str) -> String {
    let mut request = RunningRequest::start(session, Request::Batch(batch.to_owned()));
    loop {
        match request.next().await {
            Step::Reply(Reply::Message(_)) => break,
            Step::Reply(_) => {}
            Step::Ended(..) => panic!("it ended before it was stopped"),
        }
    }
    let (_, errors) = request.stop().await;
    let numbers: Vec<i32> = errors
        .iter()
        .filter_map(|reply| match reply {
            Reply::Message(message) => Some(message.number),
            _ => None,
        })
        .collect();
    format!("{numbers:?}")
}
