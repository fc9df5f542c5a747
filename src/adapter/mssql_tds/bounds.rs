use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

use crate::transport::{TransportError, TransportErrorKind};

/// How often a call of the driver may use up what a task may read in one turn (128 reads, so a
/// quarter to a whole megabyte) before it gives something back. The driver keeps a row whole, and the
/// messages of a statement; nothing that we read comes near this.
const MOST_TORRENTS: u32 = 32;

/// What a server may do within one call of the driver: be silent for so long, and say so much.
///
/// The driver does not tell when bytes come. But whenever they do, its future is woken and polled:
/// one that was not polled for the whole deadline got nothing, and one that uses up its budget at
/// every poll gets a stream without end.
pub(super) struct Bounds(Option<(Duration, Pin<Box<Sleep>>)>);

impl Bounds {
    pub(super) fn with_idle_deadline(deadline: Option<Duration>) -> Self {
        Self(deadline.map(|deadline| (deadline, Box::pin(tokio::time::sleep(deadline)))))
    }

    /// Runs a call of the driver. `Err`: it was dropped in the middle.
    pub(super) async fn keep<T>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, TransportError> {
        let mut work = pin!(work);
        let mut torrents = 0;
        if let Some((deadline, sleep)) = &mut self.0 {
            sleep.as_mut().reset(Instant::now() + *deadline);
        }
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if !has_budget_remaining() {
                torrents += 1;
            }
            if torrents > MOST_TORRENTS {
                return Poll::Ready(Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    "the server sent more than a row or the messages of a statement can be",
                )));
            }
            let Some((deadline, sleep)) = &mut self.0 else {
                return Poll::Pending;
            };
            if sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(silent(*deadline)));
            }
            sleep.as_mut().reset(Instant::now() + *deadline);
            // To be woken at the new time.
            sleep.as_mut().poll(cx).map(|()| Err(silent(*deadline)))
        })
        .await
    }
}

fn silent(deadline: Duration) -> TransportError {
    TransportError::new(
        TransportErrorKind::Timeout,
        format!(
            "the server said nothing for {} seconds",
            deadline.as_secs_f64()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_silence_is_bounded_by_time() {
        let mut bounds = Bounds::with_idle_deadline(Some(Duration::from_secs(10)));
        let talkative = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(9)).await;
            }
            7
        };
        assert_eq!(bounds.keep(talkative).await.unwrap(), 7);
        let begun = Instant::now();
        let quiet = tokio::time::sleep(Duration::from_secs(11));
        let error = bounds.keep(quiet).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Timeout);
        assert_eq!(begun.elapsed().as_secs(), 10);
        let patient = Bounds::with_idle_deadline(None)
            .keep(tokio::time::sleep(Duration::from_secs(3600)))
            .await;
        assert!(patient.is_ok());
    }

    #[tokio::test]
    async fn a_stream_without_end_ends() {
        let mut bounds = Bounds::with_idle_deadline(None);
        let endless = async {
            loop {
                tokio::task::coop::consume_budget().await;
            }
        };
        let error = bounds.keep::<()>(endless).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Interrupted);
        // As often as one likes where something is given back in between.
        for _ in 0..100 {
            let row = async {
                for _ in 0..200 {
                    tokio::task::coop::consume_budget().await;
                }
            };
            bounds.keep(row).await.unwrap();
        }
    }
}
