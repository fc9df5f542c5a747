//! The crate mssql-client behind the JSON lines of the strangers' table (`README.md`, one folder up).

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mssql_client::{
    Client, Config, Credentials, Error, InTransaction, Ready, Row, SqlValue, ToSql,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};

/// The client tells in its type whether it is in a transaction.
enum Connection {
    Ready(Client<Ready>),
    InTransaction(Client<InTransaction>),
}

#[tokio::main]
async fn main() {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut connection = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let done = match serde_json::from_str::<Value>(&line) {
            Ok(asked) => answer(&mut connection, &asked).await,
            Err(error) => json!({ "failed": error.to_string() }),
        };
        println!("{}", json!({ "done": done }));
    }
}

async fn answer(connection: &mut Option<Connection>, asked: &Value) -> Value {
    match asked["do"].as_str() {
        Some("connect") => {
            *connection = None;
            match connect(asked).await {
                Ok(client) => {
                    *connection = Some(Connection::Ready(client));
                    json!({ "connected": true })
                }
                Err(error) => {
                    let messages: Vec<_> = message(&error).into_iter().collect();
                    json!({ "failed": told(&error), "messages": messages })
                }
            }
        }
        Some("run") => match connection {
            Some(connection) => run(connection, asked).await,
            None => json!({ "failed": "not connected" }),
        },
        Some("transaction") => match step(connection.take(), asked["step"].as_str()).await {
            Ok(next) => {
                *connection = next;
                json!({})
            }
            Err(error) => json!({ "failed": told(&error) }),
        },
        Some("close") => {
            *connection = None;
            json!({})
        }
        other => json!({ "failed": format!("the adapter knows no request {other:?}") }),
    }
}

async fn connect(asked: &Value) -> Result<Client<Ready>, Error> {
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let port = asked["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok());
    let mut config = Config::new()
        .host(text("host"))
        .port(port.unwrap_or_default())
        .credentials(Credentials::sql_server(text("user"), text("password")))
        .with_statement_cache(true);
    if let Some(database) = asked["database"].as_str() {
        config = config.database(database);
    }
    config.command_timeout = Duration::from_secs(600);
    config = match asked["tls"].as_str() {
        Some("off") => config.no_tls(true),
        Some("login") => config.encrypt(false),
        Some("strict") => config.strict_mode(true),
        _ => config.encrypt(true),
    };
    if let Some(file) = asked["ca"].as_str() {
        let authority = der(file).map_err(|error| Error::Config(error.to_string()))?;
        config.tls = config.tls.add_root_certificate_der(authority);
    }
    Client::connect(config).await
}

/// The certificate in a PEM file.
fn der(file: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let pem = fs::read_to_string(file)?;
    let body: String = pem
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    Ok(STANDARD.decode(body)?)
}

async fn step(
    connection: Option<Connection>,
    step: Option<&str>,
) -> Result<Option<Connection>, Error> {
    Ok(match (connection, step) {
        (Some(Connection::Ready(client)), Some("begin")) => {
            Some(Connection::InTransaction(client.begin_transaction().await?))
        }
        (Some(Connection::InTransaction(client)), Some("commit")) => {
            Some(Connection::Ready(client.commit().await?))
        }
        (Some(Connection::InTransaction(client)), Some("rollback")) => {
            Some(Connection::Ready(client.rollback().await?))
        }
        (connection, _) => connection,
    })
}

async fn run(connection: &mut Connection, asked: &Value) -> Value {
    let mut results = Vec::new();
    let mut digest = None;
    let failed = collect(connection, asked, &mut results, &mut digest)
        .await
        .err();
    if let Some(message) = failed.as_ref().and_then(message) {
        println!("{}", json!({ "message": message }));
    }
    let cancelled = matches!(failed, Some(Error::Cancelled));
    json!({
        "results": results, "failed": failed.as_ref().map(told), "cancelled": cancelled, "digest": digest,
    })
}

async fn collect(
    connection: &mut Connection,
    asked: &Value,
    results: &mut Vec<Value>,
    digest: &mut Option<Value>,
) -> Result<(), Error> {
    let sql = asked["sql"].as_str().unwrap_or_default();
    let client = match connection {
        Connection::Ready(client) => client,
        Connection::InTransaction(client) => {
            // Several results have no call here.
            let stream = client.query(sql, &[]).await?;
            let columns = told_of(stream.columns());
            results.push(result(columns, &stream.collect_all().await?));
            return Ok(());
        }
    };
    if let Some(after) = asked["cancel_after_ms"].as_u64() {
        let handle = client.cancel_handle();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            // What comes of it is the answer of the batch.
            let _ = handle.cancel().await;
        });
    }
    if asked["digest"].as_bool() == Some(true) {
        *digest = Some(digested(client, sql).await?);
        return Ok(());
    }
    let sets = asked["parameters"].as_array().cloned().unwrap_or_default();
    for set in &sets {
        let values: Vec<Box<dyn ToSql + Sync>> = set
            .as_array()
            .into_iter()
            .flatten()
            .map(parameter)
            .collect();
        let references: Vec<&(dyn ToSql + Sync)> = values.iter().map(AsRef::as_ref).collect();
        let stream = client.query(&sql.replace("@P", "@p"), &references).await?;
        let columns = told_of(stream.columns());
        results.push(result(columns, &stream.collect_all().await?));
    }
    if sets.is_empty() {
        let mut stream = client.query_multiple(sql, &[]).await?;
        while let Some(set) = stream.current_result_set() {
            let columns = told_of(set.columns());
            results.push(result(columns, &set.collect_all()?));
            if !stream.next_result().await? {
                break;
            }
        }
    }
    Ok(())
}

async fn digested(client: &mut Client<Ready>, sql: &str) -> Result<Value, Error> {
    let (mut rows, mut letters, mut hash) = (0_u64, 0, Sha256::new());
    let mut stream = client.query_stream(sql, &[]).await?;
    while let Some(row) = stream.try_next().await? {
        let text = row.get_raw(0).and_then(shown).unwrap_or_default();
        rows += 1;
        letters += text.chars().count();
        hash.update(text.as_bytes());
    }
    Ok(json!({ "rows": rows, "letters": letters, "sha256": hex::encode(hash.finalize()) }))
}

fn parameter(given: &Value) -> Box<dyn ToSql + Sync> {
    let value = given["value"].as_str();
    match (given["type"].as_str(), value) {
        (Some("int"), value) => Box::new(value.and_then(|value| value.parse::<i32>().ok())),
        (Some("bit"), value) => Box::new(value.map(|value| value == "1")),
        (Some("varbinary"), value) => {
            Box::new(value.map(|value| hex::decode(&value[2..]).unwrap_or_default()))
        }
        (_, value) => Box::new(value.map(str::to_owned)),
    }
}

/// What the client tells of columns: their names, and whether they may be NULL.
fn told_of(columns: &[mssql_client::Column]) -> Value {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    let nullable: Vec<bool> = columns.iter().map(|column| column.nullable).collect();
    json!({ "columns": names, "nullable": nullable })
}

fn result(mut columns: Value, rows: &[Row]) -> Value {
    let rows: Vec<Vec<Option<String>>> = rows
        .iter()
        .map(|row| {
            (0..row.len())
                .map(|at| row.get_raw(at).and_then(shown))
                .collect()
        })
        .collect();
    columns["rows"] = json!(rows);
    columns
}

fn shown(value: SqlValue) -> Option<String> {
    Some(match value {
        SqlValue::Null => return None,
        SqlValue::Bool(value) => u8::from(value).to_string(),
        SqlValue::TinyInt(value) => value.to_string(),
        SqlValue::SmallInt(value) => value.to_string(),
        SqlValue::Int(value) => value.to_string(),
        SqlValue::BigInt(value) => value.to_string(),
        SqlValue::Float(value) => value.to_string(),
        SqlValue::Double(value) => value.to_string(),
        SqlValue::String(value) | SqlValue::Xml(value) => value,
        SqlValue::Binary(value) => format!("0x{}", hex::encode(value)),
        SqlValue::Decimal(value) | SqlValue::Money(value) | SqlValue::SmallMoney(value) => {
            value.to_string()
        }
        SqlValue::Uuid(value) => value.to_string(),
        SqlValue::Date(value) => value.to_string(),
        SqlValue::Time(value) => value.to_string(),
        SqlValue::DateTime(value) | SqlValue::SmallDateTime(value) => value.to_string(),
        SqlValue::DateTimeOffset(value) => value.to_string(),
        other => format!("{other:?}"),
    })
}

/// The server's error in a failure: the client shows one.
fn message(error: &Error) -> Option<Value> {
    match error {
        Error::Server {
            number,
            class,
            state,
            message,
            ..
        } => Some(json!({ "number": number, "severity": class, "state": state, "text": message })),
        _ => None,
    }
}

/// The failure with its reasons.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut reason = std::error::Error::source(error);
    while let Some(error) = reason {
        text.push_str(&format!(": {error}"));
        reason = error.source();
    }
    text
}
