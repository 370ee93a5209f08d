//! libFuzzer's way into the fuzz targets of [`speil_tests::fuzz`]: one program, which target by the variable
//! `SPEIL_FUZZ_TARGET`. `fuzz/run` builds and runs it.
#![cfg_attr(libfuzzer, no_main)]

#[cfg(libfuzzer)]
#[expect(unsafe_code, reason = "libFuzzer calls this by its C name, with a pointer")]
mod entry {
    use std::sync::OnceLock;

    /// One input.
    #[unsafe(no_mangle)]
    extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> i32 {
        static RUN: OnceLock<fn(&[u8])> = OnceLock::new();
        let run = RUN.get_or_init(|| {
            let name = std::env::var("SPEIL_FUZZ_TARGET").expect("SPEIL_FUZZ_TARGET names a target");
            let target = speil_tests::fuzz::target(&name).expect("a target of this name");
            // libFuzzer keeps the input of a process that dies, and of no other; a panic in any thread counts.
            let told = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                told(panic);
                std::process::abort();
            }));
            target.run
        });
        // Nothing in, and libFuzzer's pointer need not be one.
        if size == 0 {
            run(&[]);
            return 0;
        }
        // SAFETY: libFuzzer hands over `size` readable bytes, which stay as they are until this returns.
        run(unsafe { std::slice::from_raw_parts(data, size) });
        0
    }
}

#[cfg(not(libfuzzer))]
fn main() {
    eprintln!("this is built and run by fuzz/run, which brings libFuzzer");
    std::process::exit(2);
}
