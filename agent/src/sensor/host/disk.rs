//! Mounted file systems that can become full.

use std::collections::BTreeSet;

use rustix::fs::{StatVfs, statvfs};
use soc_event::limits;

use crate::sensor::{Root, read};

/// A mounted file system; sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) path: String,
    /// `ext4`
    pub(super) kind: String,
    /// With what the file system keeps for itself and for root.
    pub(super) size: u64,
    pub(super) used: u64,
    /// For those who are not root.
    pub(super) free: u64,
}

impl Disk {
    /// Share that is used of what can be used, as df(1) shows it: some file systems reserve much.
    #[expect(clippy::cast_precision_loss, reason = "a share of a disk needs no exact bytes")]
    pub(super) fn used_share(&self) -> f64 {
        self.used as f64 / self.usable().max(1) as f64
    }

    /// What can be used.
    pub(super) fn usable(&self) -> u64 {
        self.used.saturating_add(self.free)
    }
}

/// The disks of this machine, sorted by path. A machine that does not tell its mounts has none.
pub(super) fn all(root: &Root) -> Vec<Disk> {
    let mounts = read::text(&root.path("/proc/self/mounts")).unwrap_or_default();
    let disk = |mount: Mount| {
        let sizes = statvfs(root.path(&mount.path)).ok()?;
        of(mount, &sizes)
    };
    candidates(&mounts).into_iter().filter_map(disk).collect()
}

/// A line of the kernel's list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    path: String,
    kind: String,
}

fn of(Mount { path, kind }: Mount, sizes: &StatVfs) -> Option<Disk> {
    let bytes = |blocks: u64| blocks.saturating_mul(sizes.f_frsize);
    let used = bytes(sizes.f_blocks.saturating_sub(sizes.f_bfree));
    let disk = Disk { path, kind, size: bytes(sizes.f_blocks), used, free: bytes(sizes.f_bavail) };
    (disk.size > 0).then_some(disk)
}

/// What can be written and is on a disk of this machine, each device once: where it is mounted in
/// several places, where the path is shortest. Images (always full, never written), memory, and
/// servers far away (not ours, and they may never answer) are left out.
/// Source: proc_pid_mounts(5), fstab(5).
fn candidates(mounts: &str) -> Vec<Mount> {
    let mut found: Vec<(String, Mount)> = mounts.lines().filter_map(candidate).collect();
    found.sort_by_key(|(_, mount)| mount.path.len());
    let mut devices = BTreeSet::new();
    let mut mounts: Vec<Mount> = found
        .into_iter()
        .filter_map(|(device, mount)| devices.insert(device).then_some(mount))
        .collect();
    mounts.sort_by(|left, right| left.path.cmp(&right.path));
    mounts.truncate(limits::LIST_MAX);
    mounts
}

/// `DEVICE PATH KIND OPTIONS …`
fn candidate(line: &str) -> Option<(String, Mount)> {
    let mut words = line.split(' ');
    let (device, path, kind) = (words.next()?, words.next()?, words.next()?);
    let is_writable = words.next()?.split(',').any(|option| option == "rw");
    let is_image = ["squashfs", "iso9660", "udf", "erofs", "cramfs"].contains(&kind);
    let is_remote = kind.starts_with("fuse.") || ["9p", "nfs", "nfs4", "cifs"].contains(&kind);
    let is_disk = device.starts_with("/dev/") || ["zfs", "bcachefs"].contains(&kind);
    // Of a container the root is all there is.
    let is_wanted = is_writable && !is_image && !is_remote && (is_disk || path == "/");
    let mount = Mount { path: unescaped(path), kind: kind.to_owned() };
    is_wanted.then(|| (device.to_owned(), mount))
}

/// Spaces and their like are written as `\040`.
fn unescaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(u8::is_ascii) {
            Some(byte) => {
                text.push(char::from(byte));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                text.push('\\');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Debian 12 and Ubuntu 24.04 machines, shortened.
    const MOUNTS: &str = "\
sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0
udev /dev devtmpfs rw,nosuid,size=4014056k 0 0
tmpfs /run tmpfs rw,nosuid,nodev,size=809220k,mode=755 0 0
/dev/vda1 / ext4 rw,relatime,errors=remount-ro 0 0
/dev/vda15 /boot/efi vfat rw,relatime,fmask=0077 0 0
/dev/loop0 /snap/core20/1974 squashfs ro,nodev,relatime 0 0
/dev/loop1 /mnt/image squashfs rw,relatime 0 0
/dev/sr0 /media/cdrom iso9660 ro,nosuid,nodev 0 0
/dev/vda1 /var/lib/bind ext4 rw,relatime 0 0
/dev/sdb1 /srv/old ext4 ro,relatime 0 0
/dev/sdc1 /media/my\\040disk fuseblk rw,nosuid,nodev 0 0
portal /run/user/1000/doc fuse.portal rw,nosuid,nodev 0 0
server:/export /mnt/nfs nfs4 rw,relatime 0 0
overlay /var/lib/docker/overlay2/abc/merged overlay rw,relatime 0 0
tank/home /home zfs rw,xattr 0 0
";

    #[test]
    fn only_what_can_become_full_here_counts_and_each_device_once() {
        let paths: Vec<String> = candidates(MOUNTS).into_iter().map(|mount| mount.path).collect();
        assert_eq!(paths, ["/", "/boot/efi", "/home", "/media/my disk"]);
    }

    #[test]
    fn the_root_of_a_container_is_its_disk() {
        let mounts = "overlay / overlay rw,relatime 0 0\nproc /proc proc rw 0 0\n";
        let expected = Mount { path: "/".to_owned(), kind: "overlay".to_owned() };
        assert_eq!(candidates(mounts), [expected]);
    }

    #[test]
    fn damaged_lists_give_nothing() {
        for text in ["", "\n\n", "/dev/sda1", "/dev/sda1 / ext4", "a b c d e f\\"] {
            assert_eq!(candidates(text), [], "{text:?}");
        }
        assert_eq!(unescaped("/a\\0"), "/a\\0");
        assert_eq!(unescaped("/a\\134b\\377"), "/a\\b\\377");
    }

    #[test]
    fn reserved_space_is_neither_used_nor_free() {
        let disk = |size, used, free| Disk {
            path: "/".to_owned(),
            kind: "ext4".to_owned(),
            size,
            used,
            free,
        };
        assert!((disk(264, 28, 67).used_share() - 28.0 / 95.0).abs() < 1e-9);
        assert!((disk(100, 95, 0).used_share() - 1.0).abs() < 1e-9);
        assert!(disk(0, 0, 0).used_share().abs() < 1e-9);
    }

    #[test]
    fn the_share_is_the_one_df_shows() {
        let shown = std::process::Command::new("df").args(["--output=pcent", "/"]).output();
        let Ok(shown) = shown else { return };
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let percent: f64 =
            text.lines().nth(1).unwrap().trim().trim_end_matches('%').parse().unwrap();
        let sizes = statvfs("/").unwrap();
        let mount = Mount { path: "/".to_owned(), kind: String::new() };
        let share = of(mount, &sizes).unwrap().used_share();
        assert!((share * 100.0 - percent).abs() <= 1.5, "{share} and {percent} %");
    }
}
