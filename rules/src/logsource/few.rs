/// A short list of numbers without memory of its own: routing is done for every event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Few {
    length: u32,
    first: [u32; INLINE],
    more: Vec<u32>,
}

const INLINE: usize = 8;

impl Few {
    pub fn only(number: u32) -> Self {
        let mut few = Self::default();
        few.add(number);
        few
    }

    /// Adds a number that is not there yet.
    pub fn add(&mut self, number: u32) {
        if self.iter().any(|known| known == number) {
            return;
        }
        match self.first.get_mut(self.length as usize) {
            Some(place) => *place = number,
            None => self.more.push(number),
        }
        self.length += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.first.iter().take(self.length as usize).chain(&self.more).copied()
    }
}
