use serde::{Deserialize, Serialize};

use crate::names::{HostName, split_url};

/// A host that has another name than before, where web components name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Renaming {
    pub(super) from: HostName,
    pub(super) to: HostName,
}

impl Renaming {
    /// Whether an address names the host, by the name that it had or the one that it has.
    pub(super) fn is_about(&self, address: &str) -> bool {
        split_url(address).is_some_and(|parts| {
            parts.host.eq_ignore_ascii_case(self.from.as_str())
                || parts.host.eq_ignore_ascii_case(self.to.as_str())
        })
    }
}

/// An origin, as a browser names it, of the host's new name; `None` where it is another host's, or no
/// origin. Browsers write origins in small letters, and IIS's CORS module compares them letter by letter
/// (documented).
pub(super) fn renamed_origin(origin: &str, renamings: &[Renaming]) -> Option<String> {
    let renaming = renamings.iter().find(|one| one.is_about(origin))?;
    let parts = split_url(origin).filter(|parts| parts.rest.is_empty())?;
    let port = parts
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}://{}{port}", parts.scheme, renaming.to).to_lowercase())
}

/// An address of the API with the host's new name, without a slash at its end (documented); `None` where
/// it is another host's, or no address.
pub(super) fn renamed_address(address: &str, renamings: &[Renaming]) -> Option<String> {
    let renaming = renamings.iter().find(|one| one.is_about(address))?;
    let parts = split_url(address)?;
    let port = parts
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    let host = renaming.to.as_str().to_lowercase();
    let rest = parts.rest.trim_end_matches('/');
    Some(format!("{}://{host}{port}{rest}", parts.scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_where_they_are_the_hosts() {
        let renamings = [Renaming {
            from: "OLD".parse().unwrap(),
            to: "New.Contoso.example".parse().unwrap(),
        }];
        for (address, origin, url) in [
            (
                "http://old:82",
                Some("http://new.contoso.example:82"),
                Some("http://new.contoso.example:82"),
            ),
            (
                "HTTPS://OLD",
                Some("https://new.contoso.example"),
                Some("HTTPS://new.contoso.example"),
            ),
            (
                "http://NEW.contoso.example:82",
                Some("http://new.contoso.example:82"),
                Some("http://new.contoso.example:82"),
            ),
            (
                "http://Old:81/api/",
                None,
                Some("http://new.contoso.example:81/api"),
            ),
            (
                "http://old:81/",
                None,
                Some("http://new.contoso.example:81"),
            ),
            ("http://old.contoso.example", None, None),
            ("http://older", None, None),
            ("http://x/old", None, None),
            ("*", None, None),
            ("old", None, None),
        ] {
            assert_eq!(
                renamed_origin(address, &renamings).as_deref(),
                origin,
                "{address}"
            );
            assert_eq!(
                renamed_address(address, &renamings).as_deref(),
                url,
                "{address}"
            );
        }
    }
}
