//! Links the libFuzzer that `fuzz/run` has built and names in `SPEIL_LIBFUZZER`. Without it (clippy, documentation) the
//! program is only looked at.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=SPEIL_LIBFUZZER");
    println!("cargo::rustc-check-cfg=cfg(libfuzzer)");
    if let Some(archive) = std::env::var_os("SPEIL_LIBFUZZER") {
        let folder = Path::new(&archive).parent().expect("an archive is in a folder");
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static=fuzzer");
        println!("cargo::rustc-link-lib=stdc++");
        println!("cargo::rustc-cfg=libfuzzer");
    }
}
