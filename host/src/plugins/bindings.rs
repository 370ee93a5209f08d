//! What `wit/` says, as Rust: made by wasmtime's macro, so that host and contract cannot drift apart.
//!
//! The world here is the host's view of a plug-in: the interfaces that are implemented here and that it may import, and the
//! nine hooks it may export. The other `wasi:*` imports are linked from wasmtime's own crates ([`super::import`]).

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package speil:host;

        world guest {
            import speil:mirror/log@0.1.0;
            import speil:mirror/indexes@0.1.0;
            import speil:mirror/database@0.1.0;
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:keyvalue/atomics@0.2.0-draft;
            import wasi:keyvalue/batch@0.2.0-draft;

            export speil:mirror/resolve-connection@0.1.0;
            export speil:mirror/authenticated@0.1.0;
            export speil:mirror/before-replicate-table@0.1.0;
            export speil:mirror/transform@0.1.0;
            export speil:mirror/wiped@0.1.0;
            export speil:mirror/replication-completed@0.1.0;
            export speil:mirror/rows-committed@0.1.0;
            export speil:mirror/operation@0.1.0;
            export speil:mirror/log-event@0.1.0;
        }
    ",
    world: "speil:host/guest",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "wasi:keyvalue/store.bucket": super::import::keyvalue::Bucket },
    ownership: Borrowing { duplicate_if_necessary: true },
});
