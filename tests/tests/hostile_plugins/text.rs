//! Components written as text, for what no compiler makes.

/// A component from its text.
pub fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A component with the hook `authenticated`, whose function is `body`: it is to leave the address of its answer on the stack. Its
/// core module may hold more (`parts`), and `lift` more ways to be called.
///
/// The answer, at an address divisible by 4: a byte 0 (well) or 1 (an error); from byte 4 on, when well, a byte 0 (none) or 1 (some)
/// and then address and length of a text.
pub fn authenticated(parts: &str, body: &str, lift: &str) -> Vec<u8> {
    hooked("", parts, body, lift)
}

/// The same with these parts of the component before it.
fn hooked(outer: &str, parts: &str, body: &str, lift: &str) -> Vec<u8> {
    let memory = if parts.contains("(export \"memory\")") { "" } else { "(memory (export \"memory\") 1)" };
    let realloc = if parts.contains("\"realloc\"") {
        ""
    } else {
        "(global $next (mut i32) (i32.const 4096))
         (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at))"
    };
    component(&format!(
        r#"(component
            {outer}
            (type $types (instance
                (type $record (record
                    (field "tenant" string) (field "application" string)
                    (field "client-state" string) (field "request-id" string)))
                (export "context" (type (eq $record)))))
            (import "speil:mirror/types@0.1.0" (instance $t (type $types)))
            (alias export $t "context" (type $context))
            (core module $guest
                {memory}
                {realloc}
                {parts}
                (func (export "f") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {body}))
            (core instance $c (instantiate $guest))
            (alias core export $c "memory" (core memory $its_memory))
            (alias core export $c "realloc" (core func $its_realloc))
            (func $f (param "context" $context) (result (result (option string) (error string)))
                (canon lift (core func $c "f") (memory $its_memory) (realloc $its_realloc) {lift}))
            (instance $i (export "additional-information" (func $f)))
            (export "speil:mirror/authenticated@0.1.0" (instance $i)))"#
    ))
}

/// A component with a hook that would run, and this before it.
pub fn beside_a_hook(outer: &str) -> Vec<u8> {
    hooked(outer, "", "(i32.const 0)", "")
}

/// A component whose core module has these parts.
pub fn starting(parts: &str) -> Vec<u8> {
    authenticated(parts, "(i32.const 0)", "")
}
