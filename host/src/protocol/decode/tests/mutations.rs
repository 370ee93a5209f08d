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
    // Written as the rows before, so that what was learnt from those is used.
    batch.row(RowOp::Update, [Some("[I:2]"), Some("Ærø\u{FFFD}"), None, Some("")]).unwrap();
    batch.row(RowOp::Insert, [Some("[I:3]"), Some(""), None, Some("\t\n&")]).unwrap();
    batch.row(RowOp::Insert, [None::<&str>; 0]).unwrap();
    batch.row(RowOp::Update, [None::<&str>]).unwrap();
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
pub(super) fn without_place(mut fault: Fault) -> Fault {
    if let Some((before, after)) = fault.message.split_once("near byte ") {
        fault.message = format!("{before}near byte {}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    fault
}

/// Where, which byte, and whether it is put there, put in between, or taken out.
type Change = (prop::sample::Index, u8, u8);

pub(super) fn any_change() -> impl Strategy<Value = Change> {
    (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8)
}

pub(super) fn change(body: &mut Vec<u8>, changes: Vec<Change>) {
    for (at, byte, kind) in changes {
        let at = at.index(body.len());
        match kind {
            0 => body[at] = byte,
            1 => body.insert(at, b"<>&;\"'=/!-[]?: "[usize::from(byte) % 15]),
            _ => drop(body.remove(at)),
        }
    }
}

proptest! {
    #[test]
    fn random_changes_end_in_an_answer(
        mono in any::<bool>(),
        changes in prop::collection::vec(any_change(), 1..8),
        sizes in prop::collection::vec(1..40_usize, 1..4),
    ) {
        let mut body = valid(if mono { Spelling::Mono } else { Spelling::DotNet });
        change(&mut body, changes);
        let whole = row_data_of(&body[..]);
        let pieces = row_data_of(Pieces::new(&body, sizes));
        let general = row_data_within(&Limits { short_way: false, ..Limits::default() }, &body[..]);
        // Neither where the bytes are cut nor the way they are read changes the answer; "near byte 11" may say another piece's
        // first byte.
        let whole = whole.map_err(without_place);
        prop_assert_eq!(&whole, &pieces.map_err(without_place));
        prop_assert_eq!(&whole, &general.map_err(without_place));
        read_as_all(&body);
    }

    #[test]
    fn random_bytes_end_in_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!read_as_all(&body));
    }
}
