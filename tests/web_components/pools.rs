//! Application pools: which are recycled, and what is told of the others.

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{WebComponents, WriteWebComponents, WrittenWebComponents};
use scorch_recovery::{Context, ErrorKind, Hazard, Observation, Operation};

use crate::files::{B, plain_string, plain_variables, read, web01, write};
use crate::host::{Failure, Host, SITES};
use crate::product::NEW;

fn both() -> Host {
    Host::with(&[
        ("Orchestrator2012", plain_string().as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
        ("Shop", b"<configuration/>"),
    ])
}

/// Lets every application run in a pool of these names, one after the other.
fn with_pools(host: &Host, pools: &[&str]) {
    let mut sites = String::from_utf8(host.content(SITES).unwrap()).unwrap();
    for (name, pool) in ["Orchestrator2012", "WebApi", "Shop"].iter().zip(pools) {
        sites = sites.replace(
            &format!("applicationPool='{name} Pool'"),
            &format!("applicationPool='{pool}'"),
        );
    }
    host.put(SITES, sites);
}

fn recycled(host: &Host) -> Vec<String> {
    let state = host.state();
    let arguments = state.commands.iter().map(|command| command.join(" "));
    arguments
        .filter(|command| command.starts_with("recycle"))
        .collect()
}

async fn run(host: &Host, operation: &WriteWebComponents) -> WrittenWebComponents {
    operation.run(&host.context()).await.unwrap()
}

#[tokio::test]
async fn pools_are_recycled_once_all_files_are_written() {
    let host = both();
    let operation = write(&read(&host).await, NEW[0]);
    assert_eq!(
        operation.describe().script[6..],
        [
            r#"C:\Windows\System32\inetsrv\appcmd.exe recycle apppool /apppool.name:"Orchestrator2012 Pool""#,
            r#"C:\Windows\System32\inetsrv\appcmd.exe recycle apppool /apppool.name:"WebApi Pool""#,
        ]
    );
    host.state().calls.clear();
    let written = run(&host, &operation).await;
    assert!(
        written
            .pools
            .iter()
            .all(|pool| pool.is_recycled && !pool.why.contains('\u{1b}')),
        "{written:?}"
    );
    assert_eq!(
        recycled(&host),
        [
            "recycle apppool /apppool.name:Orchestrator2012 Pool",
            "recycle apppool /apppool.name:WebApi Pool",
        ]
    );
    let calls = host.state().calls.clone();
    let last_file = calls.iter().rposition(|call| call.starts_with("replace"));
    let first_pool = calls.iter().position(|call| call.contains("appcmd"));
    assert!(last_file.unwrap() < first_pool.unwrap());

    // Where nothing was written, nothing is recycled.
    host.state().commands.clear();
    let again = run(&host, &write(&read(&host).await, NEW[0])).await;
    assert!(again.pools.is_empty() && recycled(&host).is_empty());
    // What an interrupted run wrote is another file than was seen: its pool may not be recycled yet.
    let resumed = run(&host, &operation).await;
    assert_eq!(resumed.pools.len(), 2);
    assert!(resumed.files.iter().all(|file| file.copy.is_none()));
    assert_eq!(recycled(&host).len(), 2);
}

#[tokio::test]
async fn one_pool_of_two_is_recycled_once() {
    let host = both();
    with_pools(&host, &["Orchestrator", "ORCHESTRATOR"]);
    let written = run(&host, &write(&read(&host).await, NEW[0])).await;
    assert_eq!(written.pools.len(), 1);
    assert_eq!(written.pools[0].files.len(), 2);
    assert_eq!(recycled(&host).len(), 1);
}

#[tokio::test]
async fn a_pool_of_others_is_left_unless_asked() {
    let host = both();
    with_pools(&host, &["Own", "DefaultAppPool", "defaultapppool"]);
    let info = read(&host).await;
    let operation = write(&info, NEW[0]);
    assert!(operation.describe().hazards.is_empty());
    assert!(!operation.describe().script.join("\n").contains("Default"));
    let written = run(&host, &operation).await;
    let shared = &written.pools[1];
    assert!(
        !shared.is_recycled && shared.why.contains("Shop/"),
        "{shared:?}"
    );
    assert!(shared.why.contains(r#"/apppool.name:"DefaultAppPool""#));
    assert_eq!(recycled(&host).len(), 1);

    let operation = write(&read(&host).await, NEW[1]).recycling_shared_pools();
    let pools = vec!["DefaultAppPool of Shop/".to_owned()];
    assert_eq!(
        operation.describe().hazards,
        [Hazard::RecyclesSharedPools { pools }]
    );
    let written = run(&host, &operation).await;
    assert!(written.pools[1].is_recycled);
    assert_eq!(recycled(&host).len(), 3);
}

#[tokio::test]
async fn what_is_not_recycled_fails_no_write() {
    let host = both();
    host.state().appcmd_exit_code = 1168;
    let operation = write(&read(&host).await, NEW[0]);
    let written = run(&host, &operation).await;
    for pool in &written.pools {
        assert!(!pool.is_recycled && pool.why.contains("1168"), "{pool:?}");
        assert!(pool.why.contains("by hand"), "{pool:?}");
    }
    let observed = operation.observe(&host.context()).await.unwrap();
    assert_eq!(observed, Observation::Done);

    // An answer that is lost, no program, no transport to programs, and a pool that IIS does not name.
    let host = both();
    let info = read(&host).await;
    host.state().calls.clear();
    run(&host, &write(&info, NEW[0])).await;
    let calls = host.state().calls.clone();
    let at = calls.iter().position(|call| call.contains("appcmd"));
    for (failure, word) in [
        (Failure::LostAfter, "may be recycled"),
        (Failure::Refused, "error 5"),
    ] {
        let host = both();
        let info = read(&host).await;
        host.state().calls.clear();
        host.state().fails = Some((at.unwrap(), failure));
        let written = run(&host, &write(&info, NEW[0])).await;
        let pool = &written.pools[0];
        assert!(!pool.is_recycled && pool.why.contains(word), "{pool:?}");
        assert!(written.pools[1].is_recycled);
    }
    let host = both();
    let cx = Context::builder().files(host.clone()).build().unwrap();
    let written = write(&read(&host).await, NEW[0]).run(&cx).await.unwrap();
    assert!(written.pools[0].why.contains("no transport"), "{written:?}");
    let host = both();
    let sites = host.content(SITES).unwrap();
    let sites = String::from_utf8(sites).unwrap();
    host.put(SITES, sites.replace("applicationPool='WebApi Pool'", ""));
    let written = run(&host, &write(&read(&host).await, NEW[0])).await;
    assert_eq!(written.pools[1].pool, None);
    assert!(written.pools[1].why.contains("IIS did not say"));
}

#[tokio::test]
async fn a_name_that_no_pool_has_is_not_handed_on() {
    let host = both();
    with_pools(&host, &["a&quot; /x:&quot;y", "WebApi Pool"]);
    let written = run(&host, &write(&read(&host).await, NEW[0])).await;
    assert!(
        written.pools[0].why.contains("no pool's name"),
        "{written:?}"
    );
    assert_eq!(recycled(&host).len(), 1);
}

/// A failure before the files are written recycles nothing.
#[tokio::test]
async fn nothing_is_recycled_where_nothing_was_written() {
    let host = both();
    let info = read(&host).await;
    host.state()
        .files
        .get_mut(&B.to_lowercase())
        .unwrap()
        .is_held_open = true;
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(recycled(&host).is_empty());
    let other: HostName = "OTHER".parse().unwrap();
    assert_ne!(other, web01());
    let unseen = WebComponents::write(&other, &"S".parse().unwrap(), &"d".parse().unwrap());
    assert!(unseen.describe().script.is_empty());
}
