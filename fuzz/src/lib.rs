//! What the fuzz targets share: bounds on time and memory for one input, and the judge of statements.

pub mod judge;
pub mod operations;
// Shared with the library's own tests: what is planned there is fuzzed here.
#[path = "../../tests/support/over.rs"]
pub mod over;
#[path = "../../tests/oracles/plan.rs"]
mod plan;
#[path = "../../tests/oracles/plans/mod.rs"]
mod plans;
#[path = "../../tests/support/recording.rs"]
pub mod recording;
#[allow(dead_code, reason = "the tests have use for more of it")]
#[path = "../../tests/support/simulated.rs"]
mod simulated;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Counts what is allocated, so that an input that makes the readers greedy is a finding.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: the system's allocator does the work; counting changes nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The longest that an input may take, of this thread's processor time.
const LONGEST: Duration = Duration::from_secs(1);

/// Runs `read` and panics if it takes more time, or more memory, than `bytes` of input can be worth.
pub fn bounded<T>(bytes: usize, most_memory: usize, read: impl FnOnce() -> T) -> T {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let started = processor_time();
    let result = read();
    let took = processor_time().saturating_sub(started);
    let grown = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(took <= LONGEST, "{bytes} bytes took {took:?}");
    assert!(
        grown <= most_memory,
        "{bytes} bytes took {grown} bytes of memory"
    );
    result
}

fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a value of ours.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "the processor's time is not known");
    let seconds = u64::try_from(time.tv_sec).expect("a time that passed");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanoseconds)
}

/// The short run's own test: where it is on, one in some hundred things that are read is a panic,
/// which must be found.
///
/// # Panics
/// That is what it is for.
pub fn plant(read: &str) {
    static IS_PLANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    if !IS_PLANTED.get_or_init(|| std::env::var_os("PLANTED_PANIC").is_some()) {
        return;
    }
    let hash = read.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    assert!(hash >> 32 & 0xFF != 0xBC, "the planted panic");
}

/// The first byte, which says how the rest is meant, and the rest.
pub fn mode(data: &[u8]) -> (u8, &[u8]) {
    data.split_first()
        .map_or((0, data), |(mode, rest)| (*mode, rest))
}
