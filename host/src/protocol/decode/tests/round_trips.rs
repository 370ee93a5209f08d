//! What the simulator writes is what the mirror reads, and back.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::protocol::encode::{request, request::RowDataWriter, request::Spelling, response as answers};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{
    AuthenticateResponse, ColumnInfo, PlainResponse, ReplicationSummary, TableLsn, TableSchemaResponse,
};

/// Any text, with what is hard to carry more often than by chance.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\r",
            "\n",
            "\r\n",
            "\t",
            " ",
            "\0",
            "\u{1}",
            "\u{b}",
            "\u{c}",
            "\u{1f}",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{fffe}",
            "\u{ffff}",
            "\u{feff}",
            "😀",
            "]]>",
            "]]",
            "<",
            ">",
            "&",
            "&amp;",
            "&#1;",
            "\"",
            "'",
            "<!--",
            "-->",
            "<![CDATA[",
            "[I:5] ",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn state() -> impl Strategy<Value = Option<String>> {
    prop::option::of(text())
}

fn column() -> impl Strategy<Value = ColumnInfo> {
    (text(), any::<bool>(), text(), text()).prop_map(|(default_value, is_nullable, name, sql_type)| ColumnInfo {
        default_value,
        is_nullable,
        name,
        sql_type,
    })
}

pub(super) fn table() -> impl Strategy<Value = TableSchemaInfo> {
    (text(), prop::collection::vec(column(), 0..4))
        .prop_map(|(table_name, columns)| TableSchemaInfo { table_name, columns })
}

fn row() -> impl Strategy<Value = Row> {
    let op = prop::sample::select(vec![RowOp::Insert, RowOp::Update, RowOp::Delete]);
    (op, prop::collection::vec(prop::option::of(text()), 0..5))
}

fn batch() -> impl Strategy<Value = Batch> {
    (prop::collection::vec(row(), 0..5), any::<i64>(), table()).prop_map(|(rows, lsn, table)| Batch {
        rows,
        lsn,
        table,
    })
}

pub(super) fn spelling() -> impl Strategy<Value = Spelling> {
    prop::sample::select(Spelling::ALL.to_vec())
}

fn written(spelling: Spelling, token: &str, state: Option<&str>, batches: &[Batch]) -> Vec<u8> {
    let mut writer = RowDataWriter::begin(Vec::new(), spelling, token, state).unwrap();
    for batch in batches {
        let mut out = writer.batch();
        for (op, cells) in &batch.rows {
            out.row(*op, cells.iter().map(Option::as_deref)).unwrap();
        }
        out.finish(Lsn(batch.lsn), &batch.table).unwrap();
    }
    writer.finish().unwrap()
}

proptest! {
    #[test]
    fn row_data_survives_in_both_spellings_in_both_encodings_and_in_pieces_of_any_size(
        state in state(),
        batches in prop::collection::vec(batch(), 0..4),
        token in "[a-z.]{1,20}",
        sizes in prop::collection::vec(1..50_usize, 1..5),
    ) {
        let mut expected = vec![Told::ClientState(state.clone().unwrap_or_default())];
        expected.extend(batches.iter().cloned().map(Told::Batch));
        for spelling in Spelling::ALL {
            let body = written(spelling, &token, state.as_deref(), &batches);
            prop_assert_eq!(&row_data_of(&body[..]).unwrap(), &expected);
            prop_assert_eq!(&row_data_of(Pieces::new(&body, sizes.clone())).unwrap(), &expected);
            prop_assert_eq!(&row_data_of(Pieces::new(&body, vec![1])).unwrap(), &expected);
            let text = String::from_utf8(body.clone()).unwrap();
            let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(&row_data_of(Pieces::new(&utf16, sizes.clone())).unwrap(), &expected);
            let head = read_head(&body, true, &Limits::default()).unwrap();
            prop_assert_eq!(head, Head { token: token.clone(), operation: Operation::RowData });
        }
    }

    #[test]
    fn small_requests_survive(
        spelling in spelling(),
        state in state(),
        tables in prop::collection::vec(table(), 0..4),
        table_name in text(),
        counts in prop::collection::vec((any::<i32>(), any::<i32>(), text(), any::<i32>()), 0..4),
    ) {
        let limits = Limits::default();
        let sent = AuthenticateRequest { client_state: state.clone() };
        let body = request::authenticate(spelling, "t", &sent);
        prop_assert_eq!(authenticate(body.as_bytes(), &limits).unwrap(), sent);

        let sent = TableSchemaRequest { client_state: state.clone(), tables: tables.into_iter().map(Arc::new).collect() };
        let body = request::table_schema(spelling, "t", &sent);
        prop_assert_eq!(table_schema(body.as_bytes(), &limits).unwrap(), sent);

        let sent = WipeRequest { client_state: state.clone(), table_name };
        let body = request::wipe(spelling, "t", &sent);
        prop_assert_eq!(wipe(body.as_bytes(), &limits).unwrap(), sent);

        let changed_tables = counts
            .into_iter()
            .map(|(deletes, inserts, table_name, updates)| ReplicationSummary { deletes, inserts, table_name, updates });
        let sent = ReplicationCompletedRequest { client_state: state, changed_tables: changed_tables.collect() };
        let body = request::replication_completed(spelling, "t", &sent);
        prop_assert_eq!(replication_completed(body.as_bytes(), &limits).unwrap(), sent);
    }

    #[test]
    fn answers_survive(
        outcome in prop::result::maybe_ok(Just(()), text()),
        texts in prop::array::uniform5(text()),
        lsns in prop::collection::vec((any::<i64>(), text()), 0..4),
    ) {
        let limits = Limits::default();
        let [signed_application_token, supported_interfaces, mirroring_build, client_state, json] = texts;
        let sent = AuthenticateResponse {
            outcome: outcome.clone(),
            signed_application_token,
            supported_interfaces,
            mirroring_build,
            client_state,
            additional_information_json: json,
        };
        prop_assert_eq!(response::authenticate(answers::authenticate(&sent).as_bytes(), &limits).unwrap(), sent);

        let mirror_lsn = lsns.into_iter().map(|(lsn, table_name)| TableLsn { lsn: Lsn(lsn), table_name }).collect();
        let sent = TableSchemaResponse { outcome: outcome.clone(), mirror_lsn };
        prop_assert_eq!(response::table_schema(answers::table_schema(&sent).as_bytes(), &limits).unwrap(), sent);

        for operation in [Operation::RowData, Operation::Wipe, Operation::ReplicationCompleted] {
            let sent = PlainResponse { outcome: outcome.clone() };
            let body = answers::plain(operation, &sent);
            prop_assert_eq!(response::plain(operation, body.as_bytes(), &limits).unwrap(), sent);
        }
    }

    #[test]
    fn faults_survive(message in text()) {
        let sent = Fault::client(message);
        let read = response::plain(Operation::Wipe, sent.to_xml().as_bytes(), &Limits::default());
        prop_assert_eq!(read, Err(response::ResponseError::Fault(sent)));
    }
}

#[test]
fn an_answer_out_of_order_is_reported_because_net_drops_it_silently() {
    let swapped = answers::plain(Operation::Wipe, &PlainResponse { outcome: Ok(()) }).replace(
        "<IsSuccessful>true</IsSuccessful><ErrorMessage/>",
        "<ErrorMessage/><IsSuccessful>true</IsSuccessful>",
    );
    assert_eq!(
        response::plain(Operation::Wipe, swapped.as_bytes(), &Limits::default()).unwrap_err().to_string(),
        "the answer breaks the contract: IsSuccessful comes after ErrorMessage in WipeResponse, where .NET silently drops it."
    );
}

#[test]
fn an_answer_that_is_not_the_contract_s_is_reported() {
    let limits = Limits::default();
    let answer = answers::plain(Operation::Wipe, &PlainResponse { outcome: Ok(()) });
    for (changed, message) in [
        (
            answer.replace("<ErrorMessage/>", "<Error/>"),
            "WipeResponse holds \"Error\", which the contract does not know.",
        ),
        (
            answer.replace("<ErrorMessage/>", "<ErrorMessage/><ErrorMessage/>"),
            "ErrorMessage stands twice in one WipeResponse.",
        ),
        (answer.replace("<IsSuccessful>true</IsSuccessful>", ""), "WipeResponse does not say IsSuccessful."),
        (answer.replace("true", "yes"), "IsSuccessful is \"yes\", which is no boolean."),
        (
            answer.replace("WipeResponse", "RowDataResponse"),
            "The SOAP body holds \"RowDataResponse\" where WipeResponse is expected.",
        ),
        (answer.replace("</s:Body>", "</s:Body><x/>"), "The SOAP envelope holds \"x\" after its Body."),
    ] {
        assert_eq!(
            response::plain(Operation::Wipe, changed.as_bytes(), &limits),
            Err(response::ResponseError::Broken(message.into()))
        );
    }
}
