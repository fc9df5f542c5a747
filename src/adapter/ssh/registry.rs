use async_trait::async_trait;

use super::connection::Connection;
use super::execute::Executed;
use super::hosts::SshHosts;
use super::registry_rows::{RegistryRow, has_subkey, only_value, values};
use super::shell::refusal;
use crate::names::HostName;
use crate::transport::{HostError, RegistryTransport, RegistryView, TransportErrorKind, codes};

const REG: &str = "reg.exe";

/// A program of Windows itself.
pub(super) fn system_program(name: &str) -> String {
    format!(r"C:\Windows\System32\{name}")
}

async fn reg(
    connection: &Connection,
    verb: &str,
    view: RegistryView,
    key: &str,
    more: &[&str],
) -> Result<Executed, HostError> {
    let key = format!(r"HKLM\{key}");
    let view = match view {
        RegistryView::Bits32 => "/reg:32",
        RegistryView::Bits64 => "/reg:64",
    };
    let mut arguments = vec![verb, &key];
    arguments.extend(more);
    arguments.push(view);
    connection.run(&system_program(REG), &arguments, None).await
}

/// The values of a key; `None` where it is not there.
pub(super) async fn read_key(
    connection: &Connection,
    view: RegistryView,
    key: &str,
) -> Result<Option<Vec<RegistryRow>>, HostError> {
    let executed = reg(connection, "query", view, key, &[]).await?;
    if executed.exit_code == 0 {
        return Ok(Some(values(&executed.output.text())));
    }
    check_absent(connection, view, key, &executed).await?;
    Ok(None)
}

/// `reg.exe` ends with 1 whatever the reason, and tells it in the host's language. So what is above is listed: a key
/// that stands there and can't be read is one that this login may not read.
async fn check_absent(
    connection: &Connection,
    view: RegistryView,
    key: &str,
    executed: &Executed,
) -> Result<(), HostError> {
    let mut below = key;
    while let Some((above, _)) = below.rsplit_once('\\') {
        let listed = reg(connection, "query", view, above, &[]).await?;
        if listed.exit_code == 0 {
            if has_subkey(&listed.output.text(), below) {
                return Err(refusal(codes::ACCESS_DENIED, REG, executed));
            }
            return Ok(());
        }
        below = above;
    }
    Err(refusal(codes::GENERAL_FAILURE, REG, executed))
}

fn unsupported(detail: String) -> HostError {
    HostError::lost(TransportErrorKind::Unsupported, detail)
}

/// What can be given to `reg.exe` and read from it again as it is.
fn check(what: &str, text: &str) -> Result<(), HostError> {
    let is_plain = text.chars().all(|c| matches!(c, ' '..='~') && c != '?');
    if is_plain && !text.starts_with('/') {
        return Ok(());
    }
    Err(unsupported(format!(
        "the {what} {text:?} begins with `/`, or holds `?` or what is not printable ASCII, of which reg.exe can't be relied on to print what it is"
    )))
}

fn check_name(key: &str, value: &str) -> Result<(), HostError> {
    check("key", key)?;
    check("value's name", value)?;
    if value.is_empty() || key.split('\\').any(str::is_empty) {
        return Err(unsupported(format!(
            "the key {key:?} or the value {value:?} in it has an empty name"
        )));
    }
    Ok(())
}

async fn get(
    connection: &Connection,
    view: RegistryView,
    key: &str,
    value: &str,
) -> Result<Option<String>, HostError> {
    let executed = reg(connection, "query", view, key, &["/v", value]).await?;
    if executed.exit_code != 0 {
        let others = read_key(connection, view, key).await?.unwrap_or_default();
        if others
            .iter()
            .any(|row| row.name.eq_ignore_ascii_case(value))
        {
            return Err(refusal(codes::GENERAL_FAILURE, REG, &executed));
        }
        return Ok(None);
    }
    let row = only_value(&executed.output.text());
    let Some(row) = row.filter(|row| row.name.eq_ignore_ascii_case(value)) else {
        return Err(unsupported(format!(
            "{key}, {value}: what reg.exe prints of it can't be taken apart"
        )));
    };
    if row.kind != "REG_SZ" {
        let detail = format!("{key}, {value}: it is a {}, not a text", row.kind);
        return Err(HostError::refused(codes::INVALID_DATA, detail));
    }
    check("text", row.data.trim_start_matches('/'))?;
    Ok(Some(row.data))
}

#[async_trait]
impl RegistryTransport for SshHosts {
    async fn get(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<Option<String>, HostError> {
        check_name(key, value)?;
        get(&*self.connection(host).await?, view, key, value).await
    }

    async fn set(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<(), HostError> {
        check_name(key, value)?;
        check("text", text)?;
        let connection = self.connection(host).await?;
        let more = ["/v", value, "/t", "REG_SZ", "/d", text, "/f"];
        let executed = reg(&connection, "add", view, key, &more).await?;
        match executed.exit_code {
            0 => Ok(()),
            _ => Err(refusal(codes::GENERAL_FAILURE, REG, &executed)),
        }
    }

    async fn remove(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<(), HostError> {
        check_name(key, value)?;
        let connection = self.connection(host).await?;
        let executed = reg(&connection, "delete", view, key, &["/v", value, "/f"]).await?;
        if executed.exit_code == 0 {
            return Ok(());
        }
        let is_there = get(&connection, view, key, value).await?.is_some();
        let code = if is_there {
            codes::GENERAL_FAILURE
        } else {
            codes::FILE_NOT_FOUND
        };
        Err(refusal(code, REG, &executed))
    }
}
