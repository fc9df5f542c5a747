//! The options behind WITH, each in its place.

use super::literal;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::MediaOption;

/// What the statement asks for; what it doesn't say has SQL Server's default.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) stats: Option<u8>,
    pub(super) checksum: Option<bool>,
    pub(super) compression: bool,
    /// By name, where one was said.
    pub(super) compression_algorithm: Option<String>,
    pub(super) copy_only: bool,
    pub(super) differential: bool,
    /// A new media header.
    pub(super) format: bool,
    /// The old backup sets go.
    pub(super) init: bool,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) media_name: Option<String>,
    pub(super) media_description: Option<String>,
    /// Algorithm and certificate.
    pub(super) encryption: Option<(String, String)>,
    /// Which backup set, from 1.
    pub(super) position: Option<usize>,
    /// Logical names and paths.
    pub(super) moves: Vec<(String, String)>,
    pub(super) recovery: bool,
    pub(super) replace: bool,
    pub(super) restricted_user: bool,
    /// In upper case.
    pub(super) broker: Option<String>,
}

impl Options {
    pub(super) fn new(options: &[MediaOption]) -> Result<Self> {
        let mut all = Self {
            stats: None,
            checksum: None,
            compression: false,
            compression_algorithm: None,
            copy_only: false,
            differential: false,
            format: false,
            init: false,
            name: None,
            description: None,
            media_name: None,
            media_description: None,
            encryption: None,
            position: None,
            moves: Vec::new(),
            recovery: true,
            replace: false,
            restricted_user: false,
            broker: None,
        };
        for option in options {
            all.add(option)?;
        }
        all.init |= all.format;
        // Documented: with both, COPY_ONLY counts for nothing.
        all.copy_only &= !all.differential;
        Ok(all)
    }

    fn add(&mut self, option: &MediaOption) -> Result<()> {
        use MediaOption as O;
        match option {
            O::Stats(percent) => self.stats = Some((*percent).clamp(1, 100)),
            O::Checksum(on) => self.checksum = Some(*on),
            O::Compression(on) => self.compression = *on,
            O::CompressionAlgorithm(algorithm) => {
                self.compression = true;
                self.compression_algorithm = Some(algorithm.clone());
            }
            O::CopyOnly => self.copy_only = true,
            O::Differential => self.differential = true,
            O::Format(on) => self.format = *on,
            O::Init(on) => self.init = *on,
            O::Name(text) => self.name = Some(literal(text)?),
            O::Description(text) => self.description = Some(literal(text)?),
            O::MediaName(text) => self.media_name = Some(literal(text)?),
            O::MediaDescription(text) => self.media_description = Some(literal(text)?),
            O::Encryption {
                algorithm,
                certificate,
            } => {
                self.encryption = Some((algorithm.clone(), certificate.clone()));
            }
            O::FileNumber(position) => {
                self.position = Some(usize::try_from(*position).unwrap_or(usize::MAX));
            }
            O::Move { logical, to } => self.moves.push((literal(logical)?, literal(to)?)),
            O::Recovery(on) => self.recovery = *on,
            O::Replace => self.replace = true,
            O::RestrictedUser => self.restricted_user = true,
            O::Broker(option) => self.broker = Some(option.to_uppercase()),
            O::File(_) => return Err(ServerError::unsupported("backups of single files")),
            O::Standby(_) => return Err(ServerError::unsupported("RESTORE WITH STANDBY")),
            O::BlockSize(_)
            | O::BufferCount(_)
            | O::MaxTransferSize(_)
            | O::ContinueAfterError(_)
            | O::KeepCdc
            | O::KeepReplication
            | O::Restart
            | O::Skip(_)
            | O::Ignored(_) => {}
        }
        Ok(())
    }
}
