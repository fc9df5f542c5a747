//! What is read and written: the values, and no other byte.

use std::fmt::Write as _;
use std::path::PathBuf;

use scorch_recovery::orchestrator::{SqlClientKeyword, WebConfigStyle};
use scorch_recovery::{Observation, Operation};

use crate::files::{A, B, CANARY, plain_string, plain_variables, read, string, variables, write};
use crate::host::{Host, KEPT};
use crate::product::{NEW, OLD, product};

/// Each file of the product is written to, and is what the same pieces make with the new values.
/// `WEB_CONFIG_PRODUCT` names a folder for an independent reader to look at.
#[tokio::test]
async fn every_byte_outside_of_the_values_stays() {
    let folder = std::env::var_os("WEB_CONFIG_PRODUCT").map(PathBuf::from);
    let mut manifest = String::new();
    let mut wrong = Vec::new();
    let mut written = 0;
    for member in product() {
        for new in NEW {
            let (before, places) = member.file(OLD);
            let (expected, places_after) = member.file(*new);
            let host = Host::with(&[("Orchestrator2012", before.as_slice())]);
            let info = read(&host).await;
            let operation = write(&info, *new);
            if let Err(error) = operation.run(&host.context()).await {
                wrong.push(format!("{member:?}: {error}"));
                continue;
            }
            let after = host.content(A).unwrap();
            if after != expected {
                wrong.push(format!(
                    "{member:?} {new:?}:\n{}\n{}",
                    String::from_utf8_lossy(&after),
                    String::from_utf8_lossy(&expected)
                ));
            }
            assert_eq!(
                operation.observe(&host.context()).await.unwrap(),
                Observation::Done
            );
            // A second write changes nothing, and writes nothing.
            let files = host.state().files.clone();
            let again = write(&read(&host).await, *new)
                .run(&host.context())
                .await
                .unwrap();
            assert!(again.files[0].copy.is_none());
            assert_eq!(host.state().files, files);
            if let Some(folder) = &folder {
                std::fs::write(folder.join(format!("{written}.before")), &before).unwrap();
                std::fs::write(folder.join(format!("{written}.after")), &after).unwrap();
                let pairs = |places: &[std::ops::Range<usize>]| {
                    places
                        .iter()
                        .map(|place| [place.start, place.end])
                        .collect::<Vec<_>>()
                };
                let line = serde_json::json!({
                    "name": written.to_string(), "style": format!("{:?}", member.style),
                    "old": [OLD.server, OLD.database], "new": [new.server, new.database],
                    "places": pairs(&places), "places_after": pairs(&places_after),
                });
                writeln!(manifest, "{line}").unwrap();
            }
            written += 1;
        }
    }
    println!(
        "web.config product: {written} files written, {} wrong",
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} wrong, such as {}",
        wrong.len(),
        wrong[0]
    );
    assert_eq!(written, product().len() * NEW.len());
    if let Some(folder) = folder {
        std::fs::write(folder.join("manifest.jsonl"), manifest).unwrap();
    }
}

#[tokio::test]
async fn both_styles_are_found_on_one_host() {
    let (a, b) = (plain_string(), plain_variables());
    let foreign = variables(&[
        ("Database__Provider", "SqlServer"),
        ("Database__Server", "x"),
    ]);
    let applications = [
        ("Orchestrator2012", a.as_bytes()),
        ("WebApi", b.as_bytes()),
        ("Shop", foreign.as_bytes()),
        ("Broken", b"<configuration>".as_slice()),
    ];
    let host = Host::with(&applications);
    // Where Microsoft's pages say, and IIS knows nothing of it.
    let usual = r"C:\Program Files (x86)\Microsoft System Center 2016\Orchestrator\Web Service\Orchestrator2016\web.config";
    host.put(
        usual,
        string("server=S3;database=D3;Pwd=Pa55-canary;User ID=u;Unknown Thing=1"),
    );
    let info = read(&host).await;
    let found: Vec<_> = info
        .found
        .iter()
        .map(|found| {
            let store = &found.stores[0];
            (
                found.path.as_str(),
                store.style,
                store.server().unwrap(),
                store.database().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (A, WebConfigStyle::ConnectionString, "OLD", "Orchestrator"),
            (B, WebConfigStyle::Environment, "OLD", "Orchestrator"),
            (usual, WebConfigStyle::ConnectionString, "S3", "D3"),
        ]
    );
    let secret = &info.found[2].stores[0];
    assert_eq!(secret.clear_text_secrets, ["Pwd"]);
    assert_eq!(secret.not_shown, ["Pwd", "Unknown Thing"]);
    assert_eq!(secret.settings[&SqlClientKeyword::UserId], "u");
    assert!(!format!("{info:?}").contains(CANARY));
    let passed: Vec<&str> = info
        .passed_over
        .iter()
        .map(|passed| passed.place.as_str())
        .collect();
    assert_eq!(
        passed,
        [r"C:\Sites\Shop\web.config", r"C:\Sites\Broken\web.config"]
    );
    assert_eq!(info.found[0].applications[0].site, "Orchestrator2012");

    let written = write(&info, NEW[0]).run(&host.context()).await.unwrap();
    assert_eq!(written.files.len(), 3);
    assert_eq!(written.files[2].clear_text_secrets, ["Pwd"]);
    let after = read(&host).await;
    assert!(
        after
            .found
            .iter()
            .all(|found| found.stores[0].server() == Some(NEW[0].server))
    );
    for (name, before) in &applications[2..] {
        assert_eq!(
            host.content(&format!(r"C:\Sites\{name}\web.config"))
                .unwrap(),
            *before
        );
    }
    // The copies have the permissions of what they are copies of.
    for file in &written.files {
        let copy = file.copy.as_ref().unwrap();
        let state = host.state();
        let (kept, live) = (
            &state.files[&copy.as_str().to_lowercase()],
            &state.files[&file.path.as_str().to_lowercase()],
        );
        assert_eq!(kept.permissions, live.permissions);
        assert!(copy.as_str().starts_with(KEPT));
    }
}

#[tokio::test]
async fn of_synonyms_one_is_left() {
    for (before, expected) in [
        (
            variables(&[
                ("Database__Server", "OLD"),
                ("DATABASE__ADDRESS", "OLDER"),
                ("Database__Database", "d"),
                ("Database__Initial Catalog", "d2"),
            ]),
            variables(&[
                ("DATABASE__ADDRESS", r"SQL02\NEW"),
                ("Database__Database", "Orchestrator2"),
            ]),
        ),
        (
            variables(&[
                ("database__addr", "OLD"),
                ("Database__Data Source", "OLD"),
                ("Database__database", "Orchestrator2"),
            ]),
            variables(&[
                ("database__addr", r"SQL02\NEW"),
                ("Database__database", "Orchestrator2"),
            ]),
        ),
        (
            string("Server=OLD;Encrypt=True;Data Source=OLDER;database=a;database=b"),
            string(r"Encrypt=True;Data Source=SQL02\NEW;database=Orchestrator2"),
        ),
        (
            string("Encrypt=True"),
            string(r"Encrypt=True;Data Source=SQL02\NEW;Initial Catalog=Orchestrator2"),
        ),
        (
            string(""),
            string(r"Data Source=SQL02\NEW;Initial Catalog=Orchestrator2;"),
        ),
    ] {
        let host = Host::with(&[("Orchestrator2012", before.as_bytes())]);
        write(&read(&host).await, NEW[0])
            .run(&host.context())
            .await
            .unwrap();
        assert_eq!(
            String::from_utf8(host.content(A).unwrap()).unwrap(),
            expected
        );
    }
    let host = Host::with(&[("WebApi", plain_variables().as_bytes())]);
    let info = read(&host).await;
    write(&info, NEW[0])
        .trusting_server_certificate()
        .run(&host.context())
        .await
        .unwrap();
    let expected = variables(&[
        ("Database__Database", "Orchestrator2"),
        ("Database__Trusted_Connection", "true"),
        ("Database__Address", r"SQL02\NEW"),
        ("Database__TrustServerCertificate", "true"),
    ]);
    assert_eq!(
        String::from_utf8(host.content(B).unwrap()).unwrap(),
        expected
    );
}

/// A password that stands where none belongs is not shown either.
#[tokio::test]
async fn a_password_behind_another_value_is_not_shown() {
    let hidden = format!("OLD;User ID=u; P_W_D ={CANARY}");
    for content in [
        variables(&[
            ("Database__Address", &hidden),
            ("Database__Database", "Orchestrator"),
            ("Database__Password", CANARY),
            ("Database__Token", CANARY),
        ]),
        string(&format!(
            "Data Source='{hidden}';database=Orchestrator;Password={CANARY};Key={CANARY}"
        )),
    ] {
        let host = Host::with(&[("Orchestrator2012", content.as_bytes())]);
        let info = read(&host).await;
        let store = &info.found[0].stores[0];
        assert_eq!(store.clear_text_secrets.len(), 2, "{store:?}");
        assert_eq!(store.server(), None);
        let operation = write(&info, NEW[0]);
        let written = operation.run(&host.context()).await.unwrap();
        let said = format!(
            "{info:?}{operation:?}{written:?}{:?}{}{}{}",
            operation.describe(),
            serde_json::to_string(&info).unwrap(),
            serde_json::to_string(&operation).unwrap(),
            serde_json::to_string(&written).unwrap()
        );
        assert!(!said.contains(CANARY), "{said}");
    }
}
