//! Encrypted sections, through the stand-in for `aspnet_regiis`.

use scorch_recovery::orchestrator::WebComponents;
use scorch_recovery::{Effect, ErrorKind, Observation, Operation};

use crate::files::{A, CANARY, plain_variables, read, secret_string, web01, write};
use crate::host::{self, Host, KEPT, PRIVATE, encrypt};
use crate::product::NEW;

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
            vec!["recycle", "apppool", "/apppool.name:Orchestrator2012 Pool"],
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

/// Both styles in one file, the section of one encrypted, and a host with another name.
#[tokio::test]
async fn what_stands_beside_an_encrypted_section_is_written_too() {
    let section = secret_string();
    let section =
        &section[section.find(" <connectionStrings").unwrap()..section.find(" <!-- é").unwrap()];
    let clear = plain_variables()
        .replace("<configuration>", &format!("<configuration>\r\n{section}"))
        .replace(
            "<aspNetCore>",
            "<cors><add origin=\"http://Old\"/></cors><aspNetCore>",
        );
    let encrypted = encrypt(&clear, "RsaProtectedConfigurationProvider", 5).unwrap();
    let host = Host::with(&[("Orchestrator2012", encrypted.as_bytes())]);
    let operation =
        write(&read(&host).await, NEW[0]).renamed(&"old".parse().unwrap(), &"new".parse().unwrap());
    operation.run(&host.context()).await.unwrap();
    let after = String::from_utf8(host.content(A).unwrap()).unwrap();
    let expected = clear
        .replace("OLD", r"SQL02\NEW")
        .replace("=Orchestrator;", "=Orchestrator2;")
        .replace("\"Orchestrator\"", "\"Orchestrator2\"")
        .replace("http://Old", "http://new");
    assert_eq!(host::decrypt(&after).unwrap(), expected);
}
