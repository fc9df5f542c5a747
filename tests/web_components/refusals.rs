//! What is refused, with its reason, and unchanged.

use scorch_recovery::orchestrator::WebComponents;
use scorch_recovery::{Effect, ErrorKind, Operation};

use crate::files::{A, B, plain_string, plain_variables, read, string, variables, web01, write};
use crate::host::{Host, SITES};
use crate::product::NEW;

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

/// What no configuration is as long as is not even read.
#[tokio::test]
async fn what_is_too_long_is_not_read() {
    let host = Host::with(&[("Orchestrator2012", plain_string().as_bytes())]);
    let info = read(&host).await;
    host.put(A, vec![b' '; (16 << 20) + 1]);
    host.state().calls.clear();
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Corrupt, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains(A) && error.detail().contains("longer than"));
    let iis = ["stat", "read"].map(|call| format!("{call} {SITES}"));
    assert_eq!(host.state().calls[..2], iis);
    assert_eq!(host.state().calls[2..], [format!("stat {A}")]);
    let seen = read(&host).await;
    assert!(seen.found.is_empty());
    assert!(seen.passed_over.iter().any(|passed| passed.place == A));
}
