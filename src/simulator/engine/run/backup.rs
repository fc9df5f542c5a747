//! Statements on backups: their rows go to the client, or into the table of an INSERT … EXEC.

use super::Runner;
use crate::simulator::engine::backup;
use crate::simulator::engine::evaluate::Column;
use crate::simulator::engine::query::Rowset;
use crate::simulator::output::{Gone, Output, Reply};
use crate::simulator::server_error::Failure;
use crate::simulator::tsql::ast::BackupStatement;

impl Runner<'_> {
    pub(super) async fn backup(
        &mut self,
        statement: &BackupStatement,
        procedure: &str,
    ) -> Result<(), Failure> {
        let output = self.output.at(self.session.line, procedure);
        let Some(captured) = &mut self.captured else {
            self.ends += 1;
            return backup::execute(self.session, statement, &output)
                .await
                .inspect_err(|_| self.ends -= 1);
        };
        let (channel, mut replies) = Output::channel();
        let inner = channel.at(self.session.line, procedure);
        // The replies end with the last of those that send them.
        drop(channel);
        let session = &mut *self.session;
        let execute = async move { backup::execute(session, statement, &inner).await };
        let collect = async {
            while let Some(reply) = replies.recv().await {
                match reply {
                    Reply::Columns(columns) => captured.push(Rowset {
                        columns: columns
                            .into_iter()
                            .map(|column| Column {
                                qualifier: Vec::new(),
                                name: column.name,
                                kind: column.kind,
                                is_nullable: column.nullable,
                                origin: column.origin,
                            })
                            .collect(),
                        rows: Vec::new(),
                    }),
                    Reply::Row(row) => {
                        if let Some(rowset) = captured.last_mut() {
                            rowset.rows.push(row);
                        }
                    }
                    // The end is that of the INSERT.
                    Reply::Done { .. } => {}
                    other => output.send(other).await?,
                }
            }
            Ok::<(), Gone>(())
        };
        let (executed, collected) = tokio::join!(execute, collect);
        executed?;
        Ok(collected?)
    }
}
