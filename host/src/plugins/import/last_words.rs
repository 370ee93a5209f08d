//! What a plug-in wrote last on standard error: of one that trapped, this is mostly the reason, since language runtimes write there
//! what went wrong and then stop.

use std::collections::VecDeque;

/// The first lines and the last ones, each cut.
#[derive(Debug, Default)]
pub struct LastWords {
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: bool,
}

impl LastWords {
    /// Lines from the beginning and from the end: what a panic of Rust, an exception of Python or of JavaScript needs.
    const FIRST: usize = 2;
    const LAST: usize = 3;
    /// Characters of all of it.
    pub const MOST: usize = (Self::FIRST + Self::LAST) * (Self::LINE + 1) + 1;
    /// Characters of a line.
    const LINE: usize = 160;

    /// Hears a line.
    pub fn hear(&mut self, line: &str) {
        let mut line = line.trim();
        // Python underlines; Rust and JavaScript's engine say the same after every failure.
        let underlines = line.chars().all(|character| matches!(character, '~' | '^' | ' '));
        let always = ["note: run with `RUST_BACKTRACE", "Redirecting call to abort()", "Stack:"];
        if underlines || always.iter().any(|words| line.starts_with(words)) {
            return;
        }
        if let Some((_, panic)) = line.split_once("' ").filter(|_| line.starts_with("thread '"))
            && let Some(at) = panic.find("panicked at ")
        {
            line = &panic[at..];
            // What it wrote before was no part of this; but a traceback is the reason, where Python's runtime panics over it.
            if !self.first.first().is_some_and(|first| first.starts_with("Traceback ")) {
                *self = Self::default();
            }
        }
        let line = line.chars().take(Self::LINE).collect();
        if self.first.len() < Self::FIRST {
            self.first.push(line);
            return;
        }
        if self.last.len() == Self::LAST {
            self.last.pop_front();
            self.left_out = true;
        }
        self.last.push_back(line);
    }

    /// All of it as one line, and nothing is left.
    pub fn take(&mut self) -> Option<String> {
        let Self { first, last, left_out } = std::mem::take(self);
        if first.is_empty() {
            return None;
        }
        let gap = left_out.then(|| "…".to_owned());
        Some(first.into_iter().chain(gap).chain(last).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<String> {
        let mut words = LastWords::default();
        text.lines().for_each(|line| words.hear(line));
        let taken = words.take();
        assert_eq!(words.take(), None, "they are told once");
        taken
    }

    #[test]
    fn what_the_runtimes_of_languages_say_before_they_stop_is_a_line() {
        let told: Vec<Option<String>> = [
            "warming up\nstill warming up\n\nthread '<unnamed>' (1) panicked at src/lib.rs:7:9:\nno column of that name\n\
             note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
            "thread 'main' panicked at src/lib.rs:7:9:\nno column of that name\n",
            "Traceback (most recent call last):\n  File \"app.py\", line 3, in plan\n    return one(rows)\n           ~~~^^^^^^\n  \
             File \"app.py\", line 9, in one\nKeyError: 'missing'\nthread '<unnamed>' (1) panicked at runtime/src/lib.rs:1293:29:\n\
             Python function threw an unexpected exception\nnote: run with `RUST_BACKTRACE=1` environment variable\n",
            "expected a string, received [object]\nStack:\n  encode@initializer.js:66:11\n  apply@initializer.js:979:45\nRedirecting \
             call to abort() to mozalloc_abort\n",
            "\n\n",
        ]
        .map(words)
        .into();
        let told: Vec<&str> = told.iter().map(|told| told.as_deref().unwrap_or("nothing")).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        panicked at src/lib.rs:7:9: no column of that name
        panicked at src/lib.rs:7:9: no column of that name
        Traceback (most recent call last): File "app.py", line 3, in plan … KeyError: 'missing' panicked at runtime/src/lib.rs:1293:29: Python function threw an unexpected exception
        expected a string, received [object] encode@initializer.js:66:11 apply@initializer.js:979:45
        nothing
        "#);
    }

    #[test]
    fn it_is_short_whatever_was_written() {
        let long = format!("{}\n", "é".repeat(10_000)).repeat(1_000);
        let told = words(&long).expect("something");
        assert_eq!(told.chars().count(), LastWords::MOST);
    }
}
