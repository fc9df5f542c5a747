//! A folder that several sites or applications serve, with one web.config and several pools.

use scorch_recovery::orchestrator::{WebComponents, WebComponentsInfo};
use scorch_recovery::{ErrorKind, Hazard, Operation};

use crate::files::{B, plain_variables, read, web01, write};
use crate::host::Host;
use crate::product::NEW;
use crate::sites::{recycled, serve};

const API: &str = r"C:\Sites\WebApi";
/// The same folder as somebody else writes it.
const AGAIN: &str = r"c:\sites\WEBAPI\";

fn scene(applications: &[(&str, &str, &str, &str)]) -> Host {
    let host = Host::default();
    host.put(B, plain_variables());
    serve(&host, applications);
    host
}

fn identifiers(info: &WebComponentsInfo) -> Vec<String> {
    let all = info.found.iter().flat_map(|found| &found.applications);
    all.map(|application| application.identifier()).collect()
}

#[tokio::test]
async fn every_pool_that_serves_a_file_is_recycled_once() {
    let host = scene(&[
        ("One", "/", "A", API),
        ("Two", "/", "B", AGAIN),
        ("Two", "/api", "a", API),
        ("Shop", "/", "S", r"D:\Shop"),
    ]);
    let info = read(&host).await;
    assert_eq!(info.found.len(), 1);
    assert_eq!(info.found[0].path.as_str(), B);
    assert_eq!(identifiers(&info), ["One/", "Two/", "Two/api"]);
    let operation = write(&info, NEW[0]).recycling_shared_pools();
    let described = operation.describe();
    assert_eq!(
        described.script[3..],
        ["A", "B"].map(|pool| format!(
            r#"C:\Windows\System32\inetsrv\appcmd.exe recycle apppool /apppool.name:"{pool}""#
        ))
    );
    assert!(
        described.hazards.is_empty(),
        "who serves the file is no other"
    );
    let written = operation.run(&host.context()).await.unwrap();
    assert_eq!(written.files.len(), 1);
    let pools: Vec<_> = written
        .pools
        .iter()
        .map(|verdict| {
            (
                verdict.pool.as_deref().unwrap(),
                verdict.is_recycled,
                verdict.files.len(),
            )
        })
        .collect();
    assert_eq!(pools, [("A", true, 1), ("B", true, 1)]);
    assert_eq!(recycled(&host), ["A", "B"]);

    // What it says of its database is refused as ever, and no pool is touched.
    let both = plain_variables().replace(
        "</environmentVariables>",
        "<environmentVariable name='DATABASE__ADDRESS' value='x'/></environmentVariables>",
    );
    host.put(B, both);
    let info = read(&host).await;
    assert!(info.found[0].contradiction.is_some());
    let error = write(&info, NEW[1]).run(&host.context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(recycled(&host).len(), 2);
}

#[tokio::test]
async fn one_pool_of_two_sites_is_shared_with_nobody() {
    let host = scene(&[
        ("One", "/", "Orchestrator", API),
        ("Two", "/", "ORCHESTRATOR", AGAIN),
    ]);
    let info = read(&host).await;
    assert_eq!(info.found[0].applications[0].pool_shared_with, ["Two/"]);
    let written = write(&info, NEW[0]).run(&host.context()).await.unwrap();
    assert_eq!(written.pools.len(), 1);
    assert!(written.pools[0].is_recycled, "{written:?}");
    assert_eq!(recycled(&host), ["Orchestrator"]);
}

/// Of two pools one is a stranger's too: the other is recycled, and consent is for that one alone.
#[tokio::test]
async fn a_stranger_in_one_of_the_pools_is_left_unless_asked() {
    let all = [
        ("One", "/", "A", API),
        ("Two", "/", "B", AGAIN),
        ("Shop", "/", "b", r"D:\Shop"),
    ];
    let host = scene(&all);
    let operation = write(&read(&host).await, NEW[0]);
    let script = operation.describe().script.join("\n");
    assert!(
        script.contains(r#":"A""#) && !script.contains(r#":"B""#),
        "{script}"
    );
    assert!(operation.describe().hazards.is_empty());
    let written = operation.run(&host.context()).await.unwrap();
    let [a, b] = &written.pools[..] else {
        panic!("{written:?}");
    };
    assert!(a.is_recycled && !b.is_recycled, "{written:?}");
    assert!(
        b.why.contains("(Shop/)") && b.why.contains(r#":"B""#),
        "{b:?}"
    );
    assert_eq!(recycled(&host), ["A"]);

    let operation = write(&read(&host).await, NEW[1]).recycling_shared_pools();
    let pools = vec!["B of Shop/".to_owned()];
    assert_eq!(
        operation.describe().hazards,
        [Hazard::RecyclesSharedPools { pools }]
    );
    let written = operation.run(&host.context()).await.unwrap();
    assert!(written.pools.iter().all(|verdict| verdict.is_recycled));
    assert_eq!(recycled(&host), ["A", "A", "B"]);

    // A pool that IIS does not name is told beside the one that it does.
    let host = scene(&[("One", "/", "", API), ("Two", "/", "B", AGAIN)]);
    let written = write(&read(&host).await, NEW[0])
        .run(&host.context())
        .await
        .unwrap();
    let pools: Vec<_> = written
        .pools
        .iter()
        .map(|one| (one.pool.as_deref(), one.is_recycled))
        .collect();
    assert_eq!(pools, [(None, false), (Some("B"), true)]);
}

/// The console's files are one too, whoever serves them and however often they are named.
#[tokio::test]
async fn a_console_of_several_is_written_once() {
    const CONSOLE: &str = r"C:\Sites\Console\assets\configuration.json";
    let host = scene(&[
        ("Orchestrator", "/", "A", r"C:\Sites\Console"),
        ("Two", "/console", "B", r"C:\Sites\CONSOLE"),
        ("Api", "/", "A", API),
    ]);
    host.put(CONSOLE, r#"{"api": "http://old:81"}"#);
    let named = WebComponents::read(&web01()).also_at(CONSOLE.to_uppercase().parse().unwrap());
    let info = named.run(&host.context()).await.unwrap();
    assert_eq!(info.consoles.len(), 1, "{info:?}");
    assert_eq!(info.consoles[0].applications.len(), 2);
    assert!(info.passed_over.is_empty(), "{info:?}");
    let operation = write(&info, NEW[0]).renamed(&"old".parse().unwrap(), &"new".parse().unwrap());
    let written = operation.run(&host.context()).await.unwrap();
    assert_eq!(written.files.len(), 2);
    assert_eq!(
        host.content(CONSOLE).unwrap(),
        br#"{"api": "http://new:81"}"#
    );
    // The console is Orchestrator's: that it is in the API's pool is no matter, and its own pool needs nothing.
    assert_eq!(recycled(&host), ["A"]);
}

#[cfg(feature = "simulator")]
mod simulated {
    use scorch_recovery::Operation;
    use scorch_recovery::orchestrator::WebComponents;
    use scorch_recovery::simulator::hosts::{SimulatedWebApplication, WebComponentKind};

    use crate::files::web01;
    use crate::host::KEPT;
    use crate::world::World;

    /// Two sites serve one folder, each with a process that goes on with what it read until its own pool is
    /// recycled: both use what was written.
    #[tokio::test]
    async fn both_sites_use_what_was_written() {
        let mut world = World::new(WebComponentKind::WebApi, "SQL09").await;
        for kind in [WebComponentKind::WebApi, WebComponentKind::WebService] {
            world = world.with(kind, "SQL09");
            let cx = world.context();
            world.run(world.application().keeps_configuration());
            let second = SimulatedWebApplication::new(kind, 82, world.web_config());
            world.run(second.site("Second").keeps_configuration());
            let before = world.verify(&cx).await;
            assert_eq!(before.verdicts.len(), 2, "{before:?}");
            assert!(before.verdicts.iter().all(|verdict| !verdict.works));
            let (instance, database) = ("SQL01".parse().unwrap(), "New".parse().unwrap());
            let write = WebComponents::write(&web01(), &instance, &database)
                .seen(&world.read().await)
                .keeping_copies_in(KEPT.parse().unwrap());
            let written = write.run(&cx).await.unwrap();
            assert_eq!(written.computer.as_deref(), Some("WEB01"));
            assert_eq!(written.pools.len(), 2, "{written:?}");
            let after = world.verify(&cx).await;
            assert!(after.works() && after.verdicts.len() == 2, "{after:?}");
            assert_eq!(world.servers.recycles(&web01(), "Second"), 1);
        }
    }
}
