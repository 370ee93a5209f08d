//! The example plug-ins that are not Rust, and what `speil plugin new` makes in each language, in a real host.
//!
//! They are built by other languages' tools, so not by cargo: `.ci/languages` builds them all into a folder, which the variable
//! `SPEIL_TEST_LANGUAGES` names, and `guest-examples/build-others` builds the examples alone. A case whose components are not there is not
//! run: it counts as ignored, and a line says so.

#[path = "languages/change_feed.rs"]
mod change_feed;
#[path = "languages/fresh.rs"]
mod fresh;
#[path = "languages/mirrored.rs"]
mod mirrored;
#[path = "languages/receiver.rs"]
mod receiver;
#[path = "languages/row_filter.rs"]
mod row_filter;
#[path = "languages/sales_summary.rs"]
mod sales_summary;
#[path = "languages/start.rs"]
mod start;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use speil::config::PluginsConfig;
use speil::plugins::PluginHost;

/// Names the folder of components.
const VARIABLE: &str = "SPEIL_TEST_LANGUAGES";

/// A name, the components it needs, the test.
type Case = (&'static str, &'static [&'static str], fn(PathBuf) -> Pin<Box<dyn Future<Output = ()>>>);

const CASES: &[Case] = &[
    ("change_feed_posts_what_was_committed", &["change-feed"], |built| Box::pin(change_feed::posts(built))),
    ("a_receiver_that_refuses_is_a_failure_that_costs_no_row", &["change-feed"], |built| {
        Box::pin(change_feed::is_refused(built))
    }),
    ("row_filter_keeps_the_rows_it_is_told_to", &["row-filter"], |built| Box::pin(row_filter::keeps(built))),
    ("row_filter_lists_texts_and_null", &["row-filter"], |built| Box::pin(row_filter::lists(built))),
    ("sales_summary_keeps_the_sums_of_every_cycle", &["sales-summary"], |built| Box::pin(sales_summary::sums(built))),
    ("a_new_plug_in_in_rust_trims_its_column", &["fresh-rust"], |built| Box::pin(fresh::trims(built, "fresh-rust"))),
    ("a_new_plug_in_in_javascript_trims_its_column", &["fresh-js"], |built| Box::pin(fresh::trims(built, "fresh-js"))),
    ("a_new_plug_in_in_python_trims_its_column", &["fresh-python"], |built| {
        Box::pin(fresh::trims(built, "fresh-python"))
    }),
    ("a_new_plug_in_in_c_trims_its_column", &["fresh-c"], |built| Box::pin(fresh::trims(built, "fresh-c"))),
    ("ten_cached_plug_ins_one_of_them_python_start_quickly", &start::NEEDED, |built| Box::pin(start::quickly(built))),
];

fn main() -> ExitCode {
    // What was left out cannot be asked for either: nothing passes that was not run.
    let arguments = Arguments { ignored: false, include_ignored: false, ..Arguments::from_args() };
    let built = std::env::var_os(VARIABLE).map(|folder| {
        // A test runs in its package's folder, the variable is set in the repository's.
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
    });
    if built.is_none() && !arguments.list {
        println!(
            "SKIPPED: {} cases of plug-ins in other languages: {VARIABLE} names no folder; .ci/languages makes one",
            CASES.len()
        );
    }
    if let Some(built) = built.as_deref().filter(|_| !arguments.list) {
        // Compiled here once for all. What does not start in this folder, for want of a secret, is the tests' business.
        PluginHost::load(&plugins(built)).expect("an engine");
    }
    let trials = CASES
        .iter()
        .map(|(name, needed, test)| {
            let Some(built) = built.clone() else { return left_out(name) };
            if let Some(missing) = needed.iter().find(|component| !built.join(format!("{component}.wasm")).exists()) {
                if !arguments.list {
                    println!("SKIPPED: {name}: there is no {missing}.wasm in {}: it was not built", built.display());
                }
                return left_out(name);
            }
            Trial::test(*name, move || run(test(built)))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Plug-ins in a folder, with one place for the compiled code of all.
fn plugins(folder: &Path) -> PluginsConfig {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
    PluginsConfig { cache_directory: Some(cache), approval: false, ..PluginsConfig::over(folder) }
}

fn left_out(name: &str) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

fn run(test: Pin<Box<dyn Future<Output = ()>>>) -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(test);
    Ok(())
}
