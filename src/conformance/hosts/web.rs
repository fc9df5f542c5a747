//! Every status is an answer, bodies are bounded, no password is sent, and how far a request got is told.

use std::sync::Arc;

use super::expectation::{done, out_of_reach, unreachable_host};
use super::fixture::WebTransportFixture;
use super::web_server::WebServer;
use crate::conformance::check::{Check, Outcome, check, expect, expect_same, miss};
use crate::transport::{HostError, LONGEST_BODY, TransportErrorKind, WebAnswer};

pub(super) const CHECKS: &[Check<Scene>] = &[
    check!("web/asks-once", asks_once),
    check!("web/tells-every-status", tells_every_status),
    check!("web/tells-headers", tells_headers),
    check!("web/follows-no-redirection", follows_no_redirection),
    check!("web/bounds-the-body", bounds_the_body),
    check!("web/bears-any-body", bears_any_body),
    check!("web/sends-no-password", sends_no_password),
    check!("web/says-that-nobody-listens", says_that_nobody_listens),
    check!("web/believes-no-cut-answer", believes_no_cut_answer),
    check!("web/says-who-is-out-of-reach", says_who_is_out_of_reach),
];

/// What a check has at hand.
#[derive(Clone, Debug)]
pub(super) struct Scene(pub(super) Arc<dyn WebTransportFixture>);

impl Scene {
    async fn try_get(
        &self,
        server: &WebServer,
        path: &str,
    ) -> Outcome<Result<WebAnswer, HostError>> {
        let url = server.url(path)?;
        Ok(self.0.transport().get(&self.0.host(), &url).await)
    }

    async fn get(&self, server: &WebServer, path: &str) -> Outcome<WebAnswer> {
        done("an answer", self.try_get(server, path).await?)
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn asks_once(scene: &Scene) -> Outcome {
    let server = WebServer::answering(answer("200 OK", "", b"yes"))?;
    let path = "/a%20b/[1-3]{x,y};$(z)`'?c=d%25&e=^f";
    let seen = scene.get(&server, path).await?;
    expect_same("the body", &"yes".to_owned(), &seen.body)?;
    let requests = server.requests();
    let first = requests.first().and_then(|head| head.lines().next());
    let is_get = first.is_some_and(|line| line.starts_with(&format!("GET {path} HTTP/")));
    expect(
        requests.len() == 1 && is_get,
        format!("one request, GET {path}"),
        || format!("{requests:?}"),
    )
}

async fn tells_every_status(scene: &Scene) -> Outcome {
    for status in [200, 204, 400, 401, 403, 404, 418, 500, 502, 503, 599] {
        let line = format!("{status} Some Words");
        let server = WebServer::answering(answer(&line, "", b""))?;
        let seen = scene.get(&server, "/").await?;
        expect_same("the status", &status, &seen.status)?;
    }
    Ok(())
}

async fn tells_headers(scene: &Scene) -> Outcome {
    let headers = "X-First: one\r\nx-second:two: three\r\nX-Both: 1\r\nX-Both: 2\r\n";
    let server = WebServer::answering(answer("500 x", headers, b""))?;
    let seen = scene.get(&server, "/").await?;
    for (name, expected) in [
        ("x-first", &["one"][..]),
        ("X-Second", &["two: three"]),
        ("x-both", &["1", "2"]),
    ] {
        let values: Vec<&str> = seen.header(name).collect();
        expect_same(name, &expected, &values.as_slice())?;
    }
    Ok(())
}

async fn follows_no_redirection(scene: &Scene) -> Outcome {
    for status in [301, 302, 307] {
        let other = WebServer::answering(answer("200 OK", "", b""))?;
        let location = format!("Location: {}\r\n", other.url("/other")?);
        let server = WebServer::answering(answer(&format!("{status} x"), &location, b""))?;
        let seen = scene.get(&server, "/").await?;
        expect_same("the status", &status, &seen.status)?;
        expect_same("requests elsewhere", &0, &other.requests().len())?;
    }
    Ok(())
}

async fn bounds_the_body(scene: &Scene) -> Outcome {
    let body = "0123456789abcdef".repeat(LONGEST_BODY / 8);
    let server = WebServer::answering(answer("500 x", "", body.as_bytes()))?;
    let seen = scene.get(&server, "/").await?;
    expect(
        seen.status == 500 && seen.body == body[..LONGEST_BODY],
        format!("500, and the first {LONGEST_BODY} bytes of the body"),
        || format!("{}, and {} bytes", seen.status, seen.body.len()),
    )
}

async fn bears_any_body(scene: &Scene) -> Outcome {
    let server = WebServer::answering(answer("500 x", "", b"before \xff\0\x1b[31m\xc3( after"))?;
    let seen = scene.get(&server, "/").await?;
    expect(
        seen.body.starts_with("before ") && seen.body.ends_with(" after"),
        "what can be read of the body",
        || format!("{:?}", seen.body),
    )
}

async fn sends_no_password(scene: &Scene) -> Outcome {
    let schemes = "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n";
    let server = WebServer::answering(answer("401 Unauthorized", schemes, b"no"))?;
    let seen = scene.get(&server, "/").await?;
    expect_same("the status", &401, &seen.status)?;
    let requests = server.requests().join("\n").to_lowercase();
    expect(
        !requests.contains("authorization: basic") && !requests.contains("authorization: digest"),
        "no credentials to a server that wants a password",
        || requests.clone(),
    )
}

async fn says_that_nobody_listens(scene: &Scene) -> Outcome {
    let server = WebServer::answering("")?;
    let url = server.url("/")?;
    drop(server);
    // Its thread lets go of the port when it is woken.
    for _ in 0..1000 {
        if std::net::TcpStream::connect(url.as_str()["http://".len()..].trim_end_matches('/'))
            .is_err()
        {
            break;
        }
        std::thread::yield_now();
    }
    let answer = scene.0.transport().get(&scene.0.host(), &url).await;
    let is_so = matches!(&answer, Err(HostError::Lost(error)) if error.kind() == TransportErrorKind::Connect);
    expect(is_so, "no connection", || format!("{answer:?}"))
}

async fn believes_no_cut_answer(scene: &Scene) -> Outcome {
    let whole = answer("200 OK", "", b"0123456789");
    for length in [0, 9, whole.len() - 12, whole.len() - 1] {
        let server = WebServer::answering(&whole[..length])?;
        match scene.try_get(&server, "/").await? {
            Err(HostError::Lost(error)) if !error.kind().is_before_send() => {}
            Err(HostError::Lost(error)) if error.kind() == TransportErrorKind::Unsupported => {}
            other => {
                return Err(miss(
                    format!("an answer that was cut short after {length} bytes"),
                    format!("{other:?}"),
                ));
            }
        }
    }
    Ok(())
}

async fn says_who_is_out_of_reach(scene: &Scene) -> Outcome {
    let host = unreachable_host(&*scene.0)?;
    let server = WebServer::answering(answer("200 OK", "", b""))?;
    let url = server.url("/")?;
    out_of_reach(scene.0.transport().get(&host, &url).await)
}
