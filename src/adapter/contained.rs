use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

/// Runs a future of the driver: a panic in it is an answer, and its log events go to `ear` only.
///
/// Drivers panic on tokens they do not know; what they held is dropped with them, so nothing is
/// seen half-changed. Their events hold the server's words, which can echo a secret, and SQL text.
pub(super) async fn contained_in<F: Future>(
    ear: impl Into<Dispatch>,
    work: F,
) -> Result<F::Output, String> {
    let mut work = pin!(work.with_subscriber(ear));
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(words(&*panic))),
        },
    )
    .await
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    // What a panic says can hold bytes of the wire: the kind of it is enough.
    if panic.is::<&str>() || panic.is::<String>() {
        "it met something in the answer that it does not know".to_owned()
    } else {
        "it panicked".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::NoSubscriber;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let result = contained_in(NoSubscriber::default(), async { panic!("token 0x99") }).await;
        let Err::<(), _>(words) = result else {
            unreachable!("it panicked")
        };
        assert!(words.contains("does not know"), "{words}");
        assert_eq!(
            contained_in(NoSubscriber::default(), async { 7 }).await,
            Ok(7)
        );
    }
}
