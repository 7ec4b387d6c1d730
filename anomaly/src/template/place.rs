//! Places where words vary: keys that differ in one word only.

use super::Template;
use super::signature::{BETWEEN, PLACE, VARIABLE};
use super::word::is_letter;
use crate::limits::VALUES_OF_A_PLACE_MAX;

/// Constant words a template needs beside the place, so that short lines are not thrown together.
const WORDS_LEAST: usize = 2;

pub(super) enum Found {
    /// This template has a place where the line has a word.
    Fits(usize),
    /// These differ in the n-th part only, and with the line they are enough. At least one.
    Variants { position: usize, templates: Vec<usize> },
}

/// Whether a line with this key is of the template with that one.
pub(super) fn fits(template: &[u8], line: &[u8]) -> bool {
    template == line
        || (template.contains(&PLACE) && difference(template, line) == Difference::None)
}

/// What the templates know about a key that is not among them.
pub(super) fn find(templates: &[Template], key: &[u8]) -> Option<Found> {
    let mut by_position: Vec<(usize, Vec<usize>)> = Vec::new();
    for (index, template) in templates.iter().enumerate() {
        match difference(&template.key, key) {
            Difference::None => return Some(Found::Fits(index)),
            Difference::At(position) => {
                match by_position.iter_mut().find(|(known, _)| *known == position) {
                    Some((_, indexes)) => indexes.push(index),
                    None => by_position.push((position, vec![index])),
                }
            }
            Difference::More => {}
        }
    }
    let enough = |(_, indexes): &&(usize, Vec<usize>)| indexes.len() + 1 >= VALUES_OF_A_PLACE_MAX;
    let (position, _) = by_position.iter().find(enough)?;
    if constant_words(key) <= WORDS_LEAST {
        return None;
    }
    let position = *position;
    let templates = by_position.into_iter().find(|(known, _)| *known == position)?.1;
    Some(Found::Variants { position, templates })
}

/// The key with a place instead of its n-th part.
pub(super) fn with_place(key: &[u8], position: usize) -> Vec<u8> {
    let mut made = Vec::with_capacity(key.len());
    for (number, part) in parts(key).enumerate() {
        if number == position {
            made.push(PLACE);
        } else {
            made.extend_from_slice(part);
        }
        made.push(BETWEEN);
    }
    made
}

/// The parts of a key.
pub(super) fn parts(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.strip_suffix(&[BETWEEN]).unwrap_or(key).split(|byte| *byte == BETWEEN)
}

#[derive(Debug, PartialEq, Eq)]
enum Difference {
    None,
    At(usize),
    More,
}

fn difference(template: &[u8], key: &[u8]) -> Difference {
    let (mut template_parts, mut key_parts) = (parts(template), parts(key));
    let mut found = Difference::None;
    for position in 0.. {
        let (one, other) = match (template_parts.next(), key_parts.next()) {
            (None, None) => return found,
            (Some(one), Some(other)) => (one, other),
            _ => return Difference::More,
        };
        if one == other || (one == [PLACE] && is_value(other)) {
            continue;
        }
        if found != Difference::None || !is_word(one) || !is_word(other) {
            return Difference::More;
        }
        found = Difference::At(position);
    }
    found
}

fn is_value(part: &[u8]) -> bool {
    part == [VARIABLE] || is_word(part)
}

fn is_word(part: &[u8]) -> bool {
    part.iter().any(|byte| is_letter(*byte))
}

fn constant_words(key: &[u8]) -> usize {
    parts(key).filter(|part| is_word(part)).count()
}
