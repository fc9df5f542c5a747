//! `adapter::windows` against a real service manager, registry and disk: those of Windows, or of Wine, where
//! `.ci/show/hosts-1` runs it. On other systems there is nothing to test.
//!
//! Its process plays the parts that tests need, too: a service, a program. It makes services, one file folder and one
//! key of the registry, and takes them away again; run it on a machine of its own, as administrator.

#[cfg(windows)]
#[path = "windows_adapter/on_windows.rs"]
mod on_windows;

fn main() -> std::process::ExitCode {
    #[cfg(windows)]
    return on_windows::main();
    #[cfg(not(windows))]
    std::process::ExitCode::SUCCESS
}
