//! What a check of a port to files has at hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::expectation::done;
use super::super::fixture::FileTransportFixture;
use crate::conformance::check::{Outcome, expect, expect_same, miss};
use crate::names::{HostName, HostPath};
use crate::transport::FileTransport;

/// What a check has at hand.
#[derive(Clone, Debug)]
pub(in super::super) struct Scene(pub(in super::super) Arc<dyn FileTransportFixture>);

/// A port, and the host and folder it works in.
pub(super) struct Files {
    pub(super) port: Box<dyn FileTransport>,
    pub(super) host: HostName,
    pub(super) folder: HostPath,
}

impl Scene {
    pub(super) fn files(&self) -> Files {
        Files {
            port: self.0.transport(),
            host: self.0.host(),
            folder: self.0.folder(),
        }
    }

    /// Gives a file other permissions than those of its folder, and tells them; `None` where that can't be done.
    pub(super) fn protect(&self, path: &HostPath) -> Option<String> {
        self.0
            .protect(path)
            .then(|| self.0.permissions(path))
            .flatten()
    }
}

impl Files {
    pub(super) fn path(&self, leaf: &str) -> Outcome<HostPath> {
        self.folder
            .child(leaf)
            .map_err(|error| miss("a folder whose files can be named", error.to_string()))
    }

    /// Makes a file for the check.
    pub(super) async fn file(&self, leaf: &str, content: &[u8]) -> Outcome<HostPath> {
        let path = self.path(leaf)?;
        let made = self.port.write_new(&self.host, &path, content).await;
        done("a new file", made)?;
        Ok(path)
    }

    pub(super) async fn expect_content(
        &self,
        what: &str,
        path: &HostPath,
        content: &[u8],
    ) -> Outcome {
        let read = done(what, self.port.read(&self.host, path).await)?;
        expect(
            read == content,
            format!("{what}: {} bytes, as written", content.len()),
            || format!("{} bytes: {}", read.len(), beginning(&read)),
        )
    }

    pub(super) async fn rename(&self, from: &HostPath, to: &HostPath) -> Outcome {
        let renamed = self.port.rename(&self.host, from, to).await;
        done("its new name", renamed)
    }

    pub(super) async fn expect_nothing(&self, what: &str, path: &HostPath) -> Outcome {
        let status = done(what, self.port.stat(&self.host, path).await)?;
        expect(status.is_none(), what, || format!("{status:?}"))
    }

    pub(super) async fn expect_names(&self, names: &[&str]) -> Outcome {
        let seen = self.port.list(&self.host, &self.folder).await;
        let seen: BTreeSet<String> = done("the names in the folder", seen)?.into_iter().collect();
        let wanted: BTreeSet<String> = names.iter().map(|&name| name.to_owned()).collect();
        expect_same("the names in the folder", &wanted, &seen)
    }

    pub(super) async fn away(&self, paths: &[&HostPath]) -> Outcome {
        for path in paths {
            done("its removal", self.port.remove(&self.host, path).await)?;
        }
        Ok(())
    }
}

/// Enough of a content to tell in a report which it is.
pub(super) fn beginning(content: &[u8]) -> String {
    String::from_utf8_lossy(&content[..content.len().min(40)]).into_owned()
}
