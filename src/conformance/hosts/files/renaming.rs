//! A file gets another name at once or not at all, and stays what it was but for its name.
//!
//! A port may say that it renames no files; then it is held to that alone.

use super::super::expectation::{done, is_unsupported, refused, refused_anyhow};
use super::NAMES;
use super::replacing::{BUSY, is_done_or_busy, while_read};
use super::scene::{Files, Scene};
use crate::conformance::check::{Outcome, expect, expect_same, miss, not_applicable};
use crate::transport::codes;

/// The files of a port that renames files, as it is found out with two that nothing is wrong with.
async fn renaming(scene: &Scene) -> Outcome<Files> {
    let files = scene.files();
    let from = files.file("asked-from.txt", b"").await?;
    let to = files.file("asked-to.txt", b"").await?;
    let renamed = files.port.rename(&files.host, &from, &to).await;
    // Whether it was done right is for the checks to find; here what is left goes away.
    for path in [&from, &to] {
        drop(files.port.remove(&files.host, path).await);
    }
    if is_unsupported(&renamed) {
        return not_applicable("the port renames no files");
    }
    Ok(files)
}

pub(super) async fn renames(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let content: Vec<u8> = (0..=255).cycle().take(70_001).collect();
    let from = files.file("old name.bin", &content).await?;
    let to = files.path("new name.bin")?;
    files.rename(&from, &to).await?;
    let what = "the file, by its new name";
    files.expect_content(what, &to, &content).await?;
    let what = "nothing, by its old name";
    files.expect_nothing(what, &from).await?;
    files.expect_names(&["new name.bin"]).await?;
    files.away(&[&to]).await
}

pub(super) async fn renames_over_a_file(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    for content in [&b"new"[..], b"", b"something longer than the one before"] {
        let from = files.file("new.txt", content).await?;
        let to = files.file("taken.txt", b"the one before").await?;
        files.rename(&from, &to).await?;
        files
            .expect_content("the file that took its place", &to, content)
            .await?;
        files.expect_names(&["taken.txt"]).await?;
        files.away(&[&to]).await?;
    }
    Ok(())
}

pub(super) async fn renames_only_what_is_there(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let (none, free) = (files.path("none.txt")?, files.path("free.txt")?);
    let there = files.file("there.txt", b"there").await?;
    for to in [&there, &free] {
        let renamed = files.port.rename(&files.host, &none, to).await;
        refused("a new name for nothing", &[codes::FILE_NOT_FOUND], renamed)?;
        files
            .expect_content("the file that was there", &there, b"there")
            .await?;
        files.expect_names(&["there.txt"]).await?;
    }
    files.away(&[&there]).await
}

pub(super) async fn renames_into_no_folder(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let from = files.file("stays.txt", b"stays").await?;
    let below = files.path("none")?.child("moved.txt");
    let below = below.map_err(|error| miss("a path", error.to_string()))?;
    let renamed = files.port.rename(&files.host, &from, &below).await;
    refused_anyhow("a name in a folder that is not there", renamed)?;
    files.expect_content("the file", &from, b"stays").await?;
    files.expect_names(&["stays.txt"]).await?;
    files.away(&[&from]).await
}

/// Whoever reads meanwhile sees the old file or the new one, and never none.
pub(super) async fn renames_at_once(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let contents = [vec![b'a'; 200_000], vec![b'b'; 100_000]];
    let path = files.file("atomic.bin", &contents[0]).await?;
    let writing = async {
        let (mut renamed, mut is_made) = (0, false);
        let new = files.path("new.bin")?;
        for turn in 0..40 {
            if !is_made {
                files.file("new.bin", &contents[turn % 2]).await?;
            }
            let answer = files.port.rename(&files.host, &new, &path).await;
            is_made = !is_done_or_busy("a new name", answer)?;
            renamed += usize::from(!is_made);
            tokio::task::yield_now().await;
        }
        expect(renamed > 0, "a new name", || "none in 40".to_owned())?;
        if is_made {
            files.away(&[&new]).await?;
        }
        Ok(())
    };
    while_read(scene, &path, &contents, writing).await?;
    files.away(&[&path]).await
}

pub(super) async fn renames_over_nothing_held_open(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let from = files.file("new.txt", b"new").await?;
    let to = files.file("held.txt", b"held").await?;
    let Some(held) = scene.0.hold_open(&to) else {
        files.away(&[&from, &to]).await?;
        return not_applicable("nobody can hold a file open here");
    };
    let renamed = files.port.rename(&files.host, &from, &to).await;
    refused("the name of a file held open", &BUSY, renamed)?;
    files
        .expect_content("the file held open", &to, b"held")
        .await?;
    files.expect_content("the other", &from, b"new").await?;
    files.expect_names(&["held.txt", "new.txt"]).await?;
    drop(held);
    files.rename(&from, &to).await?;
    files
        .expect_content("the file that took its place", &to, b"new")
        .await?;
    files.expect_names(&["held.txt"]).await?;
    files.away(&[&to]).await
}

pub(super) async fn renames_over_nothing_read_only(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let from = files.file("new.txt", b"new").await?;
    let to = files.file("read-only.txt", b"read-only").await?;
    if !scene.0.set_read_only(&to, true) {
        files.away(&[&from, &to]).await?;
        return not_applicable("no file can be made read-only here");
    }
    let renamed = files.port.rename(&files.host, &from, &to).await;
    refused("the name of a file that is read-only", &BUSY, renamed)?;
    files
        .expect_content("the file that is read-only", &to, b"read-only")
        .await?;
    files.expect_content("the other", &from, b"new").await?;
    files.expect_names(&["new.txt", "read-only.txt"]).await?;
    scene.0.set_read_only(&to, false);
    files.away(&[&from, &to]).await
}

pub(super) async fn renames_over_no_link(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let target = files.file("target.txt", b"target").await?;
    let link = files.path("link.txt")?;
    let Some(made) = scene.0.link(&link, &target) else {
        files.away(&[&target]).await?;
        return not_applicable("no link can be made here");
    };
    let from = files.file("new.txt", b"new").await?;
    // A link may get another name, or lose its own, as what it is.
    let other = files.path("other.txt")?;
    if let Ok(()) = files.port.rename(&files.host, &link, &other).await {
        files.rename(&other, &link).await?;
    }
    drop(files.port.rename(&files.host, &from, &link).await);
    files
        .expect_content("what the link leads to", &target, b"target")
        .await?;
    drop(made);
    let left = files.port.list(&files.host, &files.folder).await;
    for name in done("the names left", left)? {
        files.away(&[&files.path(&name)?]).await?;
    }
    Ok(())
}

pub(super) async fn brings_permissions_along(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let path = files.file("protected.txt", b"protected").await?;
    let Some(before) = scene.protect(&path) else {
        files.away(&[&path]).await?;
        return not_applicable("permissions can't be set and looked at here");
    };
    let before = Some(before);
    let free = files.path("free.txt")?;
    files.rename(&path, &free).await?;
    let what = "permissions, by another name";
    expect_same(what, &before, &scene.0.permissions(&free))?;
    let taken = files.file("taken.txt", b"the one before").await?;
    files.rename(&free, &taken).await?;
    let what = "permissions, in the place of another file";
    expect_same(what, &before, &scene.0.permissions(&taken))?;
    files.away(&[&taken]).await
}

pub(super) async fn brings_read_only_along(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let from = files.file("read-only.txt", b"read-only").await?;
    if !scene.0.set_read_only(&from, true) {
        files.away(&[&from]).await?;
        return not_applicable("no file can be made read-only here");
    }
    let to = files.path("still read-only.txt")?;
    let renamed = files.rename(&from, &to).await;
    if renamed.is_err() {
        scene.0.set_read_only(&from, false);
    }
    renamed?;
    let status = done("its status", files.port.stat(&files.host, &to).await)?;
    scene.0.set_read_only(&to, false);
    expect(
        status.as_ref().is_some_and(|status| status.is_read_only),
        "a file that is read-only by another name",
        || format!("{status:?}"),
    )?;
    files.expect_content("the file", &to, b"read-only").await?;
    files.away(&[&to]).await
}

pub(super) async fn renames_to_any_name(scene: &Scene) -> Outcome {
    let files = renaming(scene).await?;
    let plain = files.path("plain.txt")?;
    for name in NAMES {
        let from = files.file("plain.txt", name.as_bytes()).await?;
        let to = files.path(name)?;
        files.rename(&from, &to).await?;
        files.expect_names(&[name]).await?;
        files.expect_content(name, &to, name.as_bytes()).await?;
        files.rename(&to, &plain).await?;
        files.expect_names(&["plain.txt"]).await?;
        files.away(&[&plain]).await?;
    }
    Ok(())
}

/// Of every port: what it says it did not do, it did not half do.
pub(super) async fn renames_or_changes_nothing(scene: &Scene) -> Outcome {
    let files = scene.files();
    let from = files.file("new.txt", b"new").await?;
    let to = files.file("taken.txt", b"the one before").await?;
    let renamed = files.port.rename(&files.host, &from, &to).await;
    if !is_unsupported(&renamed) {
        done("its new name, or that the port renames no files", renamed)?;
        files.expect_content("the file", &to, b"new").await?;
        files.expect_names(&["taken.txt"]).await?;
        return files.away(&[&to]).await;
    }
    files
        .expect_content("the file that keeps its name", &from, b"new")
        .await?;
    files
        .expect_content("the file that was there", &to, b"the one before")
        .await?;
    files.expect_names(&["new.txt", "taken.txt"]).await?;
    files.away(&[&from, &to]).await
}
