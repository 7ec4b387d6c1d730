use std::str::FromStr;

use soc_event::AgentId;

/// Whose machines a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All.
    Fleet,
    /// Those of an agency and of all below it.
    Agency(i64),
    /// One.
    Machine(AgentId),
}

impl Scope {
    /// `fleet`, `agency:3`, `machine:UUID`: as it is stored and named in the API.
    pub fn as_text(&self) -> String {
        match self {
            Self::Fleet => "fleet".to_owned(),
            Self::Agency(id) => format!("agency:{id}"),
            Self::Machine(agent) => format!("machine:{agent}"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not fleet, agency:NUMBER or machine:ID");
        match text.split_once(':') {
            None if text == "fleet" => Ok(Self::Fleet),
            Some(("agency", id)) => id.parse().map(Self::Agency).map_err(|_| wrong()),
            Some(("machine", id)) => id.parse().map(Self::Machine).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_comes_back_as_it_was_written() {
        for text in ["fleet", "agency:3", "machine:00000000-0000-4000-8000-000000000001"] {
            assert_eq!(text.parse::<Scope>().unwrap().as_text(), text);
        }
        for text in ["", "agency", "agency:x", "machine:1", "fleet:1", "Fleet"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
