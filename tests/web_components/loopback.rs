//! `adapter::curl` with the curl of this machine, over real sockets: what simulated web components answer
//! goes over the loopback interface.

use std::collections::BTreeSet;

use scorch_recovery::adapter::curl::CurlWeb;
use scorch_recovery::names::WebUrl;
use scorch_recovery::orchestrator::{WebCause as C, WebComponents, WebConfigStyle};
use scorch_recovery::simulator::hosts::{
    SimulatedWebApplication, SimulatedWebServers, WebComponentKind,
};
use scorch_recovery::transport::{HostError, LONGEST_BODY, TransportErrorKind, WebTransport};
use scorch_recovery::{Context, Operation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::files::web01;
use crate::this_machine::{ThisMachine, has_curl};
use crate::world::World;

/// What goes over a socket instead of what simulated web components answer.
#[derive(Clone)]
enum Wire {
    Simulated(SimulatedWebServers),
    Bytes(Vec<u8>),
}

async fn serve(listener: TcpListener, wire: Wire) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Whoever goes away early is no matter here.
        let _ = answer(stream, &wire).await;
    }
}

async fn answer(mut stream: TcpStream, wire: &Wire) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let servers = match wire {
        Wire::Bytes(bytes) => return stream.write_all(bytes).await,
        Wire::Simulated(servers) => servers,
    };
    let request = String::from_utf8(request).unwrap();
    let mut words = request.split_whitespace();
    assert_eq!(words.next(), Some("GET"));
    let path = words.next().unwrap();
    let host = request
        .lines()
        .find_map(|line| line.strip_prefix("Host: "))
        .unwrap();
    let url: WebUrl = format!("http://{host}{path}").parse().unwrap();
    let answer = servers.get(&web01(), &url).await.unwrap();
    let mut text = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!(
        "Content-Length: {}\r\n\r\n{}",
        answer.body.len(),
        answer.body
    );
    stream.write_all(text.as_bytes()).await
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_web_components_are_asked_over_sockets() {
    if !has_curl() {
        return;
    }
    type Change = fn(SimulatedWebApplication) -> SimulatedWebApplication;
    let changes: [(Change, &[C]); 5] = [
        (|is| is, &[]),
        (SimulatedWebApplication::lacks_dot_net, &[C::DotNet]),
        (SimulatedWebApplication::pool_is_down, &[C::Pool]),
        (SimulatedWebApplication::refuses_callers, &[C::Permission]),
        (SimulatedWebApplication::keeps_configuration, &[]),
    ];
    let mut asked = 0;
    let mut world = World::new(WebComponentKind::WebApi, "SQL01").await;
    for kind in [WebComponentKind::WebApi, WebComponentKind::WebService] {
        world = world.with(kind, "SQL01");
        let cx = world.asked_by(CurlWeb::new(ThisMachine));
        for (change, expected) in changes {
            let (listener, port) = listen().await;
            let served = tokio::spawn(serve(listener, Wire::Simulated(world.servers.clone())));
            let application = SimulatedWebApplication::new(kind, port, world.web_config());
            world.run(change(application));
            let (causes, why) = world.causes(&cx).await;
            assert_eq!(causes, expected, "{why}");
            served.abort();
            asked += 1;
        }
        // Somebody who asks who it is, and nobody can sign in: curl shows the answer that it got.
        let (listener, port) = listen().await;
        let nobody = world.servers.anonymous();
        let served = tokio::spawn(serve(listener, Wire::Simulated(nobody)));
        world.run(SimulatedWebApplication::new(kind, port, world.web_config()));
        let (causes, why) = world.causes(&cx).await;
        assert_eq!(causes, [C::Permission], "{why}");
        served.abort();
        asked += 1;
    }
    println!("web.config loopback: {asked} answers over sockets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_end() {
    if !has_curl() {
        return;
    }
    let curl = CurlWeb::new(ThisMachine);
    let cx = Context::builder()
        .web(CurlWeb::new(ThisMachine))
        .build()
        .unwrap();
    let long = "<h2>HTTP Error 500.31 \u{1b}[31m</h2>".to_owned() + &"x".repeat(1 << 19);
    for (bytes, expected) in [
        (b"".to_vec(), Err(TransportErrorKind::Interrupted)),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec(),
            Err(TransportErrorKind::Interrupted),
        ),
        (b"no\r\n\r\n".to_vec(), Err(TransportErrorKind::Unsupported)),
        (
            format!("HTTP/1.1 500 x\r\n\r\n{long}").into_bytes(),
            Ok(500),
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n".to_vec(),
            Ok(302),
        ),
        (b"HTTP/1.1 204 \r\nX: \xff\r\n\r\n".to_vec(), Ok(204)),
    ] {
        let (listener, port) = listen().await;
        let served = tokio::spawn(serve(listener, Wire::Bytes(bytes.clone())));
        let url: WebUrl = format!("http://127.0.0.1:{port}/a;b$(c)`d`'e'%25[1-9]")
            .parse()
            .unwrap();
        let answer = curl.get(&web01(), &url).await;
        let seen = match &answer {
            Ok(answer) => Ok(answer.status),
            Err(HostError::Lost(error)) => Err(error.kind()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(seen, expected, "{answer:?}");
        assert!(answer.is_err() || answer.unwrap().body.len() <= LONGEST_BODY);
        let verify = WebComponents::verify(&web01()).asking(WebConfigStyle::Environment, url);
        let verified = verify.run(&cx).await.unwrap();
        let text = format!("{verified:?} {}", verified.check().unwrap_err());
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.len() < 3000, "{text}");
        if seen == Ok(500) {
            assert_eq!(verified.verdicts[0].causes, BTreeSet::from([C::DotNet]));
        }
        served.abort();
    }
    // Nobody listens there any more.
    let (listener, port) = listen().await;
    drop(listener);
    let url: WebUrl = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let error = curl.get(&web01(), &url).await.unwrap_err();
    let HostError::Lost(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), TransportErrorKind::Connect);
}
