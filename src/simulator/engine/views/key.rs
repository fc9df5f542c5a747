//! Keys and what encrypts them.

use super::{
    Columns, DESCRIPTION, NULL, Row, SID, SYSNAME, View, contents, int, sees_definitions, text,
};
use crate::simulator::catalog::{AsymmetricKey, Guid, MasterKey, Protection};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "symmetric_keys",
        columns: SYMMETRIC_KEYS,
        make: symmetric_keys,
    },
    View {
        schema: "sys",
        name: "asymmetric_keys",
        columns: ASYMMETRIC_KEYS,
        make: asymmetric_keys,
    },
    View {
        schema: "sys",
        name: "certificates",
        columns: CERTIFICATES,
        make: certificates,
    },
    View {
        schema: "sys",
        name: "key_encryptions",
        columns: ENCRYPTIONS,
        make: key_encryptions,
    },
    View {
        schema: "sys",
        name: "openkeys",
        columns: OPEN_KEYS,
        make: open_keys,
    },
    View {
        schema: "sys",
        name: "master_key_passwords",
        columns: PASSWORDS,
        make: master_key_passwords,
    },
];

/// The ids of the master keys.
const DATABASE_MASTER_KEY: i32 = 101;
const SERVICE_MASTER_KEY: i32 = 102;

const SYMMETRIC_KEYS: Columns = &[
    ("name", SYSNAME),
    ("principal_id", WireType::Int),
    ("symmetric_key_id", WireType::Int),
    ("key_length", WireType::Int),
    ("key_algorithm", WireType::Char(2)),
    ("algorithm_desc", DESCRIPTION),
    ("create_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("key_guid", WireType::UniqueIdentifier),
    ("key_thumbprint", WireType::Variant),
    ("provider_type", WireType::NVarChar(Some(120))),
    ("cryptographic_provider_guid", WireType::UniqueIdentifier),
    ("cryptographic_provider_algid", WireType::Variant),
];

const ASYMMETRIC_KEYS: Columns = &[
    ("name", SYSNAME),
    ("principal_id", WireType::Int),
    ("asymmetric_key_id", WireType::Int),
    ("pvt_key_encryption_type", WireType::Char(2)),
    ("pvt_key_encryption_type_desc", DESCRIPTION),
    ("thumbprint", WireType::VarBinary(Some(32))),
    ("algorithm", WireType::Char(2)),
    ("algorithm_desc", DESCRIPTION),
    ("key_length", WireType::Int),
    ("sid", SID),
    ("string_sid", SYSNAME),
    ("public_key", WireType::VarBinary(None)),
    ("attested_by", WireType::NVarChar(Some(260))),
];

const CERTIFICATES: Columns = &[
    ("name", SYSNAME),
    ("certificate_id", WireType::Int),
    ("principal_id", WireType::Int),
    ("pvt_key_encryption_type", WireType::Char(2)),
    ("pvt_key_encryption_type_desc", DESCRIPTION),
    ("is_active_for_begin_dialog", WireType::Bit),
    ("issuer_name", WireType::NVarChar(Some(442))),
    ("subject", WireType::NVarChar(Some(4000))),
    ("expiry_date", WireType::DateTime),
    ("start_date", WireType::DateTime),
    ("thumbprint", WireType::VarBinary(Some(32))),
    ("attested_by", WireType::NVarChar(Some(260))),
    ("pvt_key_last_backup_date", WireType::DateTime),
    ("key_length", WireType::Int),
];

const ENCRYPTIONS: Columns = &[
    ("key_id", WireType::Int),
    ("thumbprint", WireType::VarBinary(Some(32))),
    ("crypt_type", WireType::Char(4)),
    ("crypt_type_desc", DESCRIPTION),
    ("crypt_property", WireType::VarBinary(None)),
];

const OPEN_KEYS: Columns = &[
    ("database_id", WireType::Int),
    ("database_name", SYSNAME),
    ("key_id", WireType::Int),
    ("key_name", SYSNAME),
    ("key_guid", WireType::UniqueIdentifier),
    ("opened_date", WireType::DateTime),
    ("status", WireType::SmallInt),
];

const PASSWORDS: Columns = &[
    ("credential_id", WireType::Int),
    ("family_guid", WireType::UniqueIdentifier),
];

/// A row of sys.symmetric_keys.
fn symmetric(
    name: &str,
    id: i32,
    algorithm: &str,
    (created, modified): (time::PrimitiveDateTime, time::PrimitiveDateTime),
    guid: Guid,
) -> Row {
    let (code, length) = match algorithm {
        "AES_128" => ("A1", 128),
        "AES_192" => ("A2", 192),
        _ => ("A3", 256),
    };
    vec![
        text(name),
        int(1),
        int(id),
        int(length),
        text(code),
        text(algorithm),
        SqlValue::DateTime(created),
        SqlValue::DateTime(modified),
        SqlValue::Guid(guid),
        NULL,
        NULL,
        NULL,
        NULL,
    ]
}

fn symmetric_keys(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let Some(contents) =
        contents(context, database).filter(|_| sees_definitions(context, database))
    else {
        return Ok(rows);
    };
    if let Some(key) = &contents.master_key {
        rows.push(symmetric(
            "##MS_DatabaseMasterKey##",
            DATABASE_MASTER_KEY,
            "AES_256",
            (key.created, key.modified),
            key.guid,
        ));
    }
    if database.eq_ignore_ascii_case("master") {
        let key = &context.state.catalog.service_master_key;
        rows.push(symmetric(
            "##MS_ServiceMasterKey##",
            SERVICE_MASTER_KEY,
            "AES_256",
            (key.created, key.modified),
            key.guid,
        ));
    }
    rows.extend(contents.symmetric_keys.iter().map(|key| {
        symmetric(
            &key.name,
            key.id,
            &key.algorithm,
            (key.created, key.created),
            key.guid,
        )
    }));
    Ok(rows)
}

/// `pvt_key_encryption_type` and its description.
const fn private_key_protection(protection: &Protection) -> (&'static str, &'static str) {
    match protection {
        Protection::MasterKey => ("MK", "ENCRYPTED_BY_MASTER_KEY"),
        Protection::NoPrivateKey => ("NA", "NO_PRIVATE_KEY"),
        Protection::Password => ("PW", "ENCRYPTED_BY_PASSWORD"),
        Protection::AsymmetricKey(_) | Protection::Certificate(_) => {
            ("SK", "ENCRYPTED_BY_SERVICE_MASTER_KEY")
        }
    }
}

fn pairs<'a>(
    context: &Context<'a>,
    database: &str,
    of: fn(&crate::simulator::catalog::Contents) -> &Vec<AsymmetricKey>,
) -> Vec<&'a AsymmetricKey> {
    let caller = context.caller();
    let pairs = contents(context, database).map(of).into_iter().flatten();
    pairs
        .filter(|pair| {
            sees_definitions(context, database)
                || caller.has_object(database, &pair.grants, "VIEW DEFINITION")
        })
        .collect()
}

fn asymmetric_keys(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    Ok(
        pairs(context, database, |contents| &contents.asymmetric_keys)
            .iter()
            .map(|key| {
                let (kind, description) = private_key_protection(&key.protection);
                let (code, name) = match key.bits {
                    512 => ("1R", "RSA_512"),
                    1024 => ("2R", "RSA_1024"),
                    2048 => ("3R", "RSA_2048"),
                    3072 => ("4R", "RSA_3072"),
                    _ => ("5R", "RSA_4096"),
                };
                vec![
                    text(&key.name),
                    int(1),
                    int(key.id),
                    text(kind),
                    text(description),
                    SqlValue::Bytes(key.thumbprint.0.clone()),
                    text(code),
                    text(name),
                    int(key.bits),
                    NULL,
                    NULL,
                    SqlValue::Bytes(key.public_key.0.clone()),
                    NULL,
                ]
            })
            .collect(),
    )
}

fn certificates(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    Ok(pairs(context, database, |contents| &contents.certificates)
        .iter()
        .map(|certificate| {
            let (kind, description) = private_key_protection(&certificate.protection);
            vec![
                text(&certificate.name),
                int(certificate.id),
                int(1),
                text(kind),
                text(description),
                SqlValue::Bit(true),
                text(&certificate.subject),
                text(&certificate.subject),
                certificate
                    .validity
                    .map_or(NULL, |(_, end)| SqlValue::DateTime(end)),
                certificate
                    .validity
                    .map_or(NULL, |(start, _)| SqlValue::DateTime(start)),
                SqlValue::Bytes(certificate.thumbprint.0.clone()),
                NULL,
                certificate.last_backup.map_or(NULL, SqlValue::DateTime),
                int(certificate.bits),
            ]
        })
        .collect())
}

fn encryption(id: i32, thumbprint: SqlValue, kind: (&str, &str), property: &[u8]) -> Row {
    vec![
        int(id),
        thumbprint,
        text(kind.0),
        text(kind.1),
        SqlValue::Bytes(property.to_vec()),
    ]
}

/// One row per password, and one for the service master key's copy: it travels with the database.
fn of_master_key(key: &MasterKey) -> Vec<Row> {
    let mut rows: Vec<Row> = key
        .by_passwords
        .iter()
        .map(|wrapped| {
            let kind = ("ESP3", "ENCRYPTION BY PASSWORD V3");
            encryption(DATABASE_MASTER_KEY, NULL, kind, &wrapped.0.0)
        })
        .collect();
    rows.extend(key.by_service_master_key.iter().map(|wrapped| {
        let kind = ("ESKM", "ENCRYPTION BY MASTER KEY");
        encryption(DATABASE_MASTER_KEY, NULL, kind, &wrapped.0.0)
    }));
    rows
}

fn key_encryptions(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(contents) =
        contents(context, database).filter(|_| sees_definitions(context, database))
    else {
        return Ok(Vec::new());
    };
    let mut rows: Vec<Row> = contents.master_key.iter().flat_map(of_master_key).collect();
    if database.eq_ignore_ascii_case("master") {
        // The thumbprint of the machine key's encryption (community knowledge).
        let machine = SqlValue::Bytes(vec![0x03, 0, 0, 0, 0x01]);
        let key = &context.state.catalog.service_master_key;
        let kind = ("ESKM", "ENCRYPTION BY MASTER KEY");
        rows.push(encryption(
            SERVICE_MASTER_KEY,
            machine,
            kind,
            &key.by_machine.0.0,
        ));
    }
    let thumbprint = |name: &str, pairs: &[AsymmetricKey]| {
        let pair = pairs
            .iter()
            .find(|pair| pair.name.eq_ignore_ascii_case(name));
        pair.map_or(NULL, |pair| SqlValue::Bytes(pair.thumbprint.0.clone()))
    };
    for key in &contents.symmetric_keys {
        for (protection, wrapped) in &key.wrapped {
            let (print, kind) = match protection {
                Protection::AsymmetricKey(name) => (
                    thumbprint(name, &contents.asymmetric_keys),
                    ("EPUA", "ENCRYPTION BY ASYMMETRIC KEY"),
                ),
                Protection::Certificate(name) => (
                    thumbprint(name, &contents.certificates),
                    ("EPUC", "ENCRYPTION BY CERTIFICATE"),
                ),
                Protection::Password => (NULL, ("ESP3", "ENCRYPTION BY PASSWORD V3")),
                Protection::MasterKey | Protection::NoPrivateKey => {
                    (NULL, ("ESKM", "ENCRYPTION BY MASTER KEY"))
                }
            };
            rows.push(encryption(key.id, print, kind, &wrapped.0.0));
        }
    }
    Ok(rows)
}

/// The keys that this session has open, in all databases.
fn open_keys(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let now = crate::simulator::instance::now();
    Ok(context
        .session
        .open_symmetric_keys
        .iter()
        .filter_map(|open| {
            let entry = context.state.entry(&open.database)?;
            let keys = &contents(context, &open.database)?.symmetric_keys;
            let key = keys.iter().find(|key| key.guid == open.guid)?;
            Some(vec![
                int(entry.id),
                text(&entry.name),
                int(key.id),
                text(&key.name),
                SqlValue::Guid(open.guid),
                SqlValue::DateTime(now),
                int(1),
            ])
        })
        .collect())
}

fn master_key_passwords(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    if !context.caller().has_server("VIEW ANY DEFINITION") {
        return Ok(Vec::new());
    }
    Ok(context
        .state
        .catalog
        .credentials
        .iter()
        .filter_map(|credential| Some(vec![int(credential.id), SqlValue::Guid(credential.family?)]))
        .collect())
}
