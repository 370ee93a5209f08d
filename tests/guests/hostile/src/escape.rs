//! Handles that were never given, that were given back, or that are of another kind; the mirror where there is none.

use crate::speil::mirror::indexes;
use crate::wasi::clocks::monotonic_clock;
use crate::wasi::io::poll::{self, Pollable};
use crate::wasi::io::streams::{InputStream, OutputStream};

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        "index" => {
            let error = indexes::list("person").expect_err("there is no mirror in this call");
            return Some(Err(error));
        }
        // SAFETY, here and below: none. That the host does not believe a handle is what is tried.
        "forged-handle" => unsafe { Pollable::from_handle(4_711) }.block(),
        "forged-handles" => {
            let all: Vec<_> = (1..100).map(|handle| unsafe { Pollable::from_handle(handle) }).collect();
            poll::poll(&all.iter().collect::<Vec<_>>());
        }
        "stale-handle" => {
            let pollable = monotonic_clock::subscribe_duration(0);
            let again = unsafe { Pollable::from_handle(pollable.handle()) };
            drop(pollable);
            again.block();
        }
        "handle-dropped-twice" => {
            let pollable = monotonic_clock::subscribe_duration(0);
            drop(unsafe { Pollable::from_handle(pollable.handle()) });
        }
        // A clock's handle in the place of a stream's.
        "handle-of-another-kind" => {
            let pollable = monotonic_clock::subscribe_duration(0);
            let stream = unsafe { InputStream::from_handle(pollable.take_handle()) };
            return Some(stream.read(1).map(drop).map_err(|error| format!("{error:?}")));
        }
        "output-through-a-forged-stream" => {
            let stream = unsafe { OutputStream::from_handle(7) };
            return Some(stream.write(b"x").map_err(|error| format!("{error:?}")));
        }
        "poll-nothing" => {
            poll::poll(&[]);
        }
        _ => return None,
    }
    Some(Ok(()))
}
