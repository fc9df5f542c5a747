use serde::{Deserialize, Serialize};

use super::aliases::{ClientAlias, VIEWS};
use super::asked::AskedDatabase;
use super::config::{DataStoreConfig, DataStoreEncryption};
use super::read::DataStoreInfo;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, HostName, SqlInstance};
use crate::sql::connection::Connection;
use crate::transport::{TransportError, TransportErrorKind};

/// The consent to lead the clients of a host that ask for an instance to another one, with the evidence
/// that it was seen what that means there: the instance gave no answer, and which aliases there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct SqlAlias {
    asked: AskedDatabase,
    /// Those for the name.
    aliases: Vec<ClientAlias>,
}

impl SqlAlias {
    /// Consents to leading every client of the host that asks for `instance` elsewhere: the one that its
    /// configuration names with that database.
    ///
    /// # Errors
    /// `InvalidInput` where `info` was not made asking that database, or it answered.
    pub fn redirecting(
        info: &DataStoreInfo,
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> Result<Self> {
        let mut all = info.asked.iter();
        let asked = all.find(|asked| asked.is_about(&info.host, instance, database));
        let Some(asked) = asked else {
            return Err(
                Error::invalid("info", format!("{database} on {instance} was not asked"))
                    .with_remedy("read the configuration with .asking(…) it"),
            );
        };
        if !asked.is_unanswered() {
            return Err(Error::invalid(
                "info",
                format!("{instance} answered: it is not led elsewhere while it lives"),
            ));
        }
        let aliases = info.aliases.iter();
        let is_for = |alias: &&ClientAlias| is_named(alias, instance);
        Ok(Self {
            aliases: aliases.filter(is_for).cloned().collect(),
            asked: asked.clone(),
        })
    }

    /// The name that is led elsewhere.
    #[must_use]
    pub const fn name(&self) -> &SqlInstance {
        &self.asked.instance
    }

    /// The aliases that lead there.
    pub(super) fn wanted(&self, config: &DataStoreConfig) -> [ClientAlias; 2] {
        VIEWS.map(|view| ClientAlias {
            view,
            name: self.name().as_str().to_owned(),
            text: config.alias_text(),
        })
    }

    /// Refuses what an alias can't do, which needs no looking.
    pub(super) fn check(&self, host: &HostName, config: &DataStoreConfig) -> Result<()> {
        let (name, instance) = (self.name(), config.instance());
        if !self.asked.is_about(host, name, config.database()) {
            return Err(Error::invalid(
                "strategy",
                format!(
                    "the alias is for {} of {name} on {}: an alias changes neither host nor database",
                    self.asked.database, self.asked.host
                ),
            ));
        }
        if name.as_str().eq_ignore_ascii_case(instance.as_str()) {
            return Err(Error::invalid(
                "instance",
                format!("{name} would lead to itself"),
            ));
        }
        if config.protection() != DataStoreEncryption::AsInstalled {
            return Err(Error::invalid(
                "encryption",
                "an alias does not change what protects the connection",
            ));
        }
        Ok(())
    }

    /// Refuses while what was seen is not so: the old server answers, or there are other aliases.
    pub(super) async fn require(&self, cx: &Context, now: &[ClientAlias]) -> Result<()> {
        let name = self.name();
        let refused = |problem: String| {
            Err(Error::new(ErrorKind::ConsentRequired, problem).with_remedy(
                "read the configuration again, and make the alias from what is there now",
            ))
        };
        let now: Vec<&ClientAlias> = now.iter().filter(|alias| is_named(alias, name)).collect();
        if !now.iter().copied().eq(&self.aliases) {
            return refused(format!(
                "the aliases for {name} are not those that were seen"
            ));
        }
        let connect = cx.sql().connect(name, None);
        let error = match cx.within(Some(cx.deadlines().connect), connect).await {
            Ok(_) => return refused(format!("{name} answers")),
            Err(error) => error,
        };
        match TransportError::kind(&error) {
            TransportErrorKind::Connect | TransportErrorKind::Timeout => Ok(()),
            TransportErrorKind::Authenticate => refused(format!("{name} answers: {error}")),
            _ => refused(format!("it can't be seen whether {name} answers: {error}")),
        }
    }

    /// Signs in to where it leads, from here.
    pub(super) async fn try_login(&self, cx: &Context, config: &DataStoreConfig) -> Result<()> {
        let database = Some(config.database());
        let opened = Connection::open(cx, config.instance(), database).await;
        opened.map(drop)
    }

    /// What no port of ours can try.
    pub(super) fn untested(&self, config: &DataStoreConfig) -> Vec<String> {
        let (name, instance) = (self.name(), config.instance());
        vec![
            format!("a login to {instance} was tried from here, not from {} and not by a program of 32 and one of 64 bits", self.asked.host),
            format!("the certificate of {instance} was not tried against the name {name}, which clients that check it ask for (2025)"),
            format!("Kerberos was not tried: the service principal name for {name} has to be the account's of {instance}"),
            "whether each component of Orchestrator goes by the alias is unconfirmed; clients of .NET do since Microsoft.Data.SqlClient 5.0 (community)".to_owned(),
            "who signs in, and whether it is encrypted, is as Settings.dat says, which was not written".to_owned(),
        ]
    }
}

fn is_named(alias: &ClientAlias, instance: &SqlInstance) -> bool {
    alias.name.eq_ignore_ascii_case(instance.as_str())
}
