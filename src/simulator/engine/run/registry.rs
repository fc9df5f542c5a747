//! The machine's registry, as `xp_regread` and `xp_instance_regread` show it: what an
//! installation leaves there, made from the instance. SQL Server on Linux has one too. Nothing
//! here is documented by Microsoft; names and values are those that its own tools ask for.

use super::Runner;
use super::procedure::{Given, Outcome};
use super::system::Arguments;
use crate::simulator::Platform;
use crate::simulator::engine::evaluate::Column;
use crate::simulator::engine::query::Rowset;
use crate::simulator::engine::value::fold;
use crate::simulator::instance::Instance;
use crate::simulator::server_error::{Failure, message};
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

const MACHINE: &str = "HKEY_LOCAL_MACHINE";
const PRODUCT: &str = r"SOFTWARE\Microsoft\Microsoft SQL Server";
/// What `xp_instance_regread` puts the instance's own keys for.
const ANY_INSTANCE: &str = r"SOFTWARE\Microsoft\MSSQLServer";
const SERVICES: &str = r"SYSTEM\CurrentControlSet\Services";

/// A key under `HKEY_LOCAL_MACHINE`, the name of a value in it, and the value.
type Entry = (String, String, SqlValue);

/// The keys of an instance: of its settings and of its two services.
struct Keys {
    name: String,
    /// `MSSQL16.MSSQLSERVER`.
    identity: String,
    instance: String,
    server: String,
    agent: String,
}

impl Keys {
    fn of(instance: &Instance) -> Self {
        let (name, server, agent) = match instance.name.split_once('\\') {
            Some((_, name)) => (name, format!("MSSQL${name}"), format!("SQLAgent${name}")),
            None => (
                "MSSQLSERVER",
                "MSSQLSERVER".to_owned(),
                "SQLSERVERAGENT".to_owned(),
            ),
        };
        let identity = format!("MSSQL{}.{name}", instance.version.product().0);
        Self {
            name: name.to_owned(),
            instance: format!(r"{PRODUCT}\{identity}"),
            identity,
            server,
            agent,
        }
    }

    /// The key that `xp_instance_regread` reads where it is asked for this one.
    fn own(&self, key: &str) -> String {
        let service = |name: &str| format!(r"{SERVICES}\{name}");
        let places = [
            (ANY_INSTANCE.to_owned(), &self.instance),
            (service("MSSQLSERVER"), &service(&self.server)),
            (service("SQLSERVERAGENT"), &service(&self.agent)),
        ];
        for (asked, own) in places {
            let head = key.get(..asked.len());
            let tail = key.get(asked.len()..).unwrap_or_default();
            if head.is_some_and(|head| head.eq_ignore_ascii_case(&asked))
                && (tail.is_empty() || tail.starts_with('\\'))
            {
                return format!("{own}{tail}");
            }
        }
        key.to_owned()
    }
}

fn entries(instance: &Instance) -> Vec<Entry> {
    let keys = Keys::of(instance);
    let server = format!(r"{}\MSSQLServer", keys.instance);
    let parameters = format!(r"{server}\Parameters");
    let network = format!(r"{server}\SuperSocketNetLib");
    let setup = format!(r"{}\Setup", keys.instance);
    let separator = instance.platform.separator();
    let data = instance.data_folder();
    let root = match instance.platform {
        Platform::Windows => data.trim_end_matches(r"\DATA"),
        // Unconfirmed.
        Platform::Linux => "/var/opt/mssql",
    };
    let service = |name: &str| format!(r"{SERVICES}\{name}");
    let account = |name: &str| format!(r"NT Service\{name}");
    let numbers = [
        (server.clone(), "AuditLevel", 2),
        // Both kinds of logins.
        (server.clone(), "LoginMode", 2),
        (format!(r"{server}\Filestream"), "EnableLevel", 0),
        (format!(r"{network}\Np"), "Enabled", 0),
        (format!(r"{network}\Tcp"), "Enabled", 1),
        // By itself, by hand, disabled.
        (service(&keys.server), "Start", 2),
        (service(&keys.agent), "Start", 3),
        (service("SQLBrowser"), "Start", 4),
    ];
    let master = format!("-d{data}{separator}master.mdf");
    let log = format!("-l{data}{separator}mastlog.ldf");
    let texts = [
        (server, "BackupDirectory", instance.backup_folder()),
        (parameters.clone(), "SQLArg0", master),
        (
            parameters.clone(),
            "SQLArg1",
            format!("-e{}", instance.error_log()),
        ),
        (parameters, "SQLArg2", log),
        (setup.clone(), "SQLPath", root.to_owned()),
        (setup, "SQLDataRoot", root.to_owned()),
        (service(&keys.server), "ObjectName", account(&keys.server)),
        (service(&keys.agent), "ObjectName", account(&keys.agent)),
        (
            format!(r"{PRODUCT}\Instance Names\SQL"),
            &keys.name,
            keys.identity.clone(),
        ),
    ];
    let numbers = numbers.map(|(key, name, value)| (key, name.to_owned(), SqlValue::Int(value)));
    let texts = texts.map(|(key, name, value)| (key, name.to_owned(), SqlValue::Text(value)));
    numbers.into_iter().chain(texts).collect()
}

enum Found {
    Value(SqlValue),
    NoValue,
    NoKey,
}

fn read(instance: &Instance, root: &str, key: &str, name: &str) -> Found {
    if !root.eq_ignore_ascii_case(MACHINE) {
        return Found::NoKey;
    }
    let key = fold(key.trim_end_matches('\\'));
    let under = format!(r"{key}\");
    let mut is_known = false;
    for (place, own_name, value) in entries(instance) {
        let place = fold(&place);
        is_known |= place == key || place.starts_with(&under);
        if place == key && own_name.eq_ignore_ascii_case(name) {
            return Found::Value(value);
        }
    }
    if is_known {
        Found::NoValue
    } else {
        Found::NoKey
    }
}

impl Runner<'_> {
    /// `xp_instance_regread` and, for keys of no instance, `xp_regread`: a value for the OUTPUT
    /// argument, or a row. Public may run them. What is missing is told in a message (its number,
    /// class and state: community) unless `no_output` is said, and the value is NULL.
    pub(super) async fn read_registry(
        &mut self,
        name: &'static str,
        given: &[Given],
    ) -> Result<Outcome, Failure> {
        let parameters = &["@rootkey", "@key", "@value_name", "@value", "@no_output"];
        let arguments = Arguments::new(name, parameters, given)?;
        let root = arguments.needed("@rootkey")?;
        let mut key = arguments.needed("@key")?;
        let value_name = arguments.needed("@value_name")?;
        let instance = std::sync::Arc::clone(&self.session.instance);
        if name == "xp_instance_regread" {
            key = Keys::of(&instance).own(&key);
        }
        let is_quiet = given.iter().any(|argument| {
            matches!(&argument.value, Some(SqlValue::Text(text))
                if text.eq_ignore_ascii_case("no_output"))
        });
        let value = match read(&instance, &root, &key, &value_name) {
            Found::Value(value) => value,
            missing => {
                let function = match missing {
                    Found::NoKey => "RegOpenKeyEx()",
                    _ => "RegQueryValueEx()",
                };
                if !is_quiet {
                    self.tell_missing(function).await?;
                }
                SqlValue::Null
            }
        };
        let kind = match &value {
            SqlValue::Int(_) => WireType::Int,
            _ => WireType::NVarChar(Some(4000)),
        };
        let output = given.iter().position(|argument| argument.is_output);
        let mut outputs = vec![None; given.len()];
        if let Some(at) = output {
            outputs[at] = Some((value, kind));
        } else if !value.is_null() {
            self.send_rows(row(value_name, value, kind), super::command::SELECT)
                .await?;
        }
        Ok(Outcome { status: 0, outputs })
    }

    async fn tell_missing(&mut self, function: &str) -> Result<(), Failure> {
        let text =
            format!("{function} returned error 2, 'The system cannot find the file specified.'");
        let message = message(22001, 1, 1, text);
        let output = self.output.at(self.session.line, "");
        Ok(output.message(message).await?)
    }
}

fn row(name: String, value: SqlValue, kind: WireType) -> Rowset {
    let column = |name: &str, kind: WireType| Column {
        qualifier: Vec::new(),
        name: name.to_owned(),
        kind,
        is_nullable: true,
        origin: Origin::Statement,
    };
    Rowset {
        columns: vec![
            column("Value", WireType::NVarChar(Some(512))),
            column("Data", kind),
        ],
        rows: vec![vec![SqlValue::Text(name), value]],
    }
}
