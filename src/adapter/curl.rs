//! Web servers, asked on their own host.

use std::sync::Arc;

use async_trait::async_trait;

use crate::names::{HostName, HostPath, WebUrl};
use crate::transport::{
    CommandOutput, CommandTransport, HostCommand, HostError, LONGEST_BODY, TransportErrorKind,
    WebAnswer, WebCapabilities, WebTransport, codes,
};

/// Where it is in Windows Server 2019 and later (documented). Earlier versions have none.
const CURL: &str = r"C:\Windows\System32\curl.exe";

/// Asks a web server with the `curl.exe` of its own host, which is part of Windows Server 2019 and later.
/// It signs in as the account that runs it there, by Negotiate, as the health check of Microsoft's pages
/// does (`Invoke-RestMethod … -UseDefaultCredentials`); no password is involved.
///
/// Its switches were run by us with curl on Linux, over real sockets; `curl.exe` of Windows, and with it signing
/// in, was not.
///
/// An account that has no credentials there can't sign in, and gets a 401: so it is with sessions of
/// OpenSSH that were opened with a key (unconfirmed).
///
/// # Cancel safety
/// Dropping a call may leave `curl.exe` running, for two minutes at most.
#[derive(Debug)]
pub struct CurlWeb {
    commands: Arc<dyn CommandTransport>,
    program: Option<HostPath>,
}

impl CurlWeb {
    /// Asks through a port to programs.
    pub fn new(commands: impl CommandTransport + 'static) -> Self {
        Self {
            commands: Arc::new(commands),
            program: None,
        }
    }

    /// Where `curl` is. Default: `C:\Windows\System32\curl.exe`.
    #[must_use]
    pub fn program(mut self, path: HostPath) -> Self {
        self.program = Some(path);
        self
    }
}

#[async_trait]
impl WebTransport for CurlWeb {
    fn capabilities(&self) -> WebCapabilities {
        WebCapabilities {
            is_on_host: true,
            signs_in: true,
        }
    }

    async fn get(&self, host: &HostName, url: &WebUrl) -> Result<WebAnswer, HostError> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => CURL.parse().map_err(|error: crate::names::NameError| {
                HostError::lost(TransportErrorKind::Unsupported, error.to_string())
            })?,
        };
        // `--disable`, first, keeps the account's own curlrc out; an empty proxy those of its environment (both
        // documented). A first request may take as long as
        // an application may take to start: 120 seconds (documented).
        let arguments = [
            "--disable",
            "--silent",
            "--show-error",
            "--include",
            "--globoff",
            "--proto",
            "=http,https",
            "--proxy",
            "",
            "--max-time",
            "120",
            "--negotiate",
            "--user",
            ":",
            "--url",
            url.as_str(),
        ];
        let command = HostCommand {
            program,
            arguments: arguments.map(str::to_owned).to_vec(),
            standard_input: None,
        };
        let output = self.commands.run(host, &command).await;
        let output = output.map_err(|error| match error.code() {
            Some(codes::FILE_NOT_FOUND | codes::PATH_NOT_FOUND) => HostError::refused(
                codes::FILE_NOT_FOUND,
                format!(
                    "{} is not there: it is part of Windows Server 2019 and later",
                    command.program
                ),
            ),
            _ => error,
        })?;
        answer(&output)
    }
}

/// What `curl --include` wrote: for each answer on the way to signing in its head, and behind the last
/// one the body.
fn answer(output: &CommandOutput) -> Result<WebAnswer, HostError> {
    if output.exit_code != 0 {
        return Err(failed(output.exit_code, &output.standard_error));
    }
    let mut rest = output.standard_output.as_str();
    let mut last = None;
    while let Some((head, behind)) = head(rest) {
        let is_final = !matches!(head.status, 100..=199 | 401);
        rest = behind;
        last = Some(head);
        if is_final {
            break;
        }
    }
    let mut answer = last.ok_or_else(|| {
        HostError::lost(
            TransportErrorKind::Interrupted,
            "what curl wrote is no answer of HTTP",
        )
    })?;
    let end = rest.floor_char_boundary(LONGEST_BODY);
    rest[..end].clone_into(&mut answer.body);
    Ok(answer)
}

/// A status line with its headers, up to the empty line, and what stands behind it.
fn head(text: &str) -> Option<(WebAnswer, &str)> {
    if !text.starts_with("HTTP/") {
        return None;
    }
    let mut headers = Vec::new();
    let mut status = None;
    let mut rest = text;
    loop {
        let (line, behind) = rest.split_once('\n')?;
        rest = behind;
        let line = line.trim_end_matches('\r');
        match status {
            None => {
                status = Some(line.split(' ').nth(1)?.parse().ok()?);
            }
            Some(status) if line.is_empty() => {
                let answer = WebAnswer {
                    status,
                    headers,
                    body: String::new(),
                };
                return Some((answer, rest));
            }
            Some(_) => {
                let (name, value) = line.split_once(':')?;
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }
}

/// The exit codes of curl that say how far the request got (documented).
fn failed(exit_code: u32, said: &str) -> HostError {
    let kind = match exit_code {
        // Not resolved, no connection, no TLS with it, or a certificate that nobody vouches for.
        6 | 7 | 35 | 51 | 60 => TransportErrorKind::Connect,
        28 => TransportErrorKind::Timeout,
        18 | 52 | 55 | 56 => TransportErrorKind::Interrupted,
        // A switch or a protocol that this curl does not know.
        1 | 2 | 4 => TransportErrorKind::Unsupported,
        _ => TransportErrorKind::Unknown,
    };
    let said: String = said.trim().chars().take(300).collect();
    HostError::lost(kind, format!("curl ended with {exit_code}: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(standard_output: &str) -> Result<WebAnswer, HostError> {
        answer(&CommandOutput {
            exit_code: 0,
            standard_output: standard_output.to_owned(),
            standard_error: String::new(),
        })
    }

    #[test]
    fn the_last_answer_counts() {
        let signed_in = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n\r\nHTTP/1.1 200 OK\r\nServer: IIS\r\nX:\r\n\r\nHTTP/1.1 500 no\r\n\r\n";
        let answer = written(signed_in).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("server").collect::<Vec<_>>(), ["IIS"]);
        assert_eq!(
            answer.body, "HTTP/1.1 500 no\r\n\r\n",
            "what a body says is no answer"
        );
        let refused = written(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nwww-authenticate: NTLM\r\n\r\nNot you",
        )
        .unwrap();
        assert_eq!((refused.status, refused.body.as_str()), (401, "Not you"));
        assert_eq!(refused.header("WWW-Authenticate").count(), 2);
        let long = format!("HTTP/2 500 \r\n\r\n{}é", "x".repeat(LONGEST_BODY - 1));
        assert_eq!(written(&long).unwrap().body.len(), LONGEST_BODY - 1);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for bad in [
            "",
            "HTTP/1.1",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 x\r\n\r\n",
            "<html>",
            "HTTP/1.1 200\nno colon\n\n",
        ] {
            assert!(written(bad).is_err(), "{bad:?}");
        }
        for (exit_code, kind) in [
            (7, TransportErrorKind::Connect),
            (28, TransportErrorKind::Timeout),
            (52, TransportErrorKind::Interrupted),
            (2, TransportErrorKind::Unsupported),
            (99, TransportErrorKind::Unknown),
        ] {
            let HostError::Lost(error) = failed(exit_code, "\u{1b}[31mno") else {
                panic!("{exit_code}");
            };
            assert_eq!(error.kind(), kind);
            assert!(!error.detail().contains('\u{1b}'));
        }
    }
}
