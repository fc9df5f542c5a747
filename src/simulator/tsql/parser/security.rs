//! Logins, users, roles and permissions.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    LoginChange, LoginSource, NewLogin, PermissionAction, PermissionTarget, SecurityStatement,
};
use crate::simulator::tsql::token::TokenKind;

impl Parser<'_> {
    /// Behind CREATE.
    pub(super) fn create_principal(&mut self) -> Result<SecurityStatement> {
        if self.take_word("LOGIN") {
            return self.create_login();
        }
        if self.take_word("ROLE") {
            let name = self.name()?;
            if self.take_word("AUTHORIZATION") {
                self.name()?;
            }
            return Ok(SecurityStatement::CreateRole(name));
        }
        self.next();
        let name = self.name()?;
        let mut login = Some(name.clone());
        if self.take_words(&["WITHOUT", "LOGIN"]) {
            login = None;
        } else if self.take_word("FOR") || self.take_word("FROM") {
            if !self.take_word("LOGIN") {
                return Err(self.unsupported("users of a certificate or an external provider"));
            }
            login = Some(self.name()?);
        }
        let mut default_schema = None;
        if self.take_word("WITH") {
            self.expect_word("DEFAULT_SCHEMA")?;
            self.expect_symbol("=")?;
            default_schema = Some(self.name()?);
        }
        Ok(SecurityStatement::CreateUser {
            name,
            login,
            default_schema,
        })
    }

    fn create_login(&mut self) -> Result<SecurityStatement> {
        let name = self.name()?;
        let source = if self.take_word("FROM") {
            if !self.take_word("WINDOWS") {
                return Err(self.unsupported("logins of a certificate or a key"));
            }
            LoginSource::Windows
        } else {
            self.expect_words(&["WITH", "PASSWORD"])?;
            self.expect_symbol("=")?;
            self.login_password()?
        };
        let mut login = NewLogin {
            name,
            source,
            default_database: None,
            default_language: None,
            sid: None,
            checks_policy: true,
            checks_expiration: false,
        };
        let is_windows = login.source == LoginSource::Windows;
        let goes_on = if is_windows {
            self.take_word("WITH")
        } else {
            self.take_symbol(",")
        };
        if goes_on {
            self.login_option(&mut login, is_windows)?;
            while self.take_symbol(",") {
                self.login_option(&mut login, is_windows)?;
            }
        }
        Ok(SecurityStatement::CreateLogin(Box::new(login)))
    }

    /// Behind PASSWORD =.
    fn login_password(&mut self) -> Result<LoginSource> {
        if matches!(self.peek().kind, TokenKind::Hex(_)) {
            let hash = self.bytes()?;
            self.expect_word("HASHED")?;
            return Ok(LoginSource::Hash(hash));
        }
        let password = self.text()?;
        if self.is_word("HASHED") {
            return Err(self.unsupported("hashed passwords that are no binary value"));
        }
        let _ = self.take_word("MUST_CHANGE");
        Ok(LoginSource::Password(password))
    }

    fn login_option(&mut self, login: &mut NewLogin, is_windows: bool) -> Result<()> {
        let TokenKind::Word(option) = self.peek().kind.clone() else {
            return Err(self.unexpected());
        };
        let option = option.to_ascii_uppercase();
        let is_known = match option.as_str() {
            "DEFAULT_DATABASE" | "DEFAULT_LANGUAGE" => true,
            "CHECK_EXPIRATION" | "CHECK_POLICY" | "SID" => !is_windows,
            _ => false,
        };
        if !is_known {
            return Err(self.unexpected());
        }
        self.next();
        self.expect_symbol("=")?;
        match option.as_str() {
            "DEFAULT_DATABASE" => login.default_database = Some(self.name()?),
            "DEFAULT_LANGUAGE" => login.default_language = Some(self.name()?),
            "CHECK_EXPIRATION" => login.checks_expiration = self.on_or_off()?,
            "CHECK_POLICY" => login.checks_policy = self.on_or_off()?,
            _ => login.sid = Some(self.bytes()?),
        }
        Ok(())
    }

    fn on_or_off(&mut self) -> Result<bool> {
        if self.take_word("ON") {
            return Ok(true);
        }
        self.expect_word("OFF")?;
        Ok(false)
    }

    fn bytes(&mut self) -> Result<Vec<u8>> {
        match self.peek().kind.clone() {
            TokenKind::Hex(bytes) => {
                self.next();
                Ok(bytes)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Behind ALTER.
    pub(super) fn alter_principal(&mut self) -> Result<SecurityStatement> {
        if self.take_word("LOGIN") {
            return self.alter_login();
        }
        if self.take_word("USER") {
            let name = self.name()?;
            self.expect_word("WITH")?;
            if !self.take_word("LOGIN") {
                return Err(self.unsupported("ALTER USER other than WITH LOGIN"));
            }
            self.expect_symbol("=")?;
            let login = self.name()?;
            return Ok(SecurityStatement::MapUser { name, login });
        }
        let is_server_role = self.take_word("SERVER");
        if !self.take_word("ROLE") {
            return Err(self.unsupported("ALTER SERVER other than ALTER SERVER ROLE"));
        }
        let role = self.name()?;
        let is_added = self.take_word("ADD");
        if !is_added && !self.take_word("DROP") {
            return Err(self.unsupported("ALTER ROLE other than of its members"));
        }
        self.expect_word("MEMBER")?;
        let member = self.name()?;
        Ok(SecurityStatement::ChangeMembership {
            is_server_role,
            role,
            member,
            is_added,
        })
    }

    fn alter_login(&mut self) -> Result<SecurityStatement> {
        let name = self.name()?;
        let change = if self.take_word("ENABLE") {
            LoginChange::Enable
        } else if self.take_word("DISABLE") {
            LoginChange::Disable
        } else {
            self.expect_word("WITH")?;
            if self.take_word("PASSWORD") {
                self.expect_symbol("=")?;
                let password = self.text()?;
                if self.take_word("OLD_PASSWORD") {
                    self.expect_symbol("=")?;
                    self.text()?;
                }
                let _ = self.take_word("UNLOCK");
                LoginChange::Password(password)
            } else if self.take_word("DEFAULT_DATABASE") {
                self.expect_symbol("=")?;
                LoginChange::DefaultDatabase(self.name()?)
            } else if self.take_word("NAME") {
                self.expect_symbol("=")?;
                LoginChange::Name(self.name()?)
            } else {
                return Err(self.unsupported("this option of ALTER LOGIN"));
            }
        };
        Ok(SecurityStatement::AlterLogin { name, change })
    }

    /// Behind DROP.
    pub(super) fn drop_principal(&mut self) -> Result<SecurityStatement> {
        if self.take_word("LOGIN") {
            return self.name().map(SecurityStatement::DropLogin);
        }
        if self.take_word("ROLE") {
            return self.name().map(SecurityStatement::DropRole);
        }
        self.next();
        let if_exists = self.if_exists();
        let name = self.name()?;
        Ok(SecurityStatement::DropUser { name, if_exists })
    }

    /// GRANT, DENY, REVOKE.
    pub(super) fn permission(&mut self) -> Result<SecurityStatement> {
        let action = match self.next().shown().to_ascii_uppercase().as_str() {
            "GRANT" => PermissionAction::Grant,
            "DENY" => PermissionAction::Deny,
            _ => PermissionAction::Revoke,
        };
        let only_option = self.take_words(&["GRANT", "OPTION", "FOR"]);
        let permissions = self.list(Self::permission_name)?;
        let target = if self.take_word("ON") {
            self.permission_target()?
        } else {
            PermissionTarget::Implied
        };
        if !(action == PermissionAction::Revoke && self.take_word("FROM")) {
            self.expect_word("TO")?;
        }
        let principals = self.list(Self::name)?;
        let with_grant = action == PermissionAction::Grant && self.take_word("WITH");
        if with_grant {
            self.expect_words(&["GRANT", "OPTION"])?;
        }
        let _ = self.take_word("CASCADE");
        Ok(SecurityStatement::Permission {
            action,
            permissions,
            target,
            principals,
            with_grant: with_grant || only_option,
        })
    }

    /// Words up to ON, TO, FROM or a comma.
    fn permission_name(&mut self) -> Result<String> {
        let mut words = Vec::new();
        while let TokenKind::Word(word) = &self.peek().kind {
            if ["ON", "TO", "FROM"]
                .iter()
                .any(|stop| word.eq_ignore_ascii_case(stop))
            {
                break;
            }
            words.push(word.to_ascii_uppercase());
            self.next();
        }
        if self.is_symbol("(") {
            return Err(self.unsupported("permissions on columns"));
        }
        if words.is_empty() {
            Err(self.unexpected())
        } else {
            Ok(words.join(" "))
        }
    }

    fn permission_target(&mut self) -> Result<PermissionTarget> {
        let mut class = String::new();
        let class_words = (0..4)
            .find(|ahead| self.peek_at(*ahead).is_symbol("::"))
            .unwrap_or_default();
        for _ in 0..class_words {
            if !class.is_empty() {
                class.push(' ');
            }
            class.push_str(&self.next().shown().to_ascii_uppercase());
        }
        if class_words > 0 {
            self.expect_symbol("::")?;
        }
        Ok(match class.as_str() {
            "" | "OBJECT" => PermissionTarget::Object(self.object_name()?),
            "DATABASE" => PermissionTarget::Database(self.name()?),
            "SERVER" => {
                self.name()?;
                PermissionTarget::Server
            }
            "SCHEMA" => PermissionTarget::Schema(self.name()?),
            _ => PermissionTarget::Other {
                class,
                name: self.name()?,
            },
        })
    }

    /// Behind EXECUTE AS.
    pub(super) fn impersonate(&mut self) -> Result<SecurityStatement> {
        let is_login = self.take_word("LOGIN");
        if !is_login && !self.take_word("USER") {
            return Err(self.unsupported("EXECUTE AS other than LOGIN and USER"));
        }
        self.expect_symbol("=")?;
        let name = self.text()?;
        let is_for_good = self.take_words(&["WITH", "NO", "REVERT"]);
        if self.is_word("WITH") {
            return Err(self.unsupported("EXECUTE AS with COOKIE"));
        }
        Ok(SecurityStatement::Impersonate {
            is_login,
            name,
            is_for_good,
        })
    }
}
