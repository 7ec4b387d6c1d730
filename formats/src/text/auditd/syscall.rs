//! Names of system calls, where the log only has their numbers.
//!
//! Source: Linux `arch/x86/entry/syscalls/syscall_64.tbl`, `include/uapi/asm-generic/unistd.h`;
//! architectures as in `linux/audit.h`.

/// The n-th word is the n-th call, `-` where there is none.
const X86_64: &str = include_str!("syscalls-x86_64.txt");
const AARCH64: &str = include_str!("syscalls-aarch64.txt");

/// The name of a call, `arch` and `number` as a record has them: `c000003e`, `59`.
pub(super) fn name(arch: &str, number: &str) -> Option<&'static str> {
    let table = match arch {
        "c000003e" => X86_64,
        "c00000b7" => AARCH64,
        _ => return None,
    };
    let number: usize = number.parse().ok()?;
    table.split_ascii_whitespace().nth(number).filter(|name| *name != "-")
}
