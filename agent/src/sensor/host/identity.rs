use crate::sensor::{Root, read};

/// The name of the host: what is configured, else what the kernel says.
pub(super) fn hostname(root: &Root) -> String {
    let first = |path: &str| {
        let text = read::text(&root.path(path)).ok()?;
        let name = text.trim().to_owned();
        (!name.is_empty() && name.len() <= 255).then_some(name)
    };
    first("/proc/sys/kernel/hostname")
        .or_else(|| first("/etc/hostname"))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The id of this installation. Source: machine-id(5).
pub(super) fn machine_id(root: &Root) -> Option<String> {
    let text = read::text(&root.path("/etc/machine-id")).ok()?;
    let id = text.trim();
    let is_id = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// Name and version of the system. Source: os-release(5).
pub(super) fn system(root: &Root) -> (Option<String>, Option<String>) {
    let text = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| read::text(&root.path(path)).ok())
        .unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    (value("NAME"), value("VERSION").or_else(|| value("VERSION_ID")))
}

/// The zone the host's clock shows: `Asia/Ho_Chi_Minh`.
pub(super) fn timezone(root: &Root) -> Option<String> {
    let target = root.path("/etc/localtime").read_link().ok();
    let from_link = target.as_deref().and_then(|target| {
        target.to_str()?.split_once("zoneinfo/").map(|(_, name)| name.to_owned())
    });
    from_link.or_else(|| {
        let text = read::text(&root.path("/etc/timezone")).ok()?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    })
}

/// What the machine is made of, where firmware or kernel say that it is virtual.
pub(super) fn virtualization(root: &Root) -> Option<&'static str> {
    for (path, name) in [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")] {
        if root.path(path).exists() {
            return Some(name);
        }
    }
    let firmware: String = ["sys_vendor", "product_name"]
        .iter()
        .filter_map(|file| read::text(&root.path(format!("/sys/class/dmi/id/{file}"))).ok())
        .collect();
    let known = [
        ("VMware", "vmware"),
        ("VirtualBox", "virtualbox"),
        ("QEMU", "kvm"),
        ("KVM", "kvm"),
        ("Amazon EC2", "amazon"),
        ("Google", "google"),
        ("Xen", "xen"),
        ("Virtual Machine", "hyper-v"),
    ];
    let by_firmware = known.iter().find(|(text, _)| firmware.contains(text)).map(|(_, name)| *name);
    by_firmware.or_else(|| {
        let processor = read::text(&root.path("/proc/cpuinfo")).ok()?;
        let flags = processor.lines().find(|line| line.starts_with("flags"))?;
        flags.split(' ').any(|flag| flag == "hypervisor").then_some("other")
    })
}
