//! Tells a cloned disk from the machine it was copied from.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::sensor::Root;

/// SHA-256, in hexadecimal, over what identifies the installed system and the hardware: machine-id,
/// the firmware's product UUID (readable by root alone) and the burnt-in addresses of real network
/// interfaces. Parts that cannot be read count as empty.
pub fn fingerprint(root: &Root) -> String {
    let read = |path: &str| fs::read_to_string(root.path(path)).unwrap_or_default();
    let machine = read("/etc/machine-id");
    let product = read("/sys/class/dmi/id/product_uuid");
    digest(machine.trim(), product.trim(), &permanent_addresses(&root.path("/sys/class/net")))
}

fn digest(machine: &str, product: &str, addresses: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in [machine, product].into_iter().chain(addresses.iter().map(String::as_str)) {
        // The length keeps "ab","c" apart from "a","bc".
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.to_ascii_lowercase());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Interfaces without a device are virtual, and `addr_assign_type` other than 0 means an address
/// that was set or drawn at random. Source: Linux Documentation/ABI/testing/sysfs-class-net.
fn permanent_addresses(interfaces: &Path) -> Vec<String> {
    let entries = fs::read_dir(interfaces).into_iter().flatten().flatten();
    let mut addresses: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|interface| interface.join("device").exists())
        .filter(|interface| line(&interface.join("addr_assign_type")).as_deref() == Some("0"))
        .filter_map(|interface| line(&interface.join("address")))
        .collect();
    addresses.sort_unstable();
    addresses
}

fn line(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(id: &str, interfaces: &[(&str, &str, &str, bool)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/machine-id", &format!("{id}\n"));
        for (name, address, assigned, real) in interfaces {
            write(&format!("sys/class/net/{name}/address"), address);
            write(&format!("sys/class/net/{name}/addr_assign_type"), assigned);
            if *real {
                write(&format!("sys/class/net/{name}/device/vendor"), "0x8086");
            }
        }
        folder
    }

    fn of(folder: &tempfile::TempDir) -> String {
        fingerprint(&Root::new(folder.path()))
    }

    #[test]
    fn other_hardware_has_another_fingerprint() {
        let one = machine("a", &[("eth0", "02:00:00:00:00:01", "0\n", true)]);
        let clone = machine("a", &[("eth0", "02:00:00:00:00:02", "0\n", true)]);
        assert_ne!(of(&one), of(&clone));
        assert_eq!(of(&one).len(), 64);
    }

    #[test]
    fn what_comes_and_goes_does_not_count() {
        let plain = machine("a", &[("eth0", "02:00:00:00:00:01", "0\n", true)]);
        let busy = machine(
            "a",
            &[
                ("docker0", "02:42:00:00:00:01", "3\n", false),
                ("eth0", "02:00:00:00:00:01", "0\n", true),
                ("wlan0", "06:11:22:33:44:55", "1\n", true),
            ],
        );
        assert_eq!(of(&plain), of(&busy));
    }

    #[test]
    fn an_empty_machine_still_has_one() {
        assert_eq!(of(&tempfile::tempdir().unwrap()).len(), 64);
    }
}
