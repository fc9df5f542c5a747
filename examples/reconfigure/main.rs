//! The Orchestrator side, rehearsed on simulated hosts: a Management Server and two Runbook Servers use a
//! database on SQL01. SQL01 is lost; a copy of the database is there on SQL02. The deployment is made
//! quiet, told where the database is now, and given back, until each Runbook Server's heartbeat is seen
//! in the database on SQL02. Then the counter-proof: another database is written than was meant, which is
//! found out by what happens, and put back.
//!
//! ```text
//! cargo run --features simulator --example reconfigure
//! ```
//!
//! The clock is simulated: minutes take seconds. Exit codes: 0 each heartbeat was seen, and the
//! counter-proof failed as it must; 1 not so.

mod stage;

use std::process::ExitCode;

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{DataStoreConfig, DataStoreStrategy, ServiceControl};
use scorch_recovery::{Context, Operation};

use stage::Stage;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match rehearse().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("not reconfigured: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn rehearse() -> Result<(), Failure> {
    let stage = Stage::new().await?;
    let cx = stage.context(None)?;
    let deployment = stage.deployment();
    let runbook_servers = stage.runbook_servers();

    println!(
        "SQL01 is lost. What runs goes on; what would be started now, would end after 40 seconds."
    );
    stage.lose_sql01();
    let seen = ServiceControl::status(&deployment).run(&cx).await?;
    for host in &seen.hosts {
        for service in &host.services {
            let Some(status) = &service.status else {
                continue;
            };
            println!(
                "   {}: {} is {:?}",
                host.host.host, service.service, status.state
            );
        }
    }

    println!("The deployment is made quiet.");
    let quieted = ServiceControl::quiet(&seen).run(&cx).await?;

    println!("Each host is told where the database is now.");
    let config = DataStoreConfig::new(&"SQL02".parse()?, &"Orchestrator".parse()?)?;
    let writes = deployment.hosts().iter().map(|host| {
        DataStoreConfig::write(&host.host, &config).strategy(DataStoreStrategy::HostProvided)
    });
    let written = DataStoreConfig::write_each(writes.collect())
        .run(&cx)
        .await?;
    written.check()?;
    for verdict in &written.hosts {
        let written = verdict.written.as_ref().ok_or("nothing was written")?;
        println!(
            "   {}: Settings.dat is now {}",
            verdict.host, written.after.sha256
        );
    }

    println!("What ran before is given back.");
    ServiceControl::give_back(&quieted.before)
        .run(&cx)
        .await?
        .check()?;
    for host in &runbook_servers {
        attested(&cx, host).await?;
    }

    println!("Counter-proof: the program that writes takes another database than it was told.");
    let mistaken = stage.context(Some("Another"))?;
    let write = DataStoreConfig::write(&runbook_servers[0], &config);
    match write
        .strategy(DataStoreStrategy::HostProvided)
        .run(&mistaken)
        .await
    {
        Ok(_) => return Err("it was believed".into()),
        Err(error) => println!("   {error}"),
    }
    attested(&cx, &runbook_servers[0]).await
}

/// That the host uses the database on SQL02, as its heartbeat there says.
async fn attested(cx: &Context, host: &HostName) -> Result<(), Failure> {
    let read = DataStoreConfig::read(host).asking(&"SQL02".parse()?, &"Orchestrator".parse()?);
    let info = read.run(cx).await?;
    let heartbeat = info
        .attested
        .ok_or_else(|| format!("{host} uses another database"))?;
    println!(
        "   {host}: its heartbeat in {} on SQL02 went from {} to {}",
        heartbeat.database, heartbeat.first, heartbeat.second
    );
    Ok(())
}
