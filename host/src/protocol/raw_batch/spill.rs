//! Segments in a temporary file: written once, in order, read back once, in order.
//!
//! A segment is a header of four little-endian 64-bit numbers (first row, rows, cells, bytes), then three lists, each
//! compact since most cells are short: operations, one byte each; cells per row; and per cell its length with one
//! bit for nil; the last two in base 128, low digits first, the top bit saying that more follow. The texts end it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use super::{NIL, Segment};
use crate::faults::{self, Step};
use crate::protocol::messages::RowOp;

/// A temporary file of segments. It has no name, or is deleted by the system when closed.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: File,
    segments: usize,
    scratch: Vec<u8>,
}

impl SpillFile {
    pub(super) fn create(directory: Option<&Path>) -> io::Result<Self> {
        let made = match directory {
            Some(directory) => tempfile::tempfile_in(directory),
            None => tempfile::tempfile(),
        };
        let file = made.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot make a temporary file for the rows of a large batch: {error}"))
        })?;
        Ok(Self::over(file))
    }

    pub(super) const fn over(file: File) -> Self {
        Self { file, segments: 0, scratch: Vec::new() }
    }

    pub(super) fn append(&mut self, segment: &Segment) -> io::Result<()> {
        let out = &mut self.scratch;
        out.clear();
        for number in
            [segment.first_row, segment.ops.len() as u64, segment.ends.len() as u64, segment.bytes.len() as u64]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend(segment.ops.iter().map(|&op| op as u8));
        let mut row_start = 0;
        for &end in &segment.row_ends {
            push_number(out, u64::from(end - row_start));
            row_start = end;
        }
        let mut start = 0;
        for &end in &segment.ends {
            let nil = u64::from(end & NIL != 0);
            let end = end & !NIL;
            push_number(out, u64::from(end - start) << 1 | nil);
            start = end;
        }
        let written = self.file.write_all(out).and_then(|()| self.file.write_all(&segment.bytes));
        written.map_err(|error| {
            let message = format!("cannot write the rows of a large batch to a temporary file: {error}");
            io::Error::new(error.kind(), message)
        })?;
        self.segments += 1;
        faults::pass_blocking(Step::Spilled).map_err(io::Error::other)
    }

    /// The same, to be read from its beginning.
    pub(super) fn rewound(mut self) -> io::Result<Self> {
        self.file.rewind()?;
        self.scratch = Vec::new();
        Ok(self)
    }

    fn read_segment(&mut self) -> io::Result<Segment> {
        let mut header = [0; 32];
        self.file.read_exact(&mut header)?;
        let mut numbers =
            header.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes")));
        let mut next = || numbers.next().expect("four numbers");
        let (first_row, rows, cells, text_bytes) = (next(), next(), next(), next());
        let size = |number: u64| usize::try_from(number).ok().filter(|&n| n < NIL as usize).ok_or_else(damaged);
        let (rows, cells, text_bytes) = (size(rows)?, size(cells)?, size(text_bytes)?);

        let mut reader = io::BufReader::with_capacity(64 << 10, &mut self.file);
        let mut ops = Vec::with_capacity(rows);
        for _ in 0..rows {
            ops.push(match byte(&mut reader)? {
                b'I' => RowOp::Insert,
                b'U' => RowOp::Update,
                b'D' => RowOp::Delete,
                _ => return Err(damaged()),
            });
        }
        let mut row_ends = Vec::with_capacity(rows);
        let mut row_end = 0;
        for _ in 0..rows {
            row_end += read_number(&mut reader)?;
            row_ends.push(u32::try_from(row_end).map_err(|_| damaged())?);
        }
        let mut ends = Vec::with_capacity(cells);
        let mut end = 0;
        for _ in 0..cells {
            let number = read_number(&mut reader)?;
            end += number >> 1;
            let mark = if number & 1 == 1 { NIL } else { 0 };
            ends.push(u32::try_from(end).ok().filter(|&end| end < NIL).ok_or_else(damaged)? | mark);
        }
        if row_end != cells as u64 || end != text_bytes as u64 {
            return Err(damaged());
        }
        let mut bytes = vec![0; text_bytes];
        reader.read_exact(&mut bytes)?;
        // What the reader has in hand belongs to the next segment.
        let ahead = i64::try_from(reader.buffer().len()).expect("64 KiB");
        drop(reader);
        self.file.seek_relative(-ahead)?;
        // A file may hold anything by now.
        Ok(Segment { bytes: bytes.into(), ends, ops, row_ends, first_row, utf8: false })
    }
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the temporary file of a large batch does not hold what was written to it",
    )
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

fn read_number(reader: &mut impl io::Read) -> io::Result<u64> {
    let mut number = 0;
    // Five digits of seven bits hold every number written.
    for shift in [0, 7, 14, 21, 28] {
        let digit = byte(reader)?;
        number |= u64::from(digit & 0x7f) << shift;
        if digit & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(damaged())
}

fn byte(reader: &mut impl io::Read) -> io::Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// A batch's segments in order. After an error nothing more comes.
#[derive(Debug)]
pub struct Segments {
    file: Option<SpillFile>,
    memory: std::vec::IntoIter<Segment>,
}

impl Segments {
    pub(super) fn new(file: Option<SpillFile>, memory: Vec<Segment>) -> Self {
        Self { file, memory: memory.into_iter() }
    }
}

impl Iterator for Segments {
    type Item = io::Result<Segment>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(file) = &mut self.file {
            if file.segments > 0 {
                file.segments -= 1;
                let read = file.read_segment().and_then(|segment| {
                    faults::pass_blocking(Step::SpillRead).map_err(io::Error::other)?;
                    Ok(segment)
                });
                let read = read.map_err(|error| {
                    let message = format!("cannot read the rows of a large batch back from a temporary file: {error}");
                    io::Error::new(error.kind(), message)
                });
                if read.is_err() {
                    self.file = None;
                    self.memory = Vec::new().into_iter();
                }
                return Some(read);
            }
            self.file = None;
        }
        self.memory.next().map(Ok)
    }
}

impl std::iter::FusedIterator for Segments {}

/// Damage, for tests.
#[cfg(test)]
impl SpillFile {
    pub(super) fn shorten_by_one_byte(&mut self) {
        let len = self.file.metadata().unwrap().len();
        self.file.set_len(len - 1).unwrap();
    }

    pub(super) fn flip(&mut self, at: proptest::sample::Index, bits: u8) {
        let len = usize::try_from(self.file.metadata().unwrap().len()).unwrap();
        let at = io::SeekFrom::Start(at.index(len) as u64);
        let mut byte = [0];
        self.file.seek(at).unwrap();
        self.file.read_exact(&mut byte).unwrap();
        self.file.seek(at).unwrap();
        self.file.write_all(&[byte[0] ^ bits]).unwrap();
        self.file.rewind().unwrap();
    }
}
