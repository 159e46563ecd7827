//! Where events are read from, and undoing what they are packed in.

use std::{
    fmt,
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use super::charset::{Charset, Utf16};

/// A file is known by its first bytes; the mark of a tape archive comes last of them.
const HEAD_BYTES: usize = 512;
/// Compressed files may be compressed again this often.
const MAX_LAYERS: usize = 4;

/// Where events are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Standard,
}

impl Input {
    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Standard => None,
        }
    }

    /// Opens it: text in UTF-8, whatever it is packed in and however it is written.
    pub(super) fn open(&self) -> Result<Box<dyn Read + Send>, OpenError> {
        match self {
            Self::File(path) => text(Box::new(File::open(path)?)),
            Self::Standard => text(Box::new(io::stdin())),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Standard => f.write_str("standard input"),
        }
    }
}

/// Why nothing can be read.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The system says so.
    Read(io::Error),
    /// It is in a format that holds no JSON, and how that is called.
    Format(&'static str),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// What the first bytes say.
enum Packing {
    Gzip,
    Zstd,
    Other(&'static str),
    None,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        // Numbers of the formats' own specifications.
        match head {
            [0x1F, 0x8B, 8, ..] => return Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => return Self::Zstd,
            _ => {}
        }
        const OTHERS: [(&[u8], &str); 12] = [
            (b"PK\x03\x04", "a ZIP archive"),
            (b"BZh", "bzip2"),
            (b"\xFD7zXZ\0", "xz"),
            (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
            (b"\x04\x22\x4D\x18", "LZ4"),
            (b"\xFF\x06\0\0sNaPpY", "Snappy"),
            (b"PAR1", "Parquet"),
            (b"Obj\x01", "Avro"),
            (b"ORC", "ORC"),
            (b"ElfFile\0", "a Windows event log (.evtx)"),
            (b"SQLite format 3\0", "an SQLite database"),
            (b"\xD4\xC3\xB2\xA1", "a packet capture"),
        ];
        if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Self::Other(name);
        }
        if head.get(257..262) == Some(b"ustar") {
            return Self::Other("a tar archive");
        }
        Self::None
    }
}

/// A reader of text in UTF-8. Everything is undone while it is read, so that a small file that is large inside costs
/// no memory.
fn text(mut reader: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>, OpenError> {
    for _ in 0..MAX_LAYERS {
        let head = head(&mut reader)?;
        let packing = Packing::of(&head);
        let charset = Charset::of(&head);
        reader = Box::new(Cursor::new(head).chain(reader));
        reader = match packing {
            Packing::Gzip => Box::new(Named { inner: MultiGzDecoder::new(reader), what: "gzip" }),
            Packing::Zstd => Box::new(Named { inner: Decoder::new(reader)?, what: "zstd" }),
            Packing::Other(name) => return Err(OpenError::Format(name)),
            Packing::None => {
                return match charset {
                    Charset::Utf8 => Ok(reader),
                    Charset::Utf16Le => Ok(Box::new(Utf16::new(reader, true))),
                    Charset::Utf16Be => Ok(Box::new(Utf16::new(reader, false))),
                    Charset::Utf32 => Err(OpenError::Format("text in UTF-32")),
                };
            }
        };
    }
    Err(OpenError::Format("data that is compressed again and again"))
}

fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Says what is damaged.
struct Named<R> {
    inner: R,
    what: &'static str,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.inner.read(to).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(format!("its {} data is damaged or cut off ({error})", self.what)),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// Compressed with gzip.
    pub(in crate::ingest) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Compressed with zstd.
    pub(in crate::ingest) fn zstd(bytes: &[u8]) -> Vec<u8> {
        ::zstd::stream::encode_all(bytes, 1).unwrap()
    }

    /// What is in a file with these bytes.
    pub(in crate::ingest) fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut reader = text(Box::new(Cursor::new(bytes.to_vec()))).map_err(|error| match error {
            OpenError::Format(name) => name.to_owned(),
            OpenError::Read(error) => error.to_string(),
        })?;
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn packed_text_is_read_whatever_its_file_is_called() {
        let text = b"{\"a\":1}\n".repeat(1000);
        let expected = Ok(text.clone());
        assert_eq!(unpacked(&text), expected);
        assert_eq!(unpacked(&gzip(&text)), expected);
        assert_eq!(unpacked(&zstd(&text)), expected);
        assert_eq!(unpacked(&zstd(&gzip(&text))), expected);
        // Several members in one file, as log shippers append them; a skippable frame comes first in seekable zstd.
        let (first, second) = text.split_at(5000);
        assert_eq!(unpacked(&[gzip(first), gzip(second)].concat()), expected);
        assert_eq!(unpacked(&[zstd(first), zstd(second)].concat()), expected);
        assert_eq!(unpacked(&[b"\x50\x2A\x4D\x18\x01\0\0\0x".to_vec(), zstd(&text)].concat()), expected);
        let wide: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(unpacked(&gzip(&wide)), Ok(b"{\"a\":1}".to_vec()));
    }

    #[test]
    fn damage_and_other_formats_are_named() {
        let packed = gzip(&b"{\"a\":1}\n".repeat(1000));
        assert!(
            unpacked(packed.get(..packed.len() - 9).unwrap()).is_err_and(|text| text.contains("gzip data is damaged"))
        );
        let packed = zstd(&b"{\"a\":1}\n".repeat(1000));
        assert!(
            unpacked(packed.get(..packed.len() - 3).unwrap()).is_err_and(|text| text.contains("zstd data is damaged"))
        );
        assert_eq!(unpacked(b"PK\x03\x04rest"), Err("a ZIP archive".to_owned()));
        assert_eq!(unpacked(&gzip(b"PAR1....")), Err("Parquet".to_owned()));
        assert_eq!(unpacked(b"{\0\0\0\"\0\0\0"), Err("text in UTF-32".to_owned()));
        let mut tar = vec![b'a'; 257];
        tar.extend_from_slice(b"ustar\x0000");
        assert_eq!(unpacked(&tar), Err("a tar archive".to_owned()));
        let again = (0..6).fold(b"{}".to_vec(), |bytes, _| gzip(&bytes));
        assert!(unpacked(&again).is_err_and(|text| text.contains("again and again")));
        assert_eq!(unpacked(b""), Ok(Vec::new()));
    }
}
