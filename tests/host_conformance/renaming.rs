//! Files that get other names in broken ways.

use scorch_recovery::names::{HostName, HostPath};
use scorch_recovery::transport::{FileTransport, HostError, TransportErrorKind, codes};
use tokio::task::yield_now;

use super::Broken;
use crate::ways::Way;

fn unsupported() -> HostError {
    HostError::lost(TransportErrorKind::Unsupported, "it renames no files")
}

impl Broken {
    pub(super) async fn give_name(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let files: &dyn FileTransport = &self.inner;
        let is_there = async || Ok::<_, HostError>(files.stat(host, to).await?.is_some());
        match self.way {
            Some(Way::LeavesTheDefaults) => return Err(unsupported()),
            Some(Way::RenamesByCopying) => {
                let content = files.read(host, from).await?;
                return self.write(host, to, &content).await;
            }
            Some(Way::RenamesOverNothing) if is_there().await? => {
                return Err(HostError::refused(codes::FILE_EXISTS, "it is there"));
            }
            Some(Way::MovesNowhere) if from.sibling(to.file_name()).as_ref() != Ok(to) => {
                return files.remove(host, from).await;
            }
            Some(Way::RenamesInTwo) if is_there().await? => {
                files.remove(host, to).await?;
                yield_now().await;
                yield_now().await;
            }
            Some(Way::RenamesThroughLinks) if to.file_name() == "link.txt" => {
                let content = files.read(host, from).await?;
                let target = to.sibling("target.txt").unwrap();
                files.replace(host, &target, &content).await?;
                return files.remove(host, from).await;
            }
            Some(Way::RenamesAfresh) => {
                let content = files.read(host, from).await?;
                self.write(host, to, &content).await?;
                let simulated = self.inner.host(host).unwrap();
                simulated.set_read_only(from, false)?;
                return files.remove(host, from).await;
            }
            Some(Way::DoesHalfOfWhatItCanNot) => {
                drop(files.remove(host, to).await);
                return Err(unsupported());
            }
            _ => {}
        }
        match (self.way, files.rename(host, from, to).await) {
            (Some(Way::RenamesNothing), Err(error))
                if error.code() == Some(codes::FILE_NOT_FOUND) =>
            {
                Ok(())
            }
            (Some(Way::LosesWhatItCanNotRename), Err(error)) => {
                drop(files.remove(host, from).await);
                Err(error)
            }
            (_, renamed) => renamed,
        }
    }
}
