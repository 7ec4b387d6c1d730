use super::mac::Mac;

/// `Maker<TAB>prefixes`, six digits each. Made by `scripts/vendors`.
const MAKERS: &str = include_str!("vendors.txt");

/// Who made the card: `Dell`. None for addresses that were made up, and for makers one seldom meets.
/// Source: IEEE's public list of prefixes (MA-L).
pub fn of(mac: Mac) -> Option<&'static str> {
    let [a, b, c, ..] = mac.0;
    if mac.is_private() {
        // The one made-up prefix that says something: virtual machines of QEMU and KVM.
        return ([a, b, c] == [0x52, 0x54, 0x00]).then_some("QEMU/KVM");
    }
    let prefix = format!("{a:02x}{b:02x}{c:02x}");
    let lines = MAKERS.lines().filter_map(|line| line.split_once('\t'));
    let has = |prefixes: &str| prefixes.as_bytes().chunks(6).any(|it| it == prefix.as_bytes());
    lines.filter(|(_, prefixes)| has(prefixes)).map(|(maker, _)| maker).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_found_by_prefix_and_made_up_addresses_have_none() {
        let check =
            |text: &str, expected| assert_eq!(of(text.parse().unwrap()), expected, "{text}");
        check("00:50:56:01:02:03", Some("VMware"));
        check("08:00:27:01:02:03", Some("VirtualBox"));
        check("52:54:00:01:02:03", Some("QEMU/KVM"));
        check("02:42:ac:11:00:02", None);
        check("fc:ff:ff:00:00:01", None);
    }

    #[test]
    fn every_line_of_the_list_is_a_maker_with_whole_prefixes() {
        for line in MAKERS.lines().filter(|line| !line.starts_with('#')) {
            let (maker, prefixes) = line.split_once('\t').unwrap();
            let is_hex = prefixes.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(!maker.is_empty() && prefixes.len() % 6 == 0 && is_hex, "{maker}");
        }
    }
}
