//! Devices: the files of a media set.

use super::{literal, media_message, url};
use crate::simulator::engine::Session;
use crate::simulator::instance::{Instance, State};
use crate::simulator::media::{Family, FamilyProblem, SetHeader, StoredSet};
use crate::simulator::server_error::Result;
use crate::simulator::storage::{Hold, HoldFor, OsError};
use crate::simulator::tsql::ast::Device;

/// The most devices of one statement.
const MOST_DEVICES: usize = 64;

/// The paths of the devices, as messages show them: full, or `NUL`.
pub(super) fn paths(session: &Session, devices: &[Device]) -> Result<Vec<String>> {
    if devices.is_empty() || devices.len() > MOST_DEVICES {
        return Err(media_message::no_device());
    }
    let instance = &session.instance;
    url::check_kinds(devices)?;
    devices
        .iter()
        .map(|device| match device {
            Device::Disk(path) => {
                let path = literal(path)?;
                if path.is_empty() {
                    return Err(media_message::no_device_name());
                }
                if is_null(&path) {
                    return Ok(path);
                }
                Ok(instance.full_path(&path, &instance.backup_folder()))
            }
            Device::Url(url) => url::check(session, literal(url)?),
            Device::Logical(name) => Err(media_message::unknown_device(name)),
        })
        .collect()
}

/// `NUL` takes everything and keeps nothing, in every folder of Windows.
pub(super) fn is_null(path: &str) -> bool {
    if url::is_url(path) {
        return false;
    }
    path.rsplit(['\\', '/'])
        .next()
        .is_some_and(|leaf| leaf.eq_ignore_ascii_case("NUL"))
}

/// Whether a path is a file of a database: 32 then.
fn check_not_in_use(instance: &Instance, state: &State, path: &str) -> Result<(), OsError> {
    let mut files = state
        .catalog
        .databases
        .iter()
        .flat_map(|entry| &entry.files);
    if files.any(|file| instance.disk.is_same_file(&file.path, path)) {
        return Err(OsError::InUse);
    }
    Ok(())
}

/// A device that is to be written.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: String,
    /// What is on it already; `None` where it is new, or is to be.
    pub(super) family: Option<Family>,
    /// `None` for `NUL`.
    _hold: Option<Hold>,
}

/// Opens a device to write on it. `formats`: whatever is on it goes.
pub(super) fn open_to_write(session: &Session, path: String, formats: bool) -> Result<Target> {
    if is_null(&path) {
        return Ok(Target {
            path,
            family: None,
            _hold: None,
        });
    }
    let instance = &session.instance;
    let failed = |problem| media_message::cannot_open(&path, problem, 1);
    check_not_in_use(instance, &instance.state(), &path).map_err(failed)?;
    let hold = instance
        .disk
        .hold(&path, HoldFor::Writing)
        .map_err(failed)?;
    let family = match instance.disk.read(&path) {
        Ok(_) if formats => None,
        Ok(bytes) => match Family::from_bytes(&bytes) {
            Ok(family) => Some(family),
            Err(FamilyProblem::Empty) => None,
            Err(FamilyProblem::Malformed) => return Err(media_message::not_a_backup(&path)),
        },
        Err(OsError::FileNotFound) => None,
        Err(OsError::PathNotFound) => return Err(failed(instance.disk.no_folder())),
        Err(problem) => return Err(failed(problem)),
    };
    Ok(Target {
        path,
        family,
        _hold: Some(hold),
    })
}

/// A media set that is read: its families in their order.
#[derive(Debug)]
pub(super) struct Media {
    pub(super) devices: Vec<String>,
    pub(super) families: Vec<Family>,
    _holds: Vec<Hold>,
}

/// Opens devices to read. `whole`: all families of the set must be there.
pub(super) fn open_to_read(session: &Session, paths: Vec<String>, whole: bool) -> Result<Media> {
    let instance = &session.instance;
    let mut holds = Vec::new();
    let mut opened: Vec<(Family, String)> = Vec::new();
    for path in paths {
        if is_null(&path) {
            return Err(media_message::empty_volume(&path));
        }
        let failed = |problem| media_message::cannot_open(&path, problem, 2);
        check_not_in_use(instance, &instance.state(), &path).map_err(failed)?;
        holds.push(
            instance
                .disk
                .hold(&path, HoldFor::Reading)
                .map_err(failed)?,
        );
        let bytes = instance.disk.read(&path).map_err(failed)?;
        let family = Family::from_bytes(&bytes).map_err(|problem| match problem {
            FamilyProblem::Empty => media_message::empty_volume(&path),
            FamilyProblem::Malformed => media_message::malformed_family(&path),
        })?;
        let number = family.label.family_number;
        if let Some((first, _)) = opened.first()
            && first.label.media_set != family.label.media_set
        {
            return Err(media_message::malformed_family(&path));
        }
        if let Some((_, other)) = opened
            .iter()
            .find(|(other, _)| other.label.family_number == number)
        {
            return Err(media_message::family_given_twice(&path, number, other));
        }
        opened.push((family, path));
    }
    opened.sort_by_key(|(family, _)| family.label.family_number);
    let (families, devices): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
    let expected = families
        .first()
        .map_or(0, |family| family.label.family_count);
    if whole && usize::try_from(expected).ok() != Some(families.len()) {
        return Err(media_message::families_missing(expected, families.len()));
    }
    Ok(Media {
        devices,
        families,
        _holds: holds,
    })
}

/// One backup set of a media set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen<'a> {
    media: &'a Media,
    /// From 1.
    pub(super) position: usize,
}

impl Media {
    /// The first device: the one that messages name.
    pub(super) fn device(&self) -> &str {
        self.devices.first().map_or("", String::as_str)
    }

    /// The families, each with its device.
    pub(super) fn on_devices(&self) -> Vec<(&str, &Family)> {
        self.devices
            .iter()
            .map(String::as_str)
            .zip(&self.families)
            .collect()
    }

    /// The set at a position, from 1: 3287 beyond the last, 3241 where damage hides it.
    pub(super) fn choose(&self, position: usize) -> Result<Chosen<'_>> {
        for (family, device) in self.families.iter().zip(&self.devices) {
            if position == 0 || position > family.sets.len() {
                return Err(if family.is_damaged_at_end {
                    media_message::malformed_family(device)
                } else {
                    media_message::no_such_set(position, device)
                });
            }
        }
        Ok(Chosen {
            media: self,
            position,
        })
    }
}

impl Chosen<'_> {
    /// Whether nothing but damage stands behind this set.
    pub(super) fn is_before_damage(&self) -> bool {
        self.media
            .families
            .iter()
            .any(|family| family.is_damaged_at_end && family.sets.len() == self.position)
    }

    fn stored(&self) -> impl Iterator<Item = &StoredSet> {
        self.media
            .families
            .iter()
            .filter_map(|family| family.sets.get(self.position - 1))
    }

    pub(super) fn header(&self) -> Result<&SetHeader> {
        let stored = self.stored().next();
        stored
            .map(|set| &set.header)
            .ok_or_else(|| media_message::no_such_set(self.position, self.media.device()))
    }

    /// The content as it was written, if all of it is sound. A set with checksums names the page,
    /// one without says that there is damage.
    pub(super) fn content(&self) -> Result<Vec<u8>> {
        let header = self.header()?;
        for (set, device) in self.stored().zip(&self.media.devices) {
            if let Some(block) = set.damaged_block {
                return Err(if header.has_checksums {
                    // A block holds eight pages.
                    media_message::damaged_page(block * 8, &header.database)
                } else {
                    media_message::damaged()
                });
            }
            if !set.is_complete {
                return Err(media_message::incomplete_set(device));
            }
        }
        let blocks: Vec<&[Vec<u8>]> = self.stored().map(|set| set.blocks.as_slice()).collect();
        let content = crate::simulator::media::join_blocks(&blocks);
        if content.len() as u64 != header.size
            || self.stored().any(|set| set.header.id != header.id)
        {
            return Err(media_message::damaged());
        }
        Ok(content)
    }
}
