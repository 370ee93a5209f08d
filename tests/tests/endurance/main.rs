//! Nothing is lost, shown by force: the real program under several tenants whose sources change at random, killed again and again
//! at random moments, while somebody watches that no LSN is ever ahead of its rows. At the end every mirror is its source, cell by
//! cell.
//!
//! ```sh
//! SPEIL_ENDURANCE_KILLS=500 cargo test --test endurance -- kills    # instead of a handful
//! SPEIL_ENDURANCE_SEED=42 cargo test --test endurance -- kills      # the same changes and the same plan of kills once more
//! SPEIL_SOAK_MINUTES=60 cargo test --test endurance -- soak         # an hour without kills instead of half a minute
//! ```
//!
//! | idea | file |
//! |---|---|
//! | the run: who kills, who lives, who watches | `run` |
//! | a tenant's cycles, and an administrator's hands | `tenant` |
//! | what happens to a source | `changes` |
//! | what a source has been | `history` |
//! | one moment's view of a mirror | `look` |
//! | is an LSN ahead of its rows | `judge` |
//! | is what was acknowledged still there | `promises` |
//! | looking and judging, again and again | `watch` |
//! | one address for many hosts | `relay` |
//! | can the watcher see a fault at all | `self_test` |
//! | an hour of load: nothing grows | `soak` |

mod changes;
mod history;
mod judge;
mod look;
mod promises;
mod relay;
mod run;
mod self_test;
mod shared;
mod soak;
mod tenant;
mod watch;

use std::io::Write as _;
use std::time::Duration;

use run::{Plan, endure};
use soak::soak;

/// Load in a plain `cargo test`.
const A_MOMENT: Duration = Duration::from_secs(20);
/// Kills in a plain `cargo test`.
const A_HANDFUL: u64 = 8;

/// Plug-ins at work in every cycle: one keeps indexes on tables whose columns come and go, the other only hears of everything.
const PLUGINS: &[(&str, &[u8])] = &[
    ("index-manager.wasm", speil_guest_artifacts::INDEX_MANAGER),
    (
        "index-manager.toml",
        b"[config]\n\"contact.ix_contact_rank\" = \"rank\"\n\"person.ix_person_owner\" = \"owner_id\"\n",
    ),
    ("recorder.wasm", speil_test_guests::RECORDER),
];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// The seed that was asked for, or one that nobody has had.
fn seed() -> u64 {
    number("SPEIL_ENDURANCE_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()))
}

/// To whoever runs it by hand, past what the test harness keeps back.
fn tell(text: &str) {
    if ["SPEIL_ENDURANCE_KILLS", "SPEIL_SOAK_MINUTES"].iter().any(|name| std::env::var_os(name).is_some()) {
        // Whoever closed the stream does not want to know.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kills_at_random_moments_lose_nothing() {
    let kills = number("SPEIL_ENDURANCE_KILLS").unwrap_or(A_HANDFUL);
    let seed = seed();
    println!("SPEIL_ENDURANCE_SEED={seed}");
    tell(&format!("SPEIL_ENDURANCE_SEED={seed}"));
    let outcome = endure(env!("CARGO_BIN_EXE_speil-under-test"), Plan { seed, kills, tell, plugins: PLUGINS }).await;
    println!("{}", outcome.table());
    tell(&outcome.table());

    assert_eq!(outcome.kills, kills);
    let (watched, after_kills) = (&outcome.watched, &outcome.after_kills);
    assert!(watched.taken > kills, "{} looks", watched.taken);
    assert!(after_kills.taken > 0, "nobody looked at a mirror between a kill and the next start");
    // A run that never hits what it aims at shows nothing.
    if kills >= 100 {
        assert!(watched.verdict.rows > 0 && after_kills.verdict.rows > 0, "nothing was judged");
        assert!(watched.promises > 0 && after_kills.promises > 0, "no promise was looked at");
        assert!(outcome.cold_starts > 0, "plug-ins were never compiled anew");
        // A mirror that nobody may look at is not judged: that may not be the rule.
        let (refused, taken) = (after_kills.unrepaired, after_kills.taken);
        assert!(refused < taken, "of looks after kills {refused} were refused by SQLite, {taken} not");
        assert!(outcome.before_it_listened > 0, "no host was killed while it started");
        for operation in ["TableSchema", "RowData", "Wipe"] {
            assert!(outcome.broken_off(operation) > 0, "no {operation} was broken off by a kill");
        }
        let lived: Vec<_> = outcome.tenants.iter().map(|tenant| &tenant.lived).collect();
        assert!(lived.iter().all(|lived| lived.completed > 0), "a tenant never came through");
        assert!(lived.iter().all(|lived| lived.happened.schema_changes > 0 && lived.happened.wipes > 0));
        assert!(lived.iter().any(|lived| lived.happened.restores > 0 && lived.by_hand > 0));
        assert!(lived.iter().any(|lived| lived.long_batches > 0), "no batch went through a file");
        let (judged, too_old) = (watched.verdict.tables, watched.verdict.too_old);
        assert!(too_old * 20 < judged, "{too_old} tables could not be judged, {judged} could");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn soak_nothing_grows_under_mixed_load() {
    let time = number("SPEIL_SOAK_MINUTES").map_or(A_MOMENT, |minutes| Duration::from_secs(minutes * 60));
    let seed = seed();
    tell(&format!("SPEIL_ENDURANCE_SEED={seed}, {time:?}"));
    let soaked = soak(env!("CARGO_BIN_EXE_speil-under-test"), PLUGINS, seed, time).await;
    println!("{}", soaked.table());
    tell(&soaked.table());
    let grown = soaked.grown();
    assert!(grown.is_empty(), "{grown:#?}\n{}", soaked.table());
}
