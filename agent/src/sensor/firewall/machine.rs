//! Sends a packet through the rules, as the kernel does, with one difference: what is not known
//! stays not known, and then both ways are gone.
//!
//! Source: nft(8), Linux `net/netfilter/nf_tables_core.c` and `nft_*.c`.

use super::packet::{Byte, Packet, STATE_UNTRACKED};
use super::rules::{Base, Chain, Data, Expression, Found, Operator, Rule, Rules, Verdict, family};
use super::xtables;

/// Nested chains; as the kernel.
const DEPTH_MAX: u8 = 16;
/// Rules looked at for one packet.
const STEPS_MAX: u32 = 100_000;
const REGISTERS_BYTES: usize = 64;

const PREROUTING: u32 = 0;
const INPUT: u32 = 1;
const OUTPUT: u32 = 3;
const POSTROUTING: u32 = 4;
const INET_INGRESS: u32 = 5;

/// What may happen, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fates(u8);

impl Fates {
    const NONE: Self = Self(0);
    pub(super) const ACCEPT: Self = Self(1);
    pub(super) const DROP: Self = Self(2);
    /// The next rule is looked at.
    const ON: Self = Self(4);
    /// The rest of the chain is not.
    const BACK: Self = Self(8);
    pub(super) const UNKNOWN: Self = Self(1 | 2);

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// What became of a packet, and which rule decided.
pub(super) struct Outcome {
    pub fates: Fates,
    pub rule: Option<String>,
    /// What is known of it afterwards.
    pub packet: Packet,
}

pub(super) struct Machine<'r> {
    rules: &'r Rules,
    registers: [Byte; REGISTERS_BYTES],
    packet: Packet,
    steps: u32,
    decided: Option<String>,
}

/// Whether a packet comes in, in the order in which the kernel asks; answers leave.
pub(super) fn pass(rules: &Rules, packet: Packet) -> Outcome {
    let hooks: &[u32] =
        if packet.is_reply { &[OUTPUT, POSTROUTING] } else { &[INET_INGRESS, PREROUTING, INPUT] };
    let (registers, steps, decided) = ([None; REGISTERS_BYTES], 0, None);
    let mut machine = Machine { rules, registers, packet, steps, decided };
    let mut fates = Fates::NONE;
    for hook in hooks {
        let met = machine.hook(*hook);
        fates = fates.or(met.without(Fates::ACCEPT));
        if !met.has(Fates::ACCEPT) {
            return Outcome { fates, rule: machine.decided, packet: machine.packet };
        }
    }
    let Machine { decided, packet, .. } = machine;
    Outcome { fates: fates.or(Fates::ACCEPT), rule: decided, packet }
}

impl Machine<'_> {
    fn hook(&mut self, hook: u32) -> Fates {
        let rules = self.rules;
        let mut chains: Vec<(i32, _, &Chain, &Base)> = Vec::new();
        for (name, chain) in &rules.chains {
            if let Some(base) = &chain.base
                && self.is_asked(name.0, base, hook)
                && !rules.dormant.contains(&(name.0, name.1.clone()))
            {
                chains.push((base.priority, name, chain, base));
            }
        }
        chains.sort_by_key(|(priority, name, ..)| (*priority, *name));
        let mut fates = Fates::NONE;
        for (_, name, chain, base) in chains {
            let met = self.chain((name.0, &name.1), &name.2, chain, 0, fates == Fates::NONE);
            let mut met_at_end = met.without(Fates::ON).without(Fates::BACK);
            if met.has(Fates::ON) || met.has(Fates::BACK) {
                let policy = if base.accepts { Fates::ACCEPT } else { Fates::DROP };
                met_at_end = met_at_end.or(policy);
                if !base.accepts || self.decided.is_none() {
                    self.decided = Some(format!("{} policy", title(name.0, &name.1, &name.2)));
                }
            }
            fates = fates.or(met_at_end.without(Fates::ACCEPT));
            if !met_at_end.has(Fates::ACCEPT) {
                return fates;
            }
        }
        fates.or(Fates::ACCEPT)
    }

    fn is_asked(&self, of: u8, base: &Base, hook: u32) -> bool {
        let own = if self.packet.is_v4 { family::IPV4 } else { family::IPV6 };
        match of {
            family::NETDEV => {
                hook == INET_INGRESS
                    && base.hook == 0
                    && base.devices.contains(&self.packet.interface.name)
            }
            family::INET if hook == INET_INGRESS => {
                base.hook == hook && base.devices.contains(&self.packet.interface.name)
            }
            // Of a connection, nat chains see the first packet only.
            family::INET => base.hook == hook && !(base.is_nat && self.packet.is_reply),
            // A bridge's own rules see what it passes on; whether this packet is, is not known here.
            family::BRIDGE => false,
            _ => of == own && base.hook == hook && !(base.is_nat && self.packet.is_reply),
        }
    }

    fn chain(
        &mut self,
        table: (u8, &str),
        name: &str,
        chain: &Chain,
        depth: u8,
        mut is_certain: bool,
    ) -> Fates {
        let mut fates = Fates::NONE;
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > STEPS_MAX || depth > DEPTH_MAX {
                return Fates::UNKNOWN;
            }
            let met = self.rule(table, name, rule, depth, is_certain);
            fates = fates.or(met.without(Fates::ON));
            if !met.has(Fates::ON) {
                return fates;
            }
            is_certain &= met == Fates::ON;
        }
        fates.or(Fates::ON)
    }

    fn rule(
        &mut self,
        table: (u8, &str),
        chain: &str,
        rule: &Rule,
        depth: u8,
        is_certain: bool,
    ) -> Fates {
        let mut matched = Some(true);
        let mut verdict = None;
        for expression in &rule.expressions {
            let certain = is_certain && matched == Some(true);
            match self.step(table, expression, certain) {
                Step::Matched(Some(true)) => {}
                Step::Matched(Some(false)) => return Fates::ON,
                Step::Matched(None) => matched = None,
                Step::Verdict(found) => verdict = Some(found),
                Step::Unknown => {
                    self.packet.mark = None;
                    self.packet.connection_mark = None;
                    return Fates::UNKNOWN.or(Fates::ON);
                }
            }
            // What follows a verdict in a rule is not looked at.
            if verdict.is_some() {
                break;
            }
        }
        let certain = is_certain && matched == Some(true);
        let met = match verdict {
            None | Some(Verdict::Continue) => Fates::ON,
            Some(Verdict::Accept) => self.decides(table, chain, rule, Fates::ACCEPT),
            Some(Verdict::Drop) => self.decides(table, chain, rule, Fates::DROP),
            Some(Verdict::Elsewhere) => self.decides(table, chain, rule, Fates::UNKNOWN),
            Some(Verdict::Return) => Fates::BACK,
            Some(Verdict::Jump(to)) => self.jump(table, &to, depth, certain),
            Some(Verdict::Goto(to)) => {
                let met = self.jump(table, &to, depth, certain);
                let on = if met.has(Fates::ON) { Fates::BACK } else { Fates::NONE };
                met.without(Fates::ON).or(on)
            }
        };
        if matched.is_none() { met.or(Fates::ON) } else { met }
    }

    fn decides(&mut self, table: (u8, &str), chain: &str, rule: &Rule, fates: Fates) -> Fates {
        let comment = rule.comment.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
        let title = title(table.0, table.1, chain);
        self.decided = Some(format!("{title} handle {}{comment}", rule.handle));
        fates
    }

    /// Another chain of the same table; its end and its `return` come back here.
    fn jump(&mut self, table: (u8, &str), to: &str, depth: u8, is_certain: bool) -> Fates {
        let rules = self.rules;
        let name = (table.0, table.1.to_owned(), to.to_owned());
        let Some(chain) = rules.chains.get(&name) else { return Fates::UNKNOWN };
        let met = self.chain(table, to, chain, depth + 1, is_certain);
        let on = if met.has(Fates::BACK) { Fates::ON } else { Fates::NONE };
        met.without(Fates::BACK).or(on)
    }

    fn step(&mut self, table: (u8, &str), expression: &Expression, is_certain: bool) -> Step {
        match expression {
            Expression::Nothing => Step::Matched(Some(true)),
            Expression::Verdict(verdict) => Step::Verdict(verdict.clone()),
            Expression::Perhaps => Step::Matched(None),
            Expression::Unknown => Step::Unknown,
            Expression::Immediate { to, data } => self.load(*to, &known(data)),
            Expression::Load { to } => self.load_unknown(*to),
            Expression::Compare { register, operator, data } => {
                Step::Matched(compare(&self.read(*register, data.len()), *operator, data))
            }
            Expression::Range { register, is_negated, low, high } => {
                let value = self.read(*register, low.len());
                let inside = all(&value).map(|value| *low <= value && value <= *high);
                Step::Matched(inside.map(|inside| inside != *is_negated))
            }
            Expression::Bitwise { from, to, mask, xor } => {
                let value = self.read(*from, mask.len());
                let value: Vec<Byte> = value.iter().zip(mask).zip(xor).map(masked).collect();
                self.load(*to, &value)
            }
            Expression::Byteorder { from, to, length, size } => {
                let mut value = self.read(*from, (*length).min(REGISTERS_BYTES));
                if cfg!(target_endian = "little") && *size > 0 {
                    value.chunks_mut(*size).for_each(<[Byte]>::reverse);
                }
                self.load(*to, &value)
            }
            Expression::Payload { base, offset, length, to } => {
                match self.packet.bytes(*base, *offset, *length) {
                    Some(bytes) => self.load(*to, &bytes),
                    None => self.load_unknown(*to),
                }
            }
            Expression::Rewrite { base, offset, length } => {
                self.packet.forget(*base, *offset, *length);
                Step::Matched(Some(true))
            }
            Expression::Untracked => {
                self.packet.state = is_certain.then_some(STATE_UNTRACKED);
                Step::Matched(Some(true))
            }
            Expression::Mark { from, is_connection } => {
                self.mark(*from, *is_connection, is_certain);
                Step::Matched(Some(true))
            }
            Expression::Meta { key, to } => {
                let value = self.meta(*key);
                self.load(*to, &value)
            }
            Expression::Connection { key, to } => {
                let value = self.connection(*key);
                self.load(*to, &value)
            }
            // The destination is an address of this machine.
            Expression::DestinationType { to } if !self.packet.is_reply => {
                self.load(*to, &known(&2_u32.to_ne_bytes()))
            }
            Expression::DestinationType { to } => self.load_unknown(*to),
            Expression::Match { name, revision, info } => {
                Step::Matched(xtables::matches(&self.packet, name, *revision, info))
            }
            Expression::Lookup { set, register, to, is_negated } => {
                self.lookup(table, set, *register, *to, *is_negated)
            }
        }
    }

    fn lookup(
        &mut self,
        table: (u8, &str),
        set: &str,
        register: u32,
        to: Option<u32>,
        is_negated: bool,
    ) -> Step {
        let rules = self.rules;
        let name = (table.0, table.1.to_owned(), set.to_owned());
        let Some(set) = rules.sets.get(&name) else { return Step::Unknown };
        let found = match all(&self.read(register, set.key_bytes)) {
            Some(key) => set.find(&key),
            // A set without elements holds nothing, whatever is asked.
            None if set.elements.is_empty() && !set.is_dynamic => Found::No,
            None => Found::Unknown,
        };
        match (found, to) {
            (Found::Unknown, None) => Step::Matched(None),
            // A map that may hold verdicts.
            (Found::Unknown, Some(_)) => Step::Unknown,
            (Found::No, _) => Step::Matched(Some(is_negated && to.is_none())),
            (Found::Yes(_), None) => Step::Matched(Some(!is_negated)),
            (Found::Yes(Some(Data::Verdict(verdict))), Some(_)) => Step::Verdict(verdict.clone()),
            (Found::Yes(Some(Data::Value(value))), Some(to)) => {
                let value = known(value);
                self.load(to, &value)
            }
            (Found::Yes(None), Some(_)) => Step::Unknown,
        }
    }

    fn mark(&mut self, from: u32, is_connection: bool, is_certain: bool) {
        let value = all(&self.read(from, 4)).and_then(|bytes| bytes.first_chunk::<4>().copied());
        let value = value.map(u32::from_ne_bytes).filter(|_| is_certain);
        let place =
            if is_connection { &mut self.packet.connection_mark } else { &mut self.packet.mark };
        *place = value;
    }

    /// Numbers of keys: `enum nft_meta_keys`.
    fn meta(&self, key: u32) -> Vec<Byte> {
        let packet = &self.packet;
        let mut name = [0; 16];
        name.iter_mut().zip(packet.interface.name.bytes()).for_each(|(to, from)| *to = from);
        let ether = if packet.is_v4 { 0x0800_u16 } else { 0x86dd };
        let nfproto = if packet.is_v4 { family::IPV4 } else { family::IPV6 };
        let number = |value: Option<u32>| match value {
            Some(value) => known(&value.to_ne_bytes()),
            None => vec![None; 4],
        };
        let index = known(&packet.interface.index.to_ne_bytes());
        match (key, packet.is_reply) {
            (1, _) => known(&ether.to_be_bytes()),
            (3, _) => number(packet.mark),
            (4, false) | (5, true) => index,
            (6, false) | (7, true) => known(&name),
            (15, _) => known(&[nfproto]),
            (16, _) => known(&[packet.protocol()]),
            // For this host.
            (19, false) => known(&[0]),
            _ => vec![None; 16],
        }
    }

    /// Numbers of keys: `enum nft_ct_keys`.
    fn connection(&self, key: u32) -> Vec<Byte> {
        let number = |value: Option<u32>| match value {
            Some(value) => known(&value.to_ne_bytes()),
            None => vec![None; 4],
        };
        match key {
            0 => number(self.packet.state),
            1 => known(&[u8::from(self.packet.is_reply)]),
            3 => number(self.packet.connection_mark),
            _ => vec![None; 16],
        }
    }

    /// Fills a register; the rest of its last word is zero, as the kernel leaves it.
    fn load(&mut self, register: u32, value: &[Byte]) -> Step {
        let Some(at) = place(register) else { return Step::Unknown };
        let padded = value.len().next_multiple_of(4);
        let value = value.iter().copied().chain(std::iter::repeat(Some(0))).take(padded);
        self.registers.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = from);
        Step::Matched(Some(true))
    }

    fn load_unknown(&mut self, register: u32) -> Step {
        self.load(register, &[None; 16])
    }

    fn read(&self, register: u32, length: usize) -> Vec<Byte> {
        let at = place(register).unwrap_or(REGISTERS_BYTES);
        let held = self.registers.iter().skip(at).take(length).copied();
        let mut value: Vec<Byte> = held.collect();
        value.resize(length, None);
        value
    }
}

enum Step {
    Matched(Option<bool>),
    Verdict(Verdict),
    Unknown,
}

/// Registers of 16 bytes are 1 to 4, of 4 bytes 8 to 23; both are the same memory.
fn place(register: u32) -> Option<usize> {
    let (first, size) = if register >= 8 { (8, 4) } else { (1, 16) };
    let at = usize::try_from(register.checked_sub(first)?).ok()? * size;
    (at < REGISTERS_BYTES).then_some(at)
}

fn known(bytes: &[u8]) -> Vec<Byte> {
    bytes.iter().copied().map(Some).collect()
}

fn all(bytes: &[Byte]) -> Option<Vec<u8>> {
    bytes.iter().copied().collect()
}

fn masked(((byte, mask), xor): ((&Byte, &u8), &u8)) -> Byte {
    // What is masked out is known, whatever it was.
    if *mask == 0 { Some(*xor) } else { byte.map(|byte| (byte & mask) ^ xor) }
}

fn compare(value: &[Byte], operator: Operator, data: &[u8]) -> Option<bool> {
    let differs = value.iter().zip(data).any(|(have, want)| have.is_some_and(|have| have != *want));
    match (operator, all(value)) {
        (Operator::Equal, None) if differs => Some(false),
        (Operator::NotEqual, None) if differs => Some(true),
        (_, None) => None,
        (Operator::Equal, Some(value)) => Some(value == data),
        (Operator::NotEqual, Some(value)) => Some(value != data),
        (Operator::Less, Some(value)) => Some(value.as_slice() < data),
        (Operator::LessOrEqual, Some(value)) => Some(value.as_slice() <= data),
        (Operator::Greater, Some(value)) => Some(value.as_slice() > data),
        (Operator::GreaterOrEqual, Some(value)) => Some(value.as_slice() >= data),
    }
}

/// `inet filter input`
fn title(of: u8, table: &str, chain: &str) -> String {
    let of = match of {
        family::INET => "inet",
        family::IPV4 => "ip",
        family::IPV6 => "ip6",
        family::NETDEV => "netdev",
        _ => "other",
    };
    format!("{of} {table} {chain}")
}

impl Rules {
    /// Whether rules ask where packets come in.
    pub(super) fn ask_for_interfaces(&self) -> bool {
        let asks =
            |expression: &Expression| matches!(expression, Expression::Meta { key: 4..=7, .. });
        let by_device =
            |chain: &Chain| chain.base.as_ref().is_some_and(|base| !base.devices.is_empty());
        self.chains.values().any(|chain| {
            by_device(chain) || chain.rules.iter().flat_map(|rule| &rule.expressions).any(asks)
        })
    }

    /// Whether there are rules of a bridge.
    pub(super) fn has_bridge(&self) -> bool {
        self.chains.iter().any(|(name, chain)| name.0 == family::BRIDGE && !chain.rules.is_empty())
    }
}
