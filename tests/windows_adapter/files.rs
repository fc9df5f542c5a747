//! Files that somebody holds, and what of a file is kept.

use std::fs::{File, FileTimes};
use std::os::windows::fs::{FileTimesExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::time::{Duration, SystemTime};

use scorch_recovery::orchestrator::WebComponents;
use scorch_recovery::transport::{FileTransport as _, codes};
use scorch_recovery::{Context, Effect, ErrorKind, Operation as _};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_READONLY, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE,
};

use super::folder::Folder;
use super::{hosts, this_host};

fn held(folder: &Folder, leaf: &str, sharing: u32) -> File {
    let mut options = File::options();
    options
        .read(true)
        .share_mode(sharing)
        .open(folder.path(leaf))
        .unwrap()
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.itself().as_str()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

pub(crate) async fn is_busy_while_held_and_whole() {
    let (hosts, folder) = (hosts(), Folder::new("held"));
    let path = folder.host_path("web.config");
    std::fs::write(folder.path("web.config"), "the old file").unwrap();
    let holder = held(&folder, "web.config", FILE_SHARE_READ);
    let refused = hosts
        .replace(&this_host(), &path, b"new")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(codes::SHARING_VIOLATION), "{refused}");
    let refused = hosts.remove(&this_host(), &path).await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::SHARING_VIOLATION), "{refused}");
    assert_eq!(
        hosts.read(&this_host(), &path).await.unwrap(),
        b"the old file"
    );
    assert_eq!(names(&folder), ["web.config"]);
    drop(holder);
    hosts.replace(&this_host(), &path, b"new").await.unwrap();
    assert_eq!(std::fs::read(folder.path("web.config")).unwrap(), b"new");
}

/// Whoever reads a file, and lets others do what they will, goes on reading the file that was there.
pub(crate) async fn is_busy_however_it_is_shared() {
    let (hosts, folder) = (hosts(), Folder::new("shared"));
    let path = folder.host_path("web.config");
    std::fs::write(folder.path("web.config"), "the old file").unwrap();
    let sharing = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let holder = held(&folder, "web.config", sharing);
    let refused = hosts
        .replace(&this_host(), &path, b"new")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(codes::SHARING_VIOLATION), "{refused}");
    assert_eq!(std::io::read_to_string(&holder).unwrap(), "the old file");
    assert_eq!(names(&folder), ["web.config"]);
}

pub(crate) async fn renames_over_what_nobody_holds() {
    let (hosts, folder) = (hosts(), Folder::new("renamed"));
    let (new, old) = (folder.host_path("new"), folder.host_path("old"));
    std::fs::write(folder.path("new"), "new").unwrap();
    std::fs::write(folder.path("old"), "old").unwrap();
    let holder = held(&folder, "old", FILE_SHARE_READ);
    let refused = hosts.rename(&this_host(), &new, &old).await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::SHARING_VIOLATION), "{refused}");
    assert_eq!(std::fs::read(folder.path("old")).unwrap(), b"old");
    drop(holder);
    hosts.rename(&this_host(), &new, &old).await.unwrap();
    assert_eq!(std::fs::read(folder.path("old")).unwrap(), b"new");
    assert_eq!(names(&folder), ["old"]);
    let refused = hosts.rename(&this_host(), &new, &old).await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::FILE_NOT_FOUND));
    let elsewhere = Folder::new("elsewhere").host_path("old");
    let refused = hosts
        .rename(&this_host(), &old, &elsewhere)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(codes::ACCESS_DENIED));
}

pub(crate) async fn keeps_times_and_attributes() {
    let (hosts, folder) = (hosts(), Folder::new("times"));
    let (path, copy) = (folder.host_path("one"), folder.host_path("two"));
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    let made = File::options()
        .write(true)
        .create_new(true)
        .attributes(FILE_ATTRIBUTE_HIDDEN)
        .open(folder.path("one"))
        .unwrap();
    made.set_times(FileTimes::new().set_created(then).set_modified(then))
        .unwrap();
    let mut permissions = made.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    made.set_permissions(permissions.clone()).unwrap();
    drop(made);
    let is_kept = |leaf: &str| {
        let metadata = std::fs::metadata(folder.path(leaf)).unwrap();
        let attributes = metadata.file_attributes();
        // Wine shows hidden what its disk can remember so; what it does not, no copy can keep.
        let original = std::fs::metadata(folder.path("one"))
            .unwrap()
            .file_attributes();
        let kept = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_READONLY;
        assert_eq!(attributes & kept, original & kept, "{leaf}");
        assert_ne!(attributes & FILE_ATTRIBUTE_READONLY, 0, "{leaf}");
        metadata
    };
    hosts.copy(&this_host(), &path, &copy).await.unwrap();
    assert_eq!(is_kept("two").modified().unwrap(), then);
    let refused = hosts
        .replace(&this_host(), &path, b"new")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(codes::ACCESS_DENIED));
    is_kept("one");
    for leaf in ["one", "two"] {
        let file = File::options()
            .write(true)
            .access_mode(0x100)
            .open(folder.path(leaf))
            .unwrap();
        let mut permissions = file.metadata().unwrap().permissions();
        #[allow(clippy::permissions_set_readonly_false, reason = "it is Windows")]
        permissions.set_readonly(false);
        file.set_permissions(permissions).unwrap();
    }
}

/// The library says Busy of a web.config that is held open, and it is whole.
pub(crate) async fn writes_through_the_library() {
    const OLD: &str = "<configuration><system.webServer><aspNetCore><environmentVariables>\r\n <environmentVariable name=\"Database__Address\" value=\"OLD\" />\r\n <environmentVariable name=\"Database__Database\" value=\"Orchestrator\" />\r\n</environmentVariables></aspNetCore></system.webServer></configuration>\r\n";
    let (host, folder) = (this_host(), Folder::new("web"));
    std::fs::write(folder.path("web.config"), OLD).unwrap();
    let copies = Folder::new("copies");
    let cx = Context::builder()
        .files(hosts())
        .commands(hosts())
        .build()
        .unwrap();
    let read = WebComponents::read(&host).also_at(folder.host_path("web.config"));
    let seen = read.run(&cx).await.unwrap();
    assert_eq!(seen.found.len(), 1, "{seen:?}");
    let (instance, database) = ("SQL02".parse().unwrap(), "Orchestrator".parse().unwrap());
    let write = WebComponents::write(&host, &instance, &database)
        .seen(&seen)
        .keeping_copies_in(copies.itself());
    let holder = held(&folder, "web.config", FILE_SHARE_READ);
    let busy = write.run(&cx).await.unwrap_err();
    assert_eq!(
        (busy.kind(), busy.effect()),
        (ErrorKind::Busy, Effect::None),
        "{busy}"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path("web.config")).unwrap(),
        OLD
    );
    drop(holder);
    write.run(&cx).await.unwrap();
    let new = std::fs::read_to_string(folder.path("web.config")).unwrap();
    assert_eq!(new, OLD.replace("\"OLD\"", "\"SQL02\""));
}
