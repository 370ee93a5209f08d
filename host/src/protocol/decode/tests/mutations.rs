//! A valid document cut short and with bytes changed: always an answer, never a panic.

use proptest::prelude::*;

use super::*;
use crate::protocol::encode::request::{RowDataWriter, Spelling};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ColumnInfo;

fn valid(spelling: Spelling) -> Vec<u8> {
    let mut writer = RowDataWriter::begin(Vec::new(), spelling, "token", Some("s")).unwrap();
    let mut batch = writer.batch();
    batch.row(RowOp::Insert, [Some("[I:1]"), Some("blåbær 😀 \r\u{1}"), None, Some("")]).unwrap();
    batch.row(RowOp::Delete, [Some("a & b <c> ]]>")]).unwrap();
    batch
        .finish(Lsn(3), &TableSchemaInfo { table_name: "contact".into(), columns: vec![ColumnInfo::default()] })
        .unwrap();
    writer.finish().unwrap()
}

/// Reads it as everything it could be taken for.
fn read_as_all(body: &[u8]) -> bool {
    let limits = Limits::default();
    let _ = read_head(body, true, &limits);
    let _ = read_head(body, false, &limits);
    let _ = authenticate(body, &limits);
    let _ = response::authenticate(body, &limits);
    let _ = response::table_schema(body, &limits);
    row_data_of(body).is_ok()
}

#[test]
fn every_truncation_is_a_fault() {
    for spelling in Spelling::ALL {
        let body = valid(spelling);
        assert!(read_as_all(&body));
        for end in 0..body.len() {
            assert!(!read_as_all(&body[..end]), "cut at {end}");
        }
    }
}

#[test]
fn every_single_bit_flipped_ends_in_an_answer() {
    let body = valid(Spelling::DotNet);
    for at in 0..body.len() {
        for bit in 0..8 {
            let mut changed = body.clone();
            changed[at] ^= 1 << bit;
            let _ = row_data_of(&changed[..]);
        }
    }
}

/// A fault without the number behind "near byte".
fn without_place(mut fault: Fault) -> Fault {
    if let Some((before, after)) = fault.message.split_once("near byte ") {
        fault.message = format!("{before}near byte {}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    fault
}

proptest! {
    #[test]
    fn random_changes_end_in_an_answer(
        mono in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
        sizes in prop::collection::vec(1..40_usize, 1..4),
    ) {
        let mut body = valid(if mono { Spelling::Mono } else { Spelling::DotNet });
        for (at, byte, kind) in changes {
            let at = at.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => body.insert(at, b"<>&;\"'=/!-[]?:"[usize::from(byte) % 14]),
                _ => { body.remove(at); }
            }
        }
        let whole = row_data_of(&body[..]);
        let pieces = row_data_of(Pieces::new(&body, sizes));
        // Where the bytes are cut does not change the answer; "near byte 11" may say another piece's first byte.
        prop_assert_eq!(whole.map_err(without_place), pieces.map_err(without_place));
        read_as_all(&body);
    }

    #[test]
    fn random_bytes_end_in_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!read_as_all(&body));
    }
}
