//! A constant through the database's own Encrypt and Decrypt, and back.

use super::SCHEMA;
use crate::error::{Error, ErrorKind, Result};
use crate::names::DatabaseName;
use crate::orchestrator::catalog::Lack;
use crate::orchestrator::procedures::{Procedures, Signature};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// What is encrypted. It is no secret, and is never anything that was stored.
const CONSTANT: &str = "scorch-recovery: a constant, and no secret";
/// What Encrypt and Decrypt are known with (community).
const KNOWN: &str = "a value and an OUTPUT parameter, both texts or bytes";

/// `Encrypt` and `Decrypt`, as the catalog has them.
#[derive(Debug)]
pub(super) struct RoundTrip<'a> {
    encrypt: Half<'a>,
    decrypt: Half<'a>,
}

/// One of the two.
#[derive(Debug)]
struct Half<'a> {
    signature: &'a Signature,
    is_output_first: bool,
    given: Type,
    output: Type,
}

/// The type that a variable must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Bytes,
    NationalText,
    Text,
}

impl Type {
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "nvarchar" | "nchar" => Some(Self::NationalText),
            "varchar" | "char" => Some(Self::Text),
            "varbinary" | "binary" => Some(Self::Bytes),
            _ => None,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Bytes => "varbinary(8000)",
            Self::NationalText => "nvarchar(4000)",
            Self::Text => "varchar(8000)",
        }
    }
}

impl<'a> Half<'a> {
    fn of(signature: &'a Signature) -> Result<Self, Lack> {
        let [first, second] = &signature.parameters[..] else {
            return Err(signature.unknown(KNOWN));
        };
        let (given, output) = match (first.is_output, second.is_output) {
            (false, true) => (first, second),
            (true, false) => (second, first),
            _ => return Err(signature.unknown(KNOWN)),
        };
        match (Type::of(&given.kind), Type::of(&output.kind)) {
            (Some(given), Some(output)) => Ok(Self {
                signature,
                is_output_first: first.is_output,
                given,
                output,
            }),
            _ => Err(signature.unknown(KNOWN)),
        }
    }

    /// By position: the names of parameters can't be quoted.
    fn call(&self, statement: Statement, given: &'static str, output: &'static str) -> Statement {
        let statement = self.signature.call(statement).text(" ");
        if self.is_output_first {
            statement.text(output).text(" OUTPUT, ").text(given)
        } else {
            statement
                .text(given)
                .text(", ")
                .text(output)
                .text(" OUTPUT")
        }
    }
}

impl<'a> RoundTrip<'a> {
    pub(super) fn of(procedures: &'a Procedures) -> Result<Self, Lack> {
        let encrypt = Half::of(procedures.find(SCHEMA, "Encrypt")?)?;
        let decrypt = Half::of(procedures.find(SCHEMA, "Decrypt")?)?;
        // A text goes in and comes out; what is between is what the other one takes.
        if encrypt.given == Type::Bytes || decrypt.output == Type::Bytes {
            return Err(encrypt.signature.unknown(KNOWN));
        }
        if (encrypt.output == Type::Bytes) != (decrypt.given == Type::Bytes) {
            return Err(decrypt.signature.unknown(KNOWN));
        }
        Ok(Self { encrypt, decrypt })
    }

    /// The rights to call both.
    pub(super) fn rights(&self, database: &DatabaseName) -> Result<Vec<Permission>> {
        let halves = [&self.encrypt, &self.decrypt];
        let rights = halves
            .into_iter()
            .map(|half| half.signature.right(database));
        rights.collect()
    }

    fn declare(&self) -> Statement {
        Statement::new("DECLARE @value ")
            .text(self.encrypt.given.text())
            .text(", @stored ")
            .text(self.encrypt.output.text())
            .text(", @given ")
            .text(self.decrypt.given.text())
            .text(", @plain ")
            .text(self.decrypt.output.text())
            .text("; SET @value = ")
            .literal(CONSTANT)
            .text("; ")
    }

    /// The plaintext stays where it is: only whether it is the constant is told.
    fn judge(&self, statement: Statement) -> Statement {
        let style = match self.encrypt.output {
            Type::Bytes => ", 2)",
            Type::NationalText | Type::Text => ")",
        };
        statement
            .text("; SELECT CONVERT(nvarchar(4000), @stored")
            .text(style)
            .text(
                " AS stored_value, CASE WHEN @plain IS NULL THEN NULL \
                 WHEN CONVERT(varbinary(8000), CONVERT(nvarchar(4000), @plain)) = \
                 CONVERT(varbinary(8000), CONVERT(nvarchar(4000), @value)) THEN 1 ELSE 0 END AS is_same",
            )
    }

    /// Encrypts the constant and decrypts it again; what it was encrypted to.
    pub(super) async fn go(&self, connection: &mut Connection<'_>) -> Result<String> {
        let statement = self.encrypt.call(self.declare(), "@value", "@stored");
        let statement = statement.text("; SET @given = @stored; ");
        let statement = self.decrypt.call(statement, "@given", "@plain");
        let answer = connection.look(self.judge(statement).batch()).await?;
        // A procedure may have given rows of its own.
        let row = answer.row_with("is_same")?;
        let stored = row.text_or_null("stored_value")?;
        let Some(stored) = stored.filter(|stored| !stored.is_empty()) else {
            return Err(mismatch("Encrypt gave nothing"));
        };
        require(
            row.integer_or_null("is_same")?,
            "what Encrypt just encrypted",
        )?;
        Ok(stored.to_owned())
    }

    /// Decrypts what the constant was encrypted to at the backup.
    pub(super) async fn back(&self, connection: &mut Connection<'_>, stored: &str) -> Result<()> {
        let statement = self.declare().text("SET @given = ");
        let statement = match self.decrypt.given {
            Type::Bytes => {
                let bytes = hex::decode(stored).map_err(|_| {
                    Error::invalid("as_at_backup", "its constant is not in hexadecimal")
                })?;
                statement.bytes(&bytes)
            }
            Type::NationalText | Type::Text => statement.literal(stored),
        };
        let statement = self.decrypt.call(statement.text("; "), "@given", "@plain");
        let answer = connection.look(self.judge(statement).batch()).await?;
        let row = answer.row_with("is_same")?;
        require(
            row.integer_or_null("is_same")?,
            "the constant that was encrypted at the backup",
        )
    }
}

/// NULL is failure: it is what DECRYPTBYKEY gives of what it can't decrypt (documented).
fn require(is_same: Option<i64>, what: &str) -> Result<()> {
    match is_same {
        Some(1) => Ok(()),
        Some(_) => Err(mismatch(&format!("Decrypt makes something else of {what}"))),
        None => Err(mismatch(&format!("Decrypt gives NULL for {what}"))),
    }
}

fn mismatch(problem: &str) -> Error {
    Error::new(ErrorKind::KeyMismatch, problem).with_remedy(
        "the keys of the database are not those that its values are encrypted under: restore the service master key that was backed up with it, or look whether its keys were dropped and made anew",
    )
}
