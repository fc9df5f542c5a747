use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;
use crate::names::HostPath;
use crate::transport::FileTransport;

struct Scene {
    folder: tempfile::TempDir,
    machine: LocalMachine,
    host: HostName,
}

impl Scene {
    fn new() -> Self {
        let host: HostName = "MS01".parse().unwrap();
        let machine = LocalMachine::called(host.clone());
        Self {
            folder: tempfile::tempdir().unwrap(),
            machine,
            host,
        }
    }

    fn path(&self, leaf: &str) -> HostPath {
        self.folder
            .path()
            .join(leaf)
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        input: Option<&str>,
    ) -> Result<CommandOutput, HostError> {
        let command = HostCommand {
            program: program.parse().unwrap(),
            arguments: arguments
                .iter()
                .map(|argument| (*argument).to_owned())
                .collect(),
            standard_input: input.map(|text| Secret::new(text.to_owned())),
        };
        self.machine.run(&self.host, &command).await
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

#[tokio::test]
async fn programs_see_just_their_arguments_and_their_input() {
    let scene = Scene::new();
    let hostile = [
        "a b",
        "",
        "$(id)",
        "`id`",
        "%PATH%",
        "\"'",
        "a\nb",
        "ü\u{2019}",
        "-n",
        "*",
    ];
    let mut arguments = vec![
        "-c",
        "printf '<%s>' \"$@\"; cat; echo oops >&2; exit 3",
        "x",
    ];
    arguments.extend(hostile);
    let output = scene
        .run("/bin/sh", &arguments, Some("the secret"))
        .await
        .unwrap();
    let expected: String = hostile.iter().map(|one| format!("<{one}>")).collect();
    assert_eq!(output.exit_code, 3);
    assert_eq!(output.standard_output, format!("{expected}the secret"));
    assert_eq!(output.standard_error, "oops\n");
    let output = scene.run("/bin/cat", &[], None).await.unwrap();
    assert_eq!((output.exit_code, &*output.standard_output), (0, ""));
}

#[tokio::test]
async fn much_output_is_bounded_and_unread_input_does_no_harm() {
    let scene = Scene::new();
    let many = "y".repeat(3 << 20);
    let output = scene.run("/bin/cat", &[], Some(&many)).await.unwrap();
    assert!(output.standard_output.len() < (1 << 20) + 100);
    assert!(
        output
            .standard_output
            .ends_with("[the first 1048576 of 3145728 bytes]")
    );
    let output = scene.run("/bin/true", &[], Some(&many)).await.unwrap();
    assert_eq!(output.exit_code, 0);
}

#[tokio::test]
async fn what_can_not_be_run_is_refused_and_a_signal_is_no_exit() {
    let scene = Scene::new();
    let error = scene.run("/not/there", &[], None).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::FILE_NOT_FOUND));
    std::fs::write(scene.folder.path().join("plain"), "x").unwrap();
    let error = scene
        .run(scene.path("plain").as_str(), &[], None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(codes::ACCESS_DENIED));
    let error = scene.run("/bin/echo", &["a\0b"], None).await.unwrap_err();
    assert!(
        matches!(error, HostError::Lost(lost) if lost.kind() == TransportErrorKind::Unsupported)
    );
    let error = scene
        .run("/bin/sh", &["-c", "kill -9 $$"], None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, HostError::Lost(lost) if lost.kind() == TransportErrorKind::Interrupted)
    );
}

#[tokio::test]
async fn other_hosts_are_refused_by_every_call() {
    let scene = Scene::new();
    let other: HostName = "MS02".parse().unwrap();
    let path = scene.path("a");
    let error = scene.machine.process(&other, 1).await.unwrap_err();
    assert!(error.to_string().contains("MS01 only"), "{error}");
    for error in [
        scene
            .machine
            .write_new(&other, &path, b"x")
            .await
            .unwrap_err(),
        scene.machine.read(&other, &path).await.unwrap_err(),
        scene.machine.remove(&other, &path).await.unwrap_err(),
        scene
            .machine
            .replace(&other, &path, b"x")
            .await
            .unwrap_err(),
        scene.machine.copy(&other, &path, &path).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, HostError::Lost(lost) if lost.kind() == TransportErrorKind::Unsupported)
        );
    }
    assert!(scene.names().is_empty());
    let error = scene
        .machine
        .read(&scene.host, &r"C:\a".parse().unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not Windows"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_is_known_by_its_program_and_its_start() {
    let scene = Scene::new();
    let status = scene
        .machine
        .process(&scene.host, std::process::id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        status.program.as_str(),
        std::env::current_exe().unwrap().to_str().unwrap()
    );
    let age = time::OffsetDateTime::now_utc() - status.started;
    assert!((-2..600).contains(&age.whole_seconds()), "{age}");
    assert_eq!(
        scene
            .machine
            .process(&scene.host, u32::MAX - 1)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn files_are_replaced_whole_with_mode_and_owner() {
    let scene = Scene::new();
    let (machine, host) = (&scene.machine, &scene.host);
    let (path, copy) = (scene.path("web.config"), scene.path("b.bak"));
    machine.write_new(host, &path, b"old").await.unwrap();
    let code = |error: HostError| error.code().unwrap();
    assert_eq!(
        code(machine.write_new(host, &path, b"x").await.unwrap_err()),
        codes::FILE_EXISTS
    );
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(path.as_str(), mode).unwrap();
    machine.copy(host, &path, &copy).await.unwrap();
    let before = std::fs::metadata(path.as_str()).unwrap();
    let after = std::fs::metadata(copy.as_str()).unwrap();
    assert_eq!(
        (after.mode(), after.mtime_nsec()),
        (before.mode(), before.mtime_nsec())
    );
    assert_eq!(
        code(machine.copy(host, &path, &copy).await.unwrap_err()),
        codes::FILE_EXISTS
    );
    machine.replace(host, &path, b"new").await.unwrap();
    assert_eq!(machine.read(host, &path).await.unwrap(), b"new");
    assert_eq!(machine.read(host, &copy).await.unwrap(), b"old");
    assert_eq!(
        std::fs::metadata(path.as_str()).unwrap().mode(),
        before.mode()
    );
    let status = machine.stat(host, &path).await.unwrap().unwrap();
    assert_eq!((status.size, status.is_read_only), (3, false));
    let mut names = machine
        .list(
            host,
            &scene.folder.path().to_str().unwrap().parse().unwrap(),
        )
        .await
        .unwrap();
    names.sort();
    assert_eq!(names, ["b.bak", "web.config"]);
    machine.remove(host, &path).await.unwrap();
    assert_eq!(machine.stat(host, &path).await.unwrap(), None);
    assert_eq!(
        code(machine.remove(host, &path).await.unwrap_err()),
        codes::FILE_NOT_FOUND
    );
    assert_eq!(
        code(machine.replace(host, &path, b"x").await.unwrap_err()),
        codes::FILE_NOT_FOUND
    );
    assert_eq!(
        code(
            machine
                .write_new(host, &scene.path("no/a"), b"x")
                .await
                .unwrap_err()
        ),
        codes::PATH_NOT_FOUND
    );
}

#[tokio::test]
async fn links_folders_read_only_and_long_files_are_left_alone() {
    let scene = Scene::new();
    let (machine, host) = (&scene.machine, &scene.host);
    let (target, link, folder, locked) = (
        scene.path("target"),
        scene.path("link"),
        scene.path("folder"),
        scene.path("locked"),
    );
    machine.write_new(host, &target, b"old").await.unwrap();
    machine.write_new(host, &locked, b"old").await.unwrap();
    std::fs::set_permissions(locked.as_str(), std::fs::Permissions::from_mode(0o444)).unwrap();
    std::os::unix::fs::symlink(target.as_str(), link.as_str()).unwrap();
    std::fs::create_dir(folder.as_str()).unwrap();
    for path in [&link, &folder, &locked] {
        assert_eq!(
            machine
                .replace(host, path, b"new")
                .await
                .unwrap_err()
                .code(),
            Some(codes::ACCESS_DENIED),
            "{path}"
        );
        assert_eq!(
            machine.remove(host, path).await.unwrap_err().code(),
            Some(codes::ACCESS_DENIED),
            "{path}"
        );
    }
    assert_eq!(
        machine.read(host, &link).await.unwrap_err().code(),
        Some(codes::ACCESS_DENIED)
    );
    let long = std::fs::File::create(scene.path("long").as_str()).unwrap();
    long.set_len(crate::transport::LONGEST_FILE + 1).unwrap();
    assert_eq!(
        machine
            .read(host, &scene.path("long"))
            .await
            .unwrap_err()
            .code(),
        Some(codes::FILE_TOO_LARGE)
    );
    assert_eq!(machine.read(host, &target).await.unwrap(), b"old");
    assert_eq!(scene.names().len(), 5);
}
