//! The rules of protocol.md sections 5 to 8 and the invariants of design.md, each a sentence, over a mirror in memory and
//! a stand-in for plug-ins. The same rules over real engines are in the workspace's `tests/`.

mod hook_order;
mod kit;
mod logs;
mod memory;
mod memory_history;
mod order_of_calls;
mod over_sqlite;
mod planning;
mod recorder;
mod rows;
mod schemas;
mod states;
mod wipes_and_cycles;
