use roxmltree::Node;

use super::renaming::{Renaming, renamed_origin};
use super::xml::{self, Edit, Value};
use crate::error::Result;

/// An origin that the API answers to: an `<add origin="…">` of IIS's CORS module.
pub(super) struct Origin {
    value: Value,
}

impl Origin {
    /// Those below a `configuration` or a `location` of it.
    pub(super) fn read(parent: Node<'_, '_>, origins: &mut Vec<Self>) -> Result<()> {
        for add in xml::below(parent, &["system.webServer", "cors", "add"]) {
            if let Some(value) = xml::value(add, "origin")? {
                origins.push(Self { value });
            }
        }
        Ok(())
    }

    pub(super) fn as_str(&self) -> &str {
        self.value.text.as_str()
    }
}

/// What is to be changed for the origins to have a host's new name. One that would stand there twice
/// then, which IIS refuses (unconfirmed), stays as it is.
pub(super) fn edits(origins: &[Origin], renamings: &[Renaming]) -> Vec<Edit> {
    let mut taken: Vec<String> = origins
        .iter()
        .map(|origin| origin.as_str().to_owned())
        .collect();
    let mut edits = Vec::new();
    for (at, origin) in origins.iter().enumerate() {
        let Some(wanted) = renamed_origin(origin.as_str(), renamings) else {
            continue;
        };
        if taken.contains(&wanted) {
            continue;
        }
        edits.push(Edit {
            range: origin.value.range.clone(),
            text: xml::escaped(&wanted, origin.value.quote),
        });
        taken[at] = wanted;
    }
    edits
}
