//! Hosts with another name than before: the API's origins and the console's address of the API.

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::WriteWebComponents;
use scorch_recovery::{Effect, ErrorKind, Observation, Operation};

use crate::files::{B, plain_variables, read, write};
use crate::host::Host;
use crate::product::NEW;

const CONSOLE: &str = r"C:\Sites\Orchestrator Console\assets\configuration.json";
const JSON: &str = "\u{feff}{\r\n\t\"Http://OLD:81\" : \"no address\" ,\r\n  \"apiUrl\":\"http:\\/\\/OLD:81/\", \"n\": [1.50, \"http://old:81/x\", \"http://other:81/\"],\"é\":\"OLD\"}\r\n";

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn with_origins(origins: &[&str]) -> String {
    let all: String = origins
        .iter()
        .map(|origin| format!("\r\n   <add allowCredentials=\"true\" maxAge=\"7200\" origin='{origin}'>\r\n    <allowHeaders allowAllRequestedHeaders=\"true\"/></add>"))
        .collect();
    plain_variables().replace(
        "<aspNetCore>",
        &format!("<cors enabled=\"true\" failUnlistedOrigins=\"true\"><!-- origin='http://OLD:82' -->{all}</cors><aspNetCore>"),
    )
}

fn scene(origins: &[&str]) -> Host {
    let host = Host::with(&[
        ("WebApi", with_origins(origins).as_bytes()),
        ("Orchestrator Console", b"<configuration/>"),
    ]);
    host.put(CONSOLE, JSON);
    host
}

async fn renaming(host: &Host, from: &str, to: &str) -> WriteWebComponents {
    write(&read(host).await, NEW[0]).renamed(&name(from), &name(to))
}

#[tokio::test]
async fn names_change_and_every_other_byte_stays() {
    let host = scene(&["http://Old:82", "https://OLD", "http://other:82", "*"]);
    let info = read(&host).await;
    assert_eq!(
        info.found[0].origins,
        ["http://Old:82", "https://OLD", "http://other:82", "*"]
    );
    assert_eq!(
        info.consoles[0].addresses,
        ["http://OLD:81/", "http://old:81/x", "http://other:81/"]
    );
    let operation = renaming(&host, "old", "New.Contoso.Example").await;
    assert!(
        operation
            .describe()
            .script
            .contains(&format!("in \"{CONSOLE}\": host old = New.Contoso.Example")),
        "{:?}",
        operation.describe().script
    );
    let cx = host.context();
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
    let written = operation.run(&cx).await.unwrap();
    let expected = with_origins(&[
        "http://new.contoso.example:82",
        "https://new.contoso.example",
        "http://other:82",
        "*",
    ])
    .replace("\"OLD\"", "\"SQL02\\NEW\"")
    .replace("\"Orchestrator\"", "\"Orchestrator2\"");
    assert_eq!(
        String::from_utf8(host.content(B).unwrap()).unwrap(),
        expected
    );
    let json = JSON
        .replace(
            "\"http:\\/\\/OLD:81/\"",
            "\"http://new.contoso.example:81\"",
        )
        .replace("http://old:81/x", "http://new.contoso.example:81/x");
    assert_eq!(
        String::from_utf8(host.content(CONSOLE).unwrap()).unwrap(),
        json
    );
    let copy = written.files[1].copy.as_ref().unwrap();
    assert!(copy.file_name().starts_with("configuration.json."));
    assert_eq!(host.content(copy.as_str()).unwrap(), JSON.as_bytes());
    assert_eq!(written.pools.len(), 1, "the console is files only");
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);

    let files = host.state().files.clone();
    let again = renaming(&host, "old", "New.Contoso.Example").await;
    again.run(&cx).await.unwrap();
    assert_eq!(host.state().files, files, "a second write changes nothing");
}

/// Without a renaming the console is no business of a write, and origins stay.
#[tokio::test]
async fn nothing_is_renamed_unasked() {
    let host = scene(&["http://Old:82"]);
    let written = write(&read(&host).await, NEW[0])
        .run(&host.context())
        .await
        .unwrap();
    assert_eq!(written.files.len(), 1);
    assert_eq!(host.content(CONSOLE).unwrap(), JSON.as_bytes());
    let config = String::from_utf8(host.content(B).unwrap()).unwrap();
    assert!(config.contains("origin='http://Old:82'"), "{config}");
}

/// IIS takes no origin twice.
#[tokio::test]
async fn no_origin_stands_twice() {
    let host = scene(&[
        "http://Old:82",
        "http://new:82",
        "http://OLD:82",
        "http://OLD:83",
    ]);
    let operation = renaming(&host, "old", "NEW").await;
    operation.run(&host.context()).await.unwrap();
    assert_eq!(
        read(&host).await.found[0].origins,
        [
            "http://Old:82",
            "http://new:82",
            "http://OLD:82",
            "http://new:83"
        ]
    );
    let observed = operation.observe(&host.context()).await.unwrap();
    assert_eq!(observed, Observation::Done);
}

#[tokio::test]
async fn a_name_that_nothing_has_is_refused() {
    let host = scene(&["http://Old:82"]);
    let before = host.state().files.clone();
    let operation = renaming(&host, "ol", "new").await;
    let error = operation.run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::NotFound, Effect::None),
        "{error}"
    );
    assert_eq!(host.state().files, before);
    // One that is said to be changed already is not: it may be the second run.
    let operation = renaming(&host, "gone", "old").await;
    operation.run(&host.context()).await.unwrap();
}

/// A console's configuration that is none, another's, or changed since.
#[tokio::test]
async fn hostile_consoles_are_refused_and_stay() {
    let host = scene(&["http://Old:82"]);
    let seen = read(&host).await;
    for (content, kind, part) in [
        (
            b"{\"a\":\"http://old:81\"".to_vec(),
            ErrorKind::Corrupt,
            "not JSON",
        ),
        (
            b"{\"a\":http://old:81}".to_vec(),
            ErrorKind::Corrupt,
            "not JSON",
        ),
        (
            b"// http://old\n{}".to_vec(),
            ErrorKind::Corrupt,
            "not JSON",
        ),
        (
            b"{\"a\":\"\\ud800 http://old:81\"}".to_vec(),
            ErrorKind::Corrupt,
            "can't be read",
        ),
        (b"\xff\xfe{".to_vec(), ErrorKind::Corrupt, "ends within"),
        (
            b"{\"a\":\"\xe9\"}".to_vec(),
            ErrorKind::Corrupt,
            "not UTF-8",
        ),
        (
            "[".repeat(1 << 20).into_bytes(),
            ErrorKind::Corrupt,
            "not JSON",
        ),
        (
            format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20)).into_bytes(),
            ErrorKind::Corrupt,
            "bytes",
        ),
        (
            JSON.replace("1.50", "1.5").into_bytes(),
            ErrorKind::ConsentRequired,
            "seen",
        ),
    ] {
        host.put(CONSOLE, content);
        let before = host.state().files.clone();
        let operation = write(&seen, NEW[0]).renamed(&name("old"), &name("new"));
        let error = operation.run(&host.context()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (kind, Effect::None),
            "{error}"
        );
        assert!(
            error.detail().contains(part) && error.detail().contains(CONSOLE),
            "{part}: {error}"
        );
        assert_eq!(host.state().files, before, "{part}");
        if kind == ErrorKind::Corrupt {
            let info = read(&host).await;
            assert!(info.consoles.is_empty(), "{part}");
            assert!(
                info.passed_over
                    .iter()
                    .any(|passed| passed.place == CONSOLE)
            );
        }
    }
    // Another application's, of the same name, unless it is named.
    let host = Host::with(&[
        ("Shop", b"<configuration/>"),
        ("WebApi", plain_variables().as_bytes()),
    ]);
    let foreign = r"C:\Sites\Shop\assets\configuration.json";
    host.put(foreign, JSON);
    let info = read(&host).await;
    assert!(info.consoles.is_empty());
    assert!(
        info.passed_over
            .iter()
            .any(|passed| passed.place == foreign)
    );
    let named = scorch_recovery::orchestrator::WebComponents::read(&crate::files::web01())
        .also_at(foreign.parse().unwrap());
    let info = named.run(&host.context()).await.unwrap();
    assert_eq!(info.consoles[0].path.as_str(), foreign);
}
