//! Text in UTF-16 becomes UTF-8.

use std::io::{self, Read};

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8, or something that is to be read as such.
    Utf8,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// UTF-32 in either order.
    Utf32,
}

impl Charset {
    /// By the first bytes: a byte order mark, or ASCII in units of two or four bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [1..=0x7F, 0, 0, 0, ..] | [0, 0, 0, 1..=0x7F, ..] => {
                Self::Utf32
            }
            [0xFF, 0xFE, ..] | [1..=0x7F, 0, 1..=0x7F, 0, ..] => Self::Utf16Le,
            [0xFE, 0xFF, ..] | [0, 1..=0x7F, 0, 1..=0x7F, ..] => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }
}

/// What stands for half of a pair: no UTF-8, so that the event it is in is counted as repaired.
const NO_CHARACTER: u8 = 0xFF;

/// Reads UTF-16 as UTF-8.
pub(super) struct Utf16<R> {
    inner: R,
    little: bool,
    /// The first byte of a unit.
    half: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    pub(super) const fn new(inner: R, little: bool) -> Self {
        Self { inner, little, half: None, high: None, ready: Vec::new(), given: 0, ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8 * 1024];
        let count = self.inner.read(&mut bytes)?;
        self.ready.clear();
        self.given = 0;
        if count == 0 {
            self.ended = true;
            let left = usize::from(self.high.take().is_some()) + usize::from(self.half.take().is_some());
            self.ready.extend(std::iter::repeat_n(NO_CHARACTER, left));
        }
        for byte in bytes.iter().take(count) {
            let Some(first) = self.half.take() else {
                self.half = Some(*byte);
                continue;
            };
            let pair = [first, *byte];
            self.unit(if self.little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) });
        }
        Ok(())
    }

    fn unit(&mut self, unit: u16) {
        let units = self.high.take().into_iter().chain([unit]);
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(character) => self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                // The second half may come yet.
                Err(error) if matches!(error.unpaired_surrogate(), 0xD800..=0xDBFF) && self.high.is_none() => {
                    if error.unpaired_surrogate() == unit {
                        self.high = Some(unit);
                    } else {
                        self.ready.push(NO_CHARACTER);
                    }
                }
                Err(_) => self.ready.push(NO_CHARACTER),
            }
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.ready.len() && !self.ended {
            self.fill()?;
        }
        let rest = self.ready.get(self.given..).unwrap_or_default();
        let count = rest.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(units: &[u16], little: bool) -> Vec<u8> {
        units.iter().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    fn read(bytes: &[u8], little: bool) -> Vec<u8> {
        let mut text = Vec::new();
        Utf16::new(bytes, little).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn both_orders_are_read() {
        let text = "{\"a\":\"é😀\"}\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        for little in [true, false] {
            let bytes = utf16(&units, little);
            assert_eq!(Charset::of(&bytes), if little { Charset::Utf16Le } else { Charset::Utf16Be });
            assert_eq!(read(&bytes, little), text.as_bytes());
            let marked = [utf16(&[0xFEFF], little), bytes].concat();
            assert_eq!(Charset::of(&marked), if little { Charset::Utf16Le } else { Charset::Utf16Be });
            assert_eq!(read(&marked, little), ["\u{feff}", text].concat().as_bytes());
        }
        assert_eq!(Charset::of(b"{\"a\""), Charset::Utf8);
        assert_eq!(Charset::of(b"\xFF\xFE\0\0"), Charset::Utf32);
        assert_eq!(Charset::of(b"{\0\0\0"), Charset::Utf32);
        assert_eq!(Charset::of(b""), Charset::Utf8);
    }

    #[test]
    fn halves_of_pairs_are_no_utf8() {
        let a = u16::from(b'a');
        for units in [[0xD83D, a].as_slice(), &[0xDE00, a], &[0xD83D, 0xD83D, 0xDE00], &[0xD83D]] {
            let text = read(&utf16(units, true), true);
            assert!(
                text.starts_with(&[NO_CHARACTER]) && std::str::from_utf8(&text[1..]).is_ok(),
                "{units:x?}: {text:?}"
            );
        }
        assert_eq!(read(&[b'a', 0, b'b'], true), [b'a', NO_CHARACTER]);
    }
}
