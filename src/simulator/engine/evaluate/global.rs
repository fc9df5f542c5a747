//! `@@SPID` and its like.

use super::Context;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

impl Context<'_> {
    /// The value and the type of a system function whose name begins with `@@`.
    pub(super) fn global(&self, name: &str) -> Result<(SqlValue, WireType)> {
        let int = |value: i64| (SqlValue::Int(value), WireType::Int);
        let name_text = |value: &str| {
            (
                SqlValue::Text(value.to_owned()),
                WireType::NVarChar(Some(128)),
            )
        };
        let memory = &self.session.memory;
        let (major, minor, build, _) = self.instance.product();
        Ok(match name {
            "@@SPID" => (SqlValue::Int(self.session.spid.into()), WireType::SmallInt),
            "@@ERROR" => int(memory.last_error.into()),
            "@@ROWCOUNT" => int(memory.row_count),
            "@@TRANCOUNT" => int(self.session.transactions.into()),
            "@@NESTLEVEL" => int(self.frame.depth.into()),
            "@@SERVERNAME" => name_text(&self.instance.name),
            "@@SERVICENAME" => name_text(
                self.instance
                    .name
                    .split_once('\\')
                    .map_or("MSSQLSERVER", |(_, name)| name),
            ),
            "@@LANGUAGE" => name_text(memory.language.name()),
            "@@LANGID" => (SqlValue::Int(memory.language.id()), WireType::SmallInt),
            "@@DATEFIRST" => (
                SqlValue::Int(memory.language.first_day()),
                WireType::TinyInt,
            ),
            "@@LOCK_TIMEOUT" => int(memory
                .lock_timeout
                .and_then(|milliseconds| i64::try_from(milliseconds).ok())
                .unwrap_or(-1)),
            "@@TEXTSIZE" => int(2_147_483_647),
            "@@MAX_CONNECTIONS" => int(32_767),
            "@@MAX_PRECISION" => (SqlValue::Int(38), WireType::TinyInt),
            "@@OPTIONS" => {
                // Documented bits: what drivers set at sign-in, and the two that are kept here.
                let set = [
                    (memory.begins_transactions, 2),
                    (memory.no_count, 512),
                    (memory.aborts_transactions, 16_384),
                ];
                let bits = set.iter().filter(|(is_on, _)| *is_on).map(|(_, bit)| bit);
                int(5496 + bits.sum::<i64>())
            }
            "@@PROCID" => int(0),
            "@@CURSOR_ROWS" | "@@FETCH_STATUS" => int(0),
            "@@MICROSOFTVERSION" => {
                int(i64::from(major) << 24 | i64::from(minor) << 16 | i64::from(build))
            }
            "@@IDENTITY" => (
                memory.identity.map_or(SqlValue::Null, SqlValue::Int),
                WireType::Decimal {
                    precision: 38,
                    scale: 0,
                },
            ),
            "@@VERSION" => (
                SqlValue::Text(self.version_text()),
                WireType::NVarChar(Some(300)),
            ),
            _ => {
                return Err(ServerError::new(
                    137,
                    15,
                    2,
                    format!("Must declare the scalar variable \"{name}\"."),
                ));
            }
        })
    }

    /// The form of the real one, but saying what it is.
    fn version_text(&self) -> String {
        let (major, minor, build, revision) = self.instance.product();
        let (version, edition) = (self.instance.version, self.instance.edition);
        let product = if edition.is_azure() {
            "Microsoft SQL Azure (RTM)".to_owned()
        } else {
            format!("Microsoft SQL Server {version} ({})", version.level())
        };
        format!(
            "{product} - {major}.{minor}.{build}.{revision} (X64) \n\t\
             Simulator of scorch-recovery\n\t{} on {}",
            edition.name(),
            self.instance.platform.name()
        )
    }
}
