//! Calls of built-in functions: how many arguments, of which types, and the result as declared.

use super::functions::{self, Call, Function, Returns};
use super::{Context, Scopes};
use crate::simulator::engine::value::{Conversion, common_type, convert, is_text, kind_of};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{Expression, ObjectName};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// Functions of SQL Server that are known not to be here.
const UNSUPPORTED: &[&str] = &[
    "ENCRYPTBYPASSPHRASE",
    "DECRYPTBYPASSPHRASE",
    "FORMAT",
    "JSON_VALUE",
    "OPENJSON",
    "RANK",
    "DENSE_RANK",
    "NTILE",
    "LAG",
    "LEAD",
    "SIGNBYCERT",
    "PWDCOMPARE",
    "PWDENCRYPT",
    "STDEV",
    "VAR",
    "CHECKSUM",
    "BINARY_CHECKSUM",
];

impl Context<'_> {
    fn function(&self, name: &ObjectName, arguments: usize) -> Result<&'static Function> {
        let shown = name.name();
        // `sys.fn_…` is the only built-in that has a schema.
        let is_built_in = name.parts.len() == 1
            || name.parts.len() == 2
                && name.schema().is_some_and(|s| s.eq_ignore_ascii_case("sys"));
        let database = name.database().unwrap_or(&self.session.database);
        let own = name
            .schema()
            .and_then(|schema| functions::find_own(database, schema, shown));
        if !is_built_in && own.is_none() {
            return Err(ServerError::new(
                4121,
                16,
                1,
                format!(
                    "Cannot find either column \"{}\" or the user-defined function or aggregate \
                     \"{name}\", or the name is ambiguous.",
                    name.parts.first().map_or("", String::as_str)
                ),
            ));
        }
        let Some(function) = own.or_else(|| functions::find(shown)) else {
            if UNSUPPORTED
                .iter()
                .any(|known| known.eq_ignore_ascii_case(shown))
            {
                return Err(ServerError::unsupported(format_args!(
                    "the function {shown}"
                )));
            }
            return Err(ServerError::new(
                195,
                15,
                10,
                format!("'{shown}' is not a recognized built-in function name."),
            ));
        };
        if (function.least..=function.most).contains(&arguments) {
            return Ok(function);
        }
        let lower = function.name.to_lowercase();
        Err(if function.least == function.most {
            ServerError::new(
                174,
                15,
                1,
                format!(
                    "The {lower} function requires {} argument(s).",
                    function.least
                ),
            )
        } else {
            ServerError::new(
                189,
                15,
                1,
                format!(
                    "The {lower} function requires {} to {} arguments.",
                    function.least, function.most
                ),
            )
        })
    }

    pub(super) fn call(
        &self,
        name: &ObjectName,
        arguments: &[Expression],
        scope: Scopes<'_>,
    ) -> Result<SqlValue> {
        let function = self.function(name, arguments.len())?;
        let takes_word = takes_date_part(function.name);
        let mut values = Vec::with_capacity(arguments.len());
        let mut kinds = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.iter().enumerate() {
            if at == 0 && takes_word {
                values.push(SqlValue::Bit(true));
                kinds.push(WireType::Bit);
                continue;
            }
            let argument = match argument {
                Expression::BinaryCollation(inner) if function.name == "CHARINDEX" => inner,
                other => other,
            };
            let value = self.value(argument, scope)?;
            kinds.push(self.value_type(argument, &value, scope)?);
            values.push(value);
        }
        if function.is_strict && values.iter().any(SqlValue::is_null) {
            return Ok(SqlValue::Null);
        }
        let returns = self.call_type(name, arguments, scope)?;
        let value = (function.run)(&Call {
            context: self,
            arguments: &values,
            kinds: &kinds,
            written: arguments,
        })?;
        convert(&value, &Conversion::new(kind_of(&value), returns))
    }

    pub(super) fn call_type(
        &self,
        name: &ObjectName,
        arguments: &[Expression],
        scope: Scopes<'_>,
    ) -> Result<WireType> {
        let function = self.function(name, arguments.len())?;
        let argument = |at: usize| match arguments.get(at) {
            Some(argument) => self.infer(argument, scope),
            None => Ok(WireType::Int),
        };
        Ok(match function.returns {
            Returns::Type(kind) => kind,
            Returns::Argument(at) => {
                let is_null = arguments.get(at)
                    == Some(&Expression::Literal(
                        crate::simulator::tsql::ast::Literal::Null,
                    ));
                if is_null {
                    argument(at + 1)?
                } else {
                    argument(at)?
                }
            }
            Returns::Common => {
                let kinds = self.infer_common(arguments.iter(), scope)?;
                common_type(kinds, kinds)
            }
            Returns::Position(at) => match argument(at)? {
                WireType::NVarChar(None) | WireType::VarChar(None) | WireType::VarBinary(None) => {
                    WireType::BigInt
                }
                _ => WireType::Int,
            },
            Returns::LongText => match argument(0)? {
                kind @ (WireType::NVarChar(None) | WireType::VarChar(None)) => kind,
                WireType::Variant => WireType::NVarChar(None),
                WireType::NChar(_) | WireType::NVarChar(_) => WireType::NVarChar(Some(4000)),
                _ => WireType::VarChar(Some(8000)),
            },
            Returns::Text => match argument(0)? {
                WireType::NChar(length) => WireType::NVarChar(Some(length)),
                WireType::Char(length) => WireType::VarChar(Some(length)),
                WireType::Binary(length) => WireType::VarBinary(Some(length)),
                kind if is_text(kind) || matches!(kind, WireType::VarBinary(_)) => kind,
                WireType::Variant => WireType::NVarChar(None),
                _ => WireType::VarChar(Some(8000)),
            },
        })
    }
}

/// Whether the first argument is a word such as `day`.
fn takes_date_part(function: &str) -> bool {
    matches!(
        function,
        "DATEADD" | "DATEDIFF" | "DATEDIFF_BIG" | "DATEPART" | "DATENAME"
    )
}
