//! To fill the log.

use crate::speil::mirror::log::{Level, write};

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        "log-flood" => {
            for number in 0..1_000_000 {
                write(Level::Info, &format!("flood {number}"));
            }
        }
        "log-long" => write(Level::Info, &"y".repeat(1 << 20)),
        "log-huge" => write(Level::Info, &"y".repeat(40 << 20)),
        "log-forged" => write(Level::Info, "one\r\n2020-01-01T00:00:00Z ERROR speil: two\u{1b}[2J\u{202e}"),
        "print-flood" => {
            for number in 0..1_000_000 {
                println!("flood {number}");
            }
        }
        "print-endless" => {
            for _ in 0..1_000 {
                print!("{}", "z".repeat(1 << 10));
            }
        }
        "print-no-text" => {
            use std::io::Write as _;
            let written = std::io::stdout().write_all(b"\xff\xfe\x00 no text\n");
            return Some(written.map_err(|error| error.to_string()));
        }
        // Floods with what it is not asked for, dies, and hopes that its count dies with it.
        "flood-and-trap" => {
            for number in 0..1_000 {
                write(Level::Info, &format!("flood {number}"));
            }
            std::process::abort();
        }
        _ => return None,
    }
    Some(Ok(()))
}
