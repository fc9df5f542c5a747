//! Files by SFTP, put in the place of others by PowerShell: here with a stand-in that does what the script says.

use std::sync::Mutex;

use scorch_recovery::adapter::ssh::FileReplacement;
use scorch_recovery::names::HostPath;
use scorch_recovery::transport::{FileTransport, HostError, TransportErrorKind, codes};

use crate::disk::Disk;
use crate::server::{Answer, Server, ends, reach, says};
use crate::{decoded, lost};

const TARGET: &str = r"C:\R&D\100 % o'clock.config";

fn path(text: &str) -> HostPath {
    text.parse().unwrap()
}

/// The text that a script gives to a variable.
fn literal(script: &str, variable: &str) -> String {
    let start = format!("    ${variable} = '");
    let line = script
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .unwrap();
    line.strip_suffix('\'').unwrap().replace("''", "'")
}

/// A server with one file, and what its PowerShell does about a script.
async fn server(play: impl Fn(&Disk, &str) -> Answer + Send + Sync + 'static) -> Server {
    let disk = Disk::default();
    disk.put(TARGET, 0o644, "old");
    let played = disk.clone();
    let mut server = Server::start(move |line, _| play(&played, &decoded(line))).await;
    server.set_disk(disk);
    server
}

async fn replace(server: &Server) -> Result<(), HostError> {
    let (hosts, host) = server.hosts();
    hosts
        .replace(&host, &path(TARGET), b"the new content")
        .await
}

#[tokio::test]
async fn a_file_is_written_beside_and_replaced_by_the_script() {
    for said in ["scorch:done\r\n", "scorch:done kept\r\n"] {
        let server = server(move |disk, script| {
            let [new, target, kept] = ["new", "target", "kept"].map(|name| literal(script, name));
            assert_eq!(target, TARGET);
            assert_eq!(disk.content(&new).as_deref(), Some("the new content"));
            let folder = |path: &str| path.rsplit_once('\\').unwrap().0.to_owned();
            assert!(
                folder(&new) == folder(TARGET) && folder(&kept) == folder(TARGET) && kept != new
            );
            disk.replace(&new, &target);
            says(said)
        })
        .await;
        replace(&server).await.unwrap();
        assert_eq!(
            server.disk().content(TARGET).as_deref(),
            Some("the new content")
        );
        assert_eq!(server.disk().names().len(), 1);
        let (hosts, host) = server.hosts();
        assert_eq!(
            hosts.read(&host, &path(TARGET)).await.unwrap(),
            b"the new content"
        );
    }
}

#[tokio::test]
async fn what_is_refused_leaves_the_old_file_and_nothing_beside() {
    for (said, code) in [
        ("scorch:refused 32\r\n", Some(codes::SHARING_VIOLATION)),
        ("", None),
    ] {
        let server = server(move |_, _| ends(1, said)).await;
        let error = replace(&server).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        if code.is_none() {
            assert_eq!(lost(&error), TransportErrorKind::Unsupported);
        }
        assert_eq!(server.disk().content(TARGET).as_deref(), Some("old"));
        assert_eq!(server.disk().names().len(), 1);
    }
}

/// What may be under way keeps its file: taken away it could be the file that is missing.
#[tokio::test]
async fn a_connection_lost_in_the_script_is_told_as_maybe_done() {
    let server = server(|_, _| Answer::Cut).await;
    let error = replace(&server).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Interrupted);
    assert_eq!(server.disk().names().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_or_read_only_is_refused_before_anything_is_written() {
    let server = server(|_, _| panic!("a script was sent")).await;
    let (hosts, host) = server.hosts();
    let none = path(r"C:\R&D\none.txt");
    let code = |result: Result<(), HostError>| result.unwrap_err().code();
    assert_eq!(
        code(hosts.replace(&host, &none, b"x").await),
        Some(codes::FILE_NOT_FOUND)
    );
    assert_eq!(
        code(hosts.copy(&host, &none, &path(TARGET)).await),
        Some(codes::FILE_NOT_FOUND)
    );
    assert_eq!(
        code(hosts.write_new(&host, &path(TARGET), b"x").await),
        Some(codes::FILE_EXISTS)
    );
    server.disk().put(TARGET, 0o444, "old");
    assert_eq!(code(replace(&server).await), Some(codes::ACCESS_DENIED));
    assert_eq!(
        code(FileTransport::remove(&hosts, &host, &path(TARGET)).await),
        Some(codes::ACCESS_DENIED)
    );
    // Without PowerShell it takes a server that renames over files, which this one does not.
    server.disk().put(TARGET, 0o644, "old");
    let endpoint = server
        .endpoint(Server::login())
        .files_replaced_by(FileReplacement::SftpOnly);
    let (hosts, host) = reach(endpoint);
    let error = hosts.replace(&host, &path(TARGET), b"x").await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported);
    assert_eq!(server.disk().content(TARGET).as_deref(), Some("old"));
    assert_eq!(server.disk().names().len(), 1);
}

#[tokio::test]
async fn a_copy_is_the_scripts() {
    let told = Mutex::new(vec!["scorch:done\r\n", "scorch:refused 80\r\n"]);
    let server = server(move |_, script| {
        assert_eq!(literal(script, "from"), TARGET);
        assert_eq!(literal(script, "to"), r"C:\R&D\b.bak");
        says(told.lock().unwrap().remove(0))
    })
    .await;
    let (hosts, host) = server.hosts();
    let (from, to) = (path(TARGET), path(r"C:\R&D\b.bak"));
    hosts.copy(&host, &from, &to).await.unwrap();
    let error = hosts.copy(&host, &from, &to).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::FILE_EXISTS));
}

#[tokio::test]
async fn a_file_stays_in_its_folder_and_is_renamed_in_one_step_or_not_at_all() {
    let server = server(|_, _| panic!("a script was sent")).await;
    let (hosts, host) = server.hosts();
    let (from, beside) = (path(TARGET), path(r"C:\R&D\b.config"));
    for elsewhere in [r"C:\b.config", r"C:\R&D\x\b.config"] {
        let renamed = hosts.rename(&host, &from, &path(elsewhere)).await;
        assert_eq!(renamed.unwrap_err().code(), Some(codes::ACCESS_DENIED));
    }
    // It takes a server that renames over files, which this one does not.
    let error = hosts.rename(&host, &from, &beside).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported);
    assert_eq!(server.disk().names().len(), 1);
    assert_eq!(server.disk().content(TARGET).as_deref(), Some("old"));
}
