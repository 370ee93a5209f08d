//! The fuzz targets without libFuzzer: every seed, every input that once failed, and some hundred small changes of each,
//! the same on every machine. `fuzz/run` looks further.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use speil_tests::fuzz::{TARGETS, Target, target};

/// All seeds of a target, by name. Those called `found-...` failed once.
fn seeds(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target.name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("readable"))
        })
        .collect();
    seeds.sort();
    seeds
}

/// Runs an input; a failure names it.
fn try_input(target: Target, name: &str, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let text = String::from_utf8_lossy(input);
        eprintln!("target {}, seed {name}, input:\n{}", target.name, text.escape_debug());
        std::panic::resume_unwind(panic);
    }
}

/// One to three small changes: a byte altered, left out, doubled, or a stretch moved here from another seed.
fn change(dice: &mut StdRng, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..dice.gen_range(1..4) {
        let at = dice.gen_range(0..=input.len());
        match dice.gen_range(0..5) {
            0 if at < input.len() => input[at] ^= 1 << dice.gen_range(0..8),
            1 if at < input.len() => drop(input.remove(at)),
            2 if at < input.len() => input.insert(at, input[at]),
            3 => input.insert(at, b"<>&;\"'=/![]:.-0\n|"[dice.gen_range(0..17)]),
            _ => {
                let from = dice.gen_range(0..=other.len());
                let piece = &other[from..other.len().min(from + dice.gen_range(1..24))];
                input.splice(at..at, piece.iter().copied());
            }
        }
    }
}

fn replay(name: &str, changes: usize) {
    let target = target(name).expect("a target");
    let seeds = seeds(target);
    assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
    let mut dice = StdRng::seed_from_u64(6);
    for (seed, input) in &seeds {
        try_input(target, seed, input);
        for _ in 0..changes {
            let mut altered = input.clone();
            let other = &seeds[dice.gen_range(0..seeds.len())].1;
            change(&mut dice, &mut altered, other);
            try_input(target, seed, &altered);
        }
    }
}

#[test]
fn decoder() {
    replay("decoder", 100);
}

#[test]
fn cells() {
    replay("cells", 300);
}

#[test]
fn tokens() {
    replay("tokens", 30);
}

#[test]
fn schemas() {
    replay("schemas", 10);
}

#[test]
fn alter_plans() {
    replay("alter_plans", 100);
}

#[test]
fn sidecars() {
    replay("sidecars", 200);
}

#[test]
fn rsa_keys() {
    replay("rsa_keys", 40);
}

#[test]
fn wsdl_paths() {
    replay("wsdl_paths", 40);
}

#[test]
fn every_target_is_replayed() {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds")).expect("readable");
    let mut folders: Vec<_> =
        folders.map(|entry| entry.expect("readable").file_name().into_string().expect("a name")).collect();
    folders.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    names.sort();
    assert_eq!(folders, names, "a folder of seeds each");
    let source = include_str!("fuzz_seeds.rs");
    for name in names {
        assert!(source.contains(&format!("fn {name}()")), "{name} is not replayed");
    }
}
