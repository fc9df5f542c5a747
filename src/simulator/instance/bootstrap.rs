//! What a new instance and a new database start with.

use std::collections::BTreeSet;

use aws_lc_rs::rand;

use super::{Instance, OpenDatabase, now};
use crate::simulator::Platform;
use crate::simulator::catalog::{
    Bytes, Catalog, Contents, DatabaseEntry, DatabaseFile, DatabaseState, Guid, Login,
    LoginOptions, PrincipalKind, RecoveryModel, ServiceMasterKeyRow, User, UserAccess,
};
use crate::simulator::keys::{
    CryptographyFailed, KEY_LENGTH, KeyDerivation, KeyMaterial, Label, PasswordHash, random_guid,
};
use crate::simulator::storage::{FileKind, OsError, seal};

/// The first id of a user's database.
const FIRST_USER_DATABASE: i32 = 5;

/// Names, file names and recovery models of the system databases, in the order of their ids.
pub(super) const SYSTEM_DATABASES: [(&str, [&str; 2], [&str; 2], RecoveryModel); 4] = [
    (
        "master",
        ["master", "mastlog"],
        ["master.mdf", "mastlog.ldf"],
        RecoveryModel::Simple,
    ),
    (
        "tempdb",
        ["tempdev", "templog"],
        ["tempdb.mdf", "templog.ldf"],
        RecoveryModel::Simple,
    ),
    (
        "model",
        ["modeldev", "modellog"],
        ["model.mdf", "modellog.ldf"],
        RecoveryModel::Full,
    ),
    (
        "msdb",
        ["MSDBData", "MSDBLog"],
        ["MSDBData.mdf", "MSDBLog.ldf"],
        RecoveryModel::Simple,
    ),
];

/// The SID of `sa`.
pub(crate) const SA_SID: [u8; 1] = [1];

impl Catalog {
    /// What `master`'s file holds.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, OsError> {
        let json = serde_json::to_vec(self).map_err(|_| OsError::Device)?;
        Ok(seal(FileKind::Catalog, &[&json]))
    }
}

/// The catalog of a new instance, with a new service master key under the machine's secret.
pub(super) fn new_catalog(
    server: &str,
    platform: Platform,
    machine_secret: &KeyMaterial,
    sa: Login,
) -> Result<(Catalog, KeyMaterial), CryptographyFailed> {
    let key = KeyMaterial::random(KEY_LENGTH)?;
    let guid = random_guid()?;
    let created = now();
    let catalog = Catalog {
        server: server.to_owned(),
        platform,
        created,
        service_master_key: ServiceMasterKeyRow {
            guid,
            created,
            modified: created,
            by_machine: machine_secret.wrap(Label::ServiceMasterKey(guid), &key.0)?,
        },
        logins: vec![sa],
        credentials: Vec::new(),
        linked_logins: Vec::new(),
        databases: Vec::new(),
    };
    Ok((catalog, key))
}

/// `sa`; disabled, and with a password that nobody knows, where none is given.
pub(super) fn sa(
    derivation: KeyDerivation,
    password: Option<&str>,
) -> Result<Login, CryptographyFailed> {
    let unknown = hex::encode(random_guid()?);
    Ok(Login {
        id: 1,
        name: "sa".to_owned(),
        sid: Bytes(SA_SID.to_vec()),
        password_hash: PasswordHash::of(derivation, password.unwrap_or(&unknown))?,
        created: now(),
        is_disabled: password.is_none(),
        default_database: "master".to_owned(),
        roles: BTreeSet::from(["sysadmin".to_owned()]),
        permissions: BTreeSet::new(),
        denied: BTreeSet::new(),
        options: LoginOptions::default(),
    })
}

/// A random SID for a SQL login.
/// What the SIDs of users that were made WITHOUT LOGIN begin with: S-1-9-3 (community).
pub(crate) const SID_WITHOUT_LOGIN: [u8; 12] = [1, 5, 0, 0, 0, 0, 0, 9, 3, 0, 0, 0];

/// A SID of a user that was made WITHOUT LOGIN.
pub(crate) fn random_sid_without_login() -> Result<Bytes, CryptographyFailed> {
    let mut sid = SID_WITHOUT_LOGIN.to_vec();
    sid.extend(random_sid()?.0);
    Ok(Bytes(sid))
}

pub(crate) fn random_sid() -> Result<Bytes, CryptographyFailed> {
    let mut sid = vec![0; 16];
    rand::fill(&mut sid)?;
    Ok(Bytes(sid))
}

impl Contents {
    /// An empty database of this internal version.
    pub(crate) fn new(
        (version, compatibility_level): (i32, u8),
        recovery_model: RecoveryModel,
        owner: &Bytes,
    ) -> Result<Self, CryptographyFailed> {
        Ok(Self {
            family: random_guid()?,
            recovery_fork: random_guid()?,
            version,
            compatibility_level,
            recovery_model,
            created: now(),
            change_count: 1,
            last_full_backup: None,
            log_backed_up: 0,
            broker: None,
            damaged_tables: std::collections::BTreeSet::new(),
            users: fixed_users(owner),
            schema_grants: std::collections::BTreeMap::new(),
            schemas: ["dbo", "guest", "INFORMATION_SCHEMA", "sys"]
                .map(str::to_owned)
                .to_vec(),
            master_key: None,
            encryption_key: None,
            asymmetric_keys: Vec::new(),
            certificates: Vec::new(),
            symmetric_keys: Vec::new(),
            tables: Vec::new(),
            procedures: Vec::new(),
            triggers: Vec::new(),
            queues: Vec::new(),
        })
    }
}

/// The users and roles of every database, with their ids.
fn fixed_users(owner: &Bytes) -> Vec<User> {
    let roles = [
        (16384, "db_owner"),
        (16385, "db_accessadmin"),
        (16386, "db_securityadmin"),
        (16387, "db_ddladmin"),
        (16389, "db_backupoperator"),
        (16390, "db_datareader"),
        (16391, "db_datawriter"),
        (16392, "db_denydatareader"),
        (16393, "db_denydatawriter"),
    ];
    let user = |id, name: &str, sid: Bytes, is_role| User {
        id,
        name: name.to_owned(),
        sid,
        is_role,
        roles: BTreeSet::new(),
        permissions: BTreeSet::new(),
        denied: BTreeSet::new(),
        grants: std::collections::BTreeMap::new(),
        kind: PrincipalKind::Sql,
        default_schema: None,
    };
    let mut users = vec![
        user(0, "public", Bytes::default(), true),
        user(1, "dbo", owner.clone(), false),
        user(2, "guest", Bytes(vec![0]), false),
        user(3, "INFORMATION_SCHEMA", Bytes::default(), false),
        user(4, "sys", Bytes::default(), false),
    ];
    if let Some(dbo) = users.get_mut(1) {
        dbo.roles.insert("db_owner".to_owned());
    }
    users.extend(roles.map(|(id, name)| user(id, name, Bytes::default(), true)));
    users
}

/// A database to be created.
#[derive(Debug)]
pub(crate) struct NewDatabase {
    pub(crate) name: String,
    /// The SID of its owner.
    pub(crate) owner: Bytes,
    /// The primary data file and the log; the default folder's where there are none.
    pub(crate) files: Vec<DatabaseFile>,
    pub(crate) recovery_model: RecoveryModel,
}

impl NewDatabase {
    /// Its entry and its empty contents.
    pub(crate) fn make(
        self,
        instance: &Instance,
        id: i32,
    ) -> Result<(DatabaseEntry, OpenDatabase), OsError> {
        let versions = (
            instance.database_version(),
            instance.version.compatibility_level(),
        );
        let contents = Contents::new(versions, self.recovery_model, &self.owner)
            .map_err(|_| OsError::Device)?;
        let files = if self.files.is_empty() {
            let folder = instance.data_folder();
            let file = |id, logical_name: String, leaf: &str, is_log| DatabaseFile {
                id,
                logical_name,
                path: instance.full_path(leaf, &folder),
                is_log,
            };
            let name = &self.name;
            vec![
                file(1, name.clone(), &format!("{name}.mdf"), false),
                file(2, format!("{name}_log"), &format!("{name}_log.ldf"), true),
            ]
        } else {
            self.files
        };
        let entry = new_entry(id, self.name, self.owner, contents.family, files);
        Ok((entry, OpenDatabase::new(contents, None)?))
    }
}

/// The entry of a database as a new one has it.
pub(crate) fn new_entry(
    id: i32,
    name: String,
    owner: Bytes,
    family: Guid,
    files: Vec<DatabaseFile>,
) -> DatabaseEntry {
    DatabaseEntry {
        id,
        name,
        state: DatabaseState::Online,
        user_access: UserAccess::Multi,
        is_read_only: false,
        owner,
        created: now(),
        family,
        is_broker_enabled: false,
        broker: None,
        is_trustworthy: false,
        master_key_copy: None,
        files,
    }
}

impl Catalog {
    /// The lowest id that no database has.
    pub(crate) fn free_database_id(&self) -> i32 {
        self.free_database_ids().next().unwrap_or(i32::MAX)
    }

    /// The ids that no database has, the lowest first.
    pub(crate) fn free_database_ids(&self) -> impl Iterator<Item = i32> + use<> {
        let taken: BTreeSet<i32> = self.databases.iter().map(|entry| entry.id).collect();
        (FIRST_USER_DATABASE..).filter(move |id| !taken.contains(id))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::simulator::instance) fn contents() -> Contents {
        Contents::new((957, 160), RecoveryModel::Simple, &Bytes(SA_SID.to_vec())).unwrap()
    }

    #[test]
    fn a_login_without_a_password_is_disabled() {
        let cheap = KeyDerivation {
            iterations: std::num::NonZeroU32::MIN,
        };
        assert!(sa(cheap, None).unwrap().is_disabled);
        let login = sa(cheap, Some("p")).unwrap();
        assert!(!login.is_disabled && PasswordHash::matches(&login.password_hash, "p"));
    }
}
