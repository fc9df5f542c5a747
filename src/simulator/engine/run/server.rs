//! Linked servers and folders of the server.

use super::login::no_permission;
use super::system::Arguments;
use crate::simulator::catalog::LinkedLogin;
use crate::simulator::engine::{Caller, Session};
use crate::simulator::instance::same_name;
use crate::simulator::keys::Label;
use crate::simulator::server_error::{Result, ServerError};

/// 15015.
fn unknown(server: &str) -> ServerError {
    ServerError::new(
        15015,
        16,
        1,
        format!(
            "The server '{server}' does not exist. Use sp_helpserver to show available servers."
        ),
    )
}

fn check(session: &Session, permission: &str) -> Result<()> {
    let state = session.instance.state();
    if Caller::new(&state, session).has_server(permission) {
        Ok(())
    } else {
        Err(no_permission())
    }
}

/// `sp_addlinkedserver`: the server's name is all that is kept. It stands as a login without a
/// name.
pub(super) fn add(session: &Session, arguments: &Arguments<'_>) -> Result<i32> {
    let server = arguments.needed("@server")?;
    check(session, "ALTER ANY LINKED SERVER")?;
    let mut state = session.instance.state();
    if state
        .catalog
        .linked_logins
        .iter()
        .any(|login| same_name(&login.server, &server))
    {
        return Err(ServerError::new(
            15028,
            16,
            1,
            format!("The server '{server}' already exists."),
        ));
    }
    session.instance.edit(&mut state, |edit| {
        edit.catalog().linked_logins.push(LinkedLogin {
            server,
            remote_user: String::new(),
            password: None,
        });
        Ok(())
    })?;
    Ok(0)
}

pub(super) fn drop(session: &Session, arguments: &Arguments<'_>) -> Result<i32> {
    let server = arguments.needed("@server")?;
    check(session, "ALTER ANY LINKED SERVER")?;
    let mut state = session.instance.state();
    if !state
        .catalog
        .linked_logins
        .iter()
        .any(|login| same_name(&login.server, &server))
    {
        return Err(unknown(&server));
    }
    let has_logins = state
        .catalog
        .linked_logins
        .iter()
        .any(|login| same_name(&login.server, &server) && !login.remote_user.is_empty());
    if has_logins && arguments.text("@droplogins")?.as_deref() != Some("droplogins") {
        return Err(ServerError::new(
            15190,
            16,
            1,
            format!("There are still remote logins or linked logins for the server '{server}'."),
        ));
    }
    session.instance.edit(&mut state, |edit| {
        edit.catalog()
            .linked_logins
            .retain(|login| !same_name(&login.server, &server));
        Ok(())
    })?;
    Ok(0)
}

/// `sp_addlinkedsrvlogin`: the remote password is kept under the service master key.
pub(super) fn add_login(session: &Session, arguments: &Arguments<'_>) -> Result<i32> {
    let server = arguments.needed("@rmtsrvname")?;
    check(session, "ALTER ANY LINKED SERVER")?;
    let mut state = session.instance.state();
    let known = state
        .catalog
        .linked_logins
        .iter()
        .find(|login| same_name(&login.server, &server));
    let server = known
        .map(|login| login.server.clone())
        .ok_or_else(|| unknown(&server))?;
    let Some(remote_user) = arguments.text("@rmtuser")? else {
        // Logins that go over as themselves leave nothing to keep.
        return Ok(0);
    };
    let password = match arguments.text("@rmtpassword")? {
        Some(password) => {
            let key = state.service_master_key.clone().ok_or_else(|| {
                ServerError::new(15466, 16, 1, "An error occurred during decryption.")
            })?;
            Some(key.wrap(
                Label::LinkedLogin(&server, &remote_user),
                password.as_bytes(),
            )?)
        }
        None => None,
    };
    session.instance.edit(&mut state, |edit| {
        let logins = &mut edit.catalog().linked_logins;
        logins.retain(|login| {
            !same_name(&login.server, &server) || !same_name(&login.remote_user, &remote_user)
        });
        logins.push(LinkedLogin {
            server,
            remote_user,
            password,
        });
        Ok(())
    })?;
    Ok(0)
}

/// `xp_create_subdir`: undocumented; sysadmins only.
pub(super) fn create_folder(session: &Session, arguments: &Arguments<'_>) -> Result<i32> {
    let path = arguments.needed("@path")?;
    {
        let state = session.instance.state();
        if !Caller::new(&state, session).is_sysadmin() {
            return Err(no_permission());
        }
    }
    session
        .instance
        .disk
        .create_folder(&path)
        .map_err(|error| {
            ServerError::new(
                22048,
                16,
                1,
                format!("Error executing extended stored procedure: {error}"),
            )
        })?;
    Ok(0)
}
