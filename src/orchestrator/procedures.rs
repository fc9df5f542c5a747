//! Orchestrator's procedures, as the catalog of a database has them, and whether they may be called.

use crate::error::{Error, ErrorKind, Result};
use crate::names::DatabaseName;
use crate::orchestrator::catalog::{Lack, ROOT};
use crate::permission::{Permission, Securable};
use crate::sql::Modules;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// All procedures in Orchestrator's schemas that the login may see.
#[derive(Debug)]
pub(super) struct Procedures(Vec<Signature>);

/// A procedure and its parameters, in their order.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) parameters: Vec<Parameter>,
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    /// With its `@`. It is never written into a statement: it can't be quoted.
    name: String,
    /// The name of its system type: `nvarchar`.
    pub(super) kind: String,
    pub(super) is_output: bool,
}

impl Procedures {
    /// Reads them in a session that is in the database.
    pub(super) async fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let question = Statement::new(
            "SELECT s.name AS schema_name, p.name AS procedure_name, a.name AS parameter_name, \
             a.is_output, y.name AS type_name FROM sys.procedures AS p \
             JOIN sys.schemas AS s ON s.schema_id = p.schema_id \
             LEFT JOIN sys.parameters AS a ON a.object_id = p.object_id AND a.parameter_id > 0 \
             LEFT JOIN sys.types AS y ON y.user_type_id = a.system_type_id \
             WHERE p.type = 'P' AND s.name LIKE N'Microsoft.SystemCenter.Orchestrator%' \
             ORDER BY s.name, p.name, a.parameter_id",
        );
        let answer = connection.look(question.batch()).await?;
        let mut procedures: Vec<Signature> = Vec::new();
        for row in answer.rows(0) {
            let (schema, name) = (row.text("schema_name")?, row.text("procedure_name")?);
            let is_known = procedures
                .last()
                .is_some_and(|last| last.schema == schema && last.name == name);
            if !is_known {
                procedures.push(Signature {
                    schema: schema.to_owned(),
                    name: name.to_owned(),
                    parameters: Vec::new(),
                });
            }
            let parameter = row.text_or_null("parameter_name")?;
            if let (Some(last), Some(parameter)) = (procedures.last_mut(), parameter) {
                last.parameters.push(Parameter {
                    name: parameter.to_owned(),
                    kind: row
                        .text_or_null("type_name")?
                        .unwrap_or_default()
                        .to_owned(),
                    is_output: row.is("is_output")?,
                });
            }
        }
        Ok(Self(procedures))
    }

    /// The procedure of that name, in the schema with that end (`.Cryptography`).
    pub(super) fn find(&self, end: &str, name: &str) -> Result<&Signature, Lack> {
        let schema = format!("{ROOT}{end}");
        self.0
            .iter()
            .find(|known| {
                known.schema.eq_ignore_ascii_case(&schema) && known.name.eq_ignore_ascii_case(name)
            })
            .ok_or_else(|| Lack {
                what: format!("{schema}.{name}"),
                why: "there is no such procedure, or the login may not see it".to_owned(),
            })
    }
}

impl Signature {
    /// `EXEC [schema].[name]`.
    pub(super) fn call(&self, statement: Statement) -> Statement {
        statement
            .text("EXEC ")
            .identifier(&self.schema)
            .text(".")
            .identifier(&self.name)
    }

    /// That it has another signature than the one it is known by.
    pub(super) fn unknown(&self, known: &str) -> Lack {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| {
                let output = if parameter.is_output { " OUTPUT" } else { "" };
                format!("{} {}{output}", parameter.name, parameter.kind)
            })
            .collect();
        Lack {
            what: format!("{}.{}", self.schema, self.name),
            why: format!(
                "it is known with {known}, and has: {}",
                if parameters.is_empty() {
                    "none".to_owned()
                } else {
                    parameters.join(", ")
                }
            ),
        }
    }

    /// The right to call it.
    pub(super) fn right(&self, database: &DatabaseName) -> Result<Permission> {
        let on = Securable::Procedure {
            database: database.clone(),
            schema: self.schema.parse()?,
            procedure: self.name.parse()?,
        };
        Ok(Permission::new("EXECUTE", on))
    }
}

/// Refuses to call anything in a database whose code is not that of `baseline`.
pub(super) fn require_same(found: &Modules, baseline: Option<&Modules>) -> Result<()> {
    const REMEDY: &str = "read Database::modules where the database came from, before it was backed up, and compare; a backup can carry code";
    let Some(baseline) = baseline else {
        return Err(Error::new(
            ErrorKind::ConsentRequired,
            "trusting: the procedures of the database would run, and nothing says that they are Orchestrator's own",
        )
        .with_remedy(REMEDY));
    };
    let differences = found.differences_from(baseline);
    let lines = [
        ("came", &differences.added),
        ("is gone", &differences.removed),
        ("changed", &differences.changed),
        ("can't be read", &differences.unreadable),
    ];
    let mut problems: Vec<String> = Vec::new();
    for (what, names) in lines {
        problems.extend(names.iter().map(|name| format!("{name} {what}")));
    }
    // TRUSTWORTHY is off after a restore (documented); less reach is no reason.
    let more = differences.reach.iter();
    problems.extend(more.filter(|line| line.starts_with("now: ")).cloned());
    if problems.is_empty() {
        return Ok(());
    }
    let rest = problems.len().saturating_sub(5);
    problems.truncate(5);
    if rest > 0 {
        problems.push(format!("{rest} more"));
    }
    Err(Error::new(
        ErrorKind::ConsentRequired,
        format!(
            "trusting: the code of the database is not what was seen: {}",
            problems.join(", ")
        ),
    )
    .with_remedy(REMEDY))
}
