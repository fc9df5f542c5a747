//! How much memory this process takes. Known on Linux only.

use std::fs;

/// Bytes that this process has in memory now.
pub(super) fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// Begins to look for the most that it has.
pub(super) fn forget_peak() {
    // What /proc/self/clear_refs takes for "the peak is what is taken now".
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most that it had since [`forget_peak`].
pub(super) fn peak() -> Option<u64> {
    status("VmHWM:")
}

fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
