//! Sets of small numbers, one bit each.

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Puts a number in.
    pub fn insert(&mut self, n: usize) {
        if self.0.len() <= n / 64 {
            self.0.resize(n / 64 + 1, 0);
        }
        self.0[n / 64] |= 1 << (n % 64);
    }

    /// Puts all of another set in.
    pub fn insert_all(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }

    /// Whether a number is in it.
    pub fn has(&self, n: usize) -> bool {
        self.0.get(n / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_in_it() {
        let (mut a, mut b) = (Bits::default(), Bits::default());
        [0, 63, 64, 700].into_iter().for_each(|n| a.insert(n));
        b.insert(5);
        b.insert_all(&a);
        let all: Vec<usize> = (0..1000).filter(|n| b.has(*n)).collect();
        assert_eq!(all, [0, 5, 63, 64, 700]);
    }
}
