//! `xp_msver` and `xp_getnetname`: the product and the machine.

use super::procedure::{Given, Outcome};
use super::system::Arguments;
use super::{Runner, command};
use crate::simulator::Platform;
use crate::simulator::engine::evaluate::{Column, text};
use crate::simulator::engine::query::Rowset;
use crate::simulator::engine::session::machine_of;
use crate::simulator::instance::Instance;
use crate::simulator::server_error::Failure;
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

/// Name, number and text of each row, in the documented order.
type Rows = [(&'static str, Option<i64>, Option<String>); 20];

/// What the server's machine has, whatever it really has.
const MEMORY_MEGABYTES: i64 = 16_384;

fn rows(instance: &Instance) -> Rows {
    let (major, minor, build, revision) = instance.product();
    let version = format!("{major}.{minor}.{build}.{revision}");
    let number = i64::from(major) << 16 | i64::from(minor);
    let special = i64::from(build) << 16 | i64::from(revision);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processors = i64::try_from(processors).unwrap_or(1);
    let mask = (1_u128 << processors.clamp(1, 64)) - 1;
    let memory = format!("{MEMORY_MEGABYTES} ({})", MEMORY_MEGABYTES * 1024 * 1024);
    let (windows, system) = match instance.platform {
        Platform::Windows => (Some(20_348 << 16 | 10), "10.0 (20348)"),
        Platform::Linux => (Some(0), "6.2 (0)"),
    };
    let said = |text: &str| Some(text.to_owned());
    [
        ("ProductName", None, said("Microsoft SQL Server")),
        ("ProductVersion", Some(number), Some(version.clone())),
        ("Language", Some(1033), said("English (United States)")),
        ("Platform", None, said("NT x64")),
        ("Comments", None, said("SQL")),
        ("CompanyName", None, said("Microsoft Corporation")),
        (
            "FileDescription",
            None,
            said("SQL Server Windows NT - 64 Bit"),
        ),
        ("FileVersion", None, Some(version)),
        ("InternalName", None, said("SQLSERVR")),
        (
            "LegalCopyright",
            None,
            said("Microsoft. All rights reserved."),
        ),
        (
            "LegalTrademarks",
            None,
            said("Microsoft SQL Server is a registered trademark of Microsoft Corporation."),
        ),
        ("OriginalFilename", None, said("SQLSERVR.EXE")),
        ("PrivateBuild", None, None),
        ("SpecialBuild", Some(special), None),
        ("WindowsVersion", windows, said(system)),
        (
            "ProcessorCount",
            Some(processors),
            Some(processors.to_string()),
        ),
        ("ProcessorActiveMask", None, Some(format!("{mask:16x}"))),
        ("ProcessorType", Some(8664), None),
        ("PhysicalMemory", Some(MEMORY_MEGABYTES), Some(memory)),
        ("Product ID", None, None),
    ]
}

fn column(name: &str, kind: WireType) -> Column {
    Column {
        qualifier: Vec::new(),
        name: name.to_owned(),
        kind,
        is_nullable: true,
        origin: Origin::Statement,
    }
}

impl Runner<'_> {
    /// All rows, or those that are named. Public may run it (documented).
    pub(super) async fn product_versions(&mut self, given: &[Given]) -> Result<Outcome, Failure> {
        let mut wanted = Vec::with_capacity(given.len());
        for argument in given {
            if let Some(name) = &argument.value {
                wanted.extend(text(name)?);
            }
        }
        let rows = (1_i64..).zip(rows(&self.session.instance));
        let rows = rows.filter(|(_, (name, ..))| {
            wanted.is_empty() || wanted.iter().any(|other| other.eq_ignore_ascii_case(name))
        });
        let rowset = Rowset {
            columns: vec![
                column("Index", WireType::SmallInt),
                column("Name", WireType::NVarChar(Some(64))),
                column("Internal_Value", WireType::Int),
                column("Character_Value", WireType::NVarChar(Some(512))),
            ],
            rows: rows
                .map(|(index, (name, number, text))| {
                    vec![
                        SqlValue::Int(index),
                        SqlValue::Text(name.to_owned()),
                        number.map_or(SqlValue::Null, SqlValue::Int),
                        text.map_or(SqlValue::Null, SqlValue::Text),
                    ]
                })
                .collect(),
        };
        self.send_rows(rowset, command::SELECT).await?;
        Ok(Outcome {
            status: 0,
            outputs: vec![None; given.len()],
        })
    }

    /// `sp_getProcessorUsage`: the server does nothing. Undocumented.
    pub(super) async fn processor_usage(&mut self, given: &[Given]) -> Result<Outcome, Failure> {
        Arguments::new("sp_getProcessorUsage", &[], given)?;
        let rowset = Rowset {
            columns: vec![column("", WireType::Int)],
            rows: vec![vec![SqlValue::Int(0)]],
        };
        self.send_rows(rowset, command::SELECT).await?;
        Ok(Outcome::default())
    }

    /// The machine's name; the fully qualified one is the same, since the machine is in no
    /// domain. Undocumented.
    pub(super) fn net_name(&self, given: &[Given]) -> Result<Outcome, Failure> {
        let arguments = Arguments::new("xp_getnetname", &["@name", "@qualified"], given)?;
        let _ = arguments.integer("@qualified")?;
        let name = machine_of(&self.session.instance.name).to_owned();
        let mut outputs = vec![None; given.len()];
        if let Some(output) = outputs.first_mut() {
            *output = Some((SqlValue::Text(name), WireType::NVarChar(Some(255))));
        }
        Ok(Outcome { status: 0, outputs })
    }
}
