//! Functions that questions may call besides those of SQL. All of them are without regard to case,
//! take text, numbers or lists of texts (any of the list), and answer false where there is nothing.
//!
//! | function | true where |
//! |---|---|
//! | `has_word(text, …, 'piece')` | one of the texts has the piece as whole words |
//! | `contains_i(text, …, 'piece')` | one of the texts has the piece anywhere |
//! | `equals_i`, `startswith_i`, `endswith_i(text, …, 'piece')` | one is it, begins or ends with it |
//! | `like_i(text, …, 'web*0?')` | one is like the pattern |
//! | `cidr_match(text, …, '10.0.0.0/8')` | one is an address in the network |
//!
//! `json_get(text, 'a.b[0]')` gives what a JSON text has at a path, as text.

mod haystack;
mod json;
mod network;
mod test;
mod utc;

pub use haystack::columns;
pub use json::{find, json_get};
pub use network::Network;
pub use test::{Test, tests};
pub use utc::of_time;
