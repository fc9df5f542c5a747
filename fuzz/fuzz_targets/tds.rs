//! The reader of TDS: packets, messages, and whole conversations with a server in memory.
#![no_main]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::num::NonZeroU32;

use libfuzzer_sys::fuzz_target;
use scorch_recovery::Secret;
use scorch_recovery::simulator::SimulatedInstance;
use scorch_recovery::simulator::fuzzing::tds::{self, Seen, Server};
use scorch_recovery_fuzz::{Counting, bounded, mode, plant};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Types of packets, those of clients first.
const KINDS: [u8; 8] = [1, 3, 14, 6, 16, 18, 7, 4];

const PASSWORD: &str = "Pass-w0rd";

struct Scene {
    server: Server,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let instance = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
            .machine_secret(folder.path().join("machine.secret"))
            .sa_password(Secret::new(PASSWORD.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .expect("a server");
        // Nothing that one input does is there for the next.
        instance.set_disk_quota(Some(0));
        Self {
            server: Server::new(&instance),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime"),
            _folder: folder,
        }
    }

    fn converse(&self, mode: usize, chunks: VecDeque<Vec<u8>>) {
        self.runtime.block_on(self.server.converse(mode, chunks));
    }
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

/// A LOGIN7 of sa.
fn login() -> Vec<u8> {
    let mut fixed = vec![0; 36];
    fixed[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    let mut data = Vec::new();
    for (at, text) in ["", "sa", PASSWORD, "", "", "", "", "", ""]
        .iter()
        .enumerate()
    {
        let offset = u16::try_from(94 + data.len()).expect("a short login");
        let length = u16::try_from(text.len()).expect("a short text");
        fixed.extend_from_slice(&offset.to_le_bytes());
        fixed.extend_from_slice(&length.to_le_bytes());
        let scramble = |byte: u8| {
            if at == 2 {
                byte.rotate_left(4) ^ 0xA5
            } else {
                byte
            }
        };
        data.extend(text.encode_utf16().flat_map(u16::to_le_bytes).map(scramble));
    }
    fixed.extend_from_slice(&[0; 22]);
    fixed.extend_from_slice(&data);
    let length = u32::try_from(fixed.len()).expect("a short login");
    fixed[..4].copy_from_slice(&length.to_le_bytes());
    tds::packets(16, 0, &fixed, 4000)
}

/// A PRELOGIN of a client that does without encryption.
fn prelogin() -> Vec<u8> {
    let body = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 9, 0, 0, 0, 0, 0, 2];
    tds::packets(18, 0, &body, 4000)
}

/// Messages, one behind the other: type, status, length, body. Headers and text as the type has
/// them, where a bit of the type says so.
fn messages(mut rest: &[u8]) -> VecDeque<Vec<u8>> {
    let mut chunks = VecDeque::new();
    while let [kind, status, length, tail @ ..] = rest {
        let (body, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let mut whole = Vec::new();
        if kind & 0x80 == 0 {
            whole.extend_from_slice(&[4, 0, 0, 0]);
        }
        if kind & 0x40 == 0 {
            whole.extend_from_slice(body);
        } else {
            let text = String::from_utf8_lossy(body);
            whole.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        }
        let packet_size = if status & 0x80 == 0 { 4000 } else { 7 };
        let kind = KINDS[usize::from(kind & 7)];
        chunks.push_back(tds::packets(kind, status & 0x1A, &whole, packet_size));
    }
    chunks
}

fn read(kind: u8, body: &[u8]) {
    let seen = tds::read_message(kind, body);
    if !matches!(seen, Seen::Nothing) {
        plant(&format!("{seen:?} {body:?}"));
    }
}

fuzz_target!(|data: &[u8]| {
    let (mode, rest) = mode(data);
    let most_memory = (4 << 20) + 256 * rest.len();
    bounded(rest.len(), most_memory, || match mode % 8 {
        0 => tds::read_packets(rest, usize::from(mode / 8)),
        1 => tds::read_parameter(rest),
        2 => {
            if let Some((kind, body)) = rest.split_first() {
                read(KINDS[usize::from(kind % 8)], body);
            }
        }
        3 | 4 => {
            let headers = [&[4, 0, 0, 0][..], rest].concat();
            read(if mode % 8 == 3 { 3 } else { 14 }, &headers);
        }
        how => SCENE.with_borrow_mut(|scene| {
            let scene = scene.get_or_insert_with(Scene::new);
            match how {
                5 => scene.converse(usize::from(mode / 8), VecDeque::from([rest.to_vec()])),
                6 => {
                    let chunks = [prelogin(), login(), rest.to_vec()];
                    scene.converse(0, VecDeque::from(chunks));
                }
                _ => {
                    let mut chunks = messages(rest);
                    chunks.push_front(login());
                    chunks.push_front(prelogin());
                    scene.converse(0, chunks);
                }
            }
        }),
    });
});
