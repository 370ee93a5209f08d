//! Compiled code from disk becomes a component: one of two unsafe places of this program.
//!
//! **Why at all.** Ten small plug-ins, measured in one run on two busy cores: 10 s to compile, 0.09 s to load. A component
//! with a language runtime in it is a hundred times larger, and a start would take minutes instead of a moment. See
//! docs/decisions/compiled-code-on-disk.md.

#![allow(unsafe_code, reason = "wasmtime cannot know who wrote the code; what makes it safe is written below")]

use wasmtime::Engine;
use wasmtime::component::Component;

use super::entry::{Checked, Held};

/// Loads code.
///
/// # Errors
/// It was made by another engine, or with other settings or for another processor.
pub(super) fn component(engine: &Engine, code: &Checked) -> wasmtime::Result<Component> {
    // SAFETY, of both: what is asked is that the bytes be what `Component::serialize` of this version wrote, unchanged; version,
    // settings and processor are looked at again. They are: `Checked` is made only from a file of this account in a folder
    // that nobody else can write to, whose seal over key and code fits; this program writes such files from
    // `serialize` and nothing else; the key holds the component's digest, the engine's settings and our version. The
    // bytes are ours in memory, or in a file in memory that is sealed: an entry changed after the check changes nothing.
    let of_bytes = |bytes: &[u8]| unsafe { Component::deserialize(engine, bytes) };
    match code.held() {
        Held::Here(bytes) => of_bytes(bytes),
        #[cfg(target_os = "linux")]
        Held::Sealed(sealed) => {
            let mapped = unsafe { Component::deserialize_file(engine, sealed.path()) };
            mapped.or_else(|error| {
                tracing::debug!("compiled code cannot be mapped: {error:#}");
                of_bytes(&sealed.read()?)
            })
        }
    }
}
