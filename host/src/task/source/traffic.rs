//! A working day: inserts, updates, deletes, a key put back, rows changed twice, several rows of one transaction.

use super::Source;
use crate::task::dice::Dice;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
}

impl Source {
    /// Writes to so many rows, chosen by chance; busy tables more than quiet ones.
    pub fn work(&mut self, writes: u64) -> Written {
        let mut dice = Dice::named(&[self.seed(), self.version().cast_unsigned(), 0x0f0f]);
        let mut written = Written::default();
        let mut deleted: Vec<(usize, i64)> = Vec::new();
        for _ in 0..writes {
            let (a, b) = (dice.index(self.tables.len()), dice.index(self.tables.len()));
            let at = if self.tables[a].len() >= self.tables[b].len() { a } else { b };
            match dice.below(10) {
                0..=2 => {
                    self.insert(at);
                    written.inserts += 1;
                }
                3 | 4 => {
                    if let Some(key) = self.tables[at].some_key(&mut dice) {
                        self.delete(at, key);
                        written.deletes += 1;
                        if dice.once_in(2) {
                            deleted.push((at, key));
                        }
                    }
                }
                5 => {
                    if let Some((at, key)) = deleted.pop()
                        && self.insert_again(at, key)
                    {
                        written.inserts += 1;
                    }
                }
                _ => {
                    if let Some(key) = self.tables[at].some_key(&mut dice) {
                        self.update(at, key);
                        written.updates += 1;
                        if dice.once_in(6) {
                            self.update(at, key);
                            written.updates += 1;
                        }
                    }
                }
            }
        }
        written
    }
}
