//! What is in a new plug-in's folder: the files of its language, and the interfaces of this very program.

use super::Lang;

/// A file: where it goes, and its text.
pub(super) type File = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("templates/", $path))
    };
}

/// The interfaces, as they stand in `wit/` of this release.
const WIT: [File; 21] = [
    ("wit/deps/speil/authenticated.wit", include_str!("../../../../../wit/authenticated.wit")),
    ("wit/deps/speil/before-replicate-table.wit", include_str!("../../../../../wit/before-replicate-table.wit")),
    ("wit/deps/speil/database.wit", include_str!("../../../../../wit/database.wit")),
    ("wit/deps/speil/indexes.wit", include_str!("../../../../../wit/indexes.wit")),
    ("wit/deps/speil/log-event.wit", include_str!("../../../../../wit/log-event.wit")),
    ("wit/deps/speil/log.wit", include_str!("../../../../../wit/log.wit")),
    ("wit/deps/speil/operation.wit", include_str!("../../../../../wit/operation.wit")),
    ("wit/deps/speil/replication-completed.wit", include_str!("../../../../../wit/replication-completed.wit")),
    ("wit/deps/speil/resolve-connection.wit", include_str!("../../../../../wit/resolve-connection.wit")),
    ("wit/deps/speil/rows-committed.wit", include_str!("../../../../../wit/rows-committed.wit")),
    ("wit/deps/speil/transform.wit", include_str!("../../../../../wit/transform.wit")),
    ("wit/deps/speil/types.wit", include_str!("../../../../../wit/types.wit")),
    ("wit/deps/speil/wiped.wit", include_str!("../../../../../wit/wiped.wit")),
    ("wit/deps/speil/world.wit", include_str!("../../../../../wit/world.wit")),
    ("wit/deps/clocks/clocks.wit", include_str!("../../../../../wit/deps/clocks/clocks.wit")),
    ("wit/deps/config/store.wit", include_str!("../../../../../wit/deps/config/store.wit")),
    ("wit/deps/http/http.wit", include_str!("../../../../../wit/deps/http/http.wit")),
    ("wit/deps/io/io.wit", include_str!("../../../../../wit/deps/io/io.wit")),
    ("wit/deps/keyvalue/atomic.wit", include_str!("../../../../../wit/deps/keyvalue/atomic.wit")),
    ("wit/deps/keyvalue/batch.wit", include_str!("../../../../../wit/deps/keyvalue/batch.wit")),
    ("wit/deps/keyvalue/store.wit", include_str!("../../../../../wit/deps/keyvalue/store.wit")),
];

/// What is the same in every language.
const ALWAYS: [File; 2] =
    [("wit/world.wit", template!("world.wit")), ("fixtures/trims.toml", template!("fixture.toml"))];

const RUST: [File; 5] = [
    ("Cargo.toml", template!("rust/cargo.toml")),
    ("src/lib.rs", template!("rust/lib.rs")),
    ("{{name}}.toml", template!("sidecar.toml")),
    ("README.md", template!("rust/README.md")),
    (".gitignore", template!("rust/gitignore")),
];
const JS: [File; 5] = [
    ("package.json", template!("js/package.json")),
    ("plug-in.js", template!("js/plug-in.js")),
    ("{{name}}.toml", template!("sidecar.toml")),
    ("README.md", template!("js/README.md")),
    (".gitignore", template!("js/gitignore")),
];
const PYTHON: [File; 5] = [
    ("requirements.txt", template!("python/requirements.txt")),
    ("app.py", template!("python/app.py")),
    ("{{name}}.toml", template!("python/sidecar.toml")),
    ("README.md", template!("python/README.md")),
    (".gitignore", template!("python/gitignore")),
];
const C: [File; 5] = [
    ("Makefile", template!("c/makefile")),
    ("plug-in.c", template!("c/plug-in.c")),
    ("{{name}}.toml", template!("sidecar.toml")),
    ("README.md", template!("c/README.md")),
    (".gitignore", template!("c/gitignore")),
];

/// All files of a new plug-in. `{{name}}` in a path and in a text stands for its name.
pub(super) fn of(lang: Lang) -> impl Iterator<Item = File> {
    let own = match lang {
        Lang::Rust => RUST,
        Lang::Js => JS,
        Lang::Python => PYTHON,
        Lang::C => C,
    };
    own.into_iter().chain(ALWAYS).chain(WIT)
}
