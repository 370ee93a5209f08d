//! What a mirror's database cannot keep, and a source made for it therefore does not hold.

use crate::protocol::datetime::cut;
use crate::protocol::sql_type::SqlType;
use crate::task::cell::Cell;

/// See the head of the file. By default a source holds everything.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Without {
    /// The character 0 in texts.
    pub nul: bool,
    /// The seventh digit of a second.
    pub seventh_digit: bool,
}

impl Without {
    /// What stands in the place of a value: itself, if it can be kept.
    pub fn of(self, cell: Cell) -> Cell {
        const SIX_DIGITS: SqlType = SqlType::DateTime2(6);
        match cell {
            Cell::Text(text) if self.nul && text.contains('\0') => Cell::Text(text.replace('\0', "0")),
            Cell::Timestamp(ticks) if self.seventh_digit => Cell::Timestamp(cut(ticks, SIX_DIGITS)),
            Cell::TimestampOffset(ticks, offset) if self.seventh_digit => {
                Cell::TimestampOffset(cut(ticks, SIX_DIGITS), offset)
            }
            Cell::Time(ticks) if self.seventh_digit => Cell::Time(cut(ticks, SIX_DIGITS)),
            cell => cell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Without;
    use crate::task::cell::Cell;

    #[test]
    fn only_what_cannot_be_kept_is_changed() {
        let cells = [
            Cell::Text("a\0b".into()),
            Cell::Timestamp(1_234_567),
            Cell::Time(7),
            Cell::TimestampOffset(19, 60),
            Cell::Integer(7),
        ];
        let all = cells.clone().map(|cell| Without::default().of(cell));
        assert_eq!(all, cells);
        let both = cells.map(|cell| Without { nul: true, seventh_digit: true }.of(cell));
        let kept = [
            Cell::Text("a0b".into()),
            Cell::Timestamp(1_234_560),
            Cell::Time(0),
            Cell::TimestampOffset(10, 60),
            Cell::Integer(7),
        ];
        assert_eq!(both, kept);
    }
}
