use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::consent::ServerPowers;
use super::decision::{Decision, LoginFinding, LoginNote, LoginOutcome};
use super::login::{CapturedLogin, LoginKind};
use super::making;
use super::password_hashes::PasswordHashes;
use super::statements::{self, Gift};
use super::there::There;
use super::value::Principals;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{LoginName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::permission::{Permission, Securable};
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;

const NAME: &str = "restore logins";

/// The server roles that every server has.
const FIXED_ROLES: [&str; 8] = [
    "bulkadmin",
    "dbcreator",
    "diskadmin",
    "processadmin",
    "securityadmin",
    "serveradmin",
    "setupadmin",
    "sysadmin",
];

/// Makes captured logins again, with the SIDs and passwords they had, so that the users of a restored
/// database find them.
///
/// # Contract
/// * Only what is missing is made. A login that is there with its name and its SID is left as it is;
///   one with the name or the SID alone is told and never touched.
/// * `sysadmin`, `securityadmin`, CONTROL SERVER and what else gives the server away is not granted
///   unless [`granting_powers`](Self::granting_powers) named it; what was held back is told.
/// * A login that is disabled, or denied something, is never there without that, not for a moment.
/// * Accounts of a machine, of BUILTIN or of its services are not made on another machine; Windows
///   logins only where Windows has that name here with that SID.
/// * Each login is looked at after it was made, in the same batch.
///
/// # Errors
/// `InvalidInput` (hashes that are none), `ConsentRequired` (powers that were not captured),
/// `PermissionDenied`: nothing was changed. `Partial` when some were made and one was not, or not all
/// of one. `Unknown` when the answer was lost: `observe` tells.
///
/// # Hazards
/// [`GrantsServerPowers`](Hazard::GrantsServerPowers) where consented to.
///
/// # Cancel safety
/// Dropping the future may leave some made and others not. Running it again makes the rest; rights that
/// a login then lacks it tells, and gives with [`completing`](Self::completing).
///
/// # T-SQL
/// `CREATE LOGIN … WITH PASSWORD = 0x… HASHED, SID = 0x…`, `CREATE LOGIN … FROM WINDOWS`,
/// `ALTER LOGIN … DISABLE`, `ALTER SERVER ROLE … ADD MEMBER`, `GRANT`, `DENY`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestorePrincipals {
    instance: SqlInstance,
    principals: Principals,
    password_hashes: Option<SecretRef>,
    powers: ServerPowers,
    completing: Vec<LoginName>,
}

/// What became of the logins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredPrincipals {
    /// The instance, by its identity.
    pub server: String,
    /// One by one, as they were captured.
    pub logins: Vec<RestoredLogin>,
}

/// What became of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredLogin {
    /// Its name.
    pub login: LoginName,
    /// What became of it.
    pub outcome: LoginOutcome,
    /// What of it did not come along.
    pub notes: Vec<LoginNote>,
}

impl RestoredPrincipals {
    /// Those that were made.
    pub fn created(&self) -> impl Iterator<Item = &LoginName> {
        let made = self.logins.iter();
        let made = made.filter(|login| login.outcome == LoginOutcome::Created);
        made.map(|login| &login.login)
    }

    /// Those that were not, and why.
    pub fn left(&self) -> impl Iterator<Item = (&LoginName, &LoginFinding)> {
        self.logins.iter().filter_map(|login| match &login.outcome {
            LoginOutcome::Left { finding } => Some((&login.login, finding)),
            LoginOutcome::Created | LoginOutcome::Existing => None,
        })
    }
}

impl RestorePrincipals {
    pub(super) fn new(instance: SqlInstance, principals: Principals) -> Self {
        Self {
            instance,
            principals,
            password_hashes: None,
            powers: ServerPowers::default(),
            completing: Vec::new(),
        }
    }

    /// The secret that [`Principals::password_hashes`] gave. Required where a SQL login is to be made.
    pub fn password_hashes(mut self, secret: SecretRef) -> Self {
        self.password_hashes = Some(secret);
        self
    }

    /// Consents to giving these logins the server, or a way to it: what
    /// [`Principals::powers`] showed, or [some of it](ServerPowers::only_of).
    pub fn granting_powers(mut self, powers: &ServerPowers) -> Self {
        self.powers = powers.clone();
        self
    }

    /// Consents to giving these logins what they lack though they were there, as after a run that was
    /// cut short.
    pub fn completing(mut self, logins: &[LoginName]) -> Self {
        self.completing = logins.to_vec();
        self
    }

    fn target(&self) -> String {
        format!(
            "logins of the database {} on {}",
            self.principals.database, self.instance
        )
    }

    fn decide(&self, there: &There) -> Vec<(&CapturedLogin, Decision, Vec<LoginNote>)> {
        let logins = self.principals.logins.iter();
        let decided = logins.map(|login| {
            let machine = &self.principals.machine;
            let (decision, notes) = there.decide(login, machine, &self.powers);
            (login, decision, notes)
        });
        decided.collect()
    }

    /// What all of it takes, were all of it missing.
    fn permissions(&self) -> Vec<Permission> {
        let mut roles = BTreeSet::new();
        let mut gives_rights = false;
        for login in self.principals.restorable() {
            let gift = Gift::of(login, &self.powers);
            gives_rights |= !gift.permissions.is_empty();
            roles.extend(gift.roles);
        }
        // The first implies the second (documented).
        let mut permissions = vec![Permission::server(if gives_rights {
            "CONTROL SERVER"
        } else {
            "ALTER ANY LOGIN"
        })];
        permissions.extend(roles.into_iter().map(|role| {
            // Members of a fixed role add members to it; of others that is a right of its own
            // (documented).
            let fixed = FIXED_ROLES.iter().find(|fixed| **fixed == role);
            fixed.map_or_else(
                || Permission::server("ALTER ANY SERVER ROLE"),
                |fixed| Permission::new(fixed, Securable::ServerRole),
            )
        }));
        permissions.sort();
        permissions.dedup();
        permissions
    }

    fn check(&self) -> Result<()> {
        let captured = self.principals.powers();
        let unknown = self
            .powers
            .powers
            .iter()
            .find(|power| !captured.powers.contains(power));
        if let Some(power) = unknown {
            let problem = format!("granting_powers: it was not captured of {power}");
            return Err(Error::new(ErrorKind::ConsentRequired, problem)
                .with_remedy("look at Principals::powers again, and decide anew"));
        }
        for login in self.principals.restorable() {
            login.sid_bytes()?;
        }
        let known = |name: &LoginName| self.principals.logins.iter().any(|of| of.name == *name);
        match self.completing.iter().find(|name| !known(name)) {
            Some(name) => Err(Error::invalid(
                "completing",
                format!("the login {name} was not captured"),
            )),
            None => Ok(()),
        }
    }

    async fn restore(&self, cx: &Context) -> Result<RestoredPrincipals> {
        self.check()?;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &self.permissions()).await?;
        connection.identity().refuse_listener(&self.instance)?;
        let there = There::read(&mut connection, &self.principals).await?;
        let decided = self.decide(&there);
        let hashes = self.fetch(cx, &decided).await?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "make the logins that are missing",
        });
        let mut effect = Effect::None;
        let mut logins = Vec::new();
        for (login, decision, mut notes) in decided {
            let so_far = |error: Error| match (error.effect(), effect) {
                (Effect::None, Effect::Partial) => error.with_effect(Effect::Partial),
                _ => error,
            };
            let outcome = match decision {
                Decision::Left(finding) => LoginOutcome::Left { finding },
                Decision::Existing(lacking) if self.completing.contains(&login.name) => {
                    cx.safe_point().map_err(so_far)?;
                    let given = making::complete(&mut connection, login, &lacking).await;
                    if given.map_err(so_far)? {
                        effect = Effect::Partial;
                    }
                    LoginOutcome::Existing
                }
                Decision::Existing(lacking) => {
                    let missing = lacking.names().into_iter();
                    notes.extend(missing.map(|what| LoginNote::RightMissing { what }));
                    LoginOutcome::Existing
                }
                Decision::Create(gift) => {
                    cx.safe_point().map_err(so_far)?;
                    let hash = hashes.of(&login.sid);
                    let made = making::make(&mut connection, login, hash, &gift).await;
                    let outcome = made.map_err(so_far)?;
                    if outcome == LoginOutcome::Created {
                        effect = Effect::Partial;
                    } else {
                        notes.clear();
                    }
                    outcome
                }
            };
            logins.push(RestoredLogin {
                login: login.name.clone(),
                outcome,
                notes,
            });
        }
        Ok(RestoredPrincipals {
            server: connection.identity().names(),
            logins,
        })
    }

    /// The hashes, where one is needed.
    async fn fetch(
        &self,
        cx: &Context,
        decided: &[(&CapturedLogin, Decision, Vec<LoginNote>)],
    ) -> Result<PasswordHashes> {
        const FIELD: &str = "password_hashes";
        let is_needed = |(login, decision, _): &(&CapturedLogin, Decision, Vec<LoginNote>)| {
            login.kind == LoginKind::Sql && matches!(decision, Decision::Create(_))
        };
        if !decided.iter().any(is_needed) {
            return Ok(PasswordHashes::default());
        }
        let name = required(self.password_hashes.as_ref(), FIELD)?;
        let secret = cx.secret(FIELD, name).await?;
        PasswordHashes::from_secret(FIELD, &secret)
    }

    async fn look(&self, cx: &Context) -> Result<Observation> {
        self.check()?;
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let there = There::read(&mut connection, &self.principals).await?;
        let (mut whole, mut in_part, mut missing, mut taken) = (0, 0, 0, Vec::new());
        for (login, decision, _) in self.decide(&there) {
            match decision {
                Decision::Create(_) => missing += 1,
                Decision::Existing(lacking) if lacking.names().is_empty() => whole += 1,
                Decision::Existing(_) => in_part += 1,
                Decision::Left(LoginFinding::NameTaken { .. } | LoginFinding::SidTaken { .. }) => {
                    taken.push(login.name.as_str())
                }
                Decision::Left(_) => {}
            }
        }
        let all = whole + in_part + missing;
        Ok(if !taken.is_empty() && missing == 0 {
            let seen = format!(
                "others have the names or SIDs of {}; whether they stand for them is not to be seen",
                taken.join(", ")
            );
            Observation::Indeterminate { seen }
        } else if whole == all {
            Observation::Done
        } else if missing == all {
            Observation::NotDone
        } else {
            Observation::Partial {
                state: format!("{whole} of {all} logins are there with all that is theirs"),
            }
        })
    }
}

impl Sealed for RestorePrincipals {}

#[async_trait]
impl Operation for RestorePrincipals {
    type Output = RestoredPrincipals;

    fn describe(&self) -> Description {
        let powers: Vec<String> = self.powers.powers.iter().map(ToString::to_string).collect();
        let hazard = Hazard::GrantsServerPowers { powers };
        let hazards = if self.powers.powers.is_empty() {
            Vec::new()
        } else {
            vec![hazard]
        };
        let logins = self.principals.restorable();
        let script = logins.flat_map(|login| statements::shown(login, &self.powers));
        Description {
            target: self.target(),
            action: "make the logins that are missing, with the SIDs and passwords they had"
                .to_owned(),
            script: script.collect(),
            hazards,
            permissions: self.permissions(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        self.look(cx)
            .await
            .map_err(|error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.restore(cx)).await
    }
}
