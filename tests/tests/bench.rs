//! `speil bench` itself, the program as it is, with sizes that take seconds: every line is measured and told. Which ratios are
//! reached says nothing in a build for tests.

use serde_json::Value;
use speil_tests::kit::Speil;
use speil_tests::kit::process::Ended;
use speil_tests::speil;

/// What each line says it has measured, in their order, with the sizes below.
const LINES: [&str; 13] = [
    "reading RowData of 14 columns to typed columns",
    "one tenant, 1 MB calls over HTTP to durable SQLite",
    "two tenants at once",
    "the store alone, from typed columns",
    "changes over HTTP in a table of 4,000 rows: half updates, a quarter inserts and deletes each",
    "growth: 1,000 rows more in a table of 4,000",
    "rows of 111 columns",
    "rows with texts of 20 kB",
    "one column hashed by a plug-in",
    "TableSchema of 413 tables unchanged, with an index plug-in",
    "peak memory of a host that takes one RowData call of 3 MB",
    "peak memory of a host with 12 tenants, 3 of them calling at once",
    "start to first answer, 10 cached plug-ins",
];

/// With files in a folder of the test's own.
fn bench(speil: &Speil, args: &[&str]) -> Ended {
    let folder = speil.folder().to_string_lossy().into_owned();
    let all: Vec<&str> = ["bench", "--directory", &folder].into_iter().chain(args.iter().copied()).collect();
    speil.run(&all)
}

#[test]
fn every_line_is_measured_with_the_sizes_that_were_asked_for() {
    let speil = speil!();
    let sizes = [
        "--rounds",
        "1",
        "--rows",
        "400",
        "--large-rows",
        "4000",
        "--call-mb",
        "3",
        "--tenants",
        "12",
        "--active",
        "3",
    ];
    let ended = bench(&speil, &[&sizes[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    assert_eq!(report["format"], 1);
    let setting = report["setting"].as_str().expect("a text");
    assert!(setting.contains("400 rows, 1 rounds"), "{setting}");
    let lines = report["lines"].as_array().expect("lines");
    let told: Vec<&str> = lines.iter().map(|line| line["what"].as_str().expect("a text")).collect();
    // Where the system tells no process's peak, those lines are left out.
    let is_told = |what: &&str| cfg!(target_os = "linux") || !what.starts_with("peak memory");
    assert_eq!(told, LINES.into_iter().filter(is_told).collect::<Vec<_>>());
    for line in lines {
        let figure = |name: &str| line[name].as_f64().filter(|figure| figure.is_finite() && *figure > 0.0);
        let figures =
            ["limit", "ours", "ratio", "wanted"].map(|name| figure(name).unwrap_or_else(|| panic!("{name}: {line}")));
        let [limit, ours, ratio, wanted] = figures;
        // The greater the better, or to stay below it. What is measured more often than it was asked for has the middle one of its rounds'
        // ratios, which need not be that of the middle ones.
        let once = !line["what"].as_str().is_some_and(|what| what.contains("plug-in"));
        let told = [ours / limit, limit / ours].iter().any(|way| (way - ratio).abs() < 1e-9);
        assert!(told || (!once && (0.1..10.0).contains(&ratio)), "{line}");
        assert_eq!(line["reached"], ratio >= wanted, "{line}");
        assert!(line["against"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
        assert!(["MB/s", "rows/s", "calls/s", "MB", "ms"].contains(&line["unit"].as_str().expect("a text")), "{line}");
    }
    let growth = lines.iter().find(|line| line["what"].as_str().is_some_and(|what| what.starts_with("growth")));
    assert_eq!(growth.expect("there is one")["against"], "the same in its first 1,000");
    // 0: every ratio was reached; 1: one was missed.
    let reached = lines.iter().all(|line| line["reached"] == true);
    assert_eq!(ended.code, Some(i32::from(!reached)), "{ended:#?}");
    // Whatever it made on the disk is gone.
    let left = std::fs::read_dir(speil.folder()).expect("readable").map(|entry| entry.expect("readable").file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("speil-bench-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn for_people_it_is_a_table_of_the_lines_that_were_asked_for() {
    let ended = bench(&speil!(), &["--only", "decode", "--rounds", "1", "--rows", "400"]);
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:#?}");
    for words in ["what", "held against", "limit", "ours", "ratio", "to reach", LINES[0], "quick-xml's events, unread"]
    {
        assert!(ended.out.contains(words), "{words:?} is not in:\n{}", ended.out);
    }
    assert!(!ended.out.contains(LINES[1]), "{}", ended.out);
    let verdict = if ended.code == Some(0) { "reached" } else { "MISSED" };
    assert!(ended.out.contains(verdict), "{}", ended.out);
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let speil = speil!();
    for (args, words) in [
        (["--tenants", "3", "--active", "5"], "--active 5 cannot be more than --tenants 3"),
        (["--large-rows", "5000", "--full", "--json"], "cannot be used with"),
        (["--large-rows", "5", "--only", "large"], "4000"),
        (["--call-mb", "0", "--only", "huge"], "1..=1000000"),
    ] {
        let ended = bench(&speil, &args);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:#?}");
        assert!(ended.err.contains(words), "{words:?} is not in:\n{}", ended.err);
    }
}
