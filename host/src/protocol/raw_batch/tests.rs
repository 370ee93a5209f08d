use std::io;

use proptest::prelude::*;

use super::builder::RowLimits;
use super::*;

/// Rows as plain texts.
type Rows = Vec<(RowOp, Vec<Option<String>>)>;

fn append(builder: &mut RawBatchBuilder, rows: &Rows) -> io::Result<()> {
    for (op, cells) in rows {
        for cell in cells {
            match cell {
                Some(text) => {
                    builder.cell_bytes().extend_from_slice(text.as_bytes());
                    builder.end_cell();
                }
                None => builder.nil_cell(),
            }
        }
        builder.end_row(*op)?;
    }
    Ok(())
}

fn build(rows: &Rows, threshold_bytes: usize) -> RawBatch {
    let mut builder = RawBatchBuilder::new(SpillSettings { threshold_bytes, directory: None });
    append(&mut builder, rows).unwrap();
    assert_eq!(builder.rows(), rows.len() as u64);
    builder.finish().unwrap()
}

fn read(batch: RawBatch) -> Rows {
    let mut rows = Rows::new();
    for segment in batch.into_segments() {
        let segment = segment.unwrap();
        assert_eq!(segment.first_row(), rows.len() as u64 + 1);
        assert!(segment.rows() > 0);
        for row in 0..segment.rows() {
            let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
            rows.push((segment.op(row), segment.cells(row).map(|cell| cell.map(text)).collect()));
        }
    }
    rows
}

fn row(cells: &[Option<&str>]) -> (RowOp, Vec<Option<String>>) {
    (RowOp::Insert, cells.iter().map(|cell| cell.map(str::to_owned)).collect())
}

#[test]
fn nil_empty_and_missing_cells_stay_apart() {
    let rows = vec![row(&[None, Some(""), Some("å")]), row(&[]), row(&[Some("")]), row(&[None]), row(&[None, None])];
    assert_eq!(read(build(&rows, usize::MAX)), rows);
    assert_eq!(read(build(&rows, 0)), rows);
}

#[test]
fn an_empty_batch_has_no_segments() {
    assert_eq!(RawBatch::default().into_segments().count(), 0);
    let batch = build(&vec![], 0);
    assert!(!batch.is_spilled());
    assert_eq!((batch.rows(), batch.into_segments().count()), (0, 0));
}

#[test]
fn an_abandoned_row_leaves_no_trace() {
    let mut builder = RawBatchBuilder::new(SpillSettings::default());
    append(&mut builder, &vec![row(&[Some("a")])]).unwrap();
    builder.cell_bytes().extend_from_slice(b"half a row");
    builder.end_cell();
    builder.nil_cell();
    builder.cell_bytes().extend_from_slice(b"half a cell");
    assert_eq!(builder.cell_len(), 11);
    builder.abandon_row();
    append(&mut builder, &vec![row(&[Some("b"), None])]).unwrap();
    builder.cell_bytes().extend_from_slice(b"never ended");
    builder.end_cell();
    assert_eq!(read(builder.finish().unwrap()), vec![row(&[Some("a")]), row(&[Some("b"), None])]);
}

#[test]
fn text_after_the_last_cells_end_is_no_part_of_the_next_row() {
    let mut builder = RawBatchBuilder::new(SpillSettings::default());
    builder.cell_bytes().extend_from_slice(b"a");
    builder.end_cell();
    builder.cell_bytes().extend_from_slice(b"stray");
    builder.end_row(RowOp::Insert).unwrap();
    builder.cell_bytes().extend_from_slice(b"dropped");
    builder.nil_cell();
    builder.end_row(RowOp::Delete).unwrap();
    assert_eq!(read(builder.finish().unwrap()), vec![row(&[Some("a")]), (RowOp::Delete, vec![None])]);
}

#[test]
fn segments_end_at_their_target_size_and_number_of_rows() {
    let rows: Rows = vec![row(&[Some(&"x".repeat(1000)), None]); 10_000];
    let batch = build(&rows, usize::MAX);
    let sizes: Vec<usize> = batch.segments.iter().map(Segment::memory).collect();
    assert_eq!(sizes.len(), 3);
    assert!(sizes[..2].iter().all(|size| (0..1100).contains(&(size - Segment::TARGET_BYTES))), "{sizes:?}");
    assert_eq!(read(batch), rows);

    let small: Rows = vec![row(&[None]); Segment::MAX_ROWS + 1];
    let batch = build(&small, usize::MAX);
    assert_eq!(batch.segments.iter().map(Segment::rows).collect::<Vec<_>>(), [Segment::MAX_ROWS, 1]);
    assert_eq!(batch.rows(), small.len() as u64);
}

#[test]
fn offsets_count_towards_the_threshold() {
    // Not one byte of text, and a megabyte of offsets.
    let rows: Rows = vec![row(&[None; 100]); 2_600];
    assert!(build(&rows, 1 << 20).is_spilled());
    assert!(!build(&rows, 2 << 20).is_spilled());
}

#[test]
fn what_is_spilled_leaves_memory() {
    let rows: Rows = vec![row(&[Some(&"x".repeat(1000))]); 20_000];
    let batch = build(&rows, 1 << 20);
    assert!(batch.is_spilled());
    let left: usize = batch.segments.iter().map(Segment::memory).sum();
    assert!(left <= 1 << 20, "{left}");
    assert_eq!(read(batch), rows);
}

#[test]
fn a_large_threshold_spills_whole_segments_in_order() {
    let rows: Rows = (0..30_000).map(|number| row(&[Some(&format!("{number:0>1000}"))])).collect();
    let batch = build(&rows, 9 << 20);
    assert!(batch.is_spilled());
    assert_eq!(read(batch), rows);
}

#[test]
fn a_row_larger_than_any_segment_is_a_segment() {
    let huge = "å".repeat(5 << 20);
    let rows = vec![row(&[Some("before")]), row(&[Some(&huge), None, Some(&huge)]), row(&[Some("after")])];
    for threshold in [usize::MAX, 1 << 20] {
        let batch = build(&rows, threshold);
        assert_eq!(read(batch), rows);
    }
}

fn refused(cells: &[Option<&str>]) -> String {
    let limits = RowLimits { cell_bytes: 10, row_bytes: 25, cells: 4 };
    let mut builder = RawBatchBuilder::with_limits(SpillSettings::default(), limits);
    append(&mut builder, &vec![row(&[Some("first")])]).unwrap();
    let error = append(&mut builder, &vec![row(cells)]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    // The batch is as if the row had been abandoned.
    append(&mut builder, &vec![row(&[Some("last"), None])]).unwrap();
    assert_eq!(read(builder.finish().unwrap()), vec![row(&[Some("first")]), row(&[Some("last"), None])]);
    error.to_string()
}

#[test]
fn a_row_that_no_mirror_could_take_is_an_error_that_names_it() {
    assert_eq!(
        refused(&[Some("0123456789"), Some("more")]),
        "row 2: a cell holds 10 bytes of text or more, which is more than this mirror takes"
    );
    assert_eq!(
        refused(&[Some("012345678"), Some("012345678"), Some("012345678"), None]),
        "row 2: the row holds 25 bytes of text or more, which is more than this mirror takes"
    );
    assert_eq!(
        refused(&[None; 5]),
        "row 2: the row has more than 4 cells, and no table of SQL Server has more columns"
    );
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let settings = SpillSettings { threshold_bytes: 0, directory: Some(directory.path().join("gone")) };
    let mut builder = RawBatchBuilder::new(settings);
    let error = append(&mut builder, &vec![row(&[Some("a")])]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("cannot make a temporary file for the rows of a large batch: "), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let mut file = spill::SpillFile::over(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let batch = build(&vec![row(&[Some("a")])], usize::MAX);
    let error = file.append(&batch.segments[0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("cannot write the rows of a large batch to a temporary file: "), "{error}");
}

#[test]
fn a_file_that_lost_its_end_is_an_error_after_which_nothing_comes() {
    let rows: Rows = vec![row(&[Some("text")]); 3];
    let mut batch = build(&rows, 0);
    batch.spilled.as_mut().unwrap().shorten_by_one_byte();
    let read: Vec<_> = batch.into_segments().collect();
    let error = read.last().unwrap().as_ref().unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read the rows of a large batch back from a temporary file: "),
        "{error}"
    );
    assert!(read[..read.len() - 1].iter().all(Result::is_ok));
}

#[test]
fn a_spill_file_has_no_name_that_stays() {
    let directory = tempfile::tempdir().unwrap();
    let settings = SpillSettings { threshold_bytes: 0, directory: Some(directory.path().to_owned()) };
    let mut builder = RawBatchBuilder::new(settings);
    append(&mut builder, &vec![row(&[Some("a")])]).unwrap();
    let batch = builder.finish().unwrap();
    assert!(batch.is_spilled());
    drop(batch);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

fn any_rows() -> impl Strategy<Value = Rows> {
    let op = prop_oneof![Just(RowOp::Insert), Just(RowOp::Update), Just(RowOp::Delete)];
    let cell = proptest::option::of(prop_oneof![Just(String::new()), any::<String>(), "x{100,300}"]);
    proptest::collection::vec((op, proptest::collection::vec(cell, 0..6)), 0..40)
}

proptest! {
    #[test]
    fn rows_come_back_the_same_spilled_or_not(rows in any_rows(), threshold in 0usize..5_000) {
        prop_assert_eq!(&read(build(&rows, usize::MAX)), &rows);
        prop_assert_eq!(&read(build(&rows, threshold)), &rows);
        prop_assert_eq!(&read(RawBatch::from_rows(rows.clone())), &rows);
    }

    #[test]
    fn damage_to_a_spill_file_never_panics(rows in any_rows(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        prop_assume!(!rows.is_empty());
        let mut batch = build(&rows, 0);
        batch.spilled.as_mut().unwrap().flip(at, flip);
        for segment in batch.into_segments().flatten() {
            for row in 0..segment.rows() {
                let _ = segment.cells(row).count();
            }
        }
    }
}

proptest! {
    /// They hold every row once and in order; the first of several is a quarter of the longest, and none is longer than its share.
    #[test]
    fn stretches_begin_small_and_leave_no_row_out(rows in 1_usize..300, bytes in 1_usize..40_000) {
        let one = row(&[Some("some text"), None, Some("more of it")]);
        let segments = build(&vec![one; rows], usize::MAX).into_segments().next().expect("one").expect("in memory");
        let stretches: Vec<_> = segments.stretches(bytes).collect();
        prop_assert_eq!(stretches.iter().cloned().flatten().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
        let most = rows.div_ceil(segments.memory().div_ceil(bytes)).max(1);
        prop_assert!(stretches.iter().all(|stretch| (1..=most).contains(&stretch.len())));
        if segments.memory() > bytes {
            prop_assert_eq!(stretches[0].len(), most.div_ceil(4));
        } else {
            prop_assert_eq!(stretches.len(), 1);
        }
    }
}
