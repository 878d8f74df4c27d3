//! Inputs from a seed: good ones with a few things changed, and bytes by chance.

use specie_vocab::{Chance, SeededChance};

use crate::Target;

/// No input grows beyond this, in bytes.
const LONGEST: usize = 4096;
/// Bytes at which readers turn.
const ODD: &[u8] = b"\0\n\r\t \"'%&,.:;=[]{}\\/_-+09aAzZ\x7f\x80\xc3\xff";

/// A stream of inputs for one target: the same for the same seed.
pub struct Inputs {
    chance: SeededChance,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Inputs {
    /// Begins at `seed`.
    pub fn new(target: &Target, seed: u64) -> Self {
        let seeds = (target.seeds)();
        Self { chance: SeededChance::new(seed), seeds, words: target.words }
    }

    /// The next input.
    pub fn next_input(&self) -> Vec<u8> {
        let mut bytes = match (self.below(16), self.below(self.seeds.len())) {
            (0, _) => Vec::new(),
            (_, n) => self.seeds[n].clone(),
        };
        for _ in 0..=self.below(6) {
            self.change(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>) {
        let (start, end) = self.range(bytes.len());
        match self.below(8) {
            0 => drop(bytes.drain(start..end)),
            1 => bytes.truncate(start),
            2 => self.put(bytes, start, self.word()),
            3 => self.put(bytes, start, bytes[start..end].to_vec()),
            4 => self.put(bytes, start, vec![self.odd(); 1 + self.below(40)]),
            5 => {
                let other = &self.seeds[self.below(self.seeds.len())];
                let (from, to) = self.range(other.len());
                self.put(bytes, start, other[from..to].to_vec());
            }
            _ if bytes.is_empty() => bytes.push(self.odd()),
            6 => bytes[start.min(end - 1)] = self.odd(),
            _ => bytes[start.min(end - 1)] ^= 1 << self.below(8),
        }
    }

    fn put(&self, bytes: &mut Vec<u8>, at: usize, what: Vec<u8>) {
        if bytes.len() + what.len() <= 2 * LONGEST {
            drop(bytes.splice(at..at, what));
        }
    }

    fn word(&self) -> Vec<u8> {
        self.words[self.below(self.words.len())].as_bytes().to_vec()
    }

    fn odd(&self) -> u8 {
        match self.below(4) {
            0 => self.draw().to_le_bytes()[0],
            _ => ODD[self.below(ODD.len())],
        }
    }

    /// A stretch of what is `length` long; not empty, unless that is.
    fn range(&self, length: usize) -> (usize, usize) {
        let start = self.below(length);
        let most = (length - start).min(1 + self.below(64));
        (start, start + self.below(most).max(usize::from(most > 0)))
    }

    /// A number below `end`; zero if there is none.
    fn below(&self, end: usize) -> usize {
        (self.draw() % (end.max(1) as u64)) as usize
    }

    fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
