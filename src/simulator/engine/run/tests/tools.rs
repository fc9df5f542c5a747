//! What Microsoft's tools ask of a server: asked in pieces here, and as the tools ask it by
//! `tests/strangers`.

use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, builder, run, sign_in, start};
use crate::simulator::{Platform, Version};

const READ: &str = "EXEC master.dbo.xp_instance_regread N'HKEY_LOCAL_MACHINE', ";

#[tokio::test]
async fn the_registry_has_what_an_installation_leaves_there() {
    let mut server = Server::new();
    let read = async |server: &mut Server, kind: &str, key: &str, value: &str| {
        let batch = format!("DECLARE @v {kind}; {READ}N'{key}', N'{value}', @v OUTPUT; SELECT @v");
        server.value(&batch).await
    };
    let own = r"SOFTWARE\Microsoft\MSSQLServer\MSSQLServer";
    assert_eq!(read(&mut server, "int", own, "LoginMode").await, "2");
    let folder = read(&mut server, "nvarchar(512)", own, "BackupDirectory").await;
    assert_eq!(
        folder,
        server
            .value("SELECT SERVERPROPERTY('InstanceDefaultBackupPath')")
            .await
    );
    // Names of keys and values are found in any case, as a registry finds them.
    let service = r"system\currentcontrolset\services\mssqlserver";
    assert_eq!(
        read(&mut server, "nvarchar(512)", service, "OBJECTNAME").await,
        r"NT Service\MSSQLSERVER"
    );
    let answer = server
        .run(
            "CREATE TABLE #r (name sysname, data int); INSERT #r EXEC xp_regread \
             'HKEY_LOCAL_MACHINE', 'SYSTEM\\CurrentControlSet\\Services\\SQLBrowser', 'Start'; \
             SELECT * FROM #r",
        )
        .await;
    assert_eq!(answer.rows, [["Start", "4"]]);
}

#[tokio::test]
async fn what_the_registry_lacks_is_null_and_told() {
    let mut server = Server::new();
    for (key, value, function) in [
        (
            r"SOFTWARE\Microsoft\MSSQLServer\MSSQLServer",
            "Nothing",
            "RegQueryValueEx()",
        ),
        // A key that only has others in it is there.
        (r"SOFTWARE\Microsoft", "Nothing", "RegQueryValueEx()"),
        (r"SOFTWARE\Nobody", "Nothing", "RegOpenKeyEx()"),
    ] {
        let call = format!("{READ}N'{key}', N'{value}', @v OUTPUT");
        let batch = format!(
            "DECLARE @v int = 7; {call}; SELECT @v; SET @v = 7; {call}, 'no_output'; SELECT @v"
        );
        let answer = server.run(&batch).await;
        assert_eq!(answer.rows, [["NULL"], ["NULL"]], "{key}");
        assert_eq!(answer.messages.len(), 1, "{key}");
        let message = &answer.messages[0];
        assert_eq!((message.number, message.class), (22001, 1));
        assert!(message.text.starts_with(function), "{}", message.text);
    }
    assert_eq!(
        server.errors("EXEC xp_regread N'HKEY_LOCAL_MACHINE'").await,
        [201]
    );
}

#[tokio::test]
async fn a_named_instance_has_keys_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let instance =
        crate::simulator::SimulatedInstance::builder(r"SQL01\ORCH", folder.path().join("own"))
            .key_derivation_cost(std::num::NonZeroU32::MIN)
            .sa_password(crate::secret::Secret::new(SA_PASSWORD.to_owned()))
            .version(Version::Sql2019)
            .build()
            .unwrap();
    let mut sa = sign_in(&instance, "sa", SA_PASSWORD);
    let answer = run(
        &mut sa,
        &format!(
            r"DECLARE @own sysname, @account sysname, @id sysname, @other sysname
            {READ}N'SOFTWARE\Microsoft\MSSQLServer\Setup', N'SQLPath', @own OUTPUT
            {READ}N'SYSTEM\CurrentControlSet\Services\SQLSERVERAGENT', N'ObjectName', @account OUTPUT
            {READ}N'SOFTWARE\Microsoft\Microsoft SQL Server\Instance Names\SQL', @@SERVICENAME, @id OUTPUT
            EXEC xp_regread N'HKEY_LOCAL_MACHINE', N'SYSTEM\CurrentControlSet\Services\MSSQLSERVER',
                N'ObjectName', @other OUTPUT
            SELECT @own, @account, @id, @other"
        ),
    )
    .await;
    assert_eq!(
        answer.rows,
        [[
            r"C:\Program Files\Microsoft SQL Server\MSSQL15.ORCH\MSSQL",
            r"NT Service\SQLAgent$ORCH",
            "MSSQL15.ORCH",
            // Not its service.
            "NULL",
        ]]
    );
}

#[tokio::test]
async fn the_product_and_its_machine_are_told() {
    let mut server = Server::new();
    let answer = server
        .run(
            "CREATE TABLE #v (ID int, Name sysname, Internal_Value int, Value nvarchar(512)); \
             INSERT #v EXEC master.dbo.xp_msver; SELECT COUNT(*) FROM #v; \
             SELECT Internal_Value / 65536 FROM #v WHERE Name = N'ProductVersion'; \
             EXEC xp_msver 'productname'",
        )
        .await;
    assert_eq!(answer.rows[0], ["20"]);
    assert_eq!(answer.rows[1], ["16"]);
    assert_eq!(
        answer.rows[2],
        ["1", "ProductName", "NULL", "Microsoft SQL Server"]
    );
    let name = server
        .value("DECLARE @n nvarchar(255); EXEC xp_getnetname @n OUTPUT, 1; SELECT @n")
        .await;
    assert_eq!(name, "SQL01");
}

#[tokio::test]
async fn paths_are_told_as_the_platform_writes_them() {
    for (platform, separator, log) in [
        (Platform::Linux, "/", "/var/opt/mssql/log/errorlog"),
        (
            Platform::Windows,
            r"\",
            r"C:\Program Files\Microsoft SQL Server\MSSQL16.MSSQLSERVER\MSSQL\Log\ERRORLOG",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let instance = builder(folder.path(), "SQL01")
            .platform(platform)
            .build()
            .unwrap();
        let mut sa = sign_in(&instance, "sa", SA_PASSWORD);
        let answer = run(
            &mut sa,
            "SELECT SERVERPROPERTY('PathSeparator'), SERVERPROPERTY(N'errorlogfilename'), \
             host_platform FROM sys.dm_os_host_info",
        )
        .await;
        assert_eq!(answer.rows, [[separator, log, platform.name()]]);
    }
}

#[tokio::test]
async fn sids_are_read_from_their_text() {
    let mut server = Server::new();
    for (text, sid) in [
        ("S-1-5-18", "0x010100000000000512000000"),
        (
            "S-1-5-80-3263513310-3392720605",
            "0x010300000000000550000000DE4285C2DDCE38CA",
        ),
        ("", "NULL"),
        ("S-1-5-x", "NULL"),
        ("S-1-5-4294967296", "NULL"),
    ] {
        let found = server.value(&format!("SELECT SID_BINARY(N'{text}')")).await;
        assert_eq!(found, sid, "{text}");
    }
}

#[tokio::test]
async fn msdb_has_functions_and_views_of_its_own() {
    let mut server = Server::new();
    let healthy = "SELECT CASE WHEN 1 = msdb.dbo.fn_syspolicy_is_automation_enabled() AND EXISTS \
                   (SELECT * FROM msdb.dbo.syspolicy_system_health_state WHERE \
                   target_query_expression_with_id LIKE 'Server%') THEN 1 ELSE 0 END";
    assert_eq!(server.value(healthy).await, "0");
    assert_eq!(
        server
            .value("USE msdb; SELECT dbo.fn_syspolicy_is_automation_enabled()")
            .await,
        "1"
    );
    server.run("USE master").await;
    assert_eq!(
        server
            .errors("SELECT dbo.fn_syspolicy_is_automation_enabled()")
            .await,
        [4121]
    );
    assert_eq!(
        server
            .errors("SELECT * FROM dbo.syspolicy_system_health_state")
            .await,
        [208]
    );
}

#[tokio::test]
async fn settings_and_languages_are_joined() {
    let mut server = Server::new();
    let answer = server
        .run(
            "SELECT cfg.configuration_id, CASE WHEN cfg.configuration_id = 124 \
             THEN (SELECT lcid FROM sys.syslanguages AS sl WHERE sl.langid = cfg.value_in_use) \
             ELSE cfg.value_in_use END AS value, CASE WHEN cfg.configuration_id = 124 \
             THEN (SELECT name COLLATE catalog_default FROM sys.syslanguages AS sl \
             WHERE sl.langid = cfg.value_in_use) ELSE NULL END AS name \
             FROM sys.configurations AS cfg WHERE cfg.configuration_id IN (115, 124, 1127) \
             ORDER BY cfg.configuration_id",
        )
        .await;
    assert_eq!(
        answer.rows,
        [
            ["115", "1", "NULL"],
            ["124", "1033", "us_english"],
            ["1127", "2049", "NULL"]
        ]
    );
}

#[tokio::test]
async fn views_come_with_their_version() {
    let folder = tempfile::tempdir().unwrap();
    let old = builder(folder.path(), "OLD")
        .version(Version::Sql2014)
        .build()
        .unwrap();
    let new = start(folder.path(), "NEW");
    for (instance, count) in [(&old, "0"), (&new, "2")] {
        let mut sa = sign_in(instance, "sa", SA_PASSWORD);
        let answer = run(
            &mut sa,
            "SELECT COUNT(*) FROM sys.all_objects WHERE type = 'V' AND is_ms_shipped = 1 \
             AND name IN ('dm_os_host_info', 'database_scoped_configurations')",
        )
        .await;
        assert_eq!(answer.rows, [[count]]);
    }
    let mut sa = sign_in(&old, "sa", SA_PASSWORD);
    let answer = run(&mut sa, "SELECT host_platform FROM sys.dm_os_host_info").await;
    assert_eq!(answer.errors(), [208]);
}

#[tokio::test]
async fn logins_are_known_to_master() {
    let mut server = Server::new();
    server.run("CREATE DATABASE d").await;
    let batch = "USE d; EXEC('SELECT CASE WHEN authenticating_database_id = 1 THEN 0 ELSE 1 END \
                 FROM sys.dm_exec_sessions WHERE session_id = @@SPID')";
    assert_eq!(server.value(batch).await, "0");
}
