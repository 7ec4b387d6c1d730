use crate::hunt::Error;

/// Longest search, in characters.
const CHARACTERS_MAX: usize = 16 * 1024;

/// One thing of a search, and where it begins, in characters from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub at: usize,
    pub what: What,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Open,
    Close,
    And,
    Or,
    Not,
    /// `name:`
    Field(String),
    /// A word as it stands, with its `*`, `?` and `\`.
    Word(String),
    /// In quotes; a quote or `\` in it behind a `\`.
    Phrase(String),
    /// `[20 TO 25]`
    Range(String, String),
}

/// Takes a search apart.
pub fn tokens(query: &str) -> Result<Vec<Token>, Error> {
    let characters: Vec<char> = query.chars().collect();
    if characters.len() > CHARACTERS_MAX {
        return Err(Error::question(format!(
            "the search is longer than {CHARACTERS_MAX} characters"
        )));
    }
    let mut lexer = Lexer { characters: &characters, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// A mistake at a place.
pub fn wrong(at: usize, what: impl Into<String>) -> Error {
    Error::Question { what: what.into(), position: Some(at) }
}

struct Lexer<'a> {
    characters: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn token(&mut self) -> Result<Option<Token>, Error> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let at = self.at;
        let Some(character) = self.peek() else { return Ok(None) };
        let next_is_word = |character: Option<&char>| {
            character.is_some_and(|next| !next.is_whitespace() && *next != ')')
        };
        let what = match character {
            '(' => self.single(What::Open),
            ')' => self.single(What::Close),
            '"' => What::Phrase(self.phrase()?),
            '[' => self.range()?,
            '-' | '!' if next_is_word(self.characters.get(at + 1)) => self.single(What::Not),
            _ => self.word(),
        };
        Ok(Some(Token { at, what }))
    }

    fn single(&mut self, what: What) -> What {
        self.at += 1;
        what
    }

    fn phrase(&mut self) -> Result<String, Error> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(character) = self.peek() {
            self.at += 1;
            match character {
                '"' => return Ok(text),
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                other => text.push(other),
            }
        }
        Err(wrong(begin, "this quote is not closed: add \" at its end"))
    }

    fn range(&mut self) -> Result<What, Error> {
        let begin = self.at;
        let help = "a range is written [20 TO 25]; * is no end";
        let close = self.characters.iter().skip(begin).position(|character| *character == ']');
        let end = begin + close.ok_or_else(|| wrong(begin, help))?;
        let inside: String =
            self.characters.get(begin + 1..end).unwrap_or_default().iter().collect();
        self.at = end + 1;
        let (low, high) = inside.split_once(" TO ").ok_or_else(|| wrong(begin, help))?;
        Ok(What::Range(low.trim().to_owned(), high.trim().to_owned()))
    }

    fn word(&mut self) -> What {
        let begin = self.at;
        while let Some(character) = self.peek() {
            if character.is_whitespace() || matches!(character, '(' | ')' | '"') {
                break;
            }
            if character == ':' && self.is_field(begin) {
                let name = self.text(begin);
                self.at += 1;
                return What::Field(name);
            }
            // What follows a `\` is meant as it is, also a bracket.
            self.at += if character == '\\' { 2 } else { 1 };
            self.at = self.at.min(self.characters.len());
        }
        match self.text(begin).as_str() {
            "AND" | "&&" => What::And,
            "OR" | "||" => What::Or,
            "NOT" => What::Not,
            word => What::Word(word.to_owned()),
        }
    }

    fn text(&self, begin: usize) -> String {
        self.characters.get(begin..self.at).unwrap_or_default().iter().collect()
    }

    /// Whether what stands before this colon is the name of a field: not the letter of a drive, the
    /// beginning of an address with colons or of an `http://`.
    fn is_field(&self, begin: usize) -> bool {
        let name = self.text(begin);
        let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '@');
        let all = name.chars().all(|c| c.is_alphanumeric() || "_.@-".contains(c));
        let rest = self.characters.get(self.at + 1..).unwrap_or_default();
        let is_path = matches!(rest, ['/', '/', ..]) || matches!(rest, ['\\', ..]);
        let word: String = self
            .characters
            .get(begin..)
            .unwrap_or_default()
            .iter()
            .take_while(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"'))
            .collect();
        first && all && name.len() > 1 && !is_path && !is_address(&word)
    }
}

/// An IPv6 or MAC address.
fn is_address(word: &str) -> bool {
    let is_mac = |word: &str| {
        let parts: Vec<&str> = word.split(':').collect();
        let is_byte = |part: &&str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
        parts.len() == 6 && parts.iter().all(is_byte)
    };
    let bare = word.split('/').next().unwrap_or_default();
    bare.parse::<std::net::Ipv6Addr>().is_ok() || is_mac(word)
}
