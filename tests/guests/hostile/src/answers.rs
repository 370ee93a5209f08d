//! Answers of `resolve-connection` and `authenticated` that cannot be used.

pub fn connection(behaviour: &str) -> Option<String> {
    match behaviour {
        "huge" => Some("c".repeat(1 << 20)),
        "empty" => Some(String::new()),
        "blank" => Some(" \u{3000}\t ".into()),
        _ => None,
    }
}

pub fn json(behaviour: &str) -> Option<String> {
    match behaviour {
        "not-json" => Some("{ doNotReplicate".into()),
        "not-an-object" => Some("[1]".into()),
        "huge" => Some(format!("{{\"a\":\"{}\"}}", "j".repeat(1 << 20))),
        "deep" => Some(format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000))),
        "many-members" => {
            let members: Vec<String> = (0..20_000).map(|number| format!("\"m{number}\":1")).collect();
            Some(format!("{{{}}}", members.join(",")))
        }
        _ => None,
    }
}
