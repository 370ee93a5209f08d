//! At every step between receiving a byte of a call and sending its answer the program dies, fails or is held up: nothing is lost,
//! and the table of outcomes is what docs/reference-fault-steps.md shows (`UPDATE_DOCS=1` writes it anew).

use std::path::Path;

use speil_tests::fault_steps::{Action, CALLS, table, walk};
use speil_tests::kit::{At, Engine};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference-fault-steps.md");
const BEGIN: &str = "<!-- outcomes: written by the test fault_steps -->\n\n";

#[test]
fn at_every_step_of_a_call_the_program_may_die_fail_or_be_held_up() {
    let walking = [Action::Crash, Action::Error, Action::Hold].map(|action| {
        std::thread::spawn(move || {
            let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::Sqlite };
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("threads").block_on(walk(at, &CALLS, action))
        })
    });
    let [crash, error, hold] = walking.map(|walking| walking.join().expect("no panic"));
    let found = table(&crash, &error, &hold);
    println!("{found}");
    let page = std::fs::read_to_string(Path::new(PAGE)).expect("the page is there");
    let (head, shown) = page.split_once(BEGIN).expect("the page says where the table begins");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, format!("{head}{BEGIN}{found}")).expect("writable");
    } else {
        assert_eq!(shown, found, "the outcomes differ from the page: if they should, UPDATE_DOCS=1 writes it anew");
    }
}
