//! The command line as a page: what docs/reference-commands.md holds, written from the definitions that parse it, and the
//! check that a command line shown somewhere is one. Tests hold the documents to both.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::Cli;

/// Whether the program would take these words, the program's own name first. Nothing is run.
///
/// # Errors
/// What the program would say.
pub fn understands(words: &[String]) -> Result<(), String> {
    match Cli::command().try_get_matches_from(words) {
        // --help and --version end in an "error" that is printed and is none.
        Err(error) if error.use_stderr() => Err(error.to_string()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The words of every verb, such as `task run`, and the options and places it takes.
#[must_use]
pub fn verbs() -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    each(&Cli::command(), "", &mut |path, command| {
        all.push((path.to_owned(), own_arguments(command).map(spelling).collect()));
    });
    all
}

/// A section for each verb.
#[must_use]
pub fn page() -> String {
    let mut page = String::new();
    each(&Cli::command(), "", &mut |path, command| {
        // Writing to a text cannot fail.
        let _ = section(&mut page, path, command);
    });
    page
}

/// Every command that does something by itself, with its words.
fn each(command: &Command, path: &str, tell: &mut dyn FnMut(&str, &Command)) {
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        let path = format!("{path}{}{}", if path.is_empty() { "" } else { " " }, one.get_name());
        if !one.is_subcommand_required_set() {
            tell(&path, one);
        }
        each(one, &path, tell);
    }
}

fn own_arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|one| !one.is_hide_set() && !["help", "version"].contains(&one.get_id().as_str()))
}

fn section(page: &mut String, path: &str, command: &Command) -> std::fmt::Result {
    writeln!(page, "\n## speil {path}\n")?;
    if let Some(about) = command.get_about() {
        writeln!(page, "{}\n", sentence(&about.to_string()))?;
    }
    writeln!(page, "| | default | |\n|---|---|---|")?;
    for one in own_arguments(command) {
        writeln!(page, "| {} | {} | {} |", shown(one), default(one), meaning(one))?;
    }
    if let Some(after) = command.get_after_help() {
        writeln!(page, "\n```text\n{}\n```", after.to_string().trim_end())?;
    }
    Ok(())
}

/// `--name` of an option, `NAME` of a place.
fn spelling(argument: &Arg) -> String {
    match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => value_name(argument),
    }
}

fn value_name(argument: &Arg) -> String {
    let named = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    named.unwrap_or_else(|| argument.get_id().as_str().to_uppercase())
}

fn shown(argument: &Arg) -> String {
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let value = if takes_value { format!(" {}", value_name(argument)) } else { String::new() };
    match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("`--{long}{value}`, `-{short}`"),
        (None, Some(long)) => format!("`--{long}{value}`"),
        (Some(short), None) => format!("`-{short}{value}`"),
        (None, None) => {
            let many = if matches!(argument.get_action(), ArgAction::Append) { "..." } else { "" };
            format!("`{}{many}`", value_name(argument))
        }
    }
}

fn default(argument: &Arg) -> String {
    let values: Vec<_> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    match () {
        () if !values.is_empty() => values.join(", "),
        () if argument.is_required_set() => "required".into(),
        () => String::new(),
    }
}

fn meaning(argument: &Arg) -> String {
    let mut text = argument.get_help().map(|help| sentence(&help.to_string())).unwrap_or_default();
    let words: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|_| matches!(argument.get_action(), ArgAction::Set | ArgAction::Append))
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !words.is_empty() {
        let _ = write!(text, " One of {}.", words.join(", "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(text, " Or the variable `{}`.", variable.to_string_lossy());
    }
    text.replace('|', "\\|")
}

/// clap takes the full stop from a doc comment's end.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<(), String> {
        understands(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_line_is_understood_or_not_as_the_program_would() {
        assert_eq!(asked("speil status Cust1 --all"), Ok(()));
        assert_eq!(asked("speil wipe --help"), Ok(()));
        assert!(asked("speil status --every").is_err_and(|error| error.contains("--every")));
        assert!(asked("speil mirror").is_err());
    }

    #[test]
    fn a_list_is_given_without_saying_whom_to_call_and_a_call_is_not_made_half_told() {
        assert_eq!(asked("speil task run --list-scenarios --json"), Ok(()));
        assert_eq!(asked("speil task conformance --list --only trust/"), Ok(()));
        let url = "--url http://127.0.0.1:1/m.svc";
        let rest = "--application-id 0 --signing-key a --public-key b";
        for verb in ["run", "conformance"] {
            assert_eq!(asked(&format!("speil task {verb} {url} {rest}")), Ok(()));
            assert!(asked(&format!("speil task {verb} {url}")).is_err_and(|error| error.contains("--signing-key")));
            assert!(asked(&format!("speil task {verb} {rest}")).is_err_and(|error| error.contains("--url")));
        }
    }

    #[test]
    fn every_verb_has_its_section_with_defaults_and_variables() {
        let page = page();
        assert!(page.contains(
            "| `--config FILE`, `-c` | `speil.toml` | The configuration file. Every key in it can also come from the \
             environment (SPEIL__SERVER__LISTEN). Or the variable `SPEIL_CONFIG`. |"
        ));
        assert!(page.contains("| `TENANT` | required |"));
        for (path, _) in verbs() {
            assert!(page.contains(&format!("\n## speil {path}\n")), "{path}");
        }
    }
}
