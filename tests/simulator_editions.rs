//! Versions, editions and platforms of a simulated instance: what each says of itself and can do,
//! and what the operations make of it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use std::collections::BTreeMap;

use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{Edition, Platform, Version};
use scorch_recovery::sql::{Database, ServiceMasterKey};
use scorch_recovery::transport::SqlValue;
use scorch_recovery::{Effect, ErrorKind, Operation, SecretRef};

use kit::simulated::{Collected, World, named};
use kit::{back_up_key, run_error};

/// The only value of a batch, as text.
async fn value(world: &World, name: &str, expression: &str) -> String {
    let answer = world
        .sql(
            name,
            None,
            &format!("SELECT CAST({expression} AS nvarchar(300))"),
        )
        .await;
    match &answer.rows[0][0] {
        SqlValue::Text(text) => text.clone(),
        SqlValue::Null => "NULL".to_owned(),
        other => panic!("{other:?}"),
    }
}

fn folder(platform: Platform) -> &'static str {
    match platform {
        Platform::Windows => r"\\vault\keys\",
        _ => "/var/opt/mssql/data/",
    }
}

fn named_by(version: Version, platform: Platform) -> String {
    format!("{version}-{platform}")
}

/// Every version on every platform that it ran on.
fn everywhere() -> impl Iterator<Item = (Version, Platform)> {
    Version::ALL
        .into_iter()
        .flat_map(|version| Platform::ALL.map(|platform| (version, platform)))
        .filter(|(version, platform)| {
            *platform == Platform::Windows || *version >= Version::Sql2017
        })
}

#[tokio::test]
async fn each_version_says_what_it_is_and_has_what_it_had() {
    let mut world = World::new();
    for (version, platform) in everywhere() {
        let name = &named_by(version, platform);
        world.add(name, |builder| builder.version(version).platform(platform));
        let (major, ..) = version.product();
        assert!(
            value(&world, name, "SERVERPROPERTY('ProductVersion')")
                .await
                .starts_with(&format!("{major}.0."))
        );
        let about = value(&world, name, "@@VERSION").await;
        assert!(
            about.starts_with(&format!("Microsoft SQL Server {version} (")),
            "{about}"
        );
        let internal = value(&world, name, "DATABASEPROPERTYEX('msdb', 'Version')").await;
        assert_eq!(internal, version.database_version().to_string(), "{name}");
        let backups = value(&world, name, "SERVERPROPERTY('InstanceDefaultBackupPath')").await;
        assert_eq!(backups != "NULL", version >= Version::Sql2019, "{name}");
        let data = value(&world, name, "SERVERPROPERTY('InstanceDefaultDataPath')").await;
        assert_eq!(data.starts_with('/'), platform == Platform::Linux, "{name}");
        let in_2017 = if version >= Version::Sql2017 {
            vec![]
        } else {
            vec![208]
        };
        for what in [
            "sys.dm_os_host_info",
            "sys.dm_os_file_exists(N'/x')",
            "SYS.DM_OS_HOST_INFO AS h",
        ] {
            let answer = world
                .try_sql(name, None, &format!("SELECT * FROM {what}"))
                .await;
            assert_eq!(answer.errors(), in_2017, "{name}: {what}");
        }
        if version >= Version::Sql2017 {
            let host = value(
                &world,
                name,
                "(SELECT host_platform FROM sys.dm_os_host_info)",
            )
            .await;
            assert_eq!(host.to_lowercase(), platform.to_string());
        }
        let is_2022 = version >= Version::Sql2022;
        let known = value(
            &world,
            name,
            "HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE')",
        )
        .await;
        assert_eq!(known, if is_2022 { "1" } else { "NULL" }, "{name}");
        let grant = "CREATE LOGIN w WITH PASSWORD = 'Some Pass 1'; \
                     GRANT VIEW SERVER PERFORMANCE STATE TO w";
        let refused = if is_2022 { vec![] } else { vec![102] };
        assert_eq!(
            world.try_sql(name, None, grant).await.errors(),
            refused,
            "{name}"
        );
        let to_url = "BACKUP MASTER KEY TO URL = 'https://x/y' ENCRYPTION BY PASSWORD = 'Pw-12345'";
        let refused = world.try_sql(name, None, to_url).await;
        // The simulator has no URLs, and says so where the version would have.
        assert_eq!(refused.errors(), [if is_2022 { 50_900 } else { 102 }]);
        let of_service = to_url.replace("MASTER KEY", "SERVICE MASTER KEY");
        assert_eq!(
            world.try_sql(name, None, &of_service).await.errors(),
            [102],
            "no version has URLs for it"
        );
    }
}

#[tokio::test]
async fn a_named_instance_has_a_machine_and_a_name() {
    let world = World::with(&[r"SQL09\ORCH"]);
    for (property, expected) in [
        ("MachineName", "SQL09"),
        ("InstanceName", "ORCH"),
        ("ServerName", r"SQL09\ORCH"),
    ] {
        let expression = format!("SERVERPROPERTY('{property}')");
        assert_eq!(value(&world, r"SQL09\ORCH", &expression).await, expected);
    }
    let data = value(
        &world,
        r"SQL09\ORCH",
        "SERVERPROPERTY('InstanceDefaultDataPath')",
    )
    .await;
    assert!(data.contains(r"\MSSQL16.ORCH\"), "{data}");
}

#[tokio::test]
async fn a_backup_of_each_version_is_restored_by_later_ones_only() {
    let mut world = World::new();
    for version in Version::ALL {
        let name = &named_by(version, Platform::Windows);
        world.add(name, |builder| builder.version(version));
        let path = format!(r"\\vault\keys\{version}.bak");
        world
            .sql(
                name,
                None,
                &format!("CREATE DATABASE D; BACKUP DATABASE D TO DISK = '{path}'"),
            )
            .await;
        let header = world
            .sql(
                name,
                None,
                &format!("RESTORE HEADERONLY FROM DISK = '{path}'"),
            )
            .await;
        let columns = if version >= Version::Sql2022 { 59 } else { 56 };
        assert_eq!(header.rows[0].len(), columns, "{version}");
    }
    for from in Version::ALL {
        for to in Version::ALL {
            let target = &named_by(to, Platform::Windows);
            let restore = format!(
                r"RESTORE DATABASE From{from} FROM DISK = '\\vault\keys\{from}.bak'
                  WITH MOVE 'D' TO 'D:\data\{from}.mdf', MOVE 'D_log' TO 'D:\data\{from}.ldf', REPLACE"
            );
            world.server(target).create_folder(r"D:\data").unwrap();
            let answer = world.try_sql(target, None, &restore).await;
            if from > to {
                assert_eq!(answer.errors(), [3169, 3013], "{from} on {to}");
                continue;
            }
            assert_eq!(answer.errors(), Vec::<i32>::new(), "{from} on {to}");
            // 4035 for each file, the way up, 3014.
            let numbers: Vec<i32> = answer.messages.iter().map(|m| m.number).collect();
            let steps = usize::try_from(to.database_version() - from.database_version()).unwrap();
            let mut expected = vec![4035, 4035];
            if steps > 0 {
                expected.push(944);
                expected.extend(vec![951; steps]);
            }
            expected.push(3014);
            assert_eq!(numbers, expected, "{from} on {to}");
        }
    }
}

#[tokio::test]
async fn a_database_left_restoring_is_upgraded_when_it_comes_online() {
    let mut world = World::new();
    world.add("OLD", |builder| builder.version(Version::Sql2019));
    world.add("NEW", |builder| builder);
    world
        .sql(
            "OLD",
            None,
            r"CREATE DATABASE D; BACKUP DATABASE D TO DISK = '\\vault\keys\d.bak'",
        )
        .await;
    let numbers = |answer: &Collected| -> BTreeMap<i32, usize> {
        let mut counted = BTreeMap::new();
        for message in &answer.messages {
            *counted.entry(message.number).or_default() += 1;
        }
        counted
    };
    world.server("NEW").create_folder(r"D:\data").unwrap();
    let left = world
        .sql(
            "NEW",
            None,
            r"RESTORE DATABASE D FROM DISK = '\\vault\keys\d.bak' WITH NORECOVERY,
              MOVE 'D' TO 'D:\data\d.mdf', MOVE 'D_log' TO 'D:\data\d.ldf'",
        )
        .await;
    assert_eq!(numbers(&left), BTreeMap::from([(3014, 1), (4035, 2)]));
    let online = world
        .sql("NEW", None, "RESTORE DATABASE D WITH RECOVERY")
        .await;
    assert_eq!(
        numbers(&online),
        BTreeMap::from([(944, 1), (951, 957 - 904), (3014, 1)])
    );
}

#[tokio::test]
async fn each_edition_says_what_it_is_and_has_what_it_has() {
    let mut world = World::new();
    for edition in Edition::ALL {
        let name = &edition.to_string().replace("azure-sql-database", "azure");
        world.add(name, |builder| builder.edition(edition));
        assert_eq!(
            value(&world, name, "SERVERPROPERTY('Edition')").await,
            edition.name()
        );
        assert_eq!(
            value(&world, name, "SERVERPROPERTY('EngineEdition')").await,
            edition.engine_edition().to_string()
        );
        let product = value(&world, name, "SERVERPROPERTY('ProductVersion')").await;
        let is_azure = matches!(edition.engine_edition(), 5 | 8);
        assert_eq!(product == "12.0.2000.8", is_azure, "{edition}");
        let backup = |option: &str| {
            format!(r"BACKUP DATABASE msdb TO DISK = '\\vault\keys\{name}.bak' {option}")
        };
        let plain = world.try_sql(name, None, &backup("WITH FORMAT")).await;
        let packed = world
            .try_sql(name, None, &backup("WITH FORMAT, COMPRESSION"))
            .await;
        let (plain_expected, packed_expected) = match edition {
            _ if is_azure => (vec![40_510], vec![40_510]),
            Edition::Express | Edition::Web => (vec![], vec![1844, 3013]),
            _ => (vec![], vec![]),
        };
        assert_eq!(plain.errors(), plain_expected, "{edition}");
        assert_eq!(packed.errors(), packed_expected, "{edition}");
    }
}

#[tokio::test]
async fn the_operations_take_every_edition_for_what_it_is() {
    let mut world = World::new();
    for edition in Edition::ALL {
        let name = &edition.to_string().replace("azure-sql-database", "azure");
        world.add(name, |builder| builder.edition(edition));
        world.sql(name, None, "CREATE DATABASE D").await;
        let instance: SqlInstance = named(name);
        let file = format!(r"\\vault\keys\{name}.bak");
        let backup = Database::backup(&instance, &named("D")).to_file(named(&file));
        let key = ServiceMasterKey::backup(&instance)
            .to_file(named(&format!(r"\\vault\keys\{name}.key")))
            .encrypted_by(SecretRef::named("key"));
        if matches!(edition.engine_edition(), 5 | 8) {
            let restore = Database::restore(&instance, &named("E")).from_file(named(&file));
            for error in [
                run_error(&world, backup).await,
                run_error(&world, key).await,
                run_error(&world, restore).await,
            ] {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{edition}: {error}");
                assert_eq!(error.effect(), Effect::None, "{edition}: {error}");
                assert!(error.to_string().contains("Azure SQL"), "{error}");
            }
            assert!(!world.vault_file(&format!("{name}.bak")).exists());
            assert!(!world.vault_file(&format!("{name}.key")).exists());
            continue;
        }
        let made = backup.run(&world.context()).await;
        let made = made.unwrap_or_else(|error| panic!("{edition}: {error}"));
        assert_eq!(made.set.database_name, "D");
        let header = world
            .sql(
                name,
                None,
                &format!("RESTORE HEADERONLY FROM DISK = '{file}'"),
            )
            .await;
        let is_compressed = !matches!(edition, Edition::Express | Edition::Web);
        assert_eq!(
            header.rows[0][4],
            SqlValue::Int(is_compressed.into()),
            "{edition}"
        );
        key.run(&world.context()).await.unwrap();
    }
}

#[tokio::test]
async fn a_deployment_is_backed_up_and_restored_by_every_version_on_every_platform() {
    let mut world = World::new();
    for (version, platform) in everywhere() {
        let name = &named_by(version, platform);
        world.add(name, |builder| builder.version(version).platform(platform));
        world.orchestrator(name, 7).await;
        let file = |leaf: &str| format!("{}{version}{leaf}", folder(platform));
        back_up_key(&world, name, &file(".key")).await;
        let cx = world.context();
        let instance: SqlInstance = named(name);
        let made = Database::backup(&instance, &named("Orchestrator"))
            .to_file(named(&file(".bak")))
            .run(&cx)
            .await;
        made.unwrap_or_else(|error| panic!("{name}: {error}"));
        let restored = Database::restore(&instance, &named("Orchestrator"))
            .from_file(named(&file(".bak")))
            .run(&cx)
            .await;
        let restored = restored.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(restored.beside, Some(named("Orchestrator")), "{name}");
        let proof = kit::simulated::verify(name, restored.name.as_str())
            .run(&cx)
            .await
            .unwrap();
        assert!(proof.is_whole(), "{name}: {proof:?}");
    }
}
