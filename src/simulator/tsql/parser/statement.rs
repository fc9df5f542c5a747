//! Which statement it is.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{ExecuteStatement, Statement, StatementKind};
use crate::simulator::tsql::token::TokenKind;

impl Parser<'_> {
    pub(super) fn batch(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        self.skip_semicolons();
        // A batch may begin with a procedure's name, without EXEC.
        if self.is_name() {
            let line = self.line();
            let kind = StatementKind::Execute(self.execute_procedure(None)?);
            statements.push(Statement { line, kind });
        }
        loop {
            self.skip_semicolons();
            if self.is_end() {
                return Ok(statements);
            }
            statements.push(self.statement()?);
        }
    }

    pub(super) fn skip_semicolons(&mut self) {
        while self.take_symbol(";") {}
    }

    pub(super) fn statement(&mut self) -> Result<Statement> {
        let line = self.line();
        let kind = self.nested(Self::statement_kind)?;
        self.take_symbol(";");
        Ok(Statement { line, kind })
    }

    fn statement_kind(&mut self) -> Result<StatementKind> {
        if self.is_symbol("(") {
            return self.query().map(StatementKind::Query);
        }
        let TokenKind::Word(word) = &self.peek().kind else {
            return Err(self.unexpected());
        };
        match word.to_ascii_uppercase().as_str() {
            "SELECT" => self.query().map(StatementKind::Query),
            "WITH" => self.with(),
            "INSERT" => self.insert().map(StatementKind::Change),
            "UPDATE" => self.update().map(StatementKind::Change),
            "DELETE" => self.delete().map(StatementKind::Change),
            "TRUNCATE" => self.truncate().map(StatementKind::Table),
            "EXEC" | "EXECUTE" => self.execute(),
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop_statement(),
            "BACKUP" => self.backup(),
            "RESTORE" => self.restore(),
            "OPEN" => self.open_key().map(StatementKind::Key),
            "CLOSE" => self.close_key().map(StatementKind::Key),
            "GRANT" | "DENY" | "REVOKE" => self.permission().map(StatementKind::Security),
            "DBCC" => self.dbcc().map(StatementKind::Check),
            "REVERT" => {
                self.next();
                Ok(StatementKind::Security(
                    crate::simulator::tsql::ast::SecurityStatement::Revert,
                ))
            }
            "MERGE" | "DEALLOCATE" | "FETCH" | "GOTO" | "BULK" | "SHUTDOWN" => {
                let word = word.to_ascii_uppercase();
                Err(self.unsupported(word))
            }
            _ => self.flow().map(StatementKind::Flow),
        }
    }

    /// WITH in front of SELECT; in front of a change it is refused.
    fn with(&mut self) -> Result<StatementKind> {
        self.next();
        let named = self.list(Self::named_query)?;
        if self.is_word("SELECT") || self.is_symbol("(") {
            return self.query_after_with(named).map(StatementKind::Query);
        }
        if ["INSERT", "UPDATE", "DELETE", "MERGE"]
            .iter()
            .any(|word| self.is_word(word))
        {
            return Err(self.unsupported("WITH in front of a change"));
        }
        Err(self.unexpected())
    }

    fn execute(&mut self) -> Result<StatementKind> {
        self.next();
        if self.take_word("AS") {
            return self.impersonate().map(StatementKind::Security);
        }
        self.execute_call().map(StatementKind::Execute)
    }

    /// What stands behind EXEC.
    pub(super) fn execute_call(&mut self) -> Result<ExecuteStatement> {
        if self.take_symbol("(") {
            let text = self.scalar()?;
            self.expect_symbol(")")?;
            if self.is_word("AT") {
                return Err(self.unsupported("EXECUTE … AT a linked server"));
            }
            return Ok(ExecuteStatement::Text(text));
        }
        let status = if self.is_variable() && self.peek_at(1).is_symbol("=") {
            let variable = self.variable()?;
            self.next();
            Some(variable)
        } else {
            None
        };
        if self.is_variable() {
            return Err(self.unsupported("procedures named by a variable"));
        }
        self.execute_procedure(status)
    }

    fn create(&mut self) -> Result<StatementKind> {
        self.next();
        if self.is_word("OR") && self.is_word_at(1, "ALTER") {
            self.at += 2;
            return self
                .create_procedure(crate::simulator::tsql::ast::DefinitionKind::CreateOrAlter);
        }
        let TokenKind::Word(word) = &self.peek().kind else {
            return Err(self.unexpected());
        };
        match word.to_ascii_uppercase().as_str() {
            "TABLE" | "INDEX" | "UNIQUE" | "CLUSTERED" | "NONCLUSTERED" | "SCHEMA" => {
                self.create_table_object().map(StatementKind::Table)
            }
            "DATABASE" if self.is_encryption_key() => {
                self.create_encryption_key().map(StatementKind::Key)
            }
            "DATABASE" => self.create_database().map(StatementKind::Database),
            "MASTER" | "SYMMETRIC" | "ASYMMETRIC" | "CERTIFICATE" | "CREDENTIAL" => {
                self.create_key().map(StatementKind::Key)
            }
            "LOGIN" | "USER" | "ROLE" => self.create_principal().map(StatementKind::Security),
            "PROC" | "PROCEDURE" => {
                self.create_procedure(crate::simulator::tsql::ast::DefinitionKind::Create)
            }
            "TRIGGER" => self.create_trigger().map(StatementKind::Procedure),
            "QUEUE" => self.queue(true).map(StatementKind::Table),
            word @ ("VIEW" | "FUNCTION" | "TYPE" | "SEQUENCE" | "SYNONYM" | "SERVICE"
            | "ENDPOINT" | "STATISTICS" | "SERVER" | "AVAILABILITY" | "ASSEMBLY"
            | "MESSAGE" | "CONTRACT" | "ROUTE" | "XML" | "EVENT" | "FULLTEXT"
            | "APPLICATION") => {
                let word = word.to_owned();
                Err(self.unsupported(format_args!("CREATE {word}")))
            }
            _ => {
                self.next();
                Err(self.unknown_object(-1))
            }
        }
    }

    fn alter(&mut self) -> Result<StatementKind> {
        self.next();
        let TokenKind::Word(word) = &self.peek().kind else {
            return Err(self.unexpected());
        };
        match word.to_ascii_uppercase().as_str() {
            "TABLE" => self.alter_table().map(StatementKind::Table),
            "DATABASE" if self.is_encryption_key() => {
                self.alter_encryption_key().map(StatementKind::Key)
            }
            "DATABASE" => self.alter_database().map(StatementKind::Database),
            "AUTHORIZATION" => self.alter_authorization().map(StatementKind::Database),
            "MASTER" | "SERVICE" | "CREDENTIAL" | "CERTIFICATE" | "SYMMETRIC" | "ASYMMETRIC" => {
                self.alter_key().map(StatementKind::Key)
            }
            "LOGIN" | "USER" | "ROLE" | "SERVER" => {
                self.alter_principal().map(StatementKind::Security)
            }
            "PROC" | "PROCEDURE" => {
                self.create_procedure(crate::simulator::tsql::ast::DefinitionKind::Alter)
            }
            "QUEUE" => self.queue(false).map(StatementKind::Table),
            word @ ("VIEW" | "FUNCTION" | "TRIGGER" | "INDEX" | "SCHEMA" | "ENDPOINT"
            | "AVAILABILITY" | "ASSEMBLY") => {
                let word = word.to_owned();
                Err(self.unsupported(format_args!("ALTER {word}")))
            }
            _ => {
                self.next();
                Err(self.unknown_object(-1))
            }
        }
    }

    fn drop_statement(&mut self) -> Result<StatementKind> {
        self.next();
        let TokenKind::Word(word) = &self.peek().kind else {
            return Err(self.unexpected());
        };
        match word.to_ascii_uppercase().as_str() {
            "TABLE" | "SCHEMA" => self.drop_table_object().map(StatementKind::Table),
            "DATABASE" if self.is_encryption_key() => {
                Ok(StatementKind::Key(self.drop_encryption_key()))
            }
            "DATABASE" => self.drop_database().map(StatementKind::Database),
            "MASTER" | "SYMMETRIC" | "ASYMMETRIC" | "CERTIFICATE" | "CREDENTIAL" => {
                self.drop_key().map(StatementKind::Key)
            }
            "LOGIN" | "USER" | "ROLE" => self.drop_principal().map(StatementKind::Security),
            "PROC" | "PROCEDURE" => self.drop_procedure().map(StatementKind::Procedure),
            "TRIGGER" => self.drop_trigger().map(StatementKind::Procedure),
            word @ ("VIEW" | "FUNCTION" | "INDEX" | "TYPE" | "SYNONYM" | "QUEUE") => {
                let word = word.to_owned();
                Err(self.unsupported(format_args!("DROP {word}")))
            }
            _ => {
                self.next();
                Err(self.unknown_object(-1))
            }
        }
    }

    /// 343: CREATE, ALTER or DROP of nothing that exists.
    fn unknown_object(&self, back: isize) -> crate::simulator::server_error::ServerError {
        let at = self.at.saturating_add_signed(back);
        let shown = self.tokens[at.min(self.tokens.len() - 1)].shown();
        self.error(
            343,
            format!("Unknown object type '{shown}' used in a CREATE, DROP, or ALTER statement."),
        )
    }
}
