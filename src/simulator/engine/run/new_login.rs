//! CREATE LOGIN.

use super::Runner;
use super::login::{free_id, no_permission, no_randomness};
use crate::simulator::catalog::{Bytes, Login, LoginOptions, PrincipalKind};
use crate::simulator::engine::Caller;
use crate::simulator::engine::keys::check_password;
use crate::simulator::engine::views::Language;
use crate::simulator::instance::{Instance, State, random_sid, unknown_database};
use crate::simulator::keys::PasswordHash;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{LoginSource, NewLogin};

/// Who vouches for a login, and by what.
struct Identity {
    name: String,
    kind: PrincipalKind,
    sid: Bytes,
    password_hash: Bytes,
}

/// Of class 16. The state was seen of few of them.
fn error(instance: &Instance, number: i32, text: impl Into<String>) -> ServerError {
    let state = match number {
        15025 | 15419 => 1,
        _ => instance.choices.unseen_state,
    };
    ServerError::new(number, 16, state, text)
}

impl Runner<'_> {
    pub(super) fn create_login(&self, login: &NewLogin) -> Result<()> {
        let instance = &*self.session.instance;
        if login.checks_expiration && !login.checks_policy {
            return Err(error(
                instance,
                15122,
                "The CHECK_EXPIRATION option cannot be used when CHECK_POLICY is OFF.",
            ));
        }
        // Slow by design, so not under the lock.
        let identity = self.identity(login)?;
        let mut state = instance.state();
        if !Caller::new(&state, self.session).has_server("ALTER ANY LOGIN") {
            return Err(no_permission());
        }
        if state.login(&identity.name).is_some() {
            return Err(error(
                instance,
                15025,
                format!("The server principal '{}' already exists.", identity.name),
            ));
        }
        let default_database = default_database(&state, login.default_database.as_deref())?;
        let default_language = match &login.default_language {
            Some(language) => Language::named(language)
                .ok_or_else(|| {
                    error(
                        instance,
                        15033,
                        format!("'{language}' is not a valid official language name."),
                    )
                })?
                .name()
                .to_owned(),
            None => LoginOptions::default().default_language,
        };
        let taken = state.catalog.logins.iter();
        if taken.into_iter().any(|known| known.sid == identity.sid) {
            return Err(error(instance, 15433, "Supplied parameter sid is in use."));
        }
        let created = Login {
            id: free_id(&state.catalog.logins),
            name: identity.name,
            sid: identity.sid,
            password_hash: identity.password_hash,
            created: crate::simulator::instance::now(),
            is_disabled: false,
            default_database,
            roles: std::collections::BTreeSet::new(),
            permissions: std::collections::BTreeSet::new(),
            denied: std::collections::BTreeSet::new(),
            options: LoginOptions {
                kind: identity.kind,
                default_language,
                checks_policy: login.checks_policy,
                checks_expiration: login.checks_expiration,
            },
        };
        Ok(instance.edit(&mut state, |edit| {
            edit.catalog().logins.push(created);
            Ok(())
        })?)
    }

    fn identity(&self, login: &NewLogin) -> Result<Identity> {
        let instance = &*self.session.instance;
        let password_hash = match &login.source {
            LoginSource::Password(password) => {
                if login.checks_policy {
                    check_password(&self.session.instance, password)?;
                }
                PasswordHash::of(instance.derivation, password).map_err(|_| no_randomness())?
            }
            // No policy can be checked of a hash.
            LoginSource::Hash(hash) => PasswordHash::from_shown(hash).ok_or_else(|| {
                error(
                    instance,
                    15021,
                    "Invalid value given for parameter PASSWORD. Specify a valid parameter value.",
                )
            })?,
            LoginSource::Windows => return self.windows_identity(&login.name),
        };
        let sid = match &login.sid {
            Some(sid) if sid.len() != 16 => {
                return Err(error(
                    instance,
                    15419,
                    "Supplied parameter sid should be binary(16).",
                ));
            }
            Some(sid) => Bytes(sid.clone()),
            None => random_sid().map_err(|_| no_randomness())?,
        };
        Ok(Identity {
            name: login.name.clone(),
            kind: PrincipalKind::Sql,
            sid,
            password_hash,
        })
    }

    /// An account that this machine can look up.
    fn windows_identity(&self, name: &str) -> Result<Identity> {
        let instance = &*self.session.instance;
        if !name.contains('\\') {
            return Err(error(
                instance,
                15407,
                format!(
                    "'{name}' is not a valid Windows NT name. Give the complete name: \
                     <domain\\username>."
                ),
            ));
        }
        let account = instance.windows_accounts.named(name);
        let account = account.ok_or_else(|| {
            error(
                instance,
                15401,
                format!("Windows NT user or group '{name}' not found. Check the name again."),
            )
        })?;
        Ok(Identity {
            name: account.name.clone(),
            kind: account.kind,
            sid: account.sid.clone(),
            password_hash: Bytes::default(),
        })
    }
}

fn default_database(state: &State, named: Option<&str>) -> Result<String> {
    let Some(database) = named else {
        return Ok("master".to_owned());
    };
    let entry = state.entry(database);
    Ok(entry
        .ok_or_else(|| unknown_database(database))?
        .name
        .clone())
}
