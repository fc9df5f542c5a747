//! Databases of every kind that an inventory tells apart, as many as are wanted, and what else lives
//! under a service master key.

use scorch_recovery::names::DatabaseName;

/// How databases of a kind come to be, and what an inventory must say of them.
#[derive(Debug)]
pub(crate) struct Kind {
    /// How many of a hundred.
    share: usize,
    /// In the new database.
    inside: &'static str,
    /// From outside, afterwards; `{}` is its name.
    outside: &'static str,
    pub(crate) state: &'static str,
    pub(crate) is_read_only: bool,
    /// `None`: it can't be asked.
    pub(crate) has_master_key: Option<bool>,
}

const KEY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Master-Passw0rd-1'";
const PASSWORD_ONLY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Master-Passw0rd-1'; \
     ALTER MASTER KEY DROP ENCRYPTION BY SERVICE MASTER KEY";
const RESTORING: &str = r"BACKUP DATABASE {} TO DISK = N'C:\bench\full.bak'; BACKUP LOG {} TO DISK = N'C:\bench\tail.trn' WITH NORECOVERY";

const fn kind(share: usize, inside: &'static str, outside: &'static str) -> Kind {
    Kind {
        share,
        inside,
        outside,
        state: "ONLINE",
        is_read_only: false,
        has_master_key: Some(!inside.is_empty()),
    }
}

const fn read_only(share: usize, inside: &'static str) -> Kind {
    Kind {
        is_read_only: true,
        ..kind(share, inside, "ALTER DATABASE {} SET READ_ONLY")
    }
}

const fn closed(
    share: usize,
    inside: &'static str,
    outside: &'static str,
    state: &'static str,
) -> Kind {
    Kind {
        state,
        has_master_key: None,
        ..kind(share, inside, outside)
    }
}

/// Availability groups are not among them: the simulator has none.
static KINDS: [Kind; 10] = [
    kind(55, "", ""),
    kind(28, KEY, ""),
    kind(4, PASSWORD_ONLY, ""),
    kind(3, KEY, "ALTER DATABASE {} SET RESTRICTED_USER"),
    read_only(3, KEY),
    read_only(2, ""),
    closed(2, KEY, "ALTER DATABASE {} SET OFFLINE", "OFFLINE"),
    closed(1, "", "ALTER DATABASE {} SET OFFLINE", "OFFLINE"),
    closed(1, KEY, "ALTER DATABASE {} SET EMERGENCY", "EMERGENCY"),
    closed(1, KEY, RESTORING, "RESTORING"),
];

pub(crate) const CREDENTIALS: usize = 40;
pub(crate) const LINKED_LOGINS: usize = 30;
pub(crate) const CERTIFICATES: usize = 3;

/// All databases but the server's own, each with its kind, mixed.
pub(crate) fn all(count: usize) -> impl Iterator<Item = (DatabaseName, &'static Kind)> {
    (0..count).map(|index| {
        // Prime to a hundred: every hundred has all kinds, and neighbours differ.
        let place = (index * 37 + 1) % 100;
        let mut end = 0;
        let kind = KINDS.iter().find(|kind| {
            end += kind.share;
            place < end
        });
        (name(index), kind.unwrap())
    })
}

/// Names that want quoting, and names that don't.
fn name(index: usize) -> DatabaseName {
    let name = match index % 50 {
        0 => format!("Orders {index:04}"),
        1 => format!("o'clock]{index:04}"),
        2 => format!("\u{6f22}{index:04}"),
        3 => format!("[{index:04}]; --"),
        4 => format!("{}{index:04}", "w".repeat(124)),
        _ => format!("db{index:04}"),
    };
    name.parse().unwrap()
}

/// The one whose master key's password the instance has stored.
pub(crate) fn with_stored_password(count: usize) -> DatabaseName {
    // Online, writable and with a key; of a family of its own, so the first of its kind is not it.
    let of_kind = all(count).filter(|(_, kind)| std::ptr::eq(*kind, &KINDS[1]));
    of_kind.map(|(name, _)| name).last().unwrap()
}

fn quoted(name: &DatabaseName) -> String {
    format!("[{}]", name.as_str().replace(']', "]]"))
}

/// The first of each kind, of which the others are copies.
fn firsts(count: usize) -> Vec<(DatabaseName, &'static Kind)> {
    let mut firsts: Vec<(DatabaseName, &'static Kind)> = Vec::new();
    for (name, kind) in all(count) {
        if firsts.iter().all(|(_, known)| !std::ptr::eq(*known, kind)) {
            firsts.push((name, kind));
        }
    }
    firsts
}

/// The copies that make them as many as are wanted.
pub(crate) fn copies(count: usize) -> Vec<(DatabaseName, Vec<DatabaseName>)> {
    let own = with_stored_password(count);
    let copies = firsts(count).into_iter().map(|(first, kind)| {
        let of_kind = all(count).filter(|(_, other)| std::ptr::eq(*other, kind));
        let others = of_kind.map(|(name, _)| name);
        let others = others.filter(|name| *name != first && *name != own);
        let others = others.collect();
        (first, others)
    });
    copies.collect()
}

/// What makes the first of each kind, and all that is no database.
pub(crate) fn script(count: usize) -> Vec<String> {
    let mut script = Vec::new();
    for (name, kind) in firsts(count) {
        let name = quoted(&name);
        script.push(format!("CREATE DATABASE {name}"));
        if !kind.inside.is_empty() {
            script.push(format!("USE {name}; {}; USE master", kind.inside));
        }
        if !kind.outside.is_empty() {
            script.push(kind.outside.replace("{}", &name));
        }
    }
    let own = with_stored_password(count);
    let (literal, name) = (own.as_str().replace('\'', "''"), quoted(&own));
    script.push(format!("CREATE DATABASE {name}"));
    script.push(format!("USE {name}; {KEY}; USE master"));
    script.push(format!(
        "EXEC sp_control_dbmasterkey_password @db_name = N'{literal}', \
         @password = N'Master-Passw0rd-1', @action = N'add'"
    ));
    script.push(KEY.to_owned());
    for index in 0..CERTIFICATES {
        script.push(format!(
            "CREATE CERTIFICATE certificate{index} WITH SUBJECT = 'of the bench'"
        ));
    }
    for index in 0..CREDENTIALS {
        script.push(format!(
            "CREATE CREDENTIAL [{}] WITH IDENTITY = 'someone', SECRET = 'Bench-Passw0rd-2'",
            credential(index)
        ));
    }
    for index in 0..LINKED_LOGINS {
        script.push(format!(
            "EXEC sp_addlinkedserver @server = N'SERVER{index}', @srvproduct = N'SQL Server'; \
             EXEC sp_addlinkedsrvlogin N'SERVER{index}', 'false', NULL, N'remote', N'Bench-Passw0rd-3'"
        ));
    }
    script
}

pub(crate) fn credential(index: usize) -> String {
    format!("credential {index}")
}
