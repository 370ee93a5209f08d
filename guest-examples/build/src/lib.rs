//! Builds plug-in crates to WebAssembly components from a build script, so that `cargo run` and `cargo test` need
//! nothing but cargo. Used by the crates that carry the components: the examples, and the tests' own guests.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// Builds each plug-in crate below `root` and writes `OUT_DIR/components.rs`: one `pub const NAME: &[u8]` each, named
/// like the crate in capitals. `watch` are further paths, relative to `root`, whose change means building again.
///
/// # Panics
/// With a sentence for whoever runs cargo: this is a build script's way to fail.
pub fn build(root: &Path, crates: &[&str], watch: &[&str]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    ensure_target();
    let mut constants = String::new();
    for name in crates {
        for part in ["src", "Cargo.toml", "Cargo.lock"] {
            println!("cargo::rerun-if-changed={}", root.join(name).join(part).display());
        }
        let component = build_one(&root.join(name), name, &out.join("guests"));
        let constant = name.to_uppercase().replace('-', "_");
        let path = component.display().to_string();
        writeln!(constants, "/// The component `{name}`.\npub const {constant}: &[u8] = include_bytes!({path:?});")
            .expect("writing to a text cannot fail");
    }
    for path in watch {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    fs::write(out.join("components.rs"), constants).expect("OUT_DIR is writable");
}

/// Builds one crate and returns its component's path.
fn build_one(folder: &Path, name: &str, target_dir: &Path) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).args(["build", "--release", "--locked", "--target", TARGET]);
    cargo.arg("--target-dir").arg(target_dir);
    // What was meant for the host must not reach the guest: flags, wrappers and profile settings of the outer build.
    for (key, _) in env::vars_os() {
        let key_text = key.to_string_lossy();
        let for_host = key_text.starts_with("CARGO_PROFILE_")
            || key_text.starts_with("CARGO_BUILD_")
            || key_text.starts_with("CARGO_FEATURE_")
            || key_text.starts_with("CARGO_CFG_")
            || matches!(
                key_text.as_ref(),
                "RUSTFLAGS"
                    | "CARGO_ENCODED_RUSTFLAGS"
                    | "RUSTC_WRAPPER"
                    | "RUSTC_WORKSPACE_WRAPPER"
                    | "CARGO_TARGET_DIR"
            );
        if for_host {
            cargo.env_remove(&key);
        }
    }
    let output = cargo.output().unwrap_or_else(|error| panic!("cannot run cargo to build the plug-in {name}: {error}"));
    assert!(
        output.status.success(),
        "the plug-in {name} does not build for {TARGET}; try it alone: cd {} && cargo build --target {TARGET}\n{}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    target_dir.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")))
}

/// The target is named in rust-toolchain.toml, so rustup has installed it in most cases; where it was told not to
/// install by itself, ask for it once.
fn ensure_target() {
    if target_installed() {
        return;
    }
    let asked = Command::new("rustup").args(["target", "add", TARGET]).status();
    assert!(
        asked.is_ok_and(|status| status.success()) && target_installed(),
        "the plug-ins need Rust's {TARGET} target, and it could not be installed; run: rustup target add {TARGET}"
    );
}

fn target_installed() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output().is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}
