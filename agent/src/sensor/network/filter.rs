//! What the kernel lets through: programs of the classic packet filter, so that payload never
//! leaves the kernel and a busy host does not wake us for its own traffic.
//!
//! A program is a list of rules; the first whose tests all hold lets the frame through, cut to so
//! many bytes; otherwise the frame is dropped.
//! Source: Linux, Documentation/networking/filter.rst; frames as in `frame.rs`.

use socket2::SockFilter;

/// Instructions: load a word, half, byte or relative half or byte; the length of IPv4's header into
/// X; mask; compare; return.
const LD_B: u16 = 0x30;
const LD_H: u16 = 0x28;
const LD_W: u16 = 0x20;
const LD_B_X: u16 = 0x50;
const LD_H_X: u16 = 0x48;
const LDX_MSH: u16 = 0xb1;
const AND: u16 = 0x54;
const JEQ: u16 = 0x15;
const JGE: u16 = 0x35;
const JGT: u16 = 0x25;
const RET: u16 = 0x06;
/// Where the kernel answers questions about the frame instead of giving its bytes.
const ABOUT: u32 = 0xffff_f000;
const ABOUT_DIRECTION: u32 = ABOUT + 4;
const ABOUT_TAG: u32 = ABOUT + 44;
const ABOUT_IS_TAGGED: u32 = ABOUT + 48;
/// Directions. Source: packet(7), `sll_pkttype`.
const TO_US: u32 = 0;
const FROM_US: u32 = 4;

/// Ethernet's header.
const IP: u32 = 14;
/// The payload of IPv6 without headers between.
const IP6_PAYLOAD: u32 = IP + 40;

/// One comparison.
#[derive(Clone, Copy)]
enum Test {
    /// A byte, half or word at a fixed place, masked, is this.
    Is(u16, u32, u32, u32),
    /// The same behind IPv4's header.
    IsInner(u16, u32, u32, u32),
    /// A byte at a fixed place is within these.
    Within(u32, u32, u32),
}

impl Test {
    /// The instructions. Each comparison's way out when it fails is filled in by the caller.
    fn instructions(self) -> Vec<(u16, u32)> {
        match self {
            Self::Is(load, at, mask, value) => vec![(load, at), (AND, mask), (JEQ, value)],
            Self::IsInner(load, at, mask, value) => {
                vec![(LDX_MSH, IP), (load, at), (AND, mask), (JEQ, value)]
            }
            Self::Within(at, low, high) => vec![(LD_B, at), (JGE, low), (JGT, high)],
        }
    }
}

const ALL: u32 = u32::MAX;
const IS_ARP: Test = Test::Is(LD_H, 12, ALL, 0x0806);
const IS_IP4: Test = Test::Is(LD_H, 12, ALL, 0x0800);
const IS_IP6: Test = Test::Is(LD_H, 12, ALL, 0x86dd);
const IS_FIRST_PART: Test = Test::Is(LD_H, IP + 6, 0x1fff, 0);
const IS_NEAR: Test = Test::Is(LD_B, IP + 7, ALL, 255);

const fn ip4_carries(protocol: u32) -> Test {
    Test::Is(LD_B, IP + 9, ALL, protocol)
}

const fn ip6_carries(protocol: u32) -> Test {
    Test::Is(LD_B, IP + 6, ALL, protocol)
}

const fn goes(direction: u32) -> Test {
    Test::Is(LD_W, ABOUT_DIRECTION, ALL, direction)
}

/// ARP, neighbour discovery, DHCP, and multicast DNS.
pub(super) fn neighbourhood() -> Vec<SockFilter> {
    let from = |port| Test::IsInner(LD_H_X, IP, ALL, port);
    let to = |port| Test::IsInner(LD_H_X, IP + 2, ALL, port);
    let rules: Vec<(Vec<Test>, u32)> = vec![
        (vec![IS_ARP], 64),
        (vec![IS_IP6, ip6_carries(58), Test::Within(IP6_PAYLOAD, 133, 136)], 512),
        // Behind another header: advertisements are hidden there from simpler filters.
        (vec![IS_IP6, IS_NEAR, ip6_carries(0)], 512),
        (vec![IS_IP6, IS_NEAR, ip6_carries(60)], 512),
        (vec![IS_IP6, IS_NEAR, ip6_carries(43)], 512),
        (vec![IS_IP4, ip4_carries(17), IS_FIRST_PART, from(67)], 1514),
        (vec![IS_IP4, ip4_carries(17), IS_FIRST_PART, to(67)], 1514),
        (vec![IS_IP4, ip4_carries(17), IS_FIRST_PART, from(5353)], 1514),
        (vec![IS_IP6, ip6_carries(17), Test::Is(LD_H, IP6_PAYLOAD, ALL, 5353)], 1514),
    ];
    program(&rules)
}

/// Knocking at ports, ports that open, and the kernel's word that nobody is there. Headers only.
pub(super) fn probes() -> Vec<SockFilter> {
    // RST and ACK unset; SYN and ACK of SYN, ACK, RST and FIN set.
    let (knocks, welcomes) = ((0x14, 0), (0x17, 0x12));
    let flags4 = |(mask, value)| Test::IsInner(LD_B_X, IP + 13, mask, value);
    let flags6 = |(mask, value)| Test::Is(LD_B, IP6_PAYLOAD + 13, mask, value);
    let (type4, code4) = (Test::IsInner(LD_B_X, IP, ALL, 3), Test::IsInner(LD_B_X, IP + 1, ALL, 3));
    let (type6, code6) =
        (Test::Is(LD_B, IP6_PAYLOAD, ALL, 1), Test::Is(LD_B, IP6_PAYLOAD + 1, ALL, 4));
    let (tcp4, tcp6) = ([IS_IP4, ip4_carries(6), IS_FIRST_PART], [IS_IP6, ip6_carries(6)]);
    let with = |start: &[Test], more: &[Test]| [start, more].concat();
    let rules = vec![
        (with(&tcp4, &[flags4(knocks), goes(TO_US)]), 96),
        (with(&tcp4, &[flags4(welcomes), goes(FROM_US)]), 96),
        (with(&tcp6, &[flags6(knocks), goes(TO_US)]), 96),
        (with(&tcp6, &[flags6(welcomes), goes(FROM_US)]), 96),
        (vec![IS_IP4, ip4_carries(1), type4, code4, goes(FROM_US)], 160),
        (vec![IS_IP6, ip6_carries(58), type6, code6, goes(FROM_US)], 160),
    ];
    program(&rules)
}

/// Frames of a virtual network are left to its own interface; number 0 is none, only a priority.
fn own_network() -> Vec<SockFilter> {
    vec![
        SockFilter::new(LD_W, 0, 0, ABOUT_IS_TAGGED),
        SockFilter::new(JEQ, 4, 0, 0),
        SockFilter::new(LD_W, 0, 0, ABOUT_TAG),
        SockFilter::new(AND, 0, 0, 0x0fff),
        SockFilter::new(JEQ, 1, 0, 0),
        SockFilter::new(RET, 0, 0, 0),
    ]
}

fn program(rules: &[(Vec<Test>, u32)]) -> Vec<SockFilter> {
    let mut program = own_network();
    for (tests, bytes) in rules {
        program.extend(rule(tests, *bytes));
    }
    program.push(SockFilter::new(RET, 0, 0, 0));
    program
}

/// The instructions of one rule: a test that fails jumps behind its last.
fn rule(tests: &[Test], bytes: u32) -> Vec<SockFilter> {
    let mut plain: Vec<(u16, u32)> = tests.iter().flat_map(|test| test.instructions()).collect();
    plain.push((RET, bytes));
    let end = plain.len();
    let instruction = |(place, (code, value)): (usize, &(u16, u32))| {
        let behind = u8::try_from(end - place - 1).unwrap_or(u8::MAX);
        match *code {
            JEQ | JGE => SockFilter::new(*code, 0, behind, *value),
            JGT => SockFilter::new(*code, behind, 0, *value),
            _ => SockFilter::new(*code, 0, 0, *value),
        }
    };
    plain.iter().enumerate().map(instruction).collect()
}
