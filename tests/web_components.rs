//! web.config through the operations, on a host in memory: what is written, and what is not.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "web_components/host.rs"]
mod host;
#[path = "web_components/product.rs"]
mod product;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{
    SqlClientKeyword, WebComponents, WebComponentsInfo, WebConfigStyle, WriteWebComponents,
};
use scorch_recovery::{Effect, ErrorKind, Observation, Operation};

use host::{Failure, Host, KEPT, PRIVATE, encrypt};
use product::{NEW, OLD, Values, product};

const A: &str = r"C:\Sites\Orchestrator2012\web.config";
const B: &str = r"C:\Sites\WebApi\web.config";
const CANARY: &str = "Pa55-canary";

fn web01() -> HostName {
    "WEB01".parse().unwrap()
}

async fn read(host: &Host) -> WebComponentsInfo {
    let read = WebComponents::read(&web01());
    read.run(&host.context()).await.unwrap()
}

fn write(info: &WebComponentsInfo, values: Values) -> WriteWebComponents {
    let (server, database) = (
        values.server.parse().unwrap(),
        values.database.parse().unwrap(),
    );
    WebComponents::write(&web01(), &server, &database)
        .seen(info)
        .keeping_copies_in(KEPT.parse().unwrap())
}

fn string(inner: &str) -> String {
    format!(
        "<configuration>\r\n <connectionStrings>\r\n  <add name=\"orchestratorcontext\" connectionString=\"metadata=res://*/M.csdl;provider=System.Data.SqlClient;provider connection string=&quot;{inner}&quot;\" />\r\n </connectionStrings>\r\n <!-- é -->\r\n</configuration>\r\n"
    )
}

fn variables(variables: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (name, value) in variables {
        write!(
            all,
            "\r\n    <environmentVariable name=\"{name}\" value=\"{value}\" />"
        )
        .unwrap();
    }
    format!(
        "<configuration><system.webServer><aspNetCore>\r\n  <environmentVariables>{all}\r\n  </environmentVariables>\r\n </aspNetCore></system.webServer></configuration>"
    )
}

fn plain_string() -> String {
    string(r"Data Source=OLD;Initial Catalog=Orchestrator;Integrated Security=True")
}

fn plain_variables() -> String {
    variables(&[
        ("Database__Database", "Orchestrator"),
        ("Database__Trusted_Connection", "true"),
        ("Database__Address", "OLD"),
    ])
}

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
    assert_eq!(
        info.found[0].application.as_ref().unwrap().site,
        "Orchestrator2012"
    );

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

/// Files that are refused, each with its reason and unchanged.
#[tokio::test]
async fn hostile_files_are_refused_and_stay() {
    let twice = |one: &str, two: &str| {
        plain_string().replace(
            " </connectionStrings>",
            &format!("<add name='OrchestratorContext' connectionString=\"provider connection string='Data Source={one};database={two}'\"/></connectionStrings>"),
        )
    };
    let declared = |encoding: &str| {
        format!(
            "<?xml version='1.0' encoding='{encoding}'?>{}",
            plain_string()
        )
    };
    let in_location = plain_variables().replace(
        "</configuration>",
        "<location path='x'><system.webServer><aspNetCore><environmentVariables><environmentVariable name='Database__Address' value='OTHER'/><environmentVariable name='Database__Database' value='x'/></environmentVariables></aspNetCore></system.webServer></location></configuration>",
    );
    let long = format!("{}<!--{}-->", plain_string(), "x".repeat(4 << 20));
    let files: Vec<(Vec<u8>, ErrorKind, &str)> = vec![
        (
            format!(
                "<!DOCTYPE configuration [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{}",
                plain_string()
            )
            .into(),
            ErrorKind::Unsupported,
            "document type",
        ),
        (
            plain_string().replace("OLD", "&x;").into(),
            ErrorKind::Corrupt,
            "well-formed",
        ),
        (
            plain_string().replace("</configuration>", "").into(),
            ErrorKind::Corrupt,
            "well-formed",
        ),
        (
            plain_string().replace("configuration>", "other>").into(),
            ErrorKind::Corrupt,
            "<configuration>",
        ),
        (
            "<a>".repeat(1 << 19).into(),
            ErrorKind::Corrupt,
            "well-formed",
        ),
        (long.into(), ErrorKind::Corrupt, "bytes"),
        (
            declared("windows-1252").into(),
            ErrorKind::Unsupported,
            "windows-1252",
        ),
        (declared("utf-16").into(), ErrorKind::Corrupt, "declares"),
        (b"\xff\xfe<".to_vec(), ErrorKind::Corrupt, "ends within"),
        (b"\xc3\x28".to_vec(), ErrorKind::Corrupt, "not UTF-8"),
        (Vec::new(), ErrorKind::Corrupt, "well-formed"),
        (
            twice("OTHER", "Orchestrator").into(),
            ErrorKind::Corrupt,
            "different databases",
        ),
        (
            in_location.into(),
            ErrorKind::Corrupt,
            "different databases",
        ),
        (
            variables(&[
                ("Database__Address", "a"),
                ("DATABASE__ADDRESS", "b"),
                ("Database__Database", "d"),
            ])
            .into(),
            ErrorKind::Corrupt,
            "twice",
        ),
        (
            plain_variables().replace(" value=\"OLD\"", "").into(),
            ErrorKind::Corrupt,
            "no value",
        ),
        (
            plain_string()
                .replace(
                    "<connectionStrings>",
                    "<connectionStrings configSource='c.config'>",
                )
                .into(),
            ErrorKind::Unsupported,
            "another file",
        ),
        (
            plain_string()
                .replace("provider connection string", "nothing")
                .into(),
            ErrorKind::Corrupt,
            "not as Orchestrator writes",
        ),
        (
            plain_string().replace("&quot;", "").into(),
            ErrorKind::Corrupt,
            "not in quotes",
        ),
        (
            string("Data Source='OLD;x").into(),
            ErrorKind::Corrupt,
            "malformed",
        ),
        (
            plain_variables()
                .replace("<aspNetCore>", "<aspNetCore configProtectionProvider='p'>")
                .into(),
            ErrorKind::Unsupported,
            "aspNetCore is encrypted",
        ),
        (
            b"<configuration/>".to_vec(),
            ErrorKind::NotFound,
            "names no",
        ),
        (
            plain_variables().replace("Address", "Provider").into(),
            ErrorKind::NotFound,
            "names no",
        ),
    ];
    let good = plain_string();
    let host = Host::with(&[
        ("Orchestrator2012", good.as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
    ]);
    let info = read(&host).await;
    for (content, kind, part) in &files {
        host.put(A, content.clone());
        let before = host.state().files.clone();
        let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (*kind, Effect::None),
            "{part}: {error}"
        );
        assert!(
            error.detail().contains(part) && error.detail().contains(A),
            "{part}: {error}"
        );
        assert_eq!(host.state().files, before, "{part}");
        // Reading goes on with the other one, and says why not this one, or what contradicts.
        let seen = read(&host).await;
        let is_told = seen.passed_over.iter().any(|passed| passed.place == A);
        let contradicts = seen
            .found
            .iter()
            .any(|found| found.path.as_str() == A && found.contradiction.is_some());
        assert!(is_told || contradicts, "{part}: {seen:?}");
        assert!(
            seen.found.iter().any(|found| found.path.as_str() == B),
            "{part}"
        );
    }
    // Two that agree are both written to.
    let both = twice("OLD", "Orchestrator");
    host.put(A, both.clone());
    write(&read(&host).await, NEW[0])
        .run(&host.context())
        .await
        .unwrap();
    let after = String::from_utf8(host.content(A).unwrap()).unwrap();
    assert_eq!(after.matches(r"=SQL02\NEW;").count(), 2, "{after}");
    println!(
        "web.config hostile: {} files refused, each unchanged",
        files.len()
    );
}

#[tokio::test]
async fn only_what_was_seen_is_written_to() {
    let host = Host::with(&[("Orchestrator2012", plain_string().as_bytes())]);
    let info = read(&host).await;
    host.put(A, plain_string().replace("é", "e"));
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::ConsentRequired, Effect::None),
        "{error}"
    );
    let unseen = WebComponents::write(&web01(), &"S".parse().unwrap(), &"d".parse().unwrap());
    for (operation, kind) in [
        (unseen.clone(), ErrorKind::InvalidInput),
        (unseen.seen(&info), ErrorKind::InvalidInput),
        (
            write(&info, NEW[0])
                .keeping_copies_in(r"C:\Sites\Orchestrator2012\App_Data".parse().unwrap()),
            ErrorKind::InvalidInput,
        ),
        (
            write(&info, NEW[0]).keeping_copies_in(r"c:\sites\ORCHESTRATOR2012".parse().unwrap()),
            ErrorKind::InvalidInput,
        ),
        (
            write(&read(&Host::with(&[])).await, NEW[0]),
            ErrorKind::NotFound,
        ),
    ] {
        let error = operation.run(&host.context()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (kind, Effect::None),
            "{error}"
        );
    }
    let error = WebComponents::read(&web01())
        .also_at(r"D:\no\web.config".parse().unwrap())
        .run(&host.context())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    host.put(A, plain_string());
    host.state()
        .files
        .get_mut(&A.to_lowercase())
        .unwrap()
        .is_held_open = true;
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Busy, Effect::None),
        "{error}"
    );
    assert_eq!(host.content(A).unwrap(), plain_string().into_bytes());
}

fn secret_string() -> String {
    string(&format!(
        "Data Source=OLD;Initial Catalog=Orchestrator;User ID=u;Password={CANARY}"
    ))
}

/// An encrypted section is decrypted, edited and encrypted again by the stand-in for `aspnet_regiis`.
#[tokio::test]
async fn clear_text_never_reaches_the_site() {
    let clear = secret_string();
    let encrypted = encrypt(&clear, "DataProtectionConfigurationProvider", 77).unwrap();
    let host = Host::with(&[("Orchestrator2012", encrypted.as_bytes())]);
    let info = read(&host).await;
    assert_eq!(
        info.found[0].encrypted_by.as_deref(),
        Some("DataProtectionConfigurationProvider")
    );
    assert!(info.found[0].stores.is_empty() && host.state().commands.is_empty());
    let decrypting = WebComponents::read(&web01()).decrypting_in(KEPT.parse().unwrap());
    let seen = decrypting.run(&host.context()).await.unwrap();
    assert_eq!(seen.found[0].stores[0].server(), Some("OLD"));
    assert_eq!(host.content(PRIVATE), None);

    host.state().commands.clear();
    let operation = write(&info, NEW[0]);
    assert!(matches!(
        operation.observe(&host.context()).await.unwrap(),
        Observation::Indeterminate { .. }
    ));
    let written = operation.run(&host.context()).await.unwrap();
    let after = String::from_utf8(host.content(A).unwrap()).unwrap();
    let opened = host::decrypt(&after).unwrap();
    let expected = clear
        .replace("OLD", r"SQL02\NEW")
        .replace("=Orchestrator;", "=Orchestrator2;");
    assert_eq!(
        opened, expected,
        "all outside of the section stays, though the tool wrote there"
    );
    assert!(after.contains("configProtectionProvider=\"DataProtectionConfigurationProvider\""));
    assert_eq!(
        host.state().commands,
        [
            vec!["-pdf", "connectionStrings", KEPT],
            vec![
                "-pef",
                "connectionStrings",
                KEPT,
                "-prov",
                "DataProtectionConfigurationProvider"
            ],
            vec!["-pdf", "connectionStrings", KEPT],
        ]
    );
    {
        let state = host.state();
        for (path, content) in &state.history {
            let is_clear = String::from_utf8_lossy(content).contains(CANARY);
            assert!(
                !is_clear || *path == PRIVATE.to_lowercase(),
                "clear text in {path}"
            );
        }
        assert!(!state.files.contains_key(&PRIVATE.to_lowercase()));
    }
    assert!(written.files[0].copy.is_some() && written.files[0].clear_text_secrets.is_empty());

    let files = host.state().files.clone();
    let again = write(&read(&host).await, NEW[0])
        .run(&host.context())
        .await
        .unwrap();
    assert!(again.files[0].copy.is_none());
    assert_eq!(host.state().files, files, "a second write changes nothing");

    // The tool fails, says that it did something and did not, is not there, or left something.
    host.state().exit_code = 1;
    let error = write(&read(&host).await, NEW[1])
        .run(&host.context())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Windows, Effect::None),
        "{error}"
    );
    assert!(!format!("{error:?}{error}").contains(CANARY));
    host.state().exit_code = 0;
    assert_eq!(host.state().files, files);
    host.put(PRIVATE, "left");
    let error = write(&read(&host).await, NEW[1])
        .run(&host.context())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::AlreadyExists, Effect::None),
        "{error}"
    );
    assert_eq!(host.content(PRIVATE).unwrap(), b"left");
}

/// Each call of a write fails once in each way: each file is whole, all of them are new or all are old unless
/// the error says otherwise, and clear text is nowhere it was not told of.
#[tokio::test]
async fn whichever_call_fails_no_file_is_half_written() {
    let encrypted = encrypt(&secret_string(), "RsaProtectedConfigurationProvider", 3).unwrap();
    let scene = || {
        Host::with(&[
            ("Orchestrator2012", encrypted.as_bytes()),
            ("WebApi", plain_variables().as_bytes()),
        ])
    };
    let old = [
        encrypted.clone().into_bytes(),
        plain_variables().into_bytes(),
    ];
    let host = scene();
    let info = read(&host).await;
    host.state().calls.clear();
    write(&info, NEW[0]).run(&host.context()).await.unwrap();
    let calls = host.state().calls.clone();
    let mut effects = BTreeSet::new();
    for (number, call) in calls.iter().enumerate() {
        for failure in [Failure::Refused, Failure::LostBefore, Failure::LostAfter] {
            for for_good in [false, true] {
                let host = scene();
                if for_good {
                    host.state().fails_from = Some(number + 1);
                }
                host.state().fails = Some((number, failure));
                let result = write(&info, NEW[0]).run(&host.context()).await;
                let now = [host.content(A).unwrap(), host.content(B).unwrap()];
                let private = host.content(PRIVATE);
                let what = format!(
                    "{call} {failure:?} for good: {for_good}: {:?}",
                    result.as_ref().err()
                );
                let clear =
                    |content: &[u8]| host::decrypt(&String::from_utf8_lossy(content)).unwrap();
                let is_new = [
                    clear(&now[0]).contains(r"SQL02\NEW"),
                    String::from_utf8_lossy(&now[1]).contains(r"SQL02\NEW"),
                ];
                for (now, (is_new, old)) in now.iter().zip(is_new.iter().zip(&old)) {
                    assert!(*is_new || now == old, "{what}: a file is neither");
                }
                let Err(error) = result else {
                    assert_eq!((is_new, private), ([true, true], None), "{what}");
                    continue;
                };
                effects.insert(format!("{:?}", error.effect()));
                let text = format!("{error:?}");
                assert!(!text.contains(CANARY), "{what}");
                match error.effect() {
                    Effect::None => {
                        assert_eq!((is_new, &private), ([false, false], &None), "{what}")
                    }
                    Effect::Partial => assert!(error.remedy().is_some(), "{what}"),
                    _ => {}
                }
                if private.is_some() {
                    assert!(
                        error.detail().contains(PRIVATE) && error.effect() == Effect::Partial,
                        "{what}"
                    );
                }
                if is_new != [false, false] {
                    assert!(
                        error.effect() == Effect::Partial || error.effect() == Effect::Unknown,
                        "{what}"
                    );
                    assert!(error.detail().contains("could not be put back"), "{what}");
                }
                // The next run, with what is there then, gets there.
                {
                    let mut state = host.state();
                    (state.fails, state.fails_from) = (None, None);
                    state.files.remove(&PRIVATE.to_lowercase());
                }
                write(&read(&host).await, NEW[0])
                    .run(&host.context())
                    .await
                    .unwrap();
                let now = [host.content(A).unwrap(), host.content(B).unwrap()];
                assert!(
                    clear(&now[0]).contains(r"SQL02\NEW")
                        && String::from_utf8_lossy(&now[1]).contains(r"SQL02\NEW"),
                    "{what}"
                );
            }
        }
    }
    println!(
        "web.config faults: {} of {} calls, each in 6 ways; effects {effects:?}",
        calls.len(),
        calls.len()
    );
    assert!(calls.len() > 20);
}

/// Somebody else writes to the file in the same moment: it is put back, and both are told.
#[tokio::test]
async fn what_did_not_take_is_put_back() {
    let host = Host::with(&[
        ("Orchestrator2012", plain_string().as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
    ]);
    let info = read(&host).await;
    host.state().meddles = Some(b"something else".to_vec());
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Corrupt, Effect::None),
        "{error}"
    );
    assert!(
        error.detail().contains("holds something else") && error.detail().contains("was put back"),
        "{error}"
    );
    assert_eq!(host.content(A).unwrap(), plain_string().into_bytes());
    assert_eq!(host.content(B).unwrap(), plain_variables().into_bytes());
}

/// Somebody else writes to the second file before its turn: theirs stays, and the first one is put back.
#[tokio::test]
async fn what_somebody_else_wrote_stays() {
    let host = Host::with(&[
        ("Orchestrator2012", plain_string().as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
    ]);
    let info = read(&host).await;
    let theirs = plain_variables().replace("true", "false").into_bytes();
    host.state().overwrites = Some((A.to_lowercase(), B.to_lowercase(), theirs.clone()));
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Busy, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("meanwhile"), "{error}");
    assert_eq!(host.content(A).unwrap(), plain_string().into_bytes());
    assert_eq!(host.content(B).unwrap(), theirs);
}
