//! What an answer of a web server says of the application behind it. Only what is documented, and what an
//! error page says of itself, tells causes apart; else all that it may be are named.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::web_config::WebConfigStyle;
use crate::transport::{WebAnswer, WebCapabilities, printable};

/// Why web components don't work, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WebCause {
    /// Its web.config, or the files that were deployed.
    Configuration,
    /// The database: not reached, or not as the application needs it.
    Database,
    /// The account of the application pool is not let into the database.
    DatabasePermission,
    /// .NET, or IIS's module for it: missing, another version, another bitness.
    DotNet,
    /// Nobody answers there, or not to the end.
    NotAnswering,
    /// It is not at this address.
    NotThere,
    /// Who asks may not, or could not sign in.
    Permission,
    /// The application pool does not run: it was stopped, failed too often, or its account can't log on.
    Pool,
    /// It can't be told from here: the transport does not sign in, and who it is comes first.
    NotSignedIn,
    /// An answer that nothing here knows.
    Unknown,
}

/// What was made of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) causes: BTreeSet<WebCause>,
    pub(super) why: String,
}

use WebCause as C;

/// What an answer says. No causes: it works.
pub(super) fn finding(
    answer: &WebAnswer,
    style: WebConfigStyle,
    transport: WebCapabilities,
) -> Finding {
    let detail = sub_status(answer);
    let (causes, why): (&[C], &str) = match (answer.status, detail) {
        (200, _) => (&[], "it answers"),
        (401, _) if transport.signs_in => (
            &[C::Permission],
            "401: the account that asks may not, has no credentials to show there, or Windows authentication is not offered; a host that is asked by a name of its own, on itself, refuses that too (loopback check)",
        ),
        (401, _) => (
            &[C::NotSignedIn],
            "401: IIS answers and wants to know who asks, which this transport does not say",
        ),
        (403, Some(14)) => (
            &[C::Configuration, C::DotNet],
            "403.14: nothing runs in that folder: wrong files, a web.config that is missing or malformed, or ASP.NET is not installed",
        ),
        (403, _) => (
            &[C::Permission],
            "403: IIS lets nobody, or not this account, in there",
        ),
        (404, _) => (&[C::NotThere], "404: there is nothing at this address"),
        (500, Some(19)) => (
            &[C::Configuration, C::DotNet],
            "500.19: IIS can't read the web.config: malformed, not readable for the pool's account, or a section whose module is not installed (hosting bundle, CORS, URL Rewrite)",
        ),
        (500, Some(0 | 21 | 31..=36 | 38)) => (
            &[C::DotNet],
            ".NET or its module in IIS is missing, of another version or of another bitness",
        ),
        (500, Some(30 | 37)) | (502, Some(5)) => (
            &[C::Database, C::DatabasePermission, C::DotNet],
            "the application begins and does not get up: .NET is of another version, or it needs at its start what it does not reach",
        ),
        (500, _) => return failed(answer, style),
        (502, _) => (
            &[C::DotNet],
            "the process of the application does not answer IIS",
        ),
        (503, _) => (
            &[C::Pool],
            "503: the application pool does not run: it was stopped, failed too often, or its account can't log on",
        ),
        _ => (&[C::Unknown], "nothing here knows this answer"),
    };
    let said = detail.map_or_else(String::new, |detail| {
        format!(" (HTTP Error {}.{detail})", answer.status)
    });
    Finding {
        causes: causes.iter().copied().collect(),
        why: format!("{why}{said}"),
    }
}

/// What an error page of ASP.NET says, if it says more than that there is one: the words of SqlClient and
/// of the runtime (documented), which an API that is set up well keeps to itself.
const WORDS: &[(&str, C)] = &[
    ("a network-related or instance-specific error", C::Database),
    ("the underlying provider failed on open", C::Database),
    (
        "the certificate chain was issued by an authority",
        C::Database,
    ),
    ("login failed for user", C::DatabasePermission),
    ("cannot open database", C::DatabasePermission),
    ("permission was denied on the object", C::DatabasePermission),
    ("could not load file or assembly", C::DotNet),
    ("could not load type", C::DotNet),
];

/// A 500 of the application itself, or of IIS with its details kept back.
fn failed(answer: &WebAnswer, style: WebConfigStyle) -> Finding {
    let body = answer.body.to_lowercase();
    let said: Vec<&(&str, C)> = WORDS
        .iter()
        .filter(|(words, _)| body.contains(words))
        .collect();
    let causes: BTreeSet<C> = said.iter().map(|(_, cause)| *cause).collect();
    if !causes.is_empty() {
        let words: Vec<&str> = said.iter().map(|(words, _)| *words).collect();
        return Finding {
            causes,
            why: format!("500, and the page says: {}", words.join("; ")),
        };
    }
    let source = match style {
        WebConfigStyle::Environment => "documented",
        WebConfigStyle::ConnectionString => "unconfirmed for this version",
    };
    Finding {
        causes: [C::Database, C::DatabasePermission, C::DotNet].into(),
        why: format!(
            "500 without more: the database is not reached or does not let the pool's account in, or .NET is missing ({source}); the Application event log of the host tells them apart"
        ),
    }
}

/// The sub-status, where a page of IIS or its ASP.NET Core module says it: `HTTP Error 500.31`.
fn sub_status(answer: &WebAnswer) -> Option<u16> {
    let marker = format!("HTTP Error {}.", answer.status);
    let behind = answer.body.split_once(&marker)?.1;
    let end = behind
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(behind.len());
    behind[..end].parse().ok()
}

/// The beginning of a body, safe to show. A page that speaks of passwords may hold one.
pub(super) fn shown(body: &str) -> String {
    let lower = body.to_lowercase();
    if ["password", "pwd"].iter().any(|word| lower.contains(word)) {
        return "(not shown: it speaks of a password)".to_owned();
    }
    let words: Vec<&str> = body.split_whitespace().collect();
    let start: String = words.join(" ").chars().take(200).collect();
    printable(&start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNS_IN: WebCapabilities = WebCapabilities {
        is_on_host: true,
        signs_in: true,
    };

    fn causes(status: u16, body: &str, transport: WebCapabilities) -> Vec<C> {
        let answer = WebAnswer {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        };
        let finding = finding(&answer, WebConfigStyle::Environment, transport);
        finding.causes.into_iter().collect()
    }

    #[test]
    fn causes_are_told_apart_where_an_answer_does() {
        let all = [C::Database, C::DatabasePermission, C::DotNet];
        for (status, body, expected) in [
            (200, "", &[][..]),
            (401, "", &[C::Permission]),
            (403, "", &[C::Permission]),
            (
                403,
                "<h2>HTTP Error 403.14 - Forbidden",
                &[C::Configuration, C::DotNet],
            ),
            (404, "", &[C::NotThere]),
            (500, "", &all),
            (
                500,
                "HTTP Error 500.19 - Internal",
                &[C::Configuration, C::DotNet],
            ),
            (500, "HTTP Error 500.21 - Internal", &[C::DotNet]),
            (500, "<title>HTTP Error 500.31 - ANCM</title>", &[C::DotNet]),
            (
                500,
                "HTTP Error 500.30 - ANCM In-Process Start Failure",
                &all,
            ),
            (500, "HTTP Error 500.99", &all),
            (500, "HTTP Error 500.", &all),
            (500, "HTTP Error 502.5", &all),
            (
                500,
                "A network-related OR instance-specific error occurred",
                &[C::Database],
            ),
            (
                500,
                "Login failed for user 'C\\svc'.",
                &[C::DatabasePermission],
            ),
            (
                500,
                "Could not load file or assembly; login failed for user",
                &[C::DatabasePermission, C::DotNet],
            ),
            (502, "", &[C::DotNet]),
            (502, "HTTP Error 502.5 - Process Failure", &all),
            (503, "Service Unavailable", &[C::Pool]),
            (302, "", &[C::Unknown]),
            (204, "", &[C::Unknown]),
        ] {
            assert_eq!(causes(status, body, SIGNS_IN), expected, "{status} {body}");
        }
        let nobody = WebCapabilities {
            signs_in: false,
            ..SIGNS_IN
        };
        assert_eq!(causes(401, "", nobody), [C::NotSignedIn]);
    }

    #[test]
    fn a_body_is_hostile_text() {
        let body = format!("a\r\n\u{1b}[31m b \u{202e}c {}", "x".repeat(1 << 16));
        let shown = shown(&body);
        assert!(
            shown.starts_with(r"a \u{1b}[31m b \u{202e}c xxx"),
            "{shown}"
        );
        assert!(shown.len() < 300);
        let hidden = super::shown("Server=x;User ID=u;PassWord=canary");
        assert!(hidden.contains("not shown") && !hidden.contains("canary"));
        let huge = format!("HTTP Error 500.{}", "9".repeat(50));
        assert_eq!(causes(500, &huge, SIGNS_IN).len(), 3);
    }
}
