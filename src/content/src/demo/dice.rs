//! Quick reproducible numbers. Predictable: never for secrets.

use margay_domain::testing::SeededEntropy;

/// A stream of numbers that depends on the seed and on its name only, so that a change in one log
/// does not change the others. SplitMix64 behind one draw of the seeded generator, because the demo
/// needs some hundred thousand numbers in no time.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, stream: &str) -> Self {
        Self(SeededEntropy::new(seed ^ mark(stream)).below(u64::MAX))
    }

    /// The next 64 bits.
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`; zero if `bound` is zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of 100 draws.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, of which there must be at least one.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let place = self.below(items.len() as u64);
        &items[place as usize]
    }

    /// One of `items`, each as likely as its weight says. There must be at least one.
    pub(super) fn weighted<'a, T>(&mut self, items: &'a [(u64, T)]) -> &'a T {
        let mut left = self.below(items.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in items {
            if left < *weight {
                return item;
            }
            left -= weight;
        }
        &items[items.len() - 1].1
    }

    /// A random UUID.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// 16 hexadecimal digits.
    pub(super) fn hex(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}

/// A number for a text; always the same.
pub(super) fn mark(text: &str) -> u64 {
    // FNV-1a, then mixed so that similar texts differ in all bits.
    mix(text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// `length` characters of `alphabet` for a text; always the same.
pub(super) fn spell(text: &str, alphabet: &[u8], length: usize) -> String {
    let mut value = mark(text);
    (0..length)
        .map(|_| {
            value = mix(value.wrapping_add(1));
            char::from(alphabet[(value % alphabet.len() as u64) as usize])
        })
        .collect()
}

const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
