//! At every step between receiving a byte of a call and sending its answer the program dies, fails or is held up: nothing is lost,
//! and the outcomes are what docs/reference-fault-steps.md shows (`UPDATE_DOCS=1` writes them anew).

use speil_tests::fault_steps::{Action, CALLS, Page, Walked, table, walk};
use speil_tests::kit::{At, Engine};

#[test]
fn at_every_step_of_a_call_the_program_may_die_fail_or_be_held_up() {
    let walking = [Action::Crash, Action::Error, Action::Hold].map(|action| {
        std::thread::spawn(move || {
            let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::Sqlite };
            let walked = Walked { at, transformer: speil_test_guests::TRANSFORMER, calls: CALLS.to_vec() };
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let mut passed = Vec::new();
            runtime.expect("threads").block_on(walk(walked, action, |_, one| passed.push(one)));
            passed
        })
    });
    // All of them, before the first that went wrong ends this process: else the programs of the others would be left running.
    let walked = walking.map(std::thread::JoinHandle::join);
    let [crash, error, hold] = walked.map(|walked| walked.expect("no panic"));
    let page = Page::new("reference-fault-steps.md");
    for (at, call) in CALLS.into_iter().enumerate() {
        let found = table(call, &crash[at], &error[at], &hold[at]);
        println!("{}\n{found}", call.title());
        page.shows(call, &found);
    }
}
