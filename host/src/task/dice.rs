//! Chance that can be repeated: every value of the simulated tenant is a function of numbers that name it (seed, table,
//! key, version, column), so that nothing need be stored and any cell can be asked for at any moment.
//!
//! A counter-based generator (SplitMix64), made for each cell: a real random number generator would cost more to set up
//! than to ask. The tenant's shape, made once, comes from `rand_chacha` instead.

/// A stream of numbers that depends on its name alone.
#[derive(Debug, Clone)]
pub struct Dice(u64);

/// The step of SplitMix64.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Dice {
    /// The stream of this name.
    #[must_use]
    pub fn named(parts: &[u64]) -> Self {
        Self(parts.iter().fold(STEP, |state, part| mix(state.wrapping_add(*part).wrapping_mul(STEP) ^ (state >> 17))))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index below `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number of `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.wrapping_sub(low).cast_unsigned();
        let offset = if width == u64::MAX { self.bits() } else { self.below(width + 1) };
        low.wrapping_add(offset.cast_signed())
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.bits().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_name_gives_the_same_numbers_and_another_name_others() {
        let numbers = |name: &[u64]| {
            let mut dice = Dice::named(name);
            (0..8).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[1, 2, 3]), numbers(&[1, 2, 3]));
        assert_ne!(numbers(&[1, 2, 3]), numbers(&[1, 3, 2]));
        assert_ne!(numbers(&[1, 2]), numbers(&[1, 2, 0]));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_both_ends() {
        let mut dice = Dice::named(&[7]);
        let seen: Vec<i64> = (0..1_000).map(|_| dice.between(-2, 2)).collect();
        assert!(seen.iter().all(|n| (-2..=2).contains(n)));
        assert!(seen.contains(&-2) && seen.contains(&2));
        let all = (0..1_000).map(|_| dice.between(i64::MIN, i64::MAX)).collect::<Vec<_>>();
        assert!(all.iter().any(|n| *n < 0) && all.iter().any(|n| *n > 0));
    }
}
