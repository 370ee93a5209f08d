//! `speil keygen`: the key pair an application signs its answers with, in the forms the vendor and other tools take, and
//! what to do with it.
//!
//! Never overwrites a key unless told to: answers signed with another key than the vendor knows are refused, and the old
//! one cannot be had back.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use rsa::RsaPrivateKey;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::output::{CliError, print, print_json};
use crate::auth::keys;

const PRIVATE_XML: &str = "private.xml";
const PRIVATE_PEM: &str = "private.pem";
const PUBLIC_XML: &str = "public.xml";
const PUBLIC_PEM: &str = "public.pem";

/// What `speil keygen` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes private.xml and private.pem, public.xml and public.pem: one key pair in two forms each. Nothing is \
                        overwritten without --force.\n\nExamples:\n  speil keygen --out keys\n  speil keygen --out keys --bits 4096"
)]
pub(super) struct KeygenArgs {
    /// The folder to write to; made when it does not exist.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The key's length in bits; shorter than 2048 only where the vendor's own tools ask for it.
    #[arg(long, default_value = "2048", value_parser = PossibleValuesParser::new(["1024", "2048", "3072", "4096"]).try_map(|bits| bits.parse::<usize>()))]
    bits: usize,
    /// Overwrite keys that are there already. The vendor must then be given the new public key before anything works again.
    #[arg(long)]
    force: bool,
    /// Print a JSON object of the files, the public key and the configuration. The private key is in the files only.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &KeygenArgs) -> Result<ExitCode, CliError> {
    let made = make(args)?;
    if args.json {
        print_json(&made)?;
    } else {
        print(made.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was made, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Made {
    bits: usize,
    files: Files,
    /// What the vendor is given, as text.
    public_key_xml: String,
    public_key_pem: String,
    /// What goes into speil.toml.
    configuration: String,
}

#[derive(Debug, Serialize)]
struct Files {
    private_xml: PathBuf,
    private_pem: PathBuf,
    public_xml: PathBuf,
    public_pem: PathBuf,
}

fn make(args: &KeygenArgs) -> Result<Made, CliError> {
    let out = &args.out;
    let at = |name: &str| if out == Path::new(".") { PathBuf::from(name) } else { out.join(name) };
    let files = Files {
        private_xml: at(PRIVATE_XML),
        private_pem: at(PRIVATE_PEM),
        public_xml: at(PUBLIC_XML),
        public_pem: at(PUBLIC_PEM),
    };
    if !args.force {
        refuse_existing(&[&files.private_xml, &files.private_pem, &files.public_xml, &files.public_pem])?;
    }
    fs::create_dir_all(out)
        .map_err(|error| CliError::Failed(format!("the folder {} cannot be made: {error}", out.display())))?;

    let key = keys::generate(args.bits).map_err(|error| CliError::Failed(format!("no key was made: it {error}")))?;
    let written = |error: keys::KeyError| CliError::Failed(format!("the new key {error}"));
    let (private_xml, private_pem) =
        (keys::write_private_xml(&key).map_err(written)?, keys::write_private_pem(&key).map_err(written)?);
    let public = key.to_public_key();
    let (public_xml, public_pem) = (keys::write_public_xml(&public), keys::write_public_pem(&public).map_err(written)?);

    write(&files.private_xml, &private_xml, Readers::Owner, args.force)?;
    write(&files.private_pem, &private_pem, Readers::Owner, args.force)?;
    write(&files.public_xml, &public_xml, Readers::All, args.force)?;
    write(&files.public_pem, &public_pem, Readers::All, args.force)?;
    for file in [&files.private_xml, &files.private_pem] {
        read_back(file, &key)?;
    }
    let configuration = configuration(&files.private_xml);
    Ok(Made { bits: args.bits, files, public_key_xml: public_xml, public_key_pem: public_pem, configuration })
}

fn refuse_existing(files: &[&PathBuf]) -> Result<(), CliError> {
    let existing = files
        .iter()
        .filter(|file| fs::symlink_metadata(file).is_ok())
        .map(|file| file.display().to_string())
        .collect::<Vec<_>>();
    if existing.is_empty() {
        return Ok(());
    }
    Err(CliError::Failed(format!(
        "{} there already, and a key that is overwritten cannot be had back: name another folder with --out, or overwrite \
         with --force",
        match &existing[..] {
            [one] => format!("{one} is"),
            several => format!("{} are", several.join(", ")),
        }
    )))
}

/// Who may read a file.
#[derive(Clone, Copy)]
enum Readers {
    Owner,
    All,
}

/// Writes a file whole or not at all, with its permissions set before its content is there.
fn write(file: &Path, text: &str, readers: Readers, force: bool) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("{} cannot be written: {error}", file.display()));
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut temporary = NamedTempFile::new_in(folder).map_err(failed)?;
    allow(temporary.as_file(), readers).map_err(failed)?;
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    let placed = if force { temporary.persist(file) } else { temporary.persist_noclobber(file) };
    placed.map(drop).map_err(|error| failed(error.error))
}

#[cfg(unix)]
fn allow(file: &fs::File, readers: Readers) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::All => 0o644,
    };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Elsewhere a file has its folder's permissions, and [`Made::text`] says so.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
fn allow(_file: &fs::File, _readers: Readers) -> std::io::Result<()> {
    Ok(())
}

/// What is on the disk is what was made, and this program can read it.
fn read_back(file: &Path, key: &RsaPrivateKey) -> Result<(), CliError> {
    let failed = |what: String| CliError::Failed(format!("{} was written and {what}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| failed(format!("cannot be read again: {error}")))?;
    let text = zeroize::Zeroizing::new(text);
    match keys::private_key(&text) {
        Ok(again) if again == *key => Ok(()),
        Ok(_) => Err(failed("holds another key".into())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The `[[application]]` that uses the key.
fn configuration(private: &Path) -> String {
    format!(
        "[[application]]\nid = \"0123456789abcdef0123456789abcdef\"   # your application's id at SuperOffice (SoAppId)\n\
         environment = \"sod\"                        # sod | stage | production\nprivate_key = {}\n",
        toml::Value::String(private.display().to_string())
    )
}

impl Made {
    fn text(&self) -> String {
        let protected = if cfg!(unix) {
            "The private files are readable by you alone."
        } else {
            "The private files have their folder's permissions: see that only you and the server can read them."
        };
        format!(
            "Made an RSA key pair of {bits} bits:\n\n  \
             {private_xml}   the private key, RSA XML\n  \
             {private_pem}   the same, PEM (PKCS#8)\n  \
             {public_xml}   the public key, RSA XML\n  \
             {public_pem}   the same, PEM\n\n\
             {protected} One of them is enough; the private key goes to nobody, SuperOffice included.\n\n\
             1. Give SuperOffice the public key, together with your application's id. This is {public_xml}:\n\n\
             {public}\n\
             2. Put this in speil.toml (a relative path begins at that file's folder):\n\n\
             {configuration}\n\
             3. Run `speil check`.",
            bits = self.bits,
            private_xml = self.files.private_xml.display(),
            private_pem = self.files.private_pem.display(),
            public_xml = self.files.public_xml.display(),
            public_pem = self.files.public_pem.display(),
            public = self.public_key_xml,
            configuration = self.configuration,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(out: &Path, force: bool) -> KeygenArgs {
        KeygenArgs { out: out.to_owned(), bits: 1024, force, json: false }
    }

    fn message(made: Result<Made, CliError>) -> String {
        made.expect_err("refused").to_string()
    }

    #[test]
    fn the_four_files_hold_one_key_and_the_configuration_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("new folder");
        let made = make(&args(&out, false)).expect("made");
        let read = |name: &str| fs::read_to_string(out.join(name)).expect(name);
        let key = keys::private_key(&read(PRIVATE_XML)).expect("a key");
        assert_eq!(keys::bits(&key), 1024);
        assert_eq!(keys::private_key(&read(PRIVATE_PEM)), Ok(key.clone()));
        for name in [PUBLIC_XML, PUBLIC_PEM] {
            let found = keys::public_keys(read(name).as_bytes()).expect(name);
            assert_eq!(found[0].key, key.to_public_key());
        }
        assert_eq!((made.public_key_xml.clone(), made.public_key_pem.clone()), (read(PUBLIC_XML), read(PUBLIC_PEM)));
        let config = crate::config::Config::from_text(
            &made.configuration,
            folder.path(),
            &std::collections::BTreeMap::default(),
        );
        assert_eq!(
            config.expect("a good configuration").applications[0].private_key.expose(),
            read(PRIVATE_XML).trim()
        );
        let text = made.text();
        assert!(text.contains(&made.public_key_xml) && text.contains(&made.configuration), "{text}");
        let json = serde_json::to_string(&made).expect("JSON");
        for shown in [text, json] {
            assert!(!shown.contains("<D>") && !shown.contains("BEGIN PRIVATE"), "the private key is in the files only");
        }
    }

    #[test]
    fn the_json_has_the_documented_members() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = make(&args(folder.path(), false)).expect("made");
        let json = serde_json::to_value(&made).expect("JSON");
        let members = json.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(members, ["bits", "configuration", "files", "public_key_pem", "public_key_xml"]);
        assert_eq!(json["files"]["private_xml"], folder.path().join(PRIVATE_XML).display().to_string());
    }

    #[test]
    fn a_key_that_is_there_is_kept_unless_forced() {
        let folder = tempfile::tempdir().expect("a folder");
        let private = folder.path().join(PRIVATE_PEM);
        fs::write(&private, "precious").expect("written");
        let expected = format!(
            "{} is there already, and a key that is overwritten cannot be had back: name another folder with --out, or overwrite with --force",
            private.display()
        );
        assert_eq!(message(make(&args(folder.path(), false))), expected);
        assert_eq!(fs::read_to_string(&private).expect("read"), "precious");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing was begun");
        make(&args(folder.path(), true)).expect("made");
        assert!(keys::private_key(&fs::read_to_string(&private).expect("read")).is_ok());
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 4, "nothing is left over");
        assert!(message(make(&args(folder.path(), false))).contains("public.pem are there already"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        let text = message(make(&args(&file.join("out"), false)));
        assert!(text.starts_with(&format!("the folder {} cannot be made: ", file.join("out").display())), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_the_owners_alone_also_where_they_were_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let loose = folder.path().join(PRIVATE_XML);
        fs::write(&loose, "old").expect("written");
        fs::set_permissions(&loose, fs::Permissions::from_mode(0o666)).expect("loosened");
        make(&args(folder.path(), true)).expect("made");
        let mode = |name: &str| fs::metadata(folder.path().join(name)).expect(name).permissions().mode() & 0o777;
        assert_eq!([PRIVATE_XML, PRIVATE_PEM, PUBLIC_XML, PUBLIC_PEM].map(mode), [0o600, 0o600, 0o644, 0o644]);
    }
}
