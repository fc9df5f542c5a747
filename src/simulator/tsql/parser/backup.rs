//! BACKUP and RESTORE of databases.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    BackupStatement, Device, MediaOption, RestoreKind, TextArgument,
};
use crate::simulator::tsql::token::TokenKind;

/// Options without a value that change nothing on a disk.
const IGNORED: &[&str] = &[
    "REWIND",
    "NOREWIND",
    "UNLOAD",
    "NOUNLOAD",
    "STOP_ON_ERROR",
    "NO_TRUNCATE",
];

impl Parser<'_> {
    pub(super) fn backup_database(&mut self) -> Result<BackupStatement> {
        let is_log = self.take_word("LOG");
        if !is_log {
            self.expect_word("DATABASE")?;
        }
        let database = self.name_argument()?;
        let mut options = Vec::new();
        while self.is_word("FILE")
            || self.is_word("FILEGROUP")
            || self.is_word("READ_WRITE_FILEGROUPS")
        {
            if !self.take_word("FILE") {
                return Err(self.unsupported("backups of filegroups"));
            }
            self.expect_symbol("=")?;
            options.push(MediaOption::File(self.text_argument()?));
            self.take_symbol(",");
        }
        self.expect_word("TO")?;
        let devices = self.list(Self::device)?;
        if self.is_word("MIRROR") {
            return Err(self.unsupported("mirrored media"));
        }
        options.extend(self.media_options("BACKUP")?);
        Ok(BackupStatement::Backup {
            is_log,
            database,
            devices,
            options,
        })
    }

    pub(super) fn restore_database(&mut self) -> Result<BackupStatement> {
        let kind = if self.take_word("DATABASE") {
            RestoreKind::Database
        } else if self.take_word("LOG") {
            RestoreKind::Log
        } else if self.take_word("HEADERONLY") {
            RestoreKind::HeaderOnly
        } else if self.take_word("FILELISTONLY") {
            RestoreKind::FileListOnly
        } else if self.take_word("LABELONLY") {
            RestoreKind::LabelOnly
        } else if self.take_word("VERIFYONLY") {
            RestoreKind::VerifyOnly
        } else {
            return Err(self.unexpected());
        };
        let mut options = Vec::new();
        let database = if matches!(kind, RestoreKind::Database | RestoreKind::Log) {
            let database = self.name_argument()?;
            if self.is_word("FILE") {
                return Err(self.unsupported("restores of single files"));
            }
            Some(database)
        } else {
            None
        };
        // RESTORE DATABASE x WITH RECOVERY: no device, it only ends a restore.
        let devices = if self.take_word("FROM") {
            self.list(Self::device)?
        } else {
            Vec::new()
        };
        if devices.is_empty() && database.is_none() {
            return Err(self.unexpected());
        }
        options.extend(self.media_options("RESTORE")?);
        Ok(BackupStatement::Restore {
            kind,
            database,
            devices,
            options,
        })
    }

    fn name_argument(&mut self) -> Result<TextArgument> {
        if self.is_variable() {
            self.variable().map(TextArgument::Variable)
        } else {
            self.name().map(TextArgument::Literal)
        }
    }

    fn device(&mut self) -> Result<Device> {
        if self.is_word("DISK") && self.peek_at(1).is_symbol("=") {
            self.at += 2;
            return self.text_argument().map(Device::Disk);
        }
        if self.is_word("URL") && self.peek_at(1).is_symbol("=") {
            self.at += 2;
            return self.text_argument().map(Device::Url);
        }
        if self.is_word("TAPE") && self.peek_at(1).is_symbol("=") {
            return Err(self.unsupported("tapes"));
        }
        if self.is_variable() {
            return Err(self.unsupported("logical devices named by a variable"));
        }
        self.name().map(Device::Logical)
    }

    fn media_options(&mut self, statement: &str) -> Result<Vec<MediaOption>> {
        if !self.take_word("WITH") {
            return Ok(Vec::new());
        }
        self.list(|parser| parser.media_option(statement))
    }

    fn media_option(&mut self, statement: &str) -> Result<MediaOption> {
        let TokenKind::Word(word) = self.peek().kind.clone() else {
            return Err(self.unexpected());
        };
        let is_backup = statement == "BACKUP";
        self.next();
        let upper = word.to_ascii_uppercase();
        let option = match upper.as_str() {
            _ if IGNORED.contains(&upper.as_str()) => Some(match upper.as_str() {
                "STOP_ON_ERROR" => MediaOption::ContinueAfterError(false),
                _ => MediaOption::Ignored(upper.clone()),
            }),
            _ if is_backup => self.backup_option(&upper)?,
            _ => self.restore_option(&upper)?,
        };
        let option = match option {
            Some(option) => Some(option),
            None => self.common_option(&upper)?,
        };
        option.ok_or_else(|| {
            self.error(
                155,
                format!("'{word}' is not a recognized {statement} option."),
            )
        })
    }

    fn common_option(&mut self, word: &str) -> Result<Option<MediaOption>> {
        Ok(Some(match word {
            "BLOCKSIZE" => MediaOption::BlockSize(self.number()?),
            "BUFFERCOUNT" => MediaOption::BufferCount(self.number()?),
            "MAXTRANSFERSIZE" => MediaOption::MaxTransferSize(self.number()?),
            "CHECKSUM" => MediaOption::Checksum(true),
            "NO_CHECKSUM" => MediaOption::Checksum(false),
            "CONTINUE_AFTER_ERROR" => MediaOption::ContinueAfterError(true),
            "MEDIANAME" => MediaOption::MediaName(self.value()?),
            "RESTART" => MediaOption::Restart,
            "STATS" => MediaOption::Stats(self.stats()?),
            "NORECOVERY" => MediaOption::Recovery(false),
            "STANDBY" => MediaOption::Standby(self.value()?),
            "CREDENTIAL" | "MEDIAPASSWORD" | "PASSWORD" => {
                return Err(self.unsupported(format_args!("the option {word}")));
            }
            _ => return Ok(None),
        }))
    }

    fn backup_option(&mut self, word: &str) -> Result<Option<MediaOption>> {
        Ok(Some(match word {
            "COMPRESSION" => {
                if self.is_symbol("(") {
                    return self.compression_algorithm().map(Some);
                }
                MediaOption::Compression(true)
            }
            "NO_COMPRESSION" => MediaOption::Compression(false),
            "COPY_ONLY" => MediaOption::CopyOnly,
            "DESCRIPTION" => MediaOption::Description(self.value()?),
            "DIFFERENTIAL" => MediaOption::Differential,
            "ENCRYPTION" => self.encryption()?,
            "FORMAT" => MediaOption::Format(true),
            "NOFORMAT" => MediaOption::Format(false),
            "INIT" => MediaOption::Init(true),
            "NOINIT" => MediaOption::Init(false),
            "MEDIADESCRIPTION" => MediaOption::MediaDescription(self.value()?),
            "NAME" => MediaOption::Name(self.value()?),
            "SKIP" => MediaOption::Skip(true),
            "NOSKIP" => MediaOption::Skip(false),
            "EXPIREDATE" | "RETAINDAYS" | "FILE_SNAPSHOT" | "METADATA_ONLY" => {
                return Err(self.unsupported(format_args!("the option {word}")));
            }
            _ => return Ok(None),
        }))
    }

    fn restore_option(&mut self, word: &str) -> Result<Option<MediaOption>> {
        Ok(Some(match word {
            "FILE" => MediaOption::FileNumber(self.number()?),
            "KEEP_CDC" => MediaOption::KeepCdc,
            "KEEP_REPLICATION" => MediaOption::KeepReplication,
            "MOVE" => {
                let logical = self.text_argument()?;
                self.expect_word("TO")?;
                MediaOption::Move {
                    logical,
                    to: self.text_argument()?,
                }
            }
            "RECOVERY" => MediaOption::Recovery(true),
            "REPLACE" => MediaOption::Replace,
            "RESTRICTED_USER" => MediaOption::RestrictedUser,
            "ENABLE_BROKER" | "NEW_BROKER" | "ERROR_BROKER_CONVERSATIONS" => {
                MediaOption::Broker(word.to_owned())
            }
            "LOADHISTORY" => MediaOption::Ignored(word.to_owned()),
            "STOPAT" | "STOPATMARK" | "STOPBEFOREMARK" | "PARTIAL" | "PAGE" => {
                return Err(self.unsupported(format_args!("the option {word}")));
            }
            _ => return Ok(None),
        }))
    }

    fn number(&mut self) -> Result<u32> {
        self.expect_symbol("=")?;
        if self.is_variable() {
            return Err(self.unsupported("variables as the value of this option"));
        }
        self.integer()
    }

    fn value(&mut self) -> Result<TextArgument> {
        self.expect_symbol("=")?;
        self.text_argument()
    }

    fn stats(&mut self) -> Result<u8> {
        if !self.is_symbol("=") {
            return Ok(10);
        }
        let percent = self.number()?;
        Ok(u8::try_from(percent).unwrap_or(100).clamp(1, 100))
    }

    /// `(ALGORITHM = MS_XPRESS [, LEVEL = LOW])`: which there are the version decides.
    fn compression_algorithm(&mut self) -> Result<MediaOption> {
        self.expect_symbol("(")?;
        self.expect_word("ALGORITHM")?;
        self.expect_symbol("=")?;
        let algorithm = self.name()?.to_ascii_uppercase();
        if self.take_symbol(",") {
            self.expect_word("LEVEL")?;
            self.expect_symbol("=")?;
            self.name()?;
        }
        self.expect_symbol(")")?;
        Ok(MediaOption::CompressionAlgorithm(algorithm))
    }

    fn encryption(&mut self) -> Result<MediaOption> {
        self.expect_symbol("(")?;
        self.expect_word("ALGORITHM")?;
        self.expect_symbol("=")?;
        let algorithm = self.name()?.to_ascii_uppercase();
        self.expect_symbol(",")?;
        self.expect_word("SERVER")?;
        if self.take_word("ASYMMETRIC") {
            return Err(self.unsupported("backups under an asymmetric key"));
        }
        self.expect_word("CERTIFICATE")?;
        self.expect_symbol("=")?;
        let certificate = self.name()?;
        self.expect_symbol(")")?;
        Ok(MediaOption::Encryption {
            algorithm,
            certificate,
        })
    }
}
