//! Many hosts at once, and not too many.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::error::{Error, ErrorKind, Result};

/// The slots in which hosts are worked on.
#[derive(Clone, Debug)]
pub(super) struct Slots(Arc<Semaphore>);

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.max(1))))
    }

    /// A slot, until it is dropped. First come, first served.
    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.0.acquire().await.ok()
    }
}

/// Does the work for each, in parallel, and gives the results in the order of `each`.
///
/// Dropping the future stops it everywhere.
pub(super) async fn for_each<I, T, F>(
    each: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> F,
) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut running = JoinSet::new();
    for (place, one) in each.into_iter().enumerate() {
        let work = work(one);
        running.spawn(async move { (place, work.await) });
    }
    let mut results = Vec::with_capacity(running.len());
    while let Some(ended) = running.join_next().await {
        // A mistake of ours on one host must not leave the others half-way: they go on.
        results.push(ended);
    }
    let mut given = Vec::with_capacity(results.len());
    for ended in results {
        given.push(ended.map_err(|_| {
            Error::new(
                ErrorKind::Internal,
                "the work on a host ended unexpectedly; look at the services of each host",
            )
            .with_effect(crate::error::Effect::Unknown)
        })?);
    }
    given.sort_by_key(|(place, _)| *place);
    Ok(given.into_iter().map(|(_, result)| result).collect())
}
