//! When a sink is told what.

use super::*;

fn batch(n: usize) -> String {
    format!(
        "<d:RowDataBatch><d:Data><d:RowData><d:ColumnValues><a:string>{n}</a:string></d:ColumnValues>\
         <d:Operation>I</d:Operation></d:RowData></d:Data><d:LSN>{n}</d:LSN></d:RowDataBatch>"
    )
}

fn body(before: &str, batches: usize, after: &str) -> String {
    let batches: String = (1..=batches).map(batch).collect();
    envelope(&format!("<m:RowDataRequest>{before}<m:DataBatches>{batches}</m:DataBatches>{after}</m:RowDataRequest>"))
}

fn states_and_lsns(told: &[Told]) -> Vec<String> {
    let told = told.iter().map(|told| match told {
        Told::ClientState(state) => format!("state {state:?}"),
        Told::Batch(batch) => format!("batch {}", batch.lsn),
    });
    told.collect()
}

#[test]
fn the_client_state_comes_before_every_batch_wherever_it_stands() {
    let state = "<m:ClientState>s</m:ClientState>";
    for (body, expected) in [
        (body(state, 2, ""), vec!["state \"s\"", "batch 1", "batch 2"]),
        (body("", 2, state), vec!["state \"s\"", "batch 1", "batch 2"]),
        (body("", 2, ""), vec!["state \"\"", "batch 1", "batch 2"]),
        (body("<m:ClientState i:nil='true'/>", 1, ""), vec!["state \"\"", "batch 1"]),
        (body("", 0, ""), vec!["state \"\""]),
    ] {
        assert_eq!(states_and_lsns(&row_data_of(body.as_bytes()).unwrap()), expected, "{body}");
    }
}

#[test]
fn batches_before_a_fault_have_been_handed_over() {
    let body = body("<m:ClientState/>", 2, "").replace("<d:LSN>2</d:LSN>", "<d:LSN>abc</d:LSN>");
    let mut recorder = Recorder { told: Vec::new(), wanted: usize::MAX };
    let fault = row_data(body.as_bytes(), &Limits::default(), SpillSettings::default(), &mut recorder).unwrap_err();
    assert_eq!(fault.message, "LSN is \"abc\", which is no 64-bit integer.");
    assert_eq!(states_and_lsns(&recorder.told), ["state \"\"", "batch 1"]);
}

#[test]
fn a_sink_that_breaks_off_gets_no_more_and_nothing_more_is_read() {
    let mut body = body("<m:ClientState/>", 2, "");
    body.truncate(body.find("<d:LSN>2").unwrap());
    let mut recorder = Recorder { told: Vec::new(), wanted: 1 };
    row_data(body.as_bytes(), &Limits::default(), SpillSettings::default(), &mut recorder).unwrap();
    assert_eq!(states_and_lsns(&recorder.told), ["state \"\"", "batch 1"]);
}

#[test]
fn batches_held_for_the_client_state_are_bounded() {
    assert_eq!(states_and_lsns(&row_data_of(body("", 256, "").as_bytes()).unwrap()).len(), 257);
    assert_eq!(
        row_data_fault(&body("", 257, "")),
        "The number of batches before the ClientState exceeds the limit of 256 batches."
    );
    assert_eq!(row_data_of(body("<m:ClientState/>", 257, "").as_bytes()).unwrap().len(), 258);
}

/// Fails after so many bytes, as a connection does.
struct BreaksDown<'a>(&'a [u8]);

impl Read for BreaksDown<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "peer 10.0.0.1 went away"));
        }
        self.0.read(out)
    }
}

#[test]
fn a_connection_that_breaks_down_is_a_fault_with_the_reason_for_the_log_alone() {
    let body = body("<m:ClientState/>", 1, "");
    let fault = row_data_of(BreaksDown(&body.as_bytes()[..body.len() - 20])).unwrap_err();
    assert_eq!(fault.message, "The body could not be read to its end.");
    assert_eq!(fault.log.as_deref(), Some("peer 10.0.0.1 went away"));
}

#[test]
fn a_fault_on_its_way_through_the_bytes_arrives_as_itself() {
    struct TooLarge;
    impl Read for TooLarge {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other(Fault::client("The body is larger than 5 bytes.")))
        }
    }
    assert_eq!(row_data_of(TooLarge).unwrap_err(), Fault::client("The body is larger than 5 bytes."));
}

#[test]
fn rows_that_cannot_be_kept_are_our_fault_and_say_nothing_of_our_disk() {
    let body = body("<m:ClientState/>", 1, "");
    let spill = SpillSettings { threshold_bytes: 0, directory: Some("/nowhere/at/all".into()) };
    let mut recorder = Recorder { told: Vec::new(), wanted: usize::MAX };
    let fault = row_data(body.as_bytes(), &Limits::default(), spill, &mut recorder).unwrap_err();
    assert_eq!(fault.code, crate::protocol::fault::FaultCode::Server);
    assert!(!fault.message.contains("nowhere"), "{fault}");
    assert!(fault.log.is_some());
}

#[test]
fn cells_that_have_arrived_and_cells_that_drip_in_are_the_same_and_so_are_their_faults() {
    let row = |cells: &str| {
        format!("<d:RowData><d:ColumnValues>{cells}</d:ColumnValues><d:Operation>I</d:Operation></d:RowData>")
    };
    let plain = "<a:string>[I:1]</a:string><a:string/><a:string i:nil='true'/><a:string>blåbær ]] \t\n</a:string>";
    let odd = "<a:string>a&#xD;</a:string><a:string></a:string><a:string>a\r\n</a:string><a:string>a<!-- --></a:string>\
               <a:string> > </a:string><a:string>\u{fffd}ｆ</a:string> <a:string i:nil='true'> </a:string>";
    let strangers = format!("<q:string xmlns:q='{NS_ARRAYS}'>q</q:string><a:string xmlns:a='{NS_ARRAYS}'>a</a:string>");
    let endings = [
        String::new(),
        "<a:string>]]></a:string>".into(),
        "<a:string>\u{1}</a:string>".into(),
        "<a:string>\u{fffe}</a:string>".into(),
        "<a:string>a</b>".into(),
        "<a:string>a & b</a:string>".into(),
        "<a:strings>a</a:strings>".into(),
        "<a:string>a<b/></a:string>".into(),
        "text".into(),
        "<a:string xmlns:a='urn:other'>a</a:string>".into(),
    ];
    for ending in endings {
        let cells = [plain, odd, plain, &strangers, plain, &ending].concat();
        let body = batch_envelope(&format!("<d:Data>{}{}</d:Data>", row(plain).repeat(3), row(&cells)));
        let whole = row_data_of(body.as_bytes());
        assert_eq!(whole.is_ok(), ending.is_empty(), "{ending}");
        for size in [1, 7, 64] {
            assert_eq!(row_data_of(Pieces::new(body.as_bytes(), vec![size])), whole, "{ending} in pieces of {size}");
        }
    }
}

#[test]
fn a_prefix_that_means_something_else_in_the_next_row_is_not_taken_for_a_cell() {
    let row = |namespace: &str| {
        format!(
            "<d:RowData><d:ColumnValues xmlns:q='{namespace}'><q:string>1</q:string><q:string>2</q:string>\
             </d:ColumnValues><d:Operation>I</d:Operation></d:RowData>"
        )
    };
    let body = batch_envelope(&format!("<d:Data>{}{}</d:Data>", row(NS_ARRAYS).repeat(2), row(NS_DATA)));
    assert_eq!(
        row_data_fault(&body),
        "ColumnValues holds an element \"string\" that is not a string of the contract's namespace; it would vanish silently."
    );
}
