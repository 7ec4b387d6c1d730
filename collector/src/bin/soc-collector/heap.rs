//! The heap of a process that runs for months.

use std::os::unix::process::CommandExt as _;

/// Large buffers are given back as soon as they are free, and no thread has a heap of its own:
/// without this the allocator keeps up to twice of what is in use.
/// Source: mallopt(3), ENVIRONMENT VARIABLES.
const LARGE: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");
const HEAPS: &str = "MALLOC_ARENA_MAX";

/// The allocator is told by the environment only, and only when a process begins: the process begins
/// once more as the same program with the same arguments. Whoever has said something himself is right.
pub(crate) fn bound_heap() {
    if [LARGE.0, HEAPS].iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    let heaps = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut again = std::process::Command::new(program);
    again.arg0(name).args(arguments).env(LARGE.0, LARGE.1).env(HEAPS, heaps);
    // Returns only when it failed; then it takes more memory, no harm else.
    let error = again.exec();
    tracing::debug!(%error, "running with the usual heap");
}
