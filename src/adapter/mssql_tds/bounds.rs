use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

use super::ear::DriverEar;
use crate::transport::{TransportError, TransportErrorKind};

/// How often a call of the driver may use up what a task may read in one turn (128 reads, so a
/// quarter to a whole megabyte) before it gives something back. The driver keeps a row whole, and the
/// messages of a statement; nothing that we read comes near this.
const MOST_TORRENTS: u32 = 32;
/// How many bytes may come in within one call, where the driver's log tells it; of a sign-in.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
const MOST_BYTES_OF_SIGN_IN: u64 = 1024 * 1024;

/// What a server may do within one call of the driver: be silent for so long, say so much, and
/// answer in packets of answers.
///
/// The driver does not tell when bytes come. But whenever they do, its future is woken and polled:
/// one that was not polled for the whole deadline got nothing, and one that uses up its budget at
/// every poll gets a stream without end.
pub(super) struct Bounds {
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
    ear: DriverEar,
    most_bytes: u64,
}

impl Bounds {
    /// Bounds for calls whose log events `ear` takes.
    pub(super) fn new(idle_deadline: Option<Duration>, ear: DriverEar) -> Self {
        let idle = idle_deadline.map(|deadline| (deadline, Box::pin(tokio::time::sleep(deadline))));
        Self {
            idle,
            ear,
            most_bytes: MOST_BYTES,
        }
    }

    /// Bounds for signing in. How long it may take is bounded above.
    pub(super) const fn of_sign_in(ear: DriverEar) -> Self {
        Self {
            idle: None,
            ear,
            most_bytes: MOST_BYTES_OF_SIGN_IN,
        }
    }

    /// Runs a call of the driver. `Err`: it was dropped in the middle, or its outcome is worth
    /// nothing. The connection is not to be used again.
    pub(super) async fn keep<T>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, TransportError> {
        let mut work = pin!(work);
        let mut torrents = 0;
        let Self {
            idle,
            ear,
            most_bytes,
        } = self;
        ear.forget_bytes();
        if let Some((deadline, sleep)) = idle {
            sleep.as_mut().reset(Instant::now() + *deadline);
        }
        poll_fn(|cx| {
            let polled = work.as_mut().poll(cx);
            if ear.met_a_strange_packet() {
                return Poll::Ready(Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    "the server sent a packet that is not one of an answer",
                )));
            }
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Ok(output));
            }
            if !has_budget_remaining() {
                torrents += 1;
            }
            if torrents > MOST_TORRENTS || ear.bytes() > *most_bytes {
                return Poll::Ready(Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    "the server sent more than a row or the messages of a statement can be",
                )));
            }
            let Some((deadline, sleep)) = idle else {
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

    fn within(idle_deadline: Option<Duration>) -> Bounds {
        Bounds::new(idle_deadline, DriverEar::default())
    }

    #[tokio::test(start_paused = true)]
    async fn only_silence_is_bounded_by_time() {
        let mut bounds = within(Some(Duration::from_secs(10)));
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
        let patient = within(None)
            .keep(tokio::time::sleep(Duration::from_secs(3600)))
            .await;
        assert!(patient.is_ok());
    }

    #[tokio::test]
    async fn a_stream_without_end_ends() {
        let mut bounds = within(None);
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
