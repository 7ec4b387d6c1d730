use std::ops::Range;

use regex_syntax::hir::{Class, ClassUnicode, HirKind};

use crate::limits;

/// An expression that is one class of characters, repeated at least so often: `.{1000,}`. Public rules
/// ask so for values of unusual length; counting is all that is needed, where an automaton would have
/// a state for each count.
#[derive(Debug)]
pub(super) struct Counted {
    class: ClassUnicode,
    least: usize,
}

impl Counted {
    /// `None` for any other expression.
    pub fn new(text: &str) -> Option<Self> {
        // Looking closer is worth it for few.
        text.ends_with(",}").then_some(())?;
        let mut syntax = regex_syntax::ParserBuilder::new();
        let hir = syntax.nest_limit(limits::REGEX_DEPTH_MAX).build().parse(text).ok()?;
        let HirKind::Repetition(repetition) = hir.kind() else { return None };
        let HirKind::Class(Class::Unicode(class)) = repetition.sub.kind() else { return None };
        let least = usize::try_from(repetition.min).ok().filter(|least| *least > 0)?;
        let is_open = repetition.max.is_none() && repetition.greedy;
        is_open.then(|| Self { class: class.clone(), least })
    }

    /// The first run that is long enough, all of it.
    pub fn find(&self, value: &str) -> Option<Range<usize>> {
        let (mut begin, mut count) = (0, 0);
        for (at, letter) in value.char_indices() {
            if self.holds(letter) {
                count += 1;
            } else if count >= self.least {
                return Some(begin..at);
            } else {
                (begin, count) = (at + letter.len_utf8(), 0);
            }
        }
        (count >= self.least).then_some(begin..value.len())
    }

    fn holds(&self, letter: char) -> bool {
        let ranges = self.class.ranges();
        let behind = ranges.partition_point(|range| range.start() <= letter);
        let range = behind.checked_sub(1).and_then(|before| ranges.get(before));
        range.is_some_and(|range| letter <= range.end())
    }
}
