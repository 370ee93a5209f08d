//! What stands around the sandbox: files, variables, arguments, input.

use std::fs;
use std::io::{self, Read as _};

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    let told = match behaviour {
        "files" => {
            let read = fs::read_dir("/").map(|entries| entries.count()).map_err(|error| error.to_string());
            let write = fs::write("/tmp/hostile", "x").map_err(|error| error.to_string());
            format!("read: {}, write: {}", read.is_err(), write.is_err())
        }
        // By every name a file of the host's could have.
        "files-by-name" => {
            let names = [
                "/etc/passwd",
                "etc/passwd",
                "../../../../etc/passwd",
                "/proc/self/environ",
                "/proc/self/mem",
                "/dev/zero",
                "speil.toml",
                "mirrors/Cust2.db",
                "C:\\Windows\\win.ini",
                "\\\\server\\share",
                "",
                ".",
                "/",
                "\0",
            ];
            let opened: Vec<_> = names.into_iter().filter(|name| fs::File::open(name).is_ok()).collect();
            let made: Vec<_> = names.into_iter().filter(|name| fs::write(name, "x").is_ok()).collect();
            let linked = fs::hard_link("/etc/passwd", "x").is_ok() || fs::create_dir("x").is_ok();
            format!("opened {opened:?}, made {made:?}, linked {linked}")
        }
        "environment" => format!("{} variables, {} arguments", std::env::vars().count(), std::env::args().count()),
        "folder" => format!("{:?}", std::env::current_dir().map_err(|error| error.kind())),
        "stdin" => {
            let mut text = String::new();
            let read = io::stdin().read_line(&mut text).map_err(|error| error.to_string());
            format!("{read:?}")
        }
        "stdin-to-the-end" => {
            let mut bytes = Vec::new();
            format!("{:?}", io::stdin().read_to_end(&mut bytes).map_err(|error| error.to_string()))
        }
        "thread" => {
            let thread = std::thread::Builder::new().spawn(|| loop {});
            format!("{:?}", thread.map(drop).map_err(|error| error.kind()))
        }
        "process" => {
            let child = std::process::Command::new("/bin/sh").arg("-c").arg("id").output();
            format!("{:?}", child.map(drop).map_err(|error| error.kind()))
        }
        _ => return None,
    };
    Some(Err(told))
}
