//! Paths that a shell would take apart, files that can't be written to, and folders that can't be read.

use scorch_recovery::orchestrator::WebComponents;
use scorch_recovery::{Effect, ErrorKind, Operation};

use crate::files::{
    A, B, plain_string, plain_variables, read, secret_string, string, web01, write,
};
use crate::host::{Failure, Host, SITES, decrypt, encrypt};
use crate::product::NEW;

/// Blanks, quotes, what shells replace, and letters of others.
const HOSTILE: &str = r"C:\Büro 漢 & Söhne\o'clock (100) ^$`x`;$(x)";

/// As IIS's configuration holds it.
fn in_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('\'', "&apos;")
}

fn site_at(folder: &str, content: &str) -> Host {
    let host = Host::default();
    host.put(&format!(r"{folder}\web.config"), content);
    let sites = format!(
        "<configuration><system.applicationHost><sites><site name='Orchestrator'><application path='/' applicationPool='{pool}'><virtualDirectory path='/' physicalPath='{folder}\\'/></application></site></sites></system.applicationHost></configuration>",
        pool = "Büro ^$`x` (100)",
        folder = in_xml(folder)
    );
    host.put(SITES, sites);
    host
}

/// Each path reaches the ports as it is: nothing is quoted, replaced or taken apart on the way.
#[tokio::test]
async fn paths_go_through_as_they_are() {
    let clear = secret_string();
    let encrypted = encrypt(&clear, "RsaProtectedConfigurationProvider", 9).unwrap();
    let host = site_at(HOSTILE, &encrypted);
    let kept = format!(r"{HOSTILE} %TEMP% copies");
    let operation = write(&read(&host).await, NEW[0]).keeping_copies_in(kept.parse().unwrap());
    let written = operation.run(&host.context()).await.unwrap();
    let path = format!(r"{HOSTILE}\web.config");
    let after = String::from_utf8(host.content(&path).unwrap()).unwrap();
    assert!(decrypt(&after).unwrap().contains(r"SQL02\NEW"));
    assert!(
        written.files[0]
            .copy
            .as_ref()
            .unwrap()
            .as_str()
            .starts_with(&kept)
    );
    let commands = host.state().commands.clone();
    assert_eq!(commands[0], ["-pdf", "connectionStrings", kept.as_str()]);
    assert_eq!(
        commands.last().unwrap()[2],
        "/apppool.name:Büro ^$`x` (100)"
    );
}

/// A percent sign may be a variable's, which nobody here knows the value of.
#[tokio::test]
async fn a_folder_with_a_variable_has_to_be_named() {
    let folder = r"C:\100 % of %it%";
    let host = site_at(folder, &plain_string());
    let info = read(&host).await;
    assert!(info.found.is_empty());
    let passed = info
        .passed_over
        .iter()
        .find(|passed| passed.place.contains(folder));
    assert!(passed.unwrap().why.contains("variable"), "{info:?}");
    let path = format!(r"{folder}\web.config");
    let info = WebComponents::read(&web01())
        .also_at(path.parse().unwrap())
        .run(&host.context())
        .await
        .unwrap();
    write(&info, NEW[0]).run(&host.context()).await.unwrap();
    let expected =
        string(r"Data Source=SQL02\NEW;Initial Catalog=Orchestrator2;Integrated Security=True");
    assert_eq!(host.content(&path).unwrap(), expected.into_bytes());
}

#[test]
fn what_is_no_path_on_the_host_is_refused_before() {
    for bad in [
        r"\\share\site\web.config",
        r"C:\site\..\web.config",
        r"C:\NUL",
        r"C:\site\web.config.",
        "C:\\site\\\"x\"\\web.config",
        "C:\\site\nweb.config",
        r"\\?\C:\site\web.config",
        "web.config",
    ] {
        assert!(
            bad.parse::<scorch_recovery::names::HostPath>().is_err(),
            "{bad}"
        );
    }
}

fn two() -> Host {
    Host::with(&[
        ("Orchestrator2012", plain_string().as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
    ])
}

/// The second file can't be written to: that is found before the first one changes.
#[tokio::test]
async fn read_only_files_are_refused_before_anything_changes() {
    let host = two();
    let info = read(&host).await;
    host.state()
        .files
        .get_mut(&B.to_lowercase())
        .unwrap()
        .is_read_only = true;
    let before = host.state().files.clone();
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::PermissionDenied, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains(B) && error.detail().contains("read-only"));
    assert!(error.remedy().unwrap().contains("attrib"));
    assert_eq!(host.state().files, before);
    // One that says so already needs no write.
    host.put(
        B,
        plain_variables()
            .replace("OLD", r"SQL02\NEW")
            .replace("\"Orchestrator\"", "\"Orchestrator2\""),
    );
    let info = read(&host).await;
    host.state()
        .files
        .get_mut(&B.to_lowercase())
        .unwrap()
        .is_read_only = true;
    write(&info, NEW[0]).run(&host.context()).await.unwrap();
}

/// Without rights: to the folder of the copies, to a file, to IIS's configuration.
#[tokio::test]
async fn missing_rights_are_told_and_change_nothing() {
    let host = two();
    let info = read(&host).await;
    host.state().calls.clear();
    write(&info, NEW[0]).run(&host.context()).await.unwrap();
    let calls = host.state().calls.clone();
    for (what, place) in [("copy ", r"C:\Recovery"), ("replace ", A), ("read ", B)] {
        let at = calls
            .iter()
            .position(|call| call.starts_with(what) && call.contains(place));
        let host = two();
        let info = read(&host).await;
        host.state().calls.clear();
        host.state().fails = Some((at.unwrap(), Failure::Refused));
        let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::PermissionDenied, Effect::None),
            "{what}: {error}"
        );
        assert!(error.detail().contains(place), "{what}: {error}");
        assert_eq!(host.content(A).unwrap(), plain_string().into_bytes());
        assert_eq!(host.content(B).unwrap(), plain_variables().into_bytes());
    }
    let host = two();
    host.state().fails = Some((1, Failure::Refused));
    let error = WebComponents::read(&web01())
        .run(&host.context())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.detail().contains("applicationHost.config"), "{error}");
}
