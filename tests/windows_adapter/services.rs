//! What a service manager tells of services.

use scorch_recovery::transport::{ServiceState, ServiceTransport as _, codes};

use super::folder::{Folder, host_path};
use super::service::{CHECKPOINT, GATE, Installed, Manner, OWN_CODE, WAIT_HINT};
use super::{hosts, this_host};

/// A program of this name, in a folder of such a name, runs a service of such a name.
pub(crate) async fn names_and_paths_are_taken_as_they_are() {
    let (hosts, host) = (hosts(), this_host());
    let folder = Folder::without_variables("100 % services");
    let program = folder.path("the service.exe of.exe");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for name in [
        "scorch plain",
        "scorch 'b' & 100 % ^ %PATH% $x `y`",
        "scorch \"q\" Büro 漢字",
    ] {
        let service = Installed::of(name, Manner::Plain, &program);
        let before = hosts.query(&host, &service.name).await.unwrap();
        assert_eq!(before.program, host_path(&program), "{name}");
        let account = hosts.account(&host, &service.name).await.unwrap();
        assert_eq!(account.as_deref(), Some("LocalSystem"));
        hosts.start(&host, &service.name).await.unwrap();
        let running = service.is(&hosts, ServiceState::Running).await;
        assert_eq!(running.program, host_path(&program), "{name}");
        hosts.stop(&host, &service.name).await.unwrap();
        service.is(&hosts, ServiceState::Stopped).await;
    }
}

pub(crate) async fn ends_with_codes() {
    let (hosts, host) = (hosts(), this_host());
    let service = Installed::new("scorch-own-code", Manner::OwnCode);
    let never = hosts.query(&host, &service.name).await.unwrap();
    assert_eq!(
        (never.state, never.process_id, never.exit_code),
        (ServiceState::Stopped, None, codes::SERVICE_NEVER_STARTED)
    );
    hosts.start(&host, &service.name).await.unwrap();
    let running = service.is(&hosts, ServiceState::Running).await;
    assert_eq!((running.exit_code, running.service_exit_code), (0, 0));
    hosts.stop(&host, &service.name).await.unwrap();
    let ended = service.is(&hosts, ServiceState::Stopped).await;
    assert_eq!(
        (ended.exit_code, ended.service_exit_code),
        (codes::SERVICE_SPECIFIC_ERROR, OWN_CODE)
    );
}

pub(crate) async fn tells_headway() {
    let (hosts, host) = (hosts(), this_host());
    let folder = Folder::without_variables("headway");
    let program = folder.path("gated.exe");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let service = Installed::of("scorch-gated", Manner::Gated, &program);
    hosts.start(&host, &service.name).await.unwrap();
    let mut pending = service.is(&hosts, ServiceState::StartPending).await;
    // It tells of its first step a little later than its service manager tells of its start.
    while pending.state == ServiceState::StartPending && pending.checkpoint != CHECKPOINT {
        pending = hosts.query(&host, &service.name).await.unwrap();
    }
    assert_eq!(
        (pending.state, pending.checkpoint, pending.wait_hint),
        (ServiceState::StartPending, CHECKPOINT, WAIT_HINT)
    );
    assert!(pending.process_id.is_some());
    std::fs::write(folder.path(GATE), "").unwrap();
    let running = service.is(&hosts, ServiceState::Running).await;
    assert_eq!(
        (running.checkpoint, running.process_id),
        (0, pending.process_id)
    );
    hosts.stop(&host, &service.name).await.unwrap();
    service.is(&hosts, ServiceState::Stopped).await;
}
