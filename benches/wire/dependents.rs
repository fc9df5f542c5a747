//! The inventory of an instance with thousands of databases.

use std::collections::BTreeMap;
use std::time::Duration;

use scorch_recovery::sql::{Completeness, Dependents};
use scorch_recovery::{Context, Operation as _};

use crate::Measured;
use crate::databases::{self, CERTIFICATES, CREDENTIALS, LINKED_LOGINS};
use crate::recording::Recorder;
use crate::server::{Begins, Server, instance};

/// Measures how much it computes. Of several times the worst counts.
pub(crate) fn measure(how: Measured) {
    let (count, runs) = match how {
        Measured::NotAtAll => (300, 1),
        Measured::Roughly => (5000, 1),
        Measured::Well => (5000, 7),
    };
    let server = Server::start(Begins::WithDatabases(count));
    // With one thread there is none whose time is not this process's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let recorder = Recorder::new(server.transport(), |_| ());
    let cx = Context::builder().sql(recorder.clone()).build().unwrap();
    check(count, &inspect(&runtime, &cx));
    let trips = recorder.take().round_trips();

    let mut spent = Vec::new();
    for _ in 0..runs {
        let before = cpu_time();
        // As a program that does nothing else: from the context on, nothing is warm.
        let dependents = inspect(&runtime, &server.context());
        spent.push(cpu_time() - before);
        check(count, &dependents);
    }
    spent.sort();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "dependents of {count} databases: {trips} round trips, CPU of the client in milliseconds: median {:.1}, worst of {runs} {:.1}",
        milliseconds(spent[spent.len() / 2]),
        milliseconds(spent[spent.len() - 1]),
    );
}

fn inspect(runtime: &tokio::runtime::Runtime, cx: &Context) -> Dependents {
    let inspect = Dependents::inspect(&instance());
    runtime.block_on(inspect.run(cx)).unwrap()
}

/// What all threads of this process have computed so far.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    panic!("the CPU time of a process is not measured on this system");
}

/// Everything that was planted was found, as it is, and nothing else.
fn check(count: usize, found: &Dependents) {
    let mut expected = BTreeMap::new();
    let mut unknown = Vec::new();
    // Of the server's own, `master` has a key.
    expected.insert(
        "master".to_owned(),
        ("ONLINE".to_owned(), false, Some(true)),
    );
    for (name, kind) in databases::all(count) {
        if kind.has_master_key == Some(false) {
            continue;
        }
        let name = name.as_str().to_owned();
        if kind.has_master_key.is_none() {
            unknown.push(name.clone());
        }
        let is = (
            kind.state.to_owned(),
            kind.is_read_only,
            kind.has_master_key,
        );
        expected.insert(name, is);
    }
    let mut databases = BTreeMap::new();
    for database in &found.databases {
        let is = (
            database.state.clone(),
            database.is_read_only,
            database.has_master_key,
        );
        assert!(!database.is_in_availability_group, "{}", database.name);
        let twice = databases.insert(database.name.as_str().to_owned(), is);
        assert!(twice.is_none(), "{} is there twice", database.name);
    }
    assert!(
        databases == expected,
        "{}",
        difference(&databases, &expected)
    );

    let (stored, mut credentials): (Vec<String>, Vec<String>) = found
        .credentials
        .iter()
        .cloned()
        .partition(|name| name.starts_with("##DBMKEY_"));
    credentials.sort();
    let mut wanted: Vec<String> = (0..CREDENTIALS).map(databases::credential).collect();
    wanted.sort();
    assert_eq!(credentials, wanted);
    assert_eq!(stored.len(), 1, "{stored:?}");
    let own = databases::with_stored_password(count);
    assert_eq!(found.stored_passwords, [own.as_str()]);

    let mut logins = found.linked_logins.clone();
    logins.sort();
    let mut wanted: Vec<String> = (0..LINKED_LOGINS)
        .map(|index| format!("SERVER{index}: remote"))
        .collect();
    wanted.sort();
    assert_eq!(logins, wanted);

    let certificates: Vec<&str> = found
        .certificates
        .iter()
        .map(|certificate| certificate.name.as_str())
        .collect();
    let wanted: Vec<String> = (0..CERTIFICATES)
        .map(|index| format!("certificate{index}"))
        .collect();
    assert_eq!(certificates, wanted);

    let Completeness::Incomplete { what, .. } = &found.completeness else {
        panic!("what is closed can't be asked, and it says that it was");
    };
    for name in &unknown {
        assert!(what.contains(name), "{name} is not named");
    }
}

fn difference<T: PartialEq + std::fmt::Debug>(
    found: &BTreeMap<String, T>,
    expected: &BTreeMap<String, T>,
) -> String {
    let names = found.keys().chain(expected.keys());
    let wrong = names.filter(|name| found.get(*name) != expected.get(*name));
    let wrong: Vec<String> = wrong
        .take(5)
        .map(|name| {
            format!(
                "{name}: found {:?}, planted {:?}",
                found.get(name),
                expected.get(name)
            )
        })
        .collect();
    wrong.join("; ")
}
