//! OPENROWSET(BULK …): a server's file as one value.

use super::rowset::{Rowset, conform};
use crate::simulator::engine::evaluate::{Column, Context};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::storage::OsError;
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

impl Context<'_> {
    /// `OPENROWSET(BULK …)`: the file as one value.
    pub(super) fn bulk(
        &self,
        path: &str,
        is_binary: bool,
        alias: &str,
        is_shape: bool,
    ) -> Result<Rowset> {
        if !self.caller().has_server("ADMINISTER BULK OPERATIONS") {
            return Err(ServerError::new(
                4834,
                16,
                4,
                "You do not have permission to use the bulk load statement.",
            ));
        }
        let kind = if is_binary {
            WireType::VarBinary(None)
        } else {
            WireType::VarChar(None)
        };
        let columns = vec![Column {
            qualifier: vec![alias.to_owned()],
            name: "BulkColumn".to_owned(),
            kind,
            is_nullable: true,
            origin: Origin::Computed,
        }];
        if is_shape {
            return Ok(Rowset {
                columns,
                rows: Vec::new(),
            });
        }
        let bytes = self.instance.disk.read(path).map_err(|error| match error {
            OsError::FileNotFound => ServerError::new(
                4860,
                16,
                1,
                format!(
                    "Cannot bulk load. The file \"{path}\" does not exist or you don't have file \
                     access rights."
                ),
            ),
            error => ServerError::new(
                4861,
                16,
                1,
                format!(
                    "Cannot bulk load because the file \"{path}\" could not be opened. Operating \
                     system error code {error}."
                ),
            ),
        })?;
        let value = conform(SqlValue::Bytes(bytes), kind)?;
        Ok(Rowset {
            columns,
            rows: vec![vec![value]],
        })
    }
}
