use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::connection::Connection;
use crate::adapter::kept_output::KeptOutput;
use crate::secret::Secret;
use crate::transport::{HostError, TransportErrorKind};

/// Standard error, as SSH numbers it.
const STANDARD_ERROR: u32 = 1;

/// How a command line ended.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) exit_code: u32,
    pub(super) output: KeptOutput,
    pub(super) error: KeptOutput,
}

impl Connection {
    /// Gives the server a command line, and waits for its end. The line must be safe for the server's shell.
    pub(super) async fn execute(
        &self,
        line: &str,
        input: Option<&Secret>,
    ) -> Result<Executed, HostError> {
        let call = self.begin().await?;
        let channel = self.channel().await?;
        let (mut read, write) = channel.split();
        let sent = write.exec(true, line).await;
        sent.map_err(|error| self.not_sent(&error))?;
        let executed = {
            let listening = std::pin::pin!(self.listen(&mut read));
            let mut listening = listening;
            tokio::select! {
                biased;
                // A program may end without having read its input.
                ended = &mut listening => ended?,
                () = feed(&write, input) => listening.await?,
            }
        };
        drop(write.close().await);
        call.end();
        Ok(executed)
    }

    async fn listen(&self, read: &mut ChannelReadHalf) -> Result<Executed, HostError> {
        let (mut output, mut error) = (KeptOutput::default(), KeptOutput::default());
        let mut exit_code = None;
        while let Some(message) = read.wait().await {
            match message {
                ChannelMsg::Data { data } => output.add(&data),
                ChannelMsg::ExtendedData {
                    data,
                    ext: STANDARD_ERROR,
                } => error.add(&data),
                ChannelMsg::Failure => {
                    return Err(HostError::lost(
                        TransportErrorKind::Unsupported,
                        "the server runs no commands for this login",
                    ));
                }
                ChannelMsg::ExitStatus { exit_status } => exit_code = Some(exit_status),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    return Err(self.interrupted(&format!(
                        "the command was ended by the signal {signal_name:?}"
                    )));
                }
                ChannelMsg::Close => break,
                _ => {}
            }
        }
        match exit_code {
            Some(exit_code) => Ok(Executed {
                exit_code,
                output,
                error,
            }),
            None => Err(self.interrupted("the end of the command was not told")),
        }
    }
}

/// Writes standard input and ends it. That a program does not read all of it is its own affair: how it ended counts.
async fn feed(write: &ChannelWriteHalf<Msg>, input: Option<&Secret>) {
    if let Some(input) = input {
        let bytes = input.expose().as_bytes().to_vec();
        if write.data_bytes(bytes).await.is_err() {
            return;
        }
    }
    drop(write.eof().await);
}
