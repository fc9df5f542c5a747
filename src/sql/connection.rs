//! A session with an instance whose identity was asserted.

use std::time::Duration;

use crate::context::Context;
use crate::error::{Effect, Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::{Scrubber, Secret};
use crate::sql::answer::Answer;
use crate::sql::lost_session::SessionMark;
use crate::sql::permission_check;
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;
use crate::transport::{SqlBatch, SqlSession, TransportError};

/// A session with an instance, kept for one operation.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    cx: &'a Context,
    instance: SqlInstance,
    session: Box<dyn SqlSession>,
    identity: ServerIdentity,
    session_id: i64,
    mark: Option<SessionMark>,
}

impl<'a> Connection<'a> {
    /// Connects, asks who answers, and holds that against who answered before.
    pub(crate) async fn open(
        cx: &'a Context,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Self> {
        let session = connect(cx, instance, database).await?;
        let (connection, _) = Self::introduce(cx, instance, session, None).await?;
        Ok(connection)
    }

    /// The same, with a question that only looks, asked in the same round trip. Its result sets
    /// stand behind the first one of the answer.
    pub(crate) async fn open_asking(
        cx: &'a Context,
        instance: &SqlInstance,
        question: &Statement,
    ) -> Result<(Self, Answer)> {
        let session = connect(cx, instance, None).await?;
        Self::introduce(cx, instance, session, Some(question)).await
    }

    /// The same as [`open`](Self::open), and refuses a login that lacks one of `permissions`, which
    /// costs no round trip.
    pub(crate) async fn open_allowed(
        cx: &'a Context,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
        permissions: &[Permission],
    ) -> Result<Self> {
        let session = connect(cx, instance, database).await?;
        let question = permission_check::question(permissions);
        let (connection, answer) =
            Self::introduce(cx, instance, session, question.as_ref()).await?;
        permission_check::require(&answer, 1, permissions)?;
        Ok(connection)
    }

    /// The same, gone into `database` then: what is missing is named before the database refuses the
    /// login altogether.
    pub(crate) async fn open_inside(
        cx: &'a Context,
        instance: &SqlInstance,
        database: &DatabaseName,
        permissions: &[Permission],
    ) -> Result<Self> {
        let mut connection = Self::open_allowed(cx, instance, None, permissions).await?;
        let enter = Statement::new("USE ").identifier(database.as_str());
        connection.look(enter.batch()).await?;
        Ok(connection)
    }

    async fn introduce(
        cx: &'a Context,
        instance: &SqlInstance,
        mut session: Box<dyn SqlSession>,
        question: Option<&Statement>,
    ) -> Result<(Self, Answer)> {
        let mut batch = ServerIdentity::question();
        if let Some(question) = question {
            batch = batch.and(question);
        }
        let answer = look(cx, &mut *session, batch.batch()).await?;
        let row = answer.first()?;
        let identity = ServerIdentity::read(row)?;
        let session_id = row.integer("session_id")?;
        let login_time = match row.find("login_time") {
            Some(_) => row.text_or_null("login_time")?,
            None => None,
        };
        let mark = login_time.map(|login_time| SessionMark {
            session_id,
            login_time: login_time.to_owned(),
        });
        identity.refuse_azure()?;
        if cx.recognise(instance, &identity.names(), &identity.started)? {
            cx.report(&Progress::ServerRestarted {
                instance: instance.to_string(),
            });
        }
        let connection = Self {
            cx,
            instance: instance.clone(),
            session,
            identity,
            session_id,
            mark,
        };
        Ok((connection, answer))
    }

    pub(crate) const fn cx(&self) -> &'a Context {
        self.cx
    }

    pub(crate) const fn instance(&self) -> &SqlInstance {
        &self.instance
    }

    pub(crate) const fn identity(&self) -> &ServerIdentity {
        &self.identity
    }

    /// Why no secret may be asked for here, where none may.
    pub(crate) fn wire_problem(&self) -> Option<&'static str> {
        self.cx.wire_problem(self.session.wire())
    }

    /// `@@SPID`, for whoever watches this session from another one.
    pub(crate) const fn session_id(&self) -> i64 {
        self.session_id
    }

    /// This session among all that the server ever has, if it told.
    pub(crate) const fn mark(&self) -> Option<&SessionMark> {
        self.mark.as_ref()
    }

    /// A statement that only looks: whatever goes wrong, nothing was changed.
    pub(crate) async fn look(&mut self, batch: SqlBatch) -> Result<Answer> {
        look(self.cx, &mut *self.session, batch).await
    }

    /// A statement that changes something, with the secrets it holds. Errors of the server are
    /// given back as answers: what they mean is the operation's to say. `Err` is a lost answer.
    pub(crate) async fn change(
        &mut self,
        batch: SqlBatch,
        secrets: &[&Secret],
        deadline: Option<Duration>,
    ) -> Result<Answer> {
        self.cx.check_wire(&batch, self.session.wire())?;
        let scrubber = Scrubber::of(secrets);
        tracing::debug!(batch = batch.redacted(), "sending");
        let mut answer = Answer::default();
        self.cx
            .within(deadline, self.session.execute(batch, &mut answer))
            .await
            .map_err(|error| {
                let clean = TransportError::new(error.kind(), scrubber.text(error.detail()));
                Error::from_transport(clean)
            })?;
        answer.scrub(|text| scrubber.text(text));
        Ok(answer)
    }

    /// Refuses unless the login has this right on the server.
    pub(crate) async fn require_server_permission(
        &mut self,
        permission: &'static str,
    ) -> Result<()> {
        let batch = Statement::new("SELECT HAS_PERMS_BY_NAME(NULL, NULL, ")
            .literal(permission)
            .text(") AS allowed")
            .batch();
        if self.look(batch).await?.first()?.is("allowed")? {
            return Ok(());
        }
        Err(permission_check::lacks(&[&Permission::server(permission)]))
    }
}

async fn connect(
    cx: &Context,
    instance: &SqlInstance,
    database: Option<&DatabaseName>,
) -> Result<Box<dyn SqlSession>> {
    cx.safe_point()?;
    let deadline = Some(cx.deadlines().connect);
    cx.within(deadline, cx.sql().connect(instance, database))
        .await
        .map_err(|error| Error::from_transport(error).with_effect(Effect::None))
}

async fn look(cx: &Context, session: &mut dyn SqlSession, batch: SqlBatch) -> Result<Answer> {
    tracing::trace!(batch = batch.redacted(), "looking");
    let mut answer = Answer::default();
    cx.within(
        Some(cx.deadlines().look),
        session.execute(batch, &mut answer),
    )
    .await
    .map_err(|error| Error::from_transport(error).with_effect(Effect::None))?;
    answer.or_error()
}
