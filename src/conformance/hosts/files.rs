//! Files are written whole, or not at all.

mod renaming;
mod replacing;
mod scene;

pub(super) use scene::Scene;

use super::expectation::{done, out_of_reach, refused, refused_anyhow, unreachable_host};
use crate::conformance::check::{Check, Outcome, check, expect, expect_same, miss, not_applicable};
use crate::transport::{LONGEST_FILE, codes};

pub(super) const CHECKS: &[Check<Scene>] = &[
    check!("files/tells-nothing-of-nothing", tells_nothing_of_nothing),
    check!("files/tells-size-and-time", tells_size_and_time),
    check!("files/keeps-every-byte", keeps_every_byte),
    check!("files/never-writes-over", never_writes_over),
    check!("files/wants-a-folder", wants_a_folder),
    check!("files/replaces", replacing::replaces),
    check!(
        "files/replaces-only-what-is-there",
        replacing::replaces_only_what_is_there
    ),
    check!("files/replaces-at-once", replacing::replaces_at_once),
    check!(
        "files/is-whole-when-given-up",
        replacing::is_whole_when_given_up
    ),
    check!(
        "files/leaves-nothing-beside",
        replacing::leaves_nothing_beside
    ),
    check!(
        "files/keeps-what-is-held-open",
        replacing::keeps_what_is_held_open
    ),
    check!(
        "files/keeps-what-is-read-only",
        replacing::keeps_what_is_read_only
    ),
    check!("files/keeps-permissions", replacing::keeps_permissions),
    check!("files/renames", renaming::renames),
    check!("files/renames-over-a-file", renaming::renames_over_a_file),
    check!(
        "files/renames-only-what-is-there",
        renaming::renames_only_what_is_there
    ),
    check!(
        "files/renames-into-no-folder",
        renaming::renames_into_no_folder
    ),
    check!("files/renames-at-once", renaming::renames_at_once),
    check!(
        "files/renames-over-nothing-held-open",
        renaming::renames_over_nothing_held_open
    ),
    check!(
        "files/renames-over-nothing-read-only",
        renaming::renames_over_nothing_read_only
    ),
    check!("files/renames-over-no-link", renaming::renames_over_no_link),
    check!(
        "files/brings-permissions-along",
        renaming::brings_permissions_along
    ),
    check!(
        "files/brings-read-only-along",
        renaming::brings_read_only_along
    ),
    check!("files/renames-to-any-name", renaming::renames_to_any_name),
    check!(
        "files/renames-or-changes-nothing",
        renaming::renames_or_changes_nothing
    ),
    check!("files/copies", copies),
    check!("files/never-copies-over", never_copies_over),
    check!("files/removes", removes),
    check!("files/lists", lists),
    check!("files/takes-any-name", takes_any_name),
    check!("files/refuses-what-is-too-long", refuses_what_is_too_long),
    check!("files/reads-no-folder", reads_no_folder),
    check!("files/follows-no-link", follows_no_link),
    check!("files/works-beside-itself", works_beside_itself),
    check!("files/says-who-is-out-of-reach", says_who_is_out_of_reach),
];

/// Names that somebody's quoting, shell or glob would take for something else.
const NAMES: &[&str] = &[
    "with blanks.txt",
    "o'clock.txt",
    "100 % of %TEMP%.txt",
    "a & b ^ c.txt",
    "$HOME $(x) `y`.txt",
    "(x86) {1} [2] ;,=+@#!~.txt",
    "Büro 漢字.txt",
    "-rf.txt",
    "\u{2019}typographic\u{2018}.txt",
];

async fn tells_nothing_of_nothing(scene: &Scene) -> Outcome {
    let files = scene.files();
    let none = files.path("none.txt")?;
    files
        .expect_nothing("nothing, where no file is", &none)
        .await?;
    let below = none.child("none.txt");
    let below = below.map_err(|error| miss("a path", error.to_string()))?;
    files
        .expect_nothing("nothing, where no folder is", &below)
        .await
}

async fn tells_size_and_time(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("status.txt", b"12345").await?;
    let stat = || files.port.stat(&files.host, &path);
    let Some(first) = done("its status", stat().await)? else {
        return Err(miss("a status", "nothing"));
    };
    expect_same(
        "its size and attribute",
        &(5, false),
        &(first.size, first.is_read_only),
    )?;
    expect(first.modified.year() > 2000, "a time of writing", || {
        first.modified.to_string()
    })?;
    done(
        "its replacement",
        files.port.replace(&files.host, &path, b"1234567").await,
    )?;
    let second = done("its status", stat().await)?;
    expect(
        second
            .as_ref()
            .is_some_and(|second| second.size == 7 && second.modified >= first.modified),
        "7 bytes, written after that",
        || format!("{first:?}, then {second:?}"),
    )?;
    files.away(&[&path]).await
}

async fn keeps_every_byte(scene: &Scene) -> Outcome {
    let files = scene.files();
    let bytes: Vec<u8> = (0..=255).collect();
    let long = bytes.repeat(1200);
    let contents: [&[u8]; 5] = [b"", b"\r\n\n\r\x1a\0 \t", b"\xef\xbb\xbfBOM", &bytes, &long];
    for content in contents {
        let path = files.file("bytes.bin", content).await?;
        files
            .expect_content("what was written", &path, content)
            .await?;
        let replaced = files.port.replace(&files.host, &path, content).await;
        done("a replacement by the same", replaced)?;
        files
            .expect_content("what replaced it", &path, content)
            .await?;
        files.away(&[&path]).await?;
    }
    Ok(())
}

async fn never_writes_over(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("there.txt", b"old").await?;
    let again = files.port.write_new(&files.host, &path, b"new").await;
    refused("a new file where one is", &[codes::FILE_EXISTS], again)?;
    files
        .expect_content("the file that was there", &path, b"old")
        .await?;
    files.away(&[&path]).await
}

async fn wants_a_folder(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.path("none")?.child("new.txt");
    let path = path.map_err(|error| miss("a path", error.to_string()))?;
    let made = files.port.write_new(&files.host, &path, b"new").await;
    refused(
        "a file in no folder",
        &[codes::PATH_NOT_FOUND, codes::FILE_NOT_FOUND],
        made,
    )?;
    files.expect_names(&[]).await
}

async fn copies(scene: &Scene) -> Outcome {
    let files = scene.files();
    let content: Vec<u8> = (0..=255).cycle().take(70_001).collect();
    let path = files.file("original.bin", &content).await?;
    let copy = files.path("copy.bin")?;
    done("a copy", files.port.copy(&files.host, &path, &copy).await)?;
    files.expect_content("the copy", &copy, &content).await?;
    files
        .expect_content("the original", &path, &content)
        .await?;
    let mut times = Vec::new();
    for path in [&path, &copy] {
        let status = done("its status", files.port.stat(&files.host, path).await)?;
        times.extend(status.map(|status| status.modified.unix_timestamp()));
    }
    expect(
        matches!(times[..], [original, copy] if (original - copy).abs() <= 2),
        "a copy with the original's time of writing",
        || format!("{times:?}"),
    )?;
    files.away(&[&path, &copy]).await
}

async fn never_copies_over(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("original.txt", b"one").await?;
    let other = files.file("other.txt", b"other").await?;
    let copied = files.port.copy(&files.host, &path, &other).await;
    refused("a copy over a file", &[codes::FILE_EXISTS], copied)?;
    files
        .expect_content("the file that was there", &other, b"other")
        .await?;
    let none = files.path("none.txt")?;
    let target = files.path("target.txt")?;
    let copied = files.port.copy(&files.host, &none, &target).await;
    refused("a copy of nothing", &[codes::FILE_NOT_FOUND], copied)?;
    files.expect_names(&["original.txt", "other.txt"]).await?;
    files.away(&[&path, &other]).await
}

async fn removes(scene: &Scene) -> Outcome {
    let files = scene.files();
    let path = files.file("removed.txt", b"").await?;
    let other = files.file("removed.txt.txt", b"other").await?;
    files.away(&[&path]).await?;
    files
        .expect_nothing("nothing, where a file was removed", &path)
        .await?;
    let again = files.port.remove(&files.host, &path).await;
    refused("a removal of nothing", &[codes::FILE_NOT_FOUND], again)?;
    files
        .expect_content("the file beside it", &other, b"other")
        .await?;
    files.away(&[&other]).await
}

async fn lists(scene: &Scene) -> Outcome {
    let files = scene.files();
    files.expect_names(&[]).await?;
    let names: Vec<String> = (0..30).map(|at| format!("File {at}.txt")).collect();
    for name in &names {
        files.file(name, b"").await?;
    }
    let expected: Vec<&str> = names.iter().map(String::as_str).collect();
    files.expect_names(&expected).await?;
    for name in &names {
        files.away(&[&files.path(name)?]).await?;
    }
    let none = files.path("none")?;
    let listed = files.port.list(&files.host, &none).await;
    refused(
        "the names in no folder",
        &[codes::PATH_NOT_FOUND, codes::FILE_NOT_FOUND],
        listed,
    )
}

async fn takes_any_name(scene: &Scene) -> Outcome {
    let files = scene.files();
    for name in NAMES {
        let path = files.file(name, name.as_bytes()).await?;
        files.expect_content(name, &path, name.as_bytes()).await?;
        done(name, files.port.replace(&files.host, &path, b"new").await)?;
        files.expect_names(&[name]).await?;
        let copy = files.path(&format!("copy of {name}"))?;
        done(name, files.port.copy(&files.host, &path, &copy).await)?;
        files.expect_content(name, &copy, b"new").await?;
        files.away(&[&path, &copy]).await?;
    }
    Ok(())
}

async fn refuses_what_is_too_long(scene: &Scene) -> Outcome {
    let files = scene.files();
    let length = usize::try_from(LONGEST_FILE + 1).unwrap_or(usize::MAX);
    let content = vec![b'x'; length];
    let path = files.path("long.bin")?;
    let made = files.port.write_new(&files.host, &path, &content).await;
    refused_anyhow("a file that is too long", made)?;
    files.expect_names(&[]).await?;
    let path = files.file("long.bin", b"old").await?;
    let replaced = files.port.replace(&files.host, &path, &content).await;
    refused_anyhow("a replacement that is too long", replaced)?;
    files
        .expect_content("the file that was there", &path, b"old")
        .await?;
    files.away(&[&path]).await
}

async fn reads_no_folder(scene: &Scene) -> Outcome {
    let files = scene.files();
    let read = files.port.read(&files.host, &files.folder).await;
    refused_anyhow("reading a folder", read)?;
    let replaced = files.port.replace(&files.host, &files.folder, b"new").await;
    refused_anyhow("replacing a folder", replaced)?;
    let removed = files.port.remove(&files.host, &files.folder).await;
    refused_anyhow("removing a folder", removed)?;
    files.expect_names(&[]).await
}

async fn follows_no_link(scene: &Scene) -> Outcome {
    let files = scene.files();
    let target = files.file("target.txt", b"target").await?;
    let link = files.path("link.txt")?;
    let Some(made) = scene.0.link(&link, &target) else {
        files.away(&[&target]).await?;
        return not_applicable("no link can be made here");
    };
    let read = files.port.read(&files.host, &link).await;
    refused_anyhow("reading a link", read)?;
    let replaced = files.port.replace(&files.host, &link, b"new").await;
    refused_anyhow("replacing a link", replaced)?;
    let copied = files
        .port
        .copy(&files.host, &link, &files.path("copy.txt")?)
        .await;
    refused_anyhow("copying a link", copied)?;
    files
        .expect_content("what the link leads to", &target, b"target")
        .await?;
    // A link may be removed as what it is.
    let removed = files.port.remove(&files.host, &link).await;
    files
        .expect_content("what the link leads to", &target, b"target")
        .await?;
    drop((removed, made));
    files.away(&[&target]).await
}

async fn works_beside_itself(scene: &Scene) -> Outcome {
    let files = &scene.files();
    let work = |at: usize| async move {
        let content = vec![u8::try_from(at).unwrap_or_default(); 1000 + at];
        let path = files.file(&format!("beside {at}.bin"), b"").await?;
        done(
            "a replacement",
            files.port.replace(&files.host, &path, &content).await,
        )?;
        files
            .expect_content("its own content", &path, &content)
            .await?;
        files.away(&[&path]).await
    };
    let (a, b, c, d) = tokio::join!(work(1), work(2), work(3), work(4));
    a.and(b).and(c).and(d)?;
    files.expect_names(&[]).await
}

async fn says_who_is_out_of_reach(scene: &Scene) -> Outcome {
    let host = unreachable_host(&*scene.0)?;
    let files = scene.files();
    let path = files.path("none.txt")?;
    out_of_reach(files.port.stat(&host, &path).await)?;
    out_of_reach(files.port.read(&host, &path).await)?;
    out_of_reach(files.port.write_new(&host, &path, b"new").await)?;
    let other = files.path("other.txt")?;
    out_of_reach(files.port.rename(&host, &path, &other).await)
}
