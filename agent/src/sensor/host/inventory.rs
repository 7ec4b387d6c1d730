use soc_event::{Event, Timestamp, Value, kind, limits};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::{disk, identity};
use crate::sensor::Root;

/// The `host.inventory` of now.
pub(super) fn event(root: &Root, now: Timestamp) -> Event {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(wanted).ok();
    let processors = system.as_ref().map(System::cpus);
    let (name, version) = identity::system(root);
    let model = processors.and_then(|list| Some(list.first()?.brand().to_owned()));
    let boot_time = super::heartbeat::boot_time(root);
    let event = Event::own(now, kind::HOST_INVENTORY)
        .with("host.hostname", identity::hostname(root))
        .with("host.id", identity::machine_id(root))
        .with("host.os.name", name)
        .with("host.os.version", version)
        .with("host.os.kernel", System::kernel_version().ok())
        .with("host.os.family", std::env::consts::OS)
        .with("host.architecture", System::cpu_arch())
        .with("host.cpu.model", model.filter(|model| !model.is_empty()))
        .with("host.cpu.count", processors.map(|list| list.len() as u64))
        .with("host.memory.bytes", system.as_ref().map(System::total_memory))
        .with("host.boot_time", boot_time.map(|time| time.to_string()))
        .with("host.timezone", identity::timezone(root))
        .with("host.virtualization", identity::virtualization(root))
        .with("host.disks", disks(root))
        .with("agent.version", env!("CARGO_PKG_VERSION"));
    with_interfaces(event)
}

fn disks(root: &Root) -> Vec<String> {
    let text =
        |disk: &disk::Disk| format!("{} {} {} GB", disk.path, disk.kind, disk.size / 1_000_000_000);
    disk::all(root).iter().map(text).collect()
}

/// Addresses of all interfaces but loopback; sorted, so that another order is no change.
fn with_interfaces(event: Event) -> Event {
    let mut interfaces = pnet_datalink::interfaces();
    interfaces.retain(|interface| !interface.is_loopback());
    interfaces.sort_by(|left, right| left.name.cmp(&right.name));
    interfaces.truncate(limits::LIST_MAX / 8);
    let (mut addresses, mut hardware, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for interface in &interfaces {
        addresses.extend(interface.ips.iter().map(|network| network.ip().to_string()));
        hardware.extend(interface.mac.filter(|mac| !mac.is_zero()).map(|mac| mac.to_string()));
        let state = if interface.is_up() { "up" } else { "down" };
        let networks: String = interface.ips.iter().map(|network| format!(" {network}")).collect();
        texts.push(format!("{} {state}{networks}", interface.name));
    }
    let sorted = |mut list: Vec<String>| -> Value {
        list.sort();
        list.dedup();
        list.truncate(limits::LIST_MAX);
        list.into()
    };
    event
        .with("host.ip", sorted(addresses))
        .with("host.mac", sorted(hardware))
        .with("host.interfaces", texts)
}
