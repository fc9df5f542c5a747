use async_trait::async_trait;

use super::simulated_hosts::SimulatedHosts;
use crate::names::HostName;
use crate::transport::{DataStoreValues, DataStoreWriter, HostError};

/// The host program of simulated hosts: it writes as it is told.
#[async_trait]
impl DataStoreWriter for SimulatedHosts {
    async fn write(&self, host: &HostName, values: &DataStoreValues) -> Result<(), HostError> {
        let what = format!("data_store.write {}", values.server);
        let (instance, database) = (values.instance.clone(), values.database.clone());
        self.call(host, what, move |host| async move {
            host.configure_data_store(&instance, &database)
        })
        .await
    }
}
