//! Nothing: this package is there for the archive that `libfuzzer-sys` builds (`fuzz/run` links it).
