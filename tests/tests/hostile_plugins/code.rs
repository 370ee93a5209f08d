//! The folder of compiled code, which whoever can write to it could poison. What is in doubt is made anew, and says so. What makes
//! it so is a matter of the system: these are of Unix.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use speil::config::PluginsConfig;
use speil::plugins::{PluginHost, PluginState};
use speil::protocol::names::Operation;

use super::text::authenticated;
use super::{VICTIM, begin};
use crate::plugins::{File, folder};

/// What is done to the entry of `good`, with the entry of `other` at hand.
type Poison = fn(&Path, &Path);

const CASES: [(&str, Poison); 10] = [
    ("emptied", |good, _| std::fs::write(good, "").expect("written")),
    ("cut short", |good, _| {
        let bytes = std::fs::read(good).expect("readable");
        std::fs::write(good, &bytes[..bytes.len() - 7]).expect("written");
    }),
    ("a bit turned in its head", |good, _| turn(good, |_| 3)),
    ("a bit turned in its seal", |good, _| turn(good, |_| 20)),
    ("a bit turned in its code", |good, _| turn(good, |length| length / 2)),
    ("a bit turned at its end", |good, _| turn(good, |length| length - 1)),
    ("the other's code", |good, other| {
        std::fs::copy(other, good).expect("copied");
    }),
    ("writable by everybody", |good, other| {
        std::fs::copy(other, good).expect("copied");
        std::fs::set_permissions(good, std::fs::Permissions::from_mode(0o666)).expect("ours");
    }),
    ("a link to the other's code", |good, other| {
        std::fs::remove_file(good).expect("there");
        symlink(other, good).expect("linked");
    }),
    ("a folder", |good, _| {
        std::fs::remove_file(good).expect("there");
        std::fs::create_dir(good).expect("made");
    }),
];

/// With the link in the place of the folder, and what another account wrote.
pub const COUNT: usize = CASES.len() + 2;

fn turn(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = std::fs::read(path).expect("readable");
    let at = at(bytes.len());
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

fn saying(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short text");
    let data = format!(
        "(data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\20\\00\\00\\00\\{length:02x}\\00\\00\\00{}\")",
        text.replace('"', "\\22")
    );
    authenticated(&data, "(i32.const 16)", "")
}

fn load(folder: &Path) -> PluginHost {
    PluginHost::load(&PluginsConfig::over(folder)).expect("an engine")
}

/// That each plug-in is itself and no other.
async fn answers(host: &PluginHost) -> String {
    assert!(host.list().iter().all(|plugin| plugin.state == PluginState::Running), "{:?}", host.list());
    let answers = begin(host, VICTIM, Operation::Authenticate).authenticated().await.expect("answered");
    serde_json::Value::Object(answers).to_string()
}

const BOTH: &str = r#"{"good":1,"other":2}"#;

fn entries(cache: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(cache).expect("there").map(|entry| entry.expect("readable").path());
    all.filter(|path| path.extension().is_some_and(|ending| ending == "code")).collect()
}

/// A folder with both plug-ins whose code is kept, and the entries of the first and of the second.
fn kept() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (good, other) = (saying(r#"{"good":1}"#), saying(r#"{"other":2}"#));
    let alone = folder(&[("good.wasm", &good)]);
    load(alone.path());
    let name = entries(&alone.path().join(".cache")).remove(0).file_name().expect("a name").to_owned();
    let files: [File<'_>; 2] = [("good.wasm", &good), ("other.wasm", &other)];
    let both = folder(&files);
    load(both.path());
    let (mine, others): (Vec<_>, Vec<_>) =
        entries(&both.path().join(".cache")).into_iter().partition(|path| path.file_name() == Some(&name));
    (both, mine[0].clone(), others[0].clone())
}

#[tokio::test]
async fn code_that_was_poisoned_is_never_run() {
    for (name, poison) in &CASES {
        let (folder, good, other) = kept();
        poison(&good, &other);
        assert_eq!(answers(&load(folder.path())).await, BOTH, "{name}");
        assert_eq!(answers(&load(folder.path())).await, BOTH, "{name}, once more");
    }
}

#[tokio::test]
async fn a_link_in_the_place_of_the_folder_is_not_followed() {
    let (folder, good, other) = kept();
    let cache = folder.path().join(".cache");
    std::fs::copy(&other, &good).expect("copied");
    let elsewhere = folder.path().join(".elsewhere");
    std::fs::rename(&cache, &elsewhere).expect("renamed");
    symlink(&elsewhere, &cache).expect("linked");
    let before = std::fs::read(elsewhere.join(good.file_name().expect("a name"))).expect("readable");
    assert_eq!(answers(&load(folder.path())).await, BOTH);
    let after = std::fs::read(elsewhere.join(good.file_name().expect("a name"))).expect("readable");
    assert!(before == after, "nothing was written through the link");
}

/// Only an administrator can make a file another's; elsewhere the same is tried from the other side, with a folder that is
/// another's: the root's.
#[tokio::test]
async fn what_another_account_wrote_is_not_used() {
    let (folder, good, other) = kept();
    std::fs::copy(&other, &good).expect("copied");
    if std::os::unix::fs::chown(&good, Some(54_321), None).is_ok() {
        assert_eq!(answers(&load(folder.path())).await, BOTH);
    } else {
        let config = PluginsConfig { cache_directory: Some("/".into()), ..PluginsConfig::over(folder.path()) };
        assert_eq!(answers(&PluginHost::load(&config).expect("an engine")).await, BOTH);
    }
}
