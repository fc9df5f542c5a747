//! Properties of the server, of databases and of the connection.

use super::{Call, Function, INT, VARIANT, text_or_null};
use crate::simulator::Version;
use crate::simulator::catalog::{DatabaseState, RecoveryModel, UserAccess};
use crate::simulator::engine::session::machine_of;
use crate::simulator::engine::views;
use crate::simulator::server_error::Result;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("CONNECTIONPROPERTY", (1, 1), VARIANT, connection_property),
    Function::strict("DATABASEPROPERTYEX", (2, 2), VARIANT, database_property),
    Function::strict("FULLTEXTSERVICEPROPERTY", (1, 1), INT, full_text_property),
    Function::strict("SERVERPROPERTY", (1, 1), VARIANT, server_property),
    Function::strict("SESSIONPROPERTY", (1, 1), VARIANT, session_property),
];

fn server_property(call: &Call<'_>) -> Result<SqlValue> {
    let instance = call.context.instance;
    let (major, minor, build, revision) = instance.product();
    let name = call.text(0)?.unwrap_or_default().to_lowercase();
    let text = |text: String| SqlValue::Text(text);
    // Paths end in a separator here.
    let folder = |folder: String| text(format!("{folder}{}", instance.platform.separator()));
    Ok(match name.as_str() {
        "productversion" => text(format!("{major}.{minor}.{build}.{revision}")),
        "productmajorversion" => text(major.to_string()),
        "productminorversion" => text(minor.to_string()),
        "productbuild" => text(build.to_string()),
        "productlevel" => text(instance.version.level().to_owned()),
        "resourceversion" => text(format!("{major}.{minor:02}.{build}")),
        "edition" => text(instance.edition.name().to_owned()),
        "engineedition" => SqlValue::Int(instance.edition.engine_edition().into()),
        "editionid" => SqlValue::Int(instance.edition.id()),
        "servername" => text(instance.name.clone()),
        "machinename" | "computernamephysicalnetbios" => {
            text(machine_of(&instance.name).to_owned())
        }
        "instancename" => text_or_null(
            instance
                .name
                .split_once('\\')
                .map(|(_, instance)| instance.to_owned()),
        ),
        "collation" => text(views::COLLATION.to_owned()),
        // Of that collation: what sorts like it, and how it compares.
        "collationid" => SqlValue::Int(872_468_488),
        "comparisonstyle" => SqlValue::Int(196_609),
        "sqlcharset" => SqlValue::Int(1),
        "sqlcharsetname" => text("iso_1".to_owned()),
        "sqlsortordername" => text("nocase_iso".to_owned()),
        "buildclrversion" => text("v4.0.30319".to_owned()),
        "errorlogfilename" => text(instance.error_log()),
        "pathseparator" if instance.version >= Version::Sql2017 => {
            text(instance.platform.separator().to_string())
        }
        "resourcelastupdatedatetime" => SqlValue::DateTime(call.context.state.catalog.created),
        "instancedefaultdatapath" | "instancedefaultlogpath" => folder(instance.data_folder()),
        // From 2019 on.
        "instancedefaultbackuppath" if instance.version >= Version::Sql2019 => {
            text(instance.backup_folder())
        }
        "isclustered"
        | "ishadrenabled"
        | "isintegratedsecurityonly"
        | "issingleuser"
        | "isfulltextinstalled"
        | "islocaldb"
        | "ispolybaseinstalled"
        | "isxtpsupported"
        | "isadvancedanalyticsinstalled"
        | "filestreamconfiguredlevel"
        | "filestreameffectivelevel" => SqlValue::Int(0),
        "hadrmanagerstatus" => SqlValue::Int(2),
        "processid" => SqlValue::Int(i64::from(std::process::id())),
        "licensetype" => text("DISABLED".to_owned()),
        "sqlsortorder" => SqlValue::Int(52),
        "lcid" => SqlValue::Int(1033),
        _ => SqlValue::Null,
    })
}

/// Full-text search is not installed.
fn full_text_property(call: &Call<'_>) -> Result<SqlValue> {
    let property = call.text(0)?.unwrap_or_default().to_lowercase();
    Ok(match property.as_str() {
        "isfulltextinstalled"
        | "connecttimeout"
        | "loadosresources"
        | "resourceusage"
        | "verifysignature" => SqlValue::Int(0),
        _ => SqlValue::Null,
    })
}

fn database_property(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.unwrap_or_default();
    let Some(entry) = call.context.state.entry(&name) else {
        return Ok(SqlValue::Null);
    };
    let contents = call
        .context
        .state
        .databases
        .get(&entry.name.to_lowercase())
        .map(|open| &open.contents);
    let text = |text: &str| SqlValue::Text(text.to_owned());
    let flag = |flag: bool| SqlValue::Int(flag.into());
    let property = call.text(1)?.unwrap_or_default().to_lowercase();
    Ok(match property.as_str() {
        "status" => text(match entry.state {
            DatabaseState::Online => "ONLINE",
            DatabaseState::Restoring => "RESTORING",
            DatabaseState::RecoveryPending => "RECOVERING",
            DatabaseState::Suspect => "SUSPECT",
            DatabaseState::Emergency => "EMERGENCY",
            DatabaseState::Offline => "OFFLINE",
        }),
        "updateability" => text(if entry.is_read_only {
            "READ_ONLY"
        } else {
            "READ_WRITE"
        }),
        "useraccess" => text(match entry.user_access {
            UserAccess::Multi => "MULTI_USER",
            UserAccess::Single => "SINGLE_USER",
            UserAccess::Restricted => "RESTRICTED_USER",
        }),
        "recovery" => contents.map_or(SqlValue::Null, |contents| {
            text(match contents.recovery_model {
                RecoveryModel::Full => "FULL",
                RecoveryModel::BulkLogged => "BULK_LOGGED",
                RecoveryModel::Simple => "SIMPLE",
            })
        }),
        "version" => contents.map_or(SqlValue::Null, |contents| {
            SqlValue::Int(contents.version.into())
        }),
        "collation" => contents.map_or(SqlValue::Null, |_| text(views::COLLATION)),
        "isautoclose" | "isautoshrink" | "isinstandby" => flag(false),
        _ => SqlValue::Null,
    })
}

fn connection_property(call: &Call<'_>) -> Result<SqlValue> {
    let text = |text: &str| SqlValue::Text(text.to_owned());
    Ok(
        match call.text(0)?.unwrap_or_default().to_lowercase().as_str() {
            "net_transport" => text("TCP"),
            "protocol_type" => text("TSQL"),
            "auth_scheme" => text("SQL"),
            _ => SqlValue::Null,
        },
    )
}

/// The options that every driver sets, and that have no other value here.
fn session_property(call: &Call<'_>) -> Result<SqlValue> {
    Ok(
        match call.text(0)?.unwrap_or_default().to_lowercase().as_str() {
            "ansi_nulls"
            | "ansi_padding"
            | "ansi_warnings"
            | "arithabort"
            | "concat_null_yields_null"
            | "quoted_identifier" => SqlValue::Bit(true),
            "numeric_roundabort" => SqlValue::Bit(false),
            _ => SqlValue::Null,
        },
    )
}
