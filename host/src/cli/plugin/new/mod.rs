//! `speil plugin new`: a folder with a plug-in that builds and passes its own test, to be changed into one's own. Everything it
//! needs of this project is in the folder, so that its author needs no checkout.

mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::CliError;
use crate::cli::output::print;

/// Begin a plug-in.
#[derive(Debug, Args)]
#[command(
    after_help = "Makes a folder NAME with the source, the interfaces (wit/), the sidecar NAME.toml, a test (fixtures/) and a \
                  README.md with the commands that build and test it. The plug-in works as it is: it takes away the spaces \
                  around the texts of one column.\n\nExamples:\n  speil plugin new --lang python sales-notes\n  \
                  speil plugin new --lang rust --out work mail-domain"
)]
pub(super) struct NewArgs {
    /// The plug-in's name: small letters, digits and hyphens, beginning with a letter.
    name: String,
    /// The language it is written in.
    #[arg(long, value_enum)]
    lang: Lang,
    /// The folder to make the plug-in's folder in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// A language that plug-ins are begun in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    Rust,
    Js,
    Python,
    C,
}

/// The longest name. Names of its own tables begin with it, and a table's name has 128 letters at most.
const NAME: usize = 60;

pub(super) fn run(args: &NewArgs) -> Result<ExitCode, CliError> {
    check(&args.name).map_err(CliError::Failed)?;
    let folder = make(&args.out, &args.name, args.lang).map_err(CliError::Failed)?;
    print(format_args!(
        "made {0}; how to build and test it is in {1}",
        folder.display(),
        folder.join("README.md").display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What a plug-in may be called: what is a file name everywhere, and the name of a package in every language.
fn check(name: &str) -> Result<(), String> {
    let legal = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-';
    let device = name
        .strip_suffix(|last: char| ('1'..='9').contains(&last))
        .map_or_else(|| ["aux", "con", "nul", "prn"].contains(&name), |start| ["com", "lpt"].contains(&start));
    let problem = if name.is_empty() || name.len() > NAME {
        format!("must have 1 to {NAME} letters")
    } else if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.chars().all(legal) {
        "must be of small letters a to z, digits and hyphens, and begin with a letter".into()
    } else if name.ends_with('-') || name.contains("--") {
        "must not end with a hyphen, nor have two in a row".into()
    } else if device {
        "cannot be a file's name on Windows".into()
    } else {
        return Ok(());
    };
    Err(format!(
        "a plug-in cannot be called \"{}\": its name {problem}; one such name is sales-summary",
        name.escape_debug()
    ))
}

/// Writes all files below `out/name`, which must not be there yet.
fn make(out: &Path, name: &str, lang: Lang) -> Result<PathBuf, String> {
    let folder = if out == Path::new(".") { PathBuf::from(name) } else { out.join(name) };
    let cannot = |path: &Path, error: std::io::Error| format!("{} cannot be made: {error}", path.display());
    fs::create_dir_all(out).map_err(|error| cannot(out, error))?;
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            format!(
                "{} is there already, and nothing in it is touched; take another name, or move it away",
                folder.display()
            )
        }
        _ => cannot(&folder, error),
    })?;
    let named = |text: &str| text.replace("{{name}}", name);
    for (path, text) in files::of(lang) {
        let path = folder.join(named(path));
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(|error| cannot(parent, error))?;
        fs::write(&path, named(text)).map_err(|error| cannot(&path, error))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plugins::Sidecar;

    #[test]
    fn a_name_is_one_in_every_language_and_on_every_system() {
        for good in ["a", "sales-summary", "x2", "com", "console", &"a".repeat(60)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = "a".repeat(61);
        let bad = [
            "",
            long.as_str(),
            "Sales",
            "2x",
            "a_b",
            "a.b",
            "../a",
            "a/b",
            "-a",
            "a-",
            "a--b",
            "å",
            "con",
            "com1",
            "lpt9",
        ];
        for bad in bad {
            let refusal = check(bad).unwrap_err();
            assert!(refusal.starts_with("a plug-in cannot be called \""), "{refusal}");
        }
    }

    #[test]
    fn every_language_has_its_files_and_no_name_is_left_open() {
        let folder = tempfile::tempdir().unwrap();
        for lang in Lang::value_variants() {
            let name = format!("my-{lang:?}").to_lowercase();
            let made = make(folder.path(), &name, *lang).unwrap();
            let sidecar = fs::read_to_string(made.join(format!("{name}.toml"))).unwrap();
            assert!(Sidecar::parse(&sidecar).unwrap().config.contains_key("column"), "{name}");
            let readme = fs::read_to_string(made.join("README.md")).unwrap();
            assert!(readme.contains(&format!("# {name}\n")) && readme.contains("## Build"), "{readme}");
            for (path, _) in files::of(*lang) {
                let path = made.join(path.replace("{{name}}", &name));
                assert!(!fs::read_to_string(&path).unwrap().contains("{{"), "{}", path.display());
            }
        }
    }

    #[test]
    fn a_folder_that_is_there_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mine")).unwrap();
        let refusal = make(folder.path(), "mine", Lang::C).unwrap_err();
        assert!(refusal.contains("is there already"), "{refusal}");
        assert_eq!(fs::read_dir(folder.path().join("mine")).unwrap().count(), 0);
    }

    /// An interface that is added to `wit/` must not be forgotten here.
    #[test]
    fn all_interfaces_are_carried() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut there = BTreeSet::new();
        for entry in fs::read_dir(&wit).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            there.insert(format!("wit/deps/speil/{}", entry.file_name().to_string_lossy()));
        }
        for package in fs::read_dir(wit.join("deps")).unwrap().map(Result::unwrap) {
            for entry in fs::read_dir(package.path()).unwrap().map(Result::unwrap) {
                let (package, file) = (package.file_name(), entry.file_name());
                there.insert(format!("wit/deps/{}/{}", package.to_string_lossy(), file.to_string_lossy()));
            }
        }
        let carried: BTreeSet<String> = files::of(Lang::Rust)
            .map(|(path, _)| path.to_owned())
            .filter(|path| path.starts_with("wit/deps/"))
            .collect();
        assert_eq!(carried, there);
    }
}
