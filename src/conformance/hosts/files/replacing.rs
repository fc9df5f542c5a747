//! A file is replaced at once or not at all, and stays what it was but for its content.

use super::super::expectation::{done, refused};
use super::scene::{Scene, beginning};
use crate::conformance::check::{Outcome, expect, expect_same, miss, not_applicable};
use crate::names::HostPath;
use crate::transport::{HostError, codes};

/// What is told of a file that somebody holds open, or that is read-only.
pub(super) const BUSY: [u32; 2] = [codes::ACCESS_DENIED, codes::SHARING_VIOLATION];

pub(super) async fn replaces(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("replaced.txt", b"something rather long").await?;
    for content in [&b"short"[..], b"", b"and something longer again"] {
        let replaced = files.port.replace(&files.host, &path, content).await;
        done("the replacement", replaced)?;
        files
            .expect_content("the new content", &path, content)
            .await?;
    }
    files.away(&[&path]).await
}

pub(super) async fn replaces_only_what_is_there(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.path("none.txt")?;
    let replaced = files.port.replace(&files.host, &path, b"new").await;
    refused(
        "a replacement of nothing",
        &[codes::FILE_NOT_FOUND],
        replaced,
    )?;
    files.expect_names(&[]).await
}

/// Whoever reads meanwhile sees the old file or the new one.
pub(super) async fn replaces_at_once(scene: &Scene) -> Outcome {
    let files = scene.files();
    let contents = [vec![b'a'; 200_000], vec![b'b'; 100_000]];
    let path = files.file("atomic.bin", &contents[0]).await?;
    let writing = async {
        let mut replaced = 0;
        for turn in 0..40 {
            let new = &contents[turn % 2];
            let answer = files.port.replace(&files.host, &path, new).await;
            replaced += usize::from(is_done_or_busy("a replacement", answer)?);
            tokio::task::yield_now().await;
        }
        expect(replaced > 0, "a replacement", || "none in 40".to_owned())
    };
    while_read(scene, &path, &contents, writing).await?;
    files.away(&[&path]).await
}

/// Whether it was done, or refused because the file is held open just now: by who reads it.
pub(super) fn is_done_or_busy(what: &str, answer: Result<(), HostError>) -> Outcome<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.code().is_some_and(|code| BUSY.contains(&code)) => Ok(false),
        Err(error) => Err(miss(
            format!("{what}, or a file held open"),
            error.to_string(),
        )),
    }
}

/// Writes, and reads the file meanwhile through a port of its own: it is there, with one of the contents.
pub(super) async fn while_read(
    scene: &Scene,
    path: &HostPath,
    contents: &[Vec<u8>],
    writing: impl Future<Output = Outcome>,
) -> Outcome {
    let (reader, host) = (scene.0.transport(), scene.0.host());
    let wanted = "the old file or the new one";
    tokio::pin!(writing);
    loop {
        tokio::select! {
            biased;
            read = reader.read(&host, path) => {
                match read {
                    Ok(read) => expect(contents.contains(&read), wanted, || {
                        format!("{} bytes: {}", read.len(), beginning(&read))
                    })?,
                    Err(error) if error.code() == Some(codes::FILE_NOT_FOUND) => {
                        return Err(miss(wanted, error.to_string()));
                    }
                    // It may be held by the one who writes.
                    Err(_) => {}
                }
                tokio::select! {
                    biased;
                    end = &mut writing => return end,
                    () = tokio::task::yield_now() => {}
                }
            }
            end = &mut writing => return end,
        }
    }
}

pub(super) async fn is_whole_when_given_up(scene: &Scene) -> Outcome {
    let files = scene.files();
    let (old, new) = (vec![b'o'; 150_000], vec![b'n'; 100_000]);
    let path = files.file("given-up.bin", &old).await?;
    for polls in 0..12 {
        let port = scene.0.transport();
        tokio::select! {
            biased;
            _ = port.replace(&files.host, &path, &new) => {}
            () = turns(polls) => {}
        }
        let read = done(
            "the file after a replacement that was given up",
            files.port.read(&files.host, &path).await,
        )?;
        expect(
            read == old || read == new,
            "the old file or the new one",
            || format!("{} bytes: {}", read.len(), beginning(&read)),
        )?;
    }
    // What was given up may go on; the file must be let go of in the end.
    let mut ended = files.port.remove(&files.host, &path).await;
    for _ in 0..50 {
        if ended.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        ended = files.port.remove(&files.host, &path).await;
    }
    done("its removal", ended)?;
    let left = done(
        "the names left",
        files.port.list(&files.host, &files.folder).await,
    )?;
    for name in left {
        files.away(&[&files.path(&name)?]).await?;
    }
    Ok(())
}

pub(super) async fn leaves_nothing_beside(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("alone.txt", b"old").await?;
    done(
        "a replacement",
        files.port.replace(&files.host, &path, b"new").await,
    )?;
    files.expect_names(&["alone.txt"]).await?;
    files.away(&[&path]).await?;
    files.expect_names(&[]).await
}

pub(super) async fn keeps_what_is_held_open(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("held.txt", b"old").await?;
    let Some(held) = scene.0.hold_open(&path) else {
        files.away(&[&path]).await?;
        return not_applicable("nobody can hold a file open here");
    };
    let replaced = files.port.replace(&files.host, &path, b"new").await;
    refused("a replacement of a file held open", &BUSY, replaced)?;
    files
        .expect_content("the file held open", &path, b"old")
        .await?;
    files.expect_names(&["held.txt"]).await?;
    drop(held);
    done(
        "a replacement, let go of",
        files.port.replace(&files.host, &path, b"new").await,
    )?;
    files
        .expect_content("the new content", &path, b"new")
        .await?;
    files.away(&[&path]).await
}

pub(super) async fn keeps_what_is_read_only(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("read-only.txt", b"old").await?;
    if !scene.0.set_read_only(&path, true) {
        files.away(&[&path]).await?;
        return not_applicable("no file can be made read-only here");
    }
    let status = done("its status", files.port.stat(&files.host, &path).await)?;
    let is_told = status.is_some_and(|status| status.is_read_only);
    let replaced = files.port.replace(&files.host, &path, b"new").await;
    let removed = files.port.remove(&files.host, &path).await;
    expect(is_told, "a status that tells it is read-only", || {
        "it does not".to_owned()
    })?;
    refused("a replacement", &[codes::ACCESS_DENIED], replaced)?;
    refused("a removal", &[codes::ACCESS_DENIED], removed)?;
    files.expect_content("the file", &path, b"old").await?;
    files.expect_names(&["read-only.txt"]).await?;
    scene.0.set_read_only(&path, false);
    files.away(&[&path]).await
}

pub(super) async fn keeps_permissions(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("protected.txt", b"old").await?;
    let Some(before) = scene.protect(&path) else {
        files.away(&[&path]).await?;
        return not_applicable("permissions can't be set and looked at here");
    };
    done(
        "a replacement",
        files.port.replace(&files.host, &path, b"new").await,
    )?;
    let replaced = scene.0.permissions(&path);
    expect_same(
        "permissions after a replacement",
        &Some(before.clone()),
        &replaced,
    )?;
    let copy = files.path("copy.txt")?;
    done("a copy", files.port.copy(&files.host, &path, &copy).await)?;
    expect_same(
        "permissions of a copy",
        &Some(before),
        &scene.0.permissions(&copy),
    )?;
    files.away(&[&path, &copy]).await
}

async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}
