use super::lex::{Token, What, tokens, wrong};
use crate::hunt::Error;

/// How deep brackets may be inside each other.
const DEPTH_MAX: usize = 16;
/// Most words of a search.
const TERMS_MAX: usize = 256;

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// Everything there is.
    All,
    And(Vec<Search>),
    Or(Vec<Search>),
    Not(Box<Search>),
    Term(Term),
}

/// One thing looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Where it stands, for what is told about it.
    pub at: usize,
    /// In which field; anywhere without.
    pub field: Option<String>,
    pub value: What,
}

/// Reads a search. Total: every text is a search or a mistake with its place.
pub fn parse(query: &str) -> Result<Search, Error> {
    let tokens = tokens(query)?;
    let is_term = |token: &&Token| matches!(token.what, What::Word(_) | What::Phrase(_));
    if tokens.iter().filter(is_term).count() > TERMS_MAX {
        return Err(Error::question(format!("more than {TERMS_MAX} words in one search")));
    }
    let mut parser = Parser { tokens: &tokens, next: 0, depth: 0, field: None };
    if tokens.is_empty() {
        return Ok(Search::All);
    }
    let search = parser.or()?;
    match parser.peek() {
        None => Ok(search),
        Some(token) => Err(wrong(token.at, "this ) closes nothing: remove it")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    /// Within `field:( … )`.
    field: Option<String>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, what: &What) -> bool {
        let is = self.peek().is_some_and(|token| token.what == *what);
        self.next += usize::from(is);
        is
    }

    fn or(&mut self) -> Result<Search, Error> {
        let mut parts = vec![self.and()?];
        while self.take(&What::Or) {
            parts.push(self.and()?);
        }
        Ok(single(parts, Search::Or))
    }

    fn and(&mut self) -> Result<Search, Error> {
        let mut parts = vec![self.not()?];
        loop {
            let is_and = self.take(&What::And);
            let ends = matches!(self.peek().map(|t| &t.what), None | Some(What::Or | What::Close));
            if ends && !is_and {
                return Ok(single(parts, Search::And));
            }
            parts.push(self.not()?);
        }
    }

    fn not(&mut self) -> Result<Search, Error> {
        let mut is_not = false;
        while self.take(&What::Not) {
            is_not = !is_not;
        }
        let search = self.primary()?;
        Ok(if is_not { Search::Not(Box::new(search)) } else { search })
    }

    fn primary(&mut self) -> Result<Search, Error> {
        let end = self.tokens.last().map_or(0, |token| token.at + 1);
        let Some(token) = self.peek().cloned() else {
            return Err(wrong(end, "something is missing here: a word, or remove what is before"));
        };
        self.next += 1;
        let at = token.at;
        match token.what {
            What::Open => self.group(at),
            What::Field(name) => self.of_field(at, name),
            What::Close => Err(wrong(at, "a word is missing before this )")),
            What::And | What::Or => {
                Err(wrong(at, "a word is missing before this; a word itself goes into quotes"))
            }
            What::Not => Err(wrong(at, "NOT wants a word after it")),
            value => Ok(Search::Term(Term { at, field: self.field.clone(), value })),
        }
    }

    fn group(&mut self, at: usize) -> Result<Search, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong(at, format!("brackets are more than {DEPTH_MAX} deep")));
        }
        let search = self.or()?;
        self.depth -= 1;
        if !self.take(&What::Close) {
            return Err(wrong(at, "this bracket is not closed: add ) at its end"));
        }
        Ok(search)
    }

    fn of_field(&mut self, at: usize, name: String) -> Result<Search, Error> {
        if self.field.is_some() {
            return Err(wrong(at, "a field within the brackets of a field"));
        }
        let next = self.peek().cloned();
        match next.map(|token| (token.at, token.what)) {
            Some((open, What::Open)) => {
                self.next += 1;
                self.field = Some(name);
                let search = self.group(open);
                self.field = None;
                search
            }
            Some((value_at, value @ (What::Word(_) | What::Phrase(_) | What::Range(..)))) => {
                self.next += 1;
                // `user:="a b"`: the sign stands alone before the quotes.
                if value == What::Word("=".to_owned())
                    && let Some(Token { what: What::Phrase(text), .. }) = self.peek().cloned()
                {
                    self.next += 1;
                    let exact = text.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?");
                    let value = What::Word(format!("={exact}"));
                    return Ok(Search::Term(Term { at: value_at, field: Some(name), value }));
                }
                Ok(Search::Term(Term { at: value_at, field: Some(name), value }))
            }
            _ => Err(wrong(at, format!("what should {name} be? Write {name}:value"))),
        }
    }
}

fn single(mut parts: Vec<Search>, many: impl Fn(Vec<Search>) -> Search) -> Search {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            many(parts)
        }
        (None, _) => Search::All,
    }
}
