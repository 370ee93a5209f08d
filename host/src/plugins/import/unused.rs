//! Interfaces that a plug-in imports and says it never calls: its language's runtime brings them along.
//!
//! They exist, so that the component can be linked, and nothing is behind them: a call traps. Granting them gives no
//! power at all, and no host function is reachable by it.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError};

use crate::plugins::instance::State;

/// Whether an interface is of one of these packages.
pub(in crate::plugins) fn covers(unused: &[String], import: &str) -> bool {
    import.split_once('/').is_some_and(|(package, _)| unused.iter().any(|one| one == package))
}

/// Links what the component imports from these packages and `wanted` says it does not get otherwise.
///
/// # Errors
/// A mistake of ours: two things of one name.
pub(in crate::plugins) fn link(
    linker: &mut Linker<State>,
    component: &Component,
    wanted: impl Fn(&str) -> bool,
) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (name, import) in component.component_type().imports(&engine).filter(|(name, _)| wanted(name)) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(&engine) {
            match export.ty {
                ComponentItem::Resource(_) => instance.resource(item, resource(item), |_, _| Ok(()))?,
                ComponentItem::ComponentFunc(_) => {
                    let called = format!("{name}#{item}");
                    instance.func_new(item, move |_, _, _, _| {
                        Err(wasmtime::Error::msg(format!(
                            "it called {called}, which its sidecar lists as `unused` under [grants]"
                        )))
                    })?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What an interface uses of `wasi:io` must be the same there as where it is offered; of the rest none is ever made.
fn resource(name: &str) -> ResourceType {
    struct Never;
    match name {
        "pollable" => ResourceType::host::<DynPollable>(),
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        "error" => ResourceType::host::<IoError>(),
        _ => ResourceType::host::<Never>(),
    }
}
