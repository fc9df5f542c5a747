//! The system's procedures.

use std::time::Duration;

use super::procedure::{Given, Outcome};
use super::rpc::is_system_name;
use super::{Runner, command, lock, server};
use crate::simulator::engine::evaluate::{integer, text};
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::query::Rowset;
use crate::simulator::engine::value::fold;
use crate::simulator::engine::{evaluate, views};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::ObjectName;
use crate::simulator::tsql::parse_parameters;
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

/// The arguments of a system procedure, by the names of its parameters.
pub(super) struct Arguments<'g> {
    procedure: &'static str,
    parameters: &'static [&'static str],
    given: &'g [Given],
}

impl<'g> Arguments<'g> {
    /// 8145 and 8144 for arguments that have no place.
    pub(super) fn new(
        procedure: &'static str,
        parameters: &'static [&'static str],
        given: &'g [Given],
    ) -> Result<Self> {
        for argument in given {
            if let Some(name) = &argument.name
                && !parameters
                    .iter()
                    .any(|parameter| same_name(parameter, name))
            {
                return Err(ServerError::new(
                    8145,
                    16,
                    2,
                    format!("{name} is not a parameter for procedure {procedure}."),
                ));
            }
        }
        if given.len() > parameters.len() {
            return Err(ServerError::new(
                8144,
                16,
                2,
                format!("Procedure or function {procedure} has too many arguments specified."),
            ));
        }
        Ok(Self {
            procedure,
            parameters,
            given,
        })
    }

    fn find(&self, wanted: &str) -> Option<&'g Given> {
        let place = self
            .parameters
            .iter()
            .position(|parameter| *parameter == wanted)?;
        self.given.iter().enumerate().find_map(|(at, argument)| {
            let is_it = match &argument.name {
                Some(name) => same_name(name, wanted),
                None => at == place,
            };
            is_it.then_some(argument)
        })
    }

    /// `None` where it was left out or is NULL.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        match self.find(name).and_then(|argument| argument.value.as_ref()) {
            Some(value) => text(value),
            None => Ok(None),
        }
    }

    /// 201 where it was left out.
    pub(super) fn needed(&self, name: &str) -> Result<String> {
        self.text(name)?.ok_or_else(|| {
            ServerError::new(
                201,
                16,
                4,
                format!(
                    "Procedure or function '{}' expects parameter '{name}', which was not supplied.",
                    self.procedure
                ),
            )
        })
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>> {
        match self.find(name).and_then(|argument| argument.value.as_ref()) {
            Some(value) => integer(value),
            None => Ok(None),
        }
    }
}

impl Runner<'_> {
    /// Runs a procedure of the system; `None` where none has that name.
    pub(super) async fn system_procedure(
        &mut self,
        name: &ObjectName,
        given: &[Given],
        depth: u32,
    ) -> Result<Option<Outcome>, Failure> {
        if !is_system_name(name) {
            return Ok(None);
        }
        let status = match fold(name.name()).as_str() {
            "sp_executesql" => return self.execute_sql(given, depth).await.map(Some),
            "xp_fileexist" => return self.file_exists(given).await.map(Some),
            "sp_getprocessorusage" => return self.processor_usage(given).await.map(Some),
            "xp_getnetname" => return Ok(Some(self.net_name(given)?)),
            "xp_instance_regread" => {
                return self
                    .read_registry("xp_instance_regread", given)
                    .await
                    .map(Some);
            }
            "xp_msver" => return self.product_versions(given).await.map(Some),
            "xp_regread" => return self.read_registry("xp_regread", given).await.map(Some),
            "sp_getapplock" => self.take_lock(given).await?,
            "sp_releaseapplock" => {
                let parameters = &["@Resource", "@LockOwner", "@DbPrincipal"];
                let arguments = Arguments::new("sp_releaseapplock", parameters, given)?;
                lock::release(self.session, &arguments)?
            }
            "sp_control_dbmasterkey_password" => {
                let parameters = &["@db_name", "@password", "@action"];
                let arguments =
                    Arguments::new("sp_control_dbmasterkey_password", parameters, given)?;
                self.control_password(&arguments)?
            }
            "sp_addlinkedserver" => {
                let parameters = &[
                    "@server",
                    "@srvproduct",
                    "@provider",
                    "@datasrc",
                    "@location",
                    "@provstr",
                    "@catalog",
                ];
                let arguments = Arguments::new("sp_addlinkedserver", parameters, given)?;
                server::add(self.session, &arguments)?
            }
            "sp_dropserver" => {
                let arguments =
                    Arguments::new("sp_dropserver", &["@server", "@droplogins"], given)?;
                server::drop(self.session, &arguments)?
            }
            "sp_addlinkedsrvlogin" => {
                let parameters = &[
                    "@rmtsrvname",
                    "@useself",
                    "@locallogin",
                    "@rmtuser",
                    "@rmtpassword",
                ];
                let arguments = Arguments::new("sp_addlinkedsrvlogin", parameters, given)?;
                server::add_login(self.session, &arguments)?
            }
            "xp_create_subdir" => {
                let arguments = Arguments::new("xp_create_subdir", &["@path"], given)?;
                server::create_folder(self.session, &arguments)?
            }
            "xp_cmdshell" => return Err(turned_off("xp_cmdshell").into()),
            "sp_oacreate" => return Err(turned_off("Ole Automation Procedures").into()),
            "sp_reset_connection" => 0,
            // What is not here may be a user's procedure with such a name.
            _ => return Ok(None),
        };
        Ok(Some(Outcome {
            status,
            outputs: vec![None; given.len()],
        }))
    }

    /// `sp_executesql @stmt, @params, @a = 1, @b = @c OUTPUT`.
    async fn execute_sql(&mut self, given: &[Given], depth: u32) -> Result<Outcome, Failure> {
        let texts = |at: usize| -> Result<Option<String>> {
            match given.get(at).and_then(|argument| argument.value.as_ref()) {
                Some(value) if !value.is_null() && !given.get(at).is_some_and(is_national) => {
                    Err(not_a_text())
                }
                Some(value) => text(value),
                None => Ok(None),
            }
        };
        let Some(batch) = texts(0)? else {
            return Ok(Outcome {
                status: 0,
                outputs: vec![None; given.len()],
            });
        };
        let mut frame = Frame {
            depth: depth + 1,
            ..Frame::default()
        };
        let parameters = match texts(1)? {
            Some(parameters) if !parameters.trim().is_empty() => parse_parameters(&parameters)?,
            _ => Vec::new(),
        };
        let values = given.get(2..).unwrap_or_default();
        let places = self.bind("sp_executesql", &parameters, values, &mut frame)?;
        let frame = self.run_text(&batch, frame).await?;
        let mut outputs = vec![None; given.len().min(2)];
        for (argument, place) in values.iter().zip(places) {
            let parameter = &parameters[place];
            outputs.push(if argument.is_output {
                let variable = frame.variable(&parameter.name)?;
                Some((variable.value.clone(), variable.kind))
            } else {
                None
            });
        }
        Ok(Outcome { status: 0, outputs })
    }

    /// One row of three answers, or one answer for a second, OUTPUT, argument. Undocumented.
    async fn file_exists(&mut self, given: &[Given]) -> Result<Outcome, Failure> {
        let arguments = Arguments::new("xp_fileexist", &["@filename", "@exists"], given)?;
        let path = arguments.needed("@filename")?;
        let look = self.with_context(&Frame::default(), |context| views::look(context, &path));
        let answer = |answer: bool| SqlValue::Int(answer.into());
        let mut outputs = vec![None; given.len()];
        if let Some(output) = outputs.get_mut(1) {
            *output = Some((answer(look.0), WireType::Int));
        } else {
            let column = |name: &str| evaluate::Column {
                qualifier: Vec::new(),
                name: name.to_owned(),
                kind: WireType::Int,
                is_nullable: true,
                origin: Origin::Statement,
            };
            let rowset = Rowset {
                columns: [
                    "File Exists",
                    "File is a Directory",
                    "Parent Directory Exists",
                ]
                .map(column)
                .to_vec(),
                rows: vec![[look.0, look.1, look.2].map(answer).to_vec()],
            };
            self.send_rows(rowset, command::SELECT).await?;
        }
        Ok(Outcome { status: 0, outputs })
    }

    /// Waits until the lock is free, as long as the caller allows: 0, 1 where it waited, -1.
    async fn take_lock(&mut self, given: &[Given]) -> Result<i32, Failure> {
        const INTERVAL: Duration = Duration::from_millis(5);
        let parameters = &[
            "@Resource",
            "@LockMode",
            "@LockOwner",
            "@LockTimeout",
            "@DbPrincipal",
        ];
        let arguments = Arguments::new("sp_getapplock", parameters, given)?;
        let limit = arguments.integer("@LockTimeout")?.unwrap_or(-1);
        let limit = u64::try_from(limit).ok().map(Duration::from_millis);
        let mut waited = Duration::ZERO;
        loop {
            if lock::take(self.session, &arguments)? {
                return Ok(i32::from(!waited.is_zero()));
            }
            if limit.is_some_and(|limit| waited >= limit) {
                return Ok(-1);
            }
            tokio::time::sleep(INTERVAL).await;
            waited += INTERVAL;
        }
    }

    fn control_password(&self, arguments: &Arguments<'_>) -> Result<i32> {
        let database = arguments.needed("@db_name")?;
        let password = arguments.needed("@password")?;
        let is_added = match fold(&arguments.needed("@action")?).as_str() {
            "add" => true,
            "drop" => false,
            other => {
                return Err(ServerError::new(
                    15600,
                    15,
                    1,
                    format!(
                        "An invalid parameter or option was specified for procedure \
                         'sp_control_dbmasterkey_password': {other}."
                    ),
                ));
            }
        };
        crate::simulator::engine::keys::control_master_key_password(
            self.session,
            &database,
            &password,
            is_added,
        )?;
        Ok(0)
    }
}

/// Whether an argument is of a type that `sp_executesql` takes a text as.
const fn is_national(argument: &Given) -> bool {
    matches!(argument.kind, WireType::NVarChar(_) | WireType::NChar(_))
}

/// 214.
fn not_a_text() -> ServerError {
    ServerError::new(
        214,
        16,
        2,
        "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.",
    )
}

/// 15281.
fn turned_off(component: &str) -> ServerError {
    let what = if component == "xp_cmdshell" {
        "procedure 'sys.xp_cmdshell'"
    } else {
        "procedure 'sys.sp_OACreate'"
    };
    ServerError::new(
        15281,
        16,
        1,
        format!(
            "SQL Server blocked access to {what} of component '{component}' because this component \
             is turned off as part of the security configuration for this server. A system \
             administrator can enable the use of '{component}' by using sp_configure. For more \
             information about enabling '{component}', search for '{component}' in SQL Server \
             Books Online."
        ),
    )
}
