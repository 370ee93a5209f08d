//! To end badly, and to say it in words that look like somebody else's.

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        "error" => return Some(Err("on purpose".into())),
        "error-with-controls" => return Some(Err("one\nERROR two\u{1b}[31m".into())),
        "long-error" => return Some(Err("x".repeat(1 << 20))),
        "huge-error" => return Some(Err("x".repeat(40 << 20))),
        "trap" => std::process::abort(),
        "panic" => panic!("a panic on purpose"),
        "exit" => std::process::exit(3),
        "exit-well" => std::process::exit(0),
        _ => return None,
    }
}
