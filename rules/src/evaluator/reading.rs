use super::Evaluator;
use super::plan::Claim;
use crate::event::LogsourceRef;
use crate::json::{JsonError, read_flat, read_text};
use crate::limits;

/// An event that stands in a line of JSON beside other things: whoever knows the line shows where,
/// and then has the rules asked. Nothing of the event is copied that no rule compares.
pub struct Reading<'e, 'l> {
    evaluator: &'e mut Evaluator,
    line: &'l str,
}

impl Evaluator {
    /// Begins with an event of this line. The rules find what [`Evaluator::evaluate`] finds for an event
    /// with the fields and texts that are shown.
    ///
    /// # Errors
    /// A line that is no text, or too long.
    pub fn read<'e, 'l>(&'e mut self, line: &'l [u8]) -> Result<Reading<'e, 'l>, JsonError> {
        let error = |at: usize, what: &str| JsonError { at, what: what.to_owned() };
        if line.len() > limits::EVENT_BYTES_MAX {
            return Err(error(limits::EVENT_BYTES_MAX, "an event this large"));
        }
        let line = str::from_utf8(line).map_err(|bad| error(bad.valid_up_to(), "not UTF-8"))?;
        self.record.clear();
        self.record.line(line);
        Ok(Reading { evaluator: self, line })
    }
}

impl<'e> Reading<'e, '_> {
    /// The fields: one object with values and lists of them, each name once and written without
    /// escapes. Says where it ends.
    ///
    /// # Errors
    /// Whatever else stands there, also where it would be an event.
    pub fn fields(&mut self, at: usize) -> Result<usize, JsonError> {
        read_flat(self.line, at, &mut self.evaluator.keys, &mut self.evaluator.record)
    }

    /// A text in quotes that keywords are looked for in. Says where it ends.
    ///
    /// # Errors
    /// Whatever else stands there.
    pub fn text(&mut self, at: usize) -> Result<usize, JsonError> {
        read_text(self.line, at, &mut self.evaluator.keys, &mut self.evaluator.record)
    }

    /// A field of this name is this text, whatever the event itself says.
    pub fn set(&mut self, name: &str, text: &str) {
        let targets = self.evaluator.keys.named(name);
        self.evaluator.record.set_field(targets, text);
    }

    /// The same where the event does not have it; after [`Reading::fields`].
    pub fn set_missing(&mut self, name: &str, text: &str) {
        let node = self.evaluator.keys.at_top(name);
        if !node.is_some_and(|node| self.evaluator.record.has_met(node)) {
            self.set(name, text);
        }
    }

    /// The numbers of the rules that match, as [`Evaluator::evaluate`] gives them.
    pub fn ask(self, source: LogsourceRef<'_>) -> &'e [usize] {
        self.evaluator.run(Claim::Said(source));
        &self.evaluator.matches
    }
}
