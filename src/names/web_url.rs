//! Addresses on web servers.

use super::NameError;

/// The parts of `http://host[:port]rest`, as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UrlParts<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    /// From the path on; empty, or it begins with `/`, `?` or `#`.
    pub(crate) rest: &'a str,
}

/// Splits an address of HTTP; `None` where it is none, or holds a user's name.
pub(crate) fn split(text: &str) -> Option<UrlParts<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host_length = match authority.strip_prefix('[') {
        // An address of IPv6 holds colons.
        Some(inside) => inside.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_length);
    let port = match port.strip_prefix(':') {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None if port.is_empty() => None,
        None => return None,
    };
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | ':');
    (!host.is_empty() && host.chars().all(is_part)).then_some(UrlParts {
        scheme,
        host,
        port,
        rest,
    })
}

pub(super) fn check(what: &'static str, text: &str) -> Result<(), NameError> {
    if text.len() > 2048 {
        return Err(NameError::new(what, "it has more than 2048 characters"));
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(NameError::new(
            what,
            "it holds a blank, a control character or one that is not ASCII; write those as %XX",
        ));
    }
    if split(text).is_none() {
        return Err(NameError::new(
            what,
            "it is not http://HOST[:PORT][/PATH] or https://…, without a user's name",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::WebUrl;

    #[test]
    fn addresses_are_split() {
        let parts = |text| split(text).map(|parts| (parts.host, parts.port, parts.rest));
        for (text, expected) in [
            ("http://WEB01", Some(("WEB01", None, ""))),
            (
                "HTTPS://w.example:81/a:b?c",
                Some(("w.example", Some(81), "/a:b?c")),
            ),
            ("http://[::1]:82/x", Some(("[::1]", Some(82), "/x"))),
            ("http://büro:82", Some(("büro", Some(82), ""))),
            ("http://w?x", Some(("w", None, "?x"))),
            ("ftp://w", None),
            ("http:/w", None),
            ("http://", None),
            ("http://u:p@w/", None),
            ("http://u@w/", None),
            ("http://w:", None),
            ("http://w:0", None),
            ("http://w:99999", None),
            ("http://[::1", None),
            ("http://[::1]x", None),
            ("*", None),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_command_line_or_a_request_would_obey_is_refused() {
        for bad in [
            "http://w/a b",
            "http://w/a\r\nHost: x",
            "http://w/é",
            "-o http://w",
            "",
            "http://w/\u{7f}",
        ] {
            assert!(bad.parse::<WebUrl>().is_err(), "{bad:?}");
        }
        assert!("http://localhost:81/api/login".parse::<WebUrl>().is_ok());
    }
}
