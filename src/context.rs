//! What operations run with: the ports, and the few choices that go with them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cancellation::Cancellation;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{BackupDevice, ServerPath, SqlInstance};
use crate::progress::{NoObserver, Observer, Progress};
use crate::secret::{Secret, SecretRef};
use crate::transport::{
    Clock, CommandTransport, DataStoreWriter, Deadlines, FileTransport, RegistryTransport,
    SecretSource, ServiceTransport, SqlBatch, SqlTransport, SystemClock, TransportError,
    TransportErrorKind, WebTransport, Wire,
};

mod no_sql;

use no_sql::NoSql;

/// The ports an operation runs with, and the few choices that go with them. Cheap to clone; clones
/// are one context.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sql: Arc<dyn SqlTransport>,
    services: Option<Arc<dyn ServiceTransport>>,
    files: Option<Arc<dyn FileTransport>>,
    commands: Option<Arc<dyn CommandTransport>>,
    registry: Option<Arc<dyn RegistryTransport>>,
    data_store_writer: Option<Arc<dyn DataStoreWriter>>,
    web: Option<Arc<dyn WebTransport>>,
    secrets: Option<Arc<dyn SecretSource>>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    cancellation: Cancellation,
    deadlines: Deadlines,
    unc_hosts: BTreeSet<String>,
    backup_hosts: BTreeSet<String>,
    secrets_on_any_wire: bool,
    /// Who answered at each name when it was first reached: identity, then start time.
    seen: Mutex<BTreeMap<SqlInstance, (String, String)>>,
}

/// Builds a [`Context`].
#[derive(Debug, Default)]
#[must_use]
pub struct ContextBuilder {
    sql: Option<Arc<dyn SqlTransport>>,
    services: Option<Arc<dyn ServiceTransport>>,
    files: Option<Arc<dyn FileTransport>>,
    commands: Option<Arc<dyn CommandTransport>>,
    registry: Option<Arc<dyn RegistryTransport>>,
    data_store_writer: Option<Arc<dyn DataStoreWriter>>,
    web: Option<Arc<dyn WebTransport>>,
    secrets: Option<Arc<dyn SecretSource>>,
    observer: Option<Arc<dyn Observer>>,
    clock: Option<Arc<dyn Clock>>,
    cancellation: Cancellation,
    deadlines: Deadlines,
    unc_hosts: BTreeSet<String>,
    backup_hosts: BTreeSet<String>,
    secrets_on_any_wire: bool,
}

impl ContextBuilder {
    /// How to reach SQL Server. Required, unless there is a port to hosts: then operations on SQL
    /// Server say that they need it.
    pub fn sql(mut self, transport: impl SqlTransport + 'static) -> Self {
        self.sql = Some(Arc::new(transport));
        self
    }

    /// How to reach the service managers of hosts. Default: not at all, and operations that need
    /// them say so. So it is with the other ports to hosts.
    pub fn services(mut self, transport: impl ServiceTransport + 'static) -> Self {
        self.services = Some(Arc::new(transport));
        self
    }

    /// How to reach the files of hosts.
    pub fn files(mut self, transport: impl FileTransport + 'static) -> Self {
        self.files = Some(Arc::new(transport));
        self
    }

    /// How to run programs on hosts.
    pub fn commands(mut self, transport: impl CommandTransport + 'static) -> Self {
        self.commands = Some(Arc::new(transport));
        self
    }

    /// How to reach the registries of hosts.
    pub fn registry(mut self, transport: impl RegistryTransport + 'static) -> Self {
        self.registry = Some(Arc::new(transport));
        self
    }

    /// How the host program itself writes the data store configuration of hosts. Default: not at all,
    /// and the strategy that wants it says so.
    pub fn data_store_writer(mut self, writer: impl DataStoreWriter + 'static) -> Self {
        self.data_store_writer = Some(Arc::new(writer));
        self
    }

    /// How to ask the web servers of hosts. Default: not at all, and what verifies web components says so.
    pub fn web(mut self, transport: impl WebTransport + 'static) -> Self {
        self.web = Some(Arc::new(transport));
        self
    }

    /// Where secrets come from. Default: nowhere, and operations that need one say so.
    pub fn secrets(mut self, source: impl SecretSource + 'static) -> Self {
        self.secrets = Some(Arc::new(source));
        self
    }

    /// Who hears of progress. Default: nobody.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// The clock. Default: this machine's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// What asks the operations to stop at the next safe point.
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// The bounds on waiting.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Allows paths on the file server `host` (`\\host\…`). Default: none, because a server that
    /// opens a foreign share shows that share its service account's credentials.
    pub fn allow_unc_host(mut self, host: impl Into<String>) -> Self {
        self.unc_hosts.insert(host.into().to_lowercase());
        self
    }

    /// Allows backups at URLs of `host`, such as `account.blob.core.windows.net`, whatever the port.
    /// Default: none, because a backup that is sent to a foreign account is a database that was given
    /// away, and one that comes from there brings its code along.
    pub fn allow_backup_host(mut self, host: impl Into<String>) -> Self {
        self.backup_hosts.insert(host.into().to_lowercase());
        self
    }

    /// Lets batches with secrets go over connections that are not encrypted to a verified server.
    /// For rehearsals only: whoever listens reads the passwords of key files.
    pub fn danger_secrets_on_any_wire(mut self) -> Self {
        self.secrets_on_any_wire = true;
        self
    }

    /// Makes the context.
    ///
    /// # Errors
    /// `InvalidInput` when no transport was given, neither to SQL Server nor to hosts.
    pub fn build(self) -> Result<Context> {
        let has_host_port = self.services.is_some()
            || self.files.is_some()
            || self.commands.is_some()
            || self.registry.is_some()
            || self.web.is_some();
        let sql: Arc<dyn SqlTransport> = match self.sql {
            Some(sql) => sql,
            None if has_host_port => Arc::new(NoSql),
            None => {
                return Err(Error::invalid(
                    "sql",
                    "no transport was given; call ContextBuilder::sql",
                ));
            }
        };
        Ok(Context(Arc::new(Inner {
            sql,
            services: self.services,
            files: self.files,
            commands: self.commands,
            registry: self.registry,
            data_store_writer: self.data_store_writer,
            web: self.web,
            secrets: self.secrets,
            observer: self.observer.unwrap_or_else(|| Arc::new(NoObserver)),
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            cancellation: self.cancellation,
            deadlines: self.deadlines,
            unc_hosts: self.unc_hosts,
            backup_hosts: self.backup_hosts,
            secrets_on_any_wire: self.secrets_on_any_wire,
            seen: Mutex::default(),
        })))
    }
}

impl Context {
    /// Starts building a context.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    pub(crate) fn sql(&self) -> &dyn SqlTransport {
        &*self.0.sql
    }

    pub(crate) fn services(&self) -> Result<&dyn ServiceTransport> {
        plugged(self.0.services.as_deref(), "service managers", "services")
    }

    pub(crate) fn files(&self) -> Result<&dyn FileTransport> {
        plugged(self.0.files.as_deref(), "files", "files")
    }

    pub(crate) fn commands(&self) -> Result<&dyn CommandTransport> {
        plugged(self.0.commands.as_deref(), "programs", "commands")
    }

    pub(crate) fn registry(&self) -> Result<&dyn RegistryTransport> {
        plugged(self.0.registry.as_deref(), "registries", "registry")
    }

    pub(crate) fn data_store_writer(&self) -> Result<&dyn DataStoreWriter> {
        plugged(
            self.0.data_store_writer.as_deref(),
            "data store configurations",
            "data_store_writer",
        )
    }

    pub(crate) fn web(&self) -> Result<&dyn WebTransport> {
        plugged(self.0.web.as_deref(), "web servers", "web")
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }

    pub(crate) fn report(&self, progress: &Progress) {
        tracing::debug!(?progress);
        self.0.observer.on_progress(progress);
    }

    /// A safe point: ends the operation here if the caller asked for it.
    pub(crate) fn safe_point(&self) -> Result<()> {
        if self.0.cancellation.is_cancelled() {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "stopped at a safe point, as asked",
            ));
        }
        Ok(())
    }

    pub(crate) async fn secret(&self, field: &str, name: &SecretRef) -> Result<Secret> {
        let Some(source) = &self.0.secrets else {
            return Err(Error::invalid(
                field,
                format!(
                    "the secret {name:?} is needed and the context has no secret source; call ContextBuilder::secrets",
                    name = name.name()
                ),
            ));
        };
        source.fetch(name).await.map_err(|error| {
            Error::invalid(
                field,
                format!("the secret {:?} can't be had: {error}", name.name()),
            )
        })
    }

    /// Refuses a path on a file server that nobody allowed.
    pub(crate) fn check_path(&self, field: &str, path: &ServerPath) -> Result<()> {
        match path.unc_host() {
            Some(host) if !self.0.unc_hosts.contains(&host.to_lowercase()) => Err(Error::invalid(
                field,
                format!("it is on the file server {host}, which is not allowed"),
            )
            .with_remedy(format!(
                "if SQL Server may show its service account to {host}, call ContextBuilder::allow_unc_host"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a backup on a file server or at a URL's host that nobody allowed.
    pub(crate) fn check_device(&self, field: &str, device: &BackupDevice) -> Result<()> {
        let Some(url) = device.url() else {
            return device
                .file()
                .map_or(Ok(()), |path| self.check_path(field, path));
        };
        let host = url.host();
        if self.0.backup_hosts.contains(host) {
            return Ok(());
        }
        Err(Error::invalid(
            field,
            format!("it is at {host}, which is not allowed"),
        )
        .with_remedy(format!(
            "if backups may go to {host} and come from it, call ContextBuilder::allow_backup_host"
        )))
    }

    /// Refuses to send a secret where others may read it.
    pub(crate) fn check_wire(&self, batch: &SqlBatch, wire: Wire) -> Result<()> {
        let problem = self.wire_problem(wire).filter(|_| batch.holds_secret());
        let Some(problem) = problem else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the statement holds a password and {problem}; it was not sent"),
        )
        .with_remedy("connect with full TLS and the server's CA certificate; for a rehearsal only, call ContextBuilder::danger_secrets_on_any_wire"))
    }

    /// Why no secret may go over a wire, in either direction.
    pub(crate) fn wire_problem(&self, wire: Wire) -> Option<&'static str> {
        match wire {
            Wire::InProcess | Wire::Verified => None,
            Wire::Encrypted => Some("the server's certificate was trusted without a check"),
            Wire::Plain => Some("the connection is not encrypted throughout"),
        }
        .filter(|_| !self.0.secrets_on_any_wire)
    }

    /// Runs `work`, at most for `deadline`.
    pub(crate) async fn within<T, E: From<TransportError>>(
        &self,
        deadline: Option<Duration>,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let Some(deadline) = deadline else {
            return work.await;
        };
        tokio::select! {
            biased;
            result = work => result,
            () = self.clock().sleep(deadline) => Err(TransportError::new(
                TransportErrorKind::Timeout,
                format!("waited {} seconds", deadline.as_secs_f64()),
            )
            .into()),
        }
    }

    /// Holds the answer of a name against who answered there before. `Ok(true)`: the same server,
    /// restarted in between.
    pub(crate) fn recognise(
        &self,
        instance: &SqlInstance,
        identity: &str,
        started: &str,
    ) -> Result<bool> {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((before, start)) = seen.get_mut(instance) else {
            seen.insert(instance.clone(), (identity.to_owned(), started.to_owned()));
            return Ok(false);
        };
        if before != identity {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!("the name now leads to {identity}, before it led to {before}: the run stops here"),
            )
            .with_remedy("use names that lead to one instance only, not a listener, an alias or a moving DNS name"));
        }
        let restarted = start != started;
        started.clone_into(start);
        Ok(restarted)
    }
}

/// A port to hosts, or how to plug it in.
fn plugged<'a, T: ?Sized>(port: Option<&'a T>, what: &str, setter: &str) -> Result<&'a T> {
    port.ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!("the context has no transport to the {what} of hosts"),
        )
        .with_remedy(format!("call ContextBuilder::{setter}"))
    })
}
