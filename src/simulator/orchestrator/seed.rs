//! Choices from a seed: the same seed, the same choices, on every platform.

/// A small generator (SplitMix64). Not for secrets: those come from the system.
#[derive(Clone, Debug)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `low` up to, but not including, `high`.
    pub(super) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    pub(super) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.between(0, of.len() as u64);
        usize::try_from(at)
            .ok()
            .and_then(|at| of.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// The same things in another order.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            let other = self.between(0, end as u64 + 1);
            things.swap(end, usize::try_from(other).unwrap_or(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_chooses_the_same() {
        let (mut one, mut same, mut other) = (Seed::new(1), Seed::new(1), Seed::new(2));
        let three = |seed: &mut Seed| [seed.next(), seed.next(), seed.next()];
        let first = three(&mut one);
        assert_eq!(first, three(&mut same));
        assert_ne!(first, three(&mut other));
        let mut things = [1, 2, 3, 4, 5, 6, 7, 8];
        one.shuffle(&mut things);
        things.sort_unstable();
        assert_eq!(things, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!((0..100).all(|_| (3..5).contains(&one.between(3, 5))));
    }
}
