//! Orchestrator's tables and views, as the catalog of a database has them.
//!
//! Names of tables are community knowledge and names of columns still less certain, so a column is
//! looked for in the catalog before it is named in a statement.

use crate::error::{Error, ErrorKind, Result};
use crate::sql::answer::Answer;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// The root of Orchestrator's schema names (documented).
pub(super) const ROOT: &str = "Microsoft.SystemCenter.Orchestrator";

/// The columns of all tables and views that the login may see.
#[derive(Debug)]
pub(super) struct Catalog {
    columns: Vec<CatalogColumn>,
}

/// A column.
#[derive(Debug)]
pub(super) struct CatalogColumn {
    schema: String,
    relation: String,
    pub(super) name: String,
    /// The name of its system type: `nvarchar`.
    pub(super) kind: String,
    is_of_table: bool,
    /// Computed when it is read, by what the database brought.
    pub(super) is_computed: bool,
}

/// A table or a view, with its columns.
#[derive(Debug)]
pub(super) struct Relation<'a> {
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    columns: Vec<&'a CatalogColumn>,
}

/// A column that is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The names that it is known by.
    known: &'static [&'static str],
    /// What its name holds, if it has another one.
    parts: &'static [&'static str],
}

/// Something is not there, or not seen.
#[derive(Clone, Debug)]
pub(super) struct Lack {
    pub(super) what: String,
    pub(super) why: String,
}

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not as it is known, or the login may not read it.
    Lack(Lack),
    /// Nothing can be read any more.
    Error(Error),
}

impl From<Lack> for Trouble {
    fn from(lack: Lack) -> Self {
        Self::Lack(lack)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Lack> for Error {
    fn from(lack: Lack) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!("{}: {}", lack.what, lack.why),
        )
        .with_remedy("see that it is an Orchestrator database, and that the login may see it all")
    }
}

impl Wanted {
    /// By these names, and no other.
    pub(super) const fn known(known: &'static [&'static str]) -> Self {
        Self { known, parts: &[] }
    }

    /// By these names, or one that holds all of `parts` (in small letters).
    pub(super) const fn like(
        known: &'static [&'static str],
        parts: &'static [&'static str],
    ) -> Self {
        Self { known, parts }
    }

    fn is_like(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        !self.parts.is_empty() && self.parts.iter().all(|part| name.contains(part))
    }
}

impl Catalog {
    /// Reads it in a session that is in the database.
    pub(super) async fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let question = Statement::new(
            "SELECT s.name AS schema_name, o.name AS relation_name, c.name AS column_name, y.name AS type_name, \
             CASE o.type WHEN 'U' THEN 1 ELSE 0 END AS is_of_table, c.is_computed \
             FROM sys.columns AS c JOIN sys.objects AS o ON o.object_id = c.object_id \
             JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
             JOIN sys.types AS y ON y.user_type_id = c.system_type_id \
             WHERE o.type IN ('U', 'V') ORDER BY s.name, o.name, c.column_id",
        );
        let answer = connection.look(question.batch()).await?;
        let columns = answer.rows(0).map(|row| {
            Ok(CatalogColumn {
                schema: row.text("schema_name")?.to_owned(),
                relation: row.text("relation_name")?.to_owned(),
                name: row.text("column_name")?.to_owned(),
                kind: row.text("type_name")?.to_owned(),
                is_of_table: row.is("is_of_table")?,
                is_computed: row.is("is_computed")?,
            })
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// The table or view of that name: in that schema, or the only one in any.
    pub(super) fn relation(&self, schema: &str, name: &str) -> Result<Relation<'_>, Lack> {
        let mut named = self.relations();
        named.retain(|relation| relation.name.eq_ignore_ascii_case(name));
        let is_there = |relation: &Relation<'_>| relation.schema.eq_ignore_ascii_case(schema);
        let at = named.iter().position(is_there);
        match (at, named.len()) {
            (Some(at), _) => Ok(named.swap_remove(at)),
            (None, 1) => Ok(named.swap_remove(0)),
            (None, found) => Err(Lack {
                what: format!("{schema}.{name}"),
                why: match found {
                    0 => "it is not there, or the login has no right on it".to_owned(),
                    _ => {
                        format!("it is not there, and {found} other schemas have one of that name")
                    }
                },
            }),
        }
    }

    /// All of them.
    pub(super) fn relations(&self) -> Vec<Relation<'_>> {
        let mut relations: Vec<Relation<'_>> = Vec::new();
        for column in &self.columns {
            match relations.last_mut() {
                Some(last) if last.schema == column.schema && last.name == column.relation => {
                    last.columns.push(column);
                }
                _ => relations.push(Relation {
                    schema: &column.schema,
                    name: &column.relation,
                    columns: vec![column],
                }),
            }
        }
        relations
    }
}

impl<'a> Relation<'a> {
    pub(super) fn columns(&self) -> impl Iterator<Item = &'a CatalogColumn> + '_ {
        self.columns.iter().copied()
    }

    /// Whether it is a table: what a view shows, the database's own code makes.
    pub(super) fn is_table(&self) -> bool {
        self.columns.iter().all(|column| column.is_of_table)
    }

    /// The column, if it is certain which one it is.
    pub(super) fn column(&self, wanted: &Wanted) -> Result<&'a CatalogColumn, Lack> {
        let is_known = |column: &&CatalogColumn| {
            let mut known = wanted.known.iter();
            known.any(|known| known.eq_ignore_ascii_case(&column.name))
        };
        if let Some(found) = self.columns().find(is_known) {
            return Ok(found);
        }
        let like: Vec<&CatalogColumn> = self
            .columns()
            .filter(|column| wanted.is_like(&column.name))
            .collect();
        match like[..] {
            [only] => Ok(only),
            _ => Err(Lack {
                what: format!("{}.{}", self.schema, self.name),
                why: format!(
                    "{} of its columns may be {}: it has {}",
                    like.len(),
                    wanted.known.join(" or "),
                    self.columns()
                        .map(|column| column.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            }),
        }
    }

    /// The column, if it is certain which one it is; without it less is told.
    pub(super) fn optional(&self, wanted: &Wanted) -> Option<&'a CatalogColumn> {
        self.column(wanted).ok()
    }

    /// `FROM [schema].[name] AS r`.
    pub(super) fn from(&self, statement: Statement) -> Statement {
        statement
            .text(" FROM ")
            .identifier(self.schema)
            .text(".")
            .identifier(self.name)
            .text(" AS r")
    }
}

impl CatalogColumn {
    /// `r.[name]`.
    pub(super) fn of_row(&self, statement: Statement) -> Statement {
        statement.text("r.").identifier(&self.name)
    }

    /// As text, whatever its type is: times as ISO 8601 has them, bytes in hexadecimal.
    pub(super) fn as_text(&self, statement: Statement) -> Statement {
        let is = |kinds: &[&str]| kinds.contains(&self.kind.as_str());
        let style = if is(&[
            "datetime",
            "datetime2",
            "smalldatetime",
            "date",
            "datetimeoffset",
        ]) {
            ", 126)"
        } else if is(&["varbinary", "binary"]) {
            ", 2)"
        } else {
            ")"
        };
        self.of_row(statement.text("CONVERT(nvarchar(4000), "))
            .text(style)
    }

    /// Whether texts are stored in it.
    pub(super) fn is_text(&self) -> bool {
        [
            "nvarchar", "varchar", "nchar", "char", "ntext", "text", "xml",
        ]
        .contains(&self.kind.as_str())
    }
}

/// A column that is read as text, or NULL in its place, under an alias.
pub(super) fn pick(
    statement: Statement,
    column: Option<&CatalogColumn>,
    alias: &'static str,
) -> Statement {
    let statement = match column {
        Some(column) => column.as_text(statement),
        None => statement.text("NULL"),
    };
    statement.text(" AS ").text(alias)
}

/// Looks, and takes what the server refuses for something that is lacking.
pub(super) async fn look(
    connection: &mut Connection<'_>,
    what: &Relation<'_>,
    statement: Statement,
) -> Result<Answer, Trouble> {
    match connection.look(statement.batch()).await {
        Ok(answer) => Ok(answer),
        Err(error) if error.sql_messages().is_empty() => Err(error.into()),
        Err(error) => Err(Lack {
            what: format!("{}.{}", what.schema, what.name),
            why: error.detail().to_owned(),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(columns: &[&str]) -> Catalog {
        let columns = columns.iter().map(|name| CatalogColumn {
            schema: "dbo".to_owned(),
            relation: "T".to_owned(),
            name: (*name).to_owned(),
            kind: "nvarchar".to_owned(),
            is_of_table: true,
            is_computed: false,
        });
        Catalog {
            columns: columns.collect(),
        }
    }

    #[test]
    fn a_column_is_found_by_its_name_or_by_what_only_one_is_like() {
        let wanted = Wanted::like(&["Heartbeat"], &["beat"]);
        for (columns, found) in [
            (&["a", "LASTHEARTBEAT"][..], Some("LASTHEARTBEAT")),
            (&["HeartBeat", "LastBeat"][..], Some("HeartBeat")),
            (&["FirstBeat", "LastBeat"][..], None),
            (&["a"][..], None),
        ] {
            let catalog = catalog(columns);
            let relation = catalog.relation("DBO", "t").unwrap();
            let column = relation.column(&wanted);
            assert_eq!(column.ok().map(|column| column.name.as_str()), found);
        }
        assert!(catalog(&["a"]).relation("dbo", "other").is_err());
    }
}
