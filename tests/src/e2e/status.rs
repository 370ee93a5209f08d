//! `speil status`, to the word: what people read after a first fill half done, a finished cycle, a row that does not fit, a
//! refused token, six silent days; and what programs read.

use super::At;
use crate::kit::client::{call, call_as};
use crate::kit::host::{APPLICATION, TENANT, issuer, now};
use crate::kit::process::Ended;
use crate::kit::{Speil, soap};

const HOUR: i64 = 3_600_000;

async fn succeeds(speil: &Speil, operation: &str, inner: &str) {
    call_as(speil.address(), TENANT, operation, inner).await.succeeded();
}

/// A host with three tables of a tenant, none of them filled.
async fn begun(at: &At) -> Speil {
    let mut speil = at.speil();
    speil.start();
    succeeds(&speil, "Authenticate", "<ClientState/>").await;
    succeeds(&speil, "TableSchema", &soap::tables(&["contact", "person", "sale"])).await;
    speil
}

async fn filled(speil: &Speil, table: &str, rows: u32, lsn: i64) {
    succeeds(speil, "Wipe", &soap::wipe(table)).await;
    succeeds(speil, "RowData", &soap::row_data(&[soap::batch(table, 0..rows, lsn)])).await;
}

fn summary(table: &str, inserts: u32) -> String {
    format!(
        "<d:ReplicationSummary><d:Deletes>0</d:Deletes><d:Inserts>{inserts}</d:Inserts><d:TableName>{table}</d:TableName>\
         <d:Updates>0</d:Updates></d:ReplicationSummary>"
    )
}

async fn completed(speil: &Speil, summaries: &[String]) {
    let inner = format!("<ClientState/><ChangedTables>{}</ChangedTables>", summaries.concat());
    succeeds(speil, "ReplicationCompleted", &inner).await;
}

/// Three tables, a cycle from its beginning to its end.
async fn finished(at: &At) -> Speil {
    let speil = begun(at).await;
    filled(&speil, "contact", 1_200, 9).await;
    filled(&speil, "person", 2, 9).await;
    filled(&speil, "sale", 0, 9).await;
    completed(&speil, &[summary("contact", 1_200), summary("person", 2)]).await;
    speil
}

/// Where the usual tenant's mirror is, in the program's own words.
fn at_place(speil: &Speil) -> Option<String> {
    let report: serde_json::Value = serde_json::from_str(&speil.run(&["status", "--json"]).out).ok()?;
    report["tenants"].as_array()?.iter().find_map(|tenant| Some(tenant["place"].as_str()?.to_owned()))
}

/// What a verb says, and its exit code: the folder as FOLDER, the mirror's place as PLACE, a moment ago as `now`, tables without their lines and with
/// one space between columns.
fn said(speil: &Speil, args: &[&str]) -> (Option<i32>, Vec<String>) {
    let Ended { code, out, err } = speil.run(args);
    assert_eq!(err, "", "{args:?}");
    let out = at_place(speil).into_iter().fold(out, |out, place| out.replace(&place, "PLACE"));
    let folder = speil.folder().canonicalize().expect("it is there");
    let out =
        out.replace(&folder.display().to_string(), "FOLDER").replace(&speil.folder().display().to_string(), "FOLDER");
    let is_text = |line: &&str| !line.is_empty() && !line.starts_with(['─', '═']);
    (code, out.lines().filter(is_text).map(a_moment_as_now).collect())
}

/// `3 s ago` as `now`, `3 s` as `0 s`.
fn a_moment_as_now(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut said: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_seconds = words[at].parse::<u8>().is_ok() && words.get(at + 1) == Some(&"s");
        match (is_seconds, words.get(at + 2)) {
            (true, Some(&"ago")) => {
                said.push("now");
                at += 3;
            }
            (true, _) => {
                said.extend(["0", "s"]);
                at += 2;
            }
            (false, _) => {
                said.push(words[at]);
                at += 1;
            }
        }
    }
    said.join(" ")
}

fn json(speil: &Speil, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&speil.run(args).out).expect("JSON")
}

/// As if so much time had passed since everything that the mirror recorded.
async fn time_passes(speil: &Speil, millis: i64) {
    let place = speil.mirror(TENANT);
    let back = async |table: &str, columns: &[&str]| {
        let set: Vec<_> = columns.iter().map(|column| format!("{column} = {column} - {millis}")).collect();
        place.run(&format!("UPDATE {table} SET {}", set.join(", "))).await.expect("writable");
    };
    back("speil_cycles", &["started_at", "last_call_at", "completed_at"]).await;
    back("speil_events", &["at"]).await;
    back("speil_tables", &["last_change_at", "last_confirmed_at", "fill_started_at", "error_at", "gone_at"]).await;
}

/// How `--json` shows every table: its name, its word, its rows.
fn tables(report: &serde_json::Value) -> Vec<(&str, &str, u64)> {
    let tables = report["tables"].as_array().expect("a list");
    let text = |value: &'_ serde_json::Value| value.as_str().map(str::to_owned);
    assert!(tables.iter().all(|table| text(&table["table"]).is_some() && text(&table["state"]).is_some()));
    tables
        .iter()
        .map(|table| {
            let told = |name: &str| table[name].as_str().unwrap_or_default();
            (told("table"), told("state"), table["rows"].as_u64().expect("a number"))
        })
        .collect()
}

#[expect(clippy::unused_async, reason = "one list calls every story")]
pub async fn a_host_that_nobody_has_called_says_where_to_look(at: At) {
    let mut speil = at.speil();
    let nothing = "No tenant has been mirrored here yet. If the vendor's Mirroring Task should have called, look at the log of \
                   `speil serve` for refused calls, and at `speil check`.";
    assert_eq!(said(&speil, &["status"]), (Some(0), vec![nothing.to_owned()]));
    speil.start();
    assert_eq!(said(&speil, &["status"]), (Some(0), vec![nothing.to_owned()]));
    assert_eq!(
        json(&speil, &["status", "--json"]),
        serde_json::json!({"tenants": [], "unreadable": [], "refused": []})
    );
    let asked = speil.run(&["status", "Cust1"]);
    assert_eq!(asked.code, Some(1));
    assert_eq!(asked.err, "speil: there is no mirror of a tenant Cust1; `speil status` lists those there are\n");
}

pub async fn a_first_fill_half_done(at: At) {
    let speil = begun(&at).await;
    filled(&speil, "contact", 1_200, 0).await;
    filled(&speil, "person", 2, 9).await;
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text,
        [
            "tenant state tables rows last call last complete refill forced",
            "Cust10195 filling 1 waiting, 1 filling, 1 current 1,202 now never -",
            "Cust10195: 1 of 3 tables are filled; nothing need be done, the rest comes with this cycle or the next",
        ]
    );
    let (code, text) = said(&speil, &["status", TENANT]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text,
        [
            "Cust10195 is filling",
            "mirror PLACE",
            "tables 1 waiting, 1 filling, 1 current",
            "rows 1,202",
            "last call now",
            "last complete never",
            "refill forced -",
            "-> 1 of 3 tables are filled; nothing need be done, the rest comes with this cycle or the next",
            "table state rows LSN last change why, and what to do",
            "sale waiting 0 -1 never its rows come with the next cycle",
            "contact filling 1,200 -1 now 1200 rows so far",
            "1 table is current; --all shows it.",
            "cycle began result took calls failed inserts updates deletes",
            "now open 0 s 5 0 1,202 0 0",
        ]
    );
    let report = json(&speil, &["status", TENANT, "--json"]);
    assert_eq!((&report["format"], &report["state"]), (&1.into(), &"filling".into()));
    assert_eq!(tables(&report), [("sale", "waiting", 0), ("contact", "filling", 1_200), ("person", "current", 2)]);
    assert_eq!(json(&speil, &["status", "--json"])["tenants"][0]["tables"], report["tables"]);
}

pub async fn a_finished_cycle(at: At) {
    let speil = finished(&at).await;
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text,
        [
            "tenant state tables rows last call last complete refill forced",
            "Cust10195 current 3 current 1,202 now now in 6 d 23 h",
        ]
    );
    let (code, text) = said(&speil, &["status", TENANT]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text[6..],
        [
            "refill forced in 6 d 23 h",
            "3 tables are current; --all shows them.",
            "cycle began result took calls failed inserts updates deletes",
            "now completed 0 s 8 0 1,202 0 0",
        ]
    );
    let (_, text) = said(&speil, &["status", TENANT, "--all"]);
    assert_eq!(text[7..9], ["table state rows LSN last change why, and what to do", "contact current 1,200 9 now"]);
    let report = json(&speil, &["status", TENANT, "--json"]);
    assert_eq!((&report["state"], &report["advice"]), (&"current".into(), &serde_json::json!([])));
    assert_eq!(report["cycles"][0]["reported"], serde_json::json!([1_202, 0, 0]));
    let week = 7 * 24 * HOUR;
    let left = report["refill_in"].as_i64().expect("a number");
    assert!((week - HOUR..=week).contains(&left), "{left}");
}

/// The Task counted other rows than came here.
pub async fn a_finished_cycle_whose_counts_differ(at: At) {
    let speil = begun(&at).await;
    filled(&speil, "contact", 5, 9).await;
    filled(&speil, "person", 2, 9).await;
    filled(&speil, "sale", 0, 9).await;
    completed(&speil, &[summary("contact", 6), summary("person", 2)]).await;
    let (_, text) = said(&speil, &["status", TENANT]);
    let cycle = text.iter().find(|line| line.starts_with("now completed")).expect("the cycle is shown");
    assert_eq!(cycle, "now completed, 1 count differs 0 s 8 0 7 0 0");
    let mismatch = json(&speil, &["status", TENANT, "--json"])["cycles"][0]["mismatches"][0].clone();
    let mismatch = mismatch.as_str().expect("a sentence");
    assert!(mismatch.contains("contact") && mismatch.contains('6') && mismatch.contains('5'), "{mismatch}");
}

pub async fn a_table_that_fails_on_one_row(at: At) {
    const WHAT: &str =
        "table \"contact\", row 2, column \"contact_id\": \"[I:eight]\" does not fit int: it is not a whole number";
    const DO: &str = "look at the row at the source; until it is mended, a plug-in can leave out or change such rows";
    let speil = finished(&at).await;
    succeeds(&speil, "Authenticate", "<ClientState/>").await;
    succeeds(&speil, "TableSchema", &soap::tables(&["contact", "person", "sale"])).await;
    let batch = soap::batch("contact", 7..9, 10).replace("[I:8]", "[I:eight]");
    let told = call_as(speil.address(), TENANT, "RowData", &soap::row_data(&[batch])).await.refused();
    assert_eq!(told, WHAT);
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(1), "a watchdog goes by the exit code");
    assert_eq!(
        text[1..],
        [
            "Cust10195 failing 1 failing, 2 current 1,202 now now in 6 d 23 h".to_owned(),
            "Cust10195: 1 table cannot be mirrored; the others go on".into(),
            format!("Cust10195: {WHAT}; {DO}"),
            "Cust10195: left until the whole mirror must be filled anew: 6 days 23 hours".into(),
        ]
    );
    let (code, text) = said(&speil, &["status", TENANT]);
    assert_eq!(code, Some(1));
    assert_eq!(
        text[10..],
        [
            "table state rows LSN last change why, and what to do".to_owned(),
            format!("contact failing 1,200 9 now {WHAT}; {DO}"),
            "2 tables are current; --all shows them.".into(),
            "cycle began result took calls failed inserts updates deletes".into(),
            "now open 0 s 2 1 0 0 0".into(),
            "now completed 0 s 9 0 1,202 0 0".into(),
            "Warnings and errors, newest first:".into(),
            format!("now [contact] {WHAT}"),
            format!("-> {DO}"),
        ]
    );
    let report = json(&speil, &["status", TENANT, "--json"]);
    assert_eq!(tables(&report), [("contact", "failing", 1_200), ("person", "current", 2), ("sale", "current", 0)]);
    let error = &report["tables"][0]["error"];
    assert_eq!((&error["row"], &error["column"]), (&2.into(), &"contact_id".into()));

    // Mended at the source: the next cycle brings the row, and nothing of it is left.
    succeeds(&speil, "RowData", &soap::row_data(&[soap::batch("contact", 7..9, 10)])).await;
    completed(&speil, &[]).await;
    let (code, text) = said(&speil, &["status"]);
    assert_eq!((code, text.len()), (Some(0), 2), "{text:#?}");
    assert_eq!(text[1], "Cust10195 current 3 current 1,202 now now in 6 d 23 h");
}

pub async fn a_refused_token(at: At) {
    let speil = finished(&at).await;
    let old = issuer().issue(APPLICATION, TENANT, now() - 3_600).expect("signed");
    let message = soap::envelope(&old, "Authenticate", "<ClientState/>");
    let told = call(speil.address(), "Authenticate", &message).await.refused();
    assert_eq!(told, "The signed token has expired.");
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        text[1..],
        [
            "Cust10195 refused 3 current 1,202 now now in 6 d 23 h",
            "Cust10195: the Mirroring Task calls and is refused: The signed token has expired.",
            "Cust10195: in the configuration: clock_skew = \"56m\" # better: let this host's clock be set by NTP",
            "Cust10195: left until the whole mirror must be filled anew: 6 days 23 hours",
        ]
    );
    let report = json(&speil, &["status", TENANT, "--json"]);
    assert_eq!(report["state"], "refused");
    assert!(report["last_refused_at"].as_i64() >= report["last_call_at"].as_i64());
    // A good call ends it.
    succeeds(&speil, "Authenticate", "<ClientState/>").await;
    assert_eq!(said(&speil, &["status"]).0, Some(0));
    assert_eq!(json(&speil, &["status", TENANT, "--json"])["state"], "current");
}

pub async fn a_tenant_silent_for_six_days(at: At) {
    const LOOK: &str = "no call for 6 days: look at whether the vendor still runs the Mirroring Task for this tenant, and \
                        whether the registered address leads here";
    let speil = finished(&at).await;
    time_passes(&speil, 6 * 24 * HOUR + HOUR / 2).await;
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text[1..],
        [
            "Cust10195 silent 3 current 1,202 6 d 0 h ago 6 d 0 h ago in 23 h 29 min".to_owned(),
            format!("Cust10195: {LOOK}"),
            "Cust10195: left until the whole mirror must be filled anew: 23 hours 29 minutes".into(),
        ]
    );
    let (_, text) = said(&speil, &["status", TENANT]);
    assert_eq!((text[0].as_str(), text[7].as_str()), ("Cust10195 is silent", format!("-> {LOOK}").as_str()));
    assert_eq!(json(&speil, &["status", TENANT, "--json"])["state"], "silent");

    // Two days more: what it would need is no longer kept.
    time_passes(&speil, 48 * HOUR).await;
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        text[1..],
        [
            "Cust10195 lost 3 current 1,202 8 d 0 h ago 8 d 0 h ago now",
            "Cust10195: nothing was confirmed for more than 7 days, so the changes since are no longer kept at the source: the \
             Mirroring Task wipes and fills this mirror anew as soon as its calls are accepted again",
        ]
    );
}

/// Calls come every few minutes and none completes a cycle: late, and not silent.
pub async fn a_tenant_whose_cycles_do_not_complete_is_late(at: At) {
    let speil = finished(&at).await;
    time_passes(&speil, 11 * HOUR).await;
    succeeds(&speil, "Authenticate", "<ClientState/>").await;
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        text[1..],
        [
            "Cust10195 late 3 current 1,202 now 11 h 0 min ago in 6 d 12 h",
            "Cust10195: calls come, but no cycle was completed for 11 hours: look at the newest cycle's failed calls",
            "Cust10195: left until the whole mirror must be filled anew: 6 days 12 hours",
        ]
    );
}

/// A mirror that is no mirror is shown, and the others with it.
pub async fn a_file_that_cannot_be_read_is_named_beside_the_others(at: At) {
    let speil = finished(&at).await;
    std::fs::write(speil.file("Cust2"), "this is no database, whatever its name says").expect("writable");
    let (code, text) = said(&speil, &["status"]);
    assert_eq!(code, Some(1));
    assert_eq!(text[1], "Cust10195 current 3 current 1,202 now now in 6 d 23 h");
    assert_eq!(text[2], "Cust2 unreadable - - - - -");
    assert!(text[3].starts_with("Cust2 (FOLDER/mirrors/Cust2.db): "), "{text:#?}");
}
