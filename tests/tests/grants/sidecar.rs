//! What is not granted is refused with the line to add; an older plug-in still loads.

use super::powers;
use crate::plugins::host;

fn broken(sidecar: &str) -> String {
    powers(sidecar, "").list().remove(0).broken.unwrap_or_else(|| "it loads".into())
}

#[test]
fn each_power_is_refused_with_the_line_that_grants_it() {
    let all = [
        broken(""),
        broken("[grants]\nkeyvalue = true\nhttp = []"),
        broken("[grants]\ndatabase = \"none\"\nkeyvalue = true\nhttp = []"),
        broken("[grants]\ndatabase = \"read\"\nhttp = []"),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true"),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []"),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []\nfolders = [{ host = \"gone\", guest = \"/a\" }]")
            .rsplit_once(": make")
            .map_or_else(String::new, |_| "?".into()),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []\nenvironment = [\"SPEIL_NOT_SET\"]"),
        broken("[secrets]\nkey = { env = \"SPEIL_NOT_SET\" }\n[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []"),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_granted_folder_that_is_not_there_is_named() {
    let reason = broken(
        "[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []\nfolders = [{ host = \"gone\", guest = \"/a\" }]",
    );
    assert!(
        reason.starts_with("powers.toml: `grants.folders` grants ") && reason.ends_with("make the folder first"),
        "{reason}"
    );
}

#[test]
fn a_plug_in_built_before_there_were_grants_still_loads() {
    let older = include_bytes!("../older/index-manager-0.1.0.wasm");
    let status = host(&[("older.wasm", older)]).list().remove(0);
    assert_eq!((status.broken, status.hooks), (None, Some(vec!["before-replicate-table"])));
}
