//! Many hosts at once, and not too many.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};

/// The slots in which hosts are worked on.
#[derive(Clone, Debug)]
pub(in crate::orchestrator) struct Slots(Arc<Semaphore>);

impl Slots {
    pub(in crate::orchestrator) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.max(1))))
    }

    /// A slot, until it is dropped. First come, first served.
    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.0.acquire().await.ok()
    }
}

/// A turn on a host: it holds a slot while the host is called, and none while it is waited for.
#[derive(Debug)]
pub(in crate::orchestrator) struct Turn<'a> {
    slots: &'a Slots,
    slot: Option<SemaphorePermit<'a>>,
}

impl<'a> Turn<'a> {
    pub(in crate::orchestrator) async fn take(slots: &'a Slots) -> Self {
        let slot = slots.take().await;
        Self { slots, slot }
    }

    /// Gives the slot away, for what takes slots itself.
    pub(in crate::orchestrator) fn end(&mut self) {
        self.slot = None;
    }

    /// Takes a slot again, where it has none.
    pub(in crate::orchestrator) async fn go_on(&mut self) {
        if self.slot.is_none() {
            self.slot = self.slots.take().await;
        }
    }

    /// Waits without a slot.
    pub(in crate::orchestrator) async fn rest(&mut self, cx: &Context, time: Duration) {
        self.end();
        cx.clock().sleep(time).await;
        self.go_on().await;
    }
}

/// Does the work for each, in parallel, and gives the results in the order of `each`.
///
/// Dropping the future stops it everywhere.
pub(in crate::orchestrator) async fn for_each<I, T, F>(
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
