use super::Part;
use crate::text;

/// Records of which an event of the kernel may have several.
/// Source: Linux `include/uapi/linux/audit.h`, 1300 to 1399, and what it writes with them.
const PARTS: [&str; 46] = [
    "ANOM_CREAT",
    "ANOM_LINK",
    "ANOM_PROMISCUOUS",
    "AVC",
    "BPF",
    "BPRM_FCAPS",
    "CAPSET",
    "CONFIG_CHANGE",
    "CWD",
    "DM_CTRL",
    "EVENT_LISTENER",
    "EXECVE",
    "FANOTIFY",
    "FD_PAIR",
    "FEATURE_CHANGE",
    "INTEGRITY_DATA",
    "INTEGRITY_PCR",
    "INTEGRITY_POLICY_RULE",
    "INTEGRITY_RULE",
    "IPC",
    "IPC_SET_PERM",
    "IPE_ACCESS",
    "KERN_MODULE",
    "KERNEL_OTHER",
    "LANDLOCK_ACCESS",
    "LOGIN",
    "MAC_POLICY_LOAD",
    "MAC_STATUS",
    "MMAP",
    "MQ_GETSETATTR",
    "MQ_NOTIFY",
    "MQ_OPEN",
    "MQ_SENDRECV",
    "NETFILTER_CFG",
    "NETFILTER_PKT",
    "OBJ_PID",
    "OPENAT2",
    "PATH",
    "REPLACE",
    "SECCOMP",
    "SELINUX_ERR",
    "SOCKADDR",
    "SOCKETCALL",
    "SYSCALL",
    "TIME_INJOFFSET",
    "URINGOP",
];
/// The records of one event come within so many seconds. Source: auparse's `au_check_events`.
const SECONDS_MAX: u64 = 2;

/// What a record is. `PROCTITLE` is the last the kernel writes for a system call, but for the end
/// mark, which auditd mostly leaves out.
pub(super) fn part(line: &str) -> Part {
    let Some((kind, stamp)) = text::audit_key(line) else { return Part::Whole };
    let key = stamp.to_owned();
    match kind {
        "EOE" => Part::End { key },
        "PROCTITLE" => Part::Of { key, ends: true },
        kind if PARTS.contains(&kind) => Part::Of { key, ends: false },
        _ => Part::Own { key },
    }
}

/// Whether the event of one record is over when another comes: their times lie apart.
pub(super) fn is_past(held: &str, now: &str) -> bool {
    let seconds = |key: &str| key.split('.').next()?.parse::<u64>().ok();
    match (seconds(held), seconds(now)) {
        (Some(held), Some(now)) => now > held.saturating_add(SECONDS_MAX),
        _ => false,
    }
}
