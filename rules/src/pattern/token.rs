use rsigma_parser::{SigmaString, SpecialChar, StringPart};

use crate::limits;

/// A piece of a text pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// These characters.
    Text(String),
    /// Any characters, also none: `*`.
    Many,
    /// One character: `?`.
    One,
    /// One of the characters that introduce an option: see [`DASHES`].
    Dash,
}

/// What `windash` lets stand for each other: hyphen, slash, en dash, em dash, horizontal bar.
/// Source: Sigma specification 2.1, appendix "modifiers", `windash`.
pub(crate) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// The pieces of a text as the Sigma parser read it.
pub(crate) fn tokens(text: &SigmaString) -> Vec<Token> {
    let token = |part: &StringPart| match part {
        StringPart::Plain(text) => Token::Text(text.clone()),
        StringPart::Special(SpecialChar::WildcardMulti) => Token::Many,
        StringPart::Special(SpecialChar::WildcardSingle) => Token::One,
    };
    text.parts.iter().map(token).collect()
}

/// Makes every dash that begins an option stand for all of them: a `-` or `/` that follows no word
/// character and precedes one.
pub(crate) fn dashes(tokens: Vec<Token>) -> Vec<Token> {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            Token::Text(text) => split_dashes(&text, &mut out),
            other => out.push(other),
        }
    }
    out
}

fn split_dashes(text: &str, out: &mut Vec<Token>) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut plain = String::new();
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let begins = !before.is_some_and(is_word) && letters.peek().copied().is_some_and(is_word);
        if matches!(c, '-' | '/') && begins {
            if !plain.is_empty() {
                out.push(Token::Text(std::mem::take(&mut plain)));
            }
            out.push(Token::Dash);
        } else {
            plain.push(c);
        }
        before = Some(c);
    }
    if !plain.is_empty() {
        out.push(Token::Text(plain));
    }
}

/// Every text the pieces stand for, for encodings, which know no wildcards.
///
/// # Errors
/// Wildcards, or more than [`limits::VARIANTS_MAX`] texts.
pub(crate) fn expand_dashes(tokens: &[Token]) -> Result<Vec<String>, String> {
    let mut texts = vec![String::new()];
    for token in tokens {
        match token {
            Token::Text(text) => texts.iter_mut().for_each(|so_far| so_far.push_str(text)),
            Token::Dash => {
                let longer = |so_far: &String| DASHES.map(|dash| format!("{so_far}{dash}"));
                texts = texts.iter().flat_map(longer).collect();
            }
            Token::Many | Token::One => {
                return Err("an encoded value cannot hold wildcards".to_owned());
            }
        }
        if texts.len() > limits::VARIANTS_MAX {
            return Err(format!("a value stands for more than {} texts", limits::VARIANTS_MAX));
        }
    }
    Ok(texts)
}
