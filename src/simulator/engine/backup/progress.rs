//! How far a statement is: seen by other sessions, and by the client where it asks for it.

use std::sync::Arc;

use super::message;
use crate::simulator::engine::Session;
use crate::simulator::instance::{Instance, RequestInfo, now};
use crate::simulator::output::{Gone, Output, Reply};
use crate::transport::SqlMessage;

/// A backup or restore that runs. Dropping it ends that, for whatever reason.
#[derive(Debug)]
pub(super) struct Progress {
    instance: Arc<Instance>,
    spid: i16,
    command: u16,
    /// What the session was seen to run before.
    before: Option<RequestInfo>,
}

impl Progress {
    pub(super) fn start(session: &Session, name: &str, command: u16) -> Self {
        let instance = Arc::clone(&session.instance);
        let request = RequestInfo {
            command: name.to_owned(),
            percent_complete: 0.0,
            started: now(),
        };
        let before = instance
            .state()
            .sessions
            .get_mut(&session.spid)
            .and_then(|info| info.request.replace(request));
        Self {
            instance,
            spid: session.spid,
            command,
            before,
        }
    }

    /// Goes through a hundred steps, as slowly as the instance was told to, and lets others run
    /// between them.
    pub(super) async fn run(&self, stats: Option<u8>, output: &Output) -> Result<(), Gone> {
        let mut next = stats;
        for percent in 1..=100 {
            if self.instance.pace.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(self.instance.pace).await;
            }
            if let Some(info) = self.instance.state().sessions.get_mut(&self.spid)
                && let Some(request) = &mut info.request
            {
                request.percent_complete = f32::from(percent);
            }
            if let (Some(step), Some(due)) = (stats, next)
                && percent >= due
            {
                self.notice(message::percent(percent), output).await?;
                next = due.checked_add(step);
            }
        }
        if !self.instance.silence.is_zero() {
            tokio::time::sleep(self.instance.silence).await;
        }
        Ok(())
    }

    /// Each notice is followed by an end of its own, as captured.
    pub(super) async fn notice(&self, notice: SqlMessage, output: &Output) -> Result<(), Gone> {
        output.message(notice).await?;
        let command = self.command;
        output
            .send(Reply::Done {
                command,
                rows: None,
                is_error: false,
            })
            .await
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(info) = self.instance.state().sessions.get_mut(&self.spid) {
            info.request = self.before.take();
        }
    }
}
