//! What a client that signs in is told.

use std::sync::Arc;

use crate::simulator::engine::{LoginRequest, Session};
use crate::simulator::instance::Instance;
use crate::simulator::running_request::open_session;
use crate::simulator::server_error::{ServerError, message};
use crate::simulator::tds::connection::Endpoint;
use crate::simulator::tds::login::{FEATURE_FEDERATED, FEATURE_UTF8, Login};
use crate::simulator::tds::packet::INITIAL_PACKET_SIZE;
use crate::simulator::tds::token::{self, DoneKind, TextChange};
use crate::simulator::tds::version::TdsVersion;
use crate::simulator::{Version, WireBug};

/// The session for a login, or the errors that refuse it.
pub(super) async fn session_for(
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    if login.is_integrated {
        return Err(ServerError::new(
            18452,
            14,
            1,
            "Login failed. The login is from an untrusted domain and cannot be used with \
             Integrated authentication.",
        ));
    }
    let asks = |feature| {
        login
            .features
            .iter()
            .flatten()
            .any(|asked| *asked == feature)
    };
    if asks(FEATURE_FEDERATED) {
        return Err(ServerError::unsupported("federated authentication"));
    }
    if login.wants_user_instance {
        return Err(ServerError::new(
            18493,
            16,
            1,
            "The user instance login flag is not supported on this version of SQL Server. The \
             connection will be closed.",
        ));
    }
    if login.attaches_file {
        return Err(ServerError::unsupported("attaching a file at sign-in"));
    }
    let request = LoginRequest {
        user: login.user.clone(),
        password: login.password.to_string(),
        database: login.database.clone(),
        host_name: login.host_name.clone(),
        program_name: login.program_name.clone(),
        language: login.language.clone(),
        new_password: login.new_password.as_ref().map(|new| new.to_string()),
    };
    open_session(Arc::clone(&endpoint.instance), request).await
}

/// Where a client is sent that signs in here. Only those of TDS 7.4 know routing.
pub(super) fn route<'a>(endpoint: &'a Endpoint, login: &Login) -> Option<(&'a str, u16)> {
    let (host, port) = endpoint.route.as_ref()?;
    (login.tds_version >= TdsVersion::V7_4).then_some((host, *port))
}

/// Writes what a client is told that is to sign in elsewhere. MS-TDS has nothing follow it, and the
/// connection ends.
pub(super) fn put_elsewhere(
    out: &mut Vec<u8>,
    endpoint: &Endpoint,
    login: &Login,
    (host, port): (&str, u16),
) {
    put_login_ack(out, endpoint, login);
    token::put_routing(out, host, port);
    token::put_done(out, DoneKind::Statement, 0, 0, None, login.tds_version);
}

fn put_login_ack(out: &mut Vec<u8>, endpoint: &Endpoint, login: &Login) {
    let tds_version = if endpoint.has(WireBug::LoginAckVersion) {
        TdsVersion::V8_0
    } else {
        login.tds_version
    };
    token::put_login_ack(out, tds_version.number(), endpoint.instance.version);
}

/// Writes what a client is told when it is in, in the order of MS-TDS's example.
pub(super) fn put_welcome(
    out: &mut Vec<u8>,
    endpoint: &Endpoint,
    login: &Login,
    session: &Session,
) {
    let Instance { name, version, .. } = &*endpoint.instance;
    token::put_text_change(out, TextChange::Database, &session.database, "master");
    let context = format!("Changed database context to '{}'.", session.database);
    token::put_message(out, &message(5701, 0, 2, context), name, login.tds_version);
    token::put_collation(out);
    let language = session.memory.language.name();
    token::put_text_change(out, TextChange::Language, language, "");
    let language = format!("Changed language setting to {language}.");
    token::put_message(out, &message(5703, 0, 1, language), name, login.tds_version);
    put_login_ack(out, endpoint, login);
    let (old, new) = (
        INITIAL_PACKET_SIZE.to_string(),
        login.packet_size.to_string(),
    );
    token::put_text_change(out, TextChange::PacketSize, &new, &old);
    if let Some(features) = &login.features {
        let has_utf8 = features.contains(&FEATURE_UTF8) && *version >= Version::Sql2019;
        let granted: &[(u8, &[u8])] = if has_utf8 {
            &[(FEATURE_UTF8, &[1])]
        } else {
            &[]
        };
        token::put_feature_ack(out, granted);
    }
    token::put_done(out, DoneKind::Statement, 0, 0, None, login.tds_version);
}
