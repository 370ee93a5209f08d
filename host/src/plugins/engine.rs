//! The wasmtime engine and the clock that interrupts it.
//!
//! Instances come from a pool: making one is a matter of microseconds, and what one left behind is wiped before the
//! next gets it. Guest code yields to the event loop at every tick of the clock, so that an endless loop holds no
//! thread; [`super::instance`] cuts it when its time is up.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::Limits;

/// How often guest code is interrupted.
pub const TICK: Duration = Duration::from_millis(10);

/// Instances there is room for: those of calls, and some that are only tried while plug-ins are loaded.
const INSTANCES: u32 = Limits::MAX_INSTANCES + 64;

/// The engine; its clock stops when this is dropped.
pub struct Machine {
    engine: Engine,
    room: Room,
    /// Dropped to stop the clock.
    _stop: Sender<()>,
}

/// Places for instances of all plug-ins together.
pub struct Room {
    pub limit: usize,
    pub places: Arc<Semaphore>,
}

impl Machine {
    /// Starts the engine and its clock.
    ///
    /// `instances`: how many all plug-ins together may have in calls.
    ///
    /// # Errors
    /// This machine cannot run it at all: no such processor, no memory, no thread.
    pub fn start(instances: usize) -> wasmtime::Result<Self> {
        let engine = match Engine::new(&config(true)) {
            Ok(engine) => engine,
            Err(error) => {
                // The pool reserves address space for all its instances at once; some containers do not give it.
                tracing::warn!(%error, "no address space for a pool of plug-in instances; making them one by one");
                Engine::new(&config(false))?
            }
        };
        let (stop, stopped) = channel();
        let ticked = engine.clone();
        std::thread::Builder::new().name("plugin-clock".into()).spawn(move || tick(&ticked, &stopped))?;
        let room = Room { limit: instances, places: Arc::new(Semaphore::new(instances)) };
        Ok(Self { engine, room, _stop: stop })
    }

    /// The places of instances in calls.
    #[must_use]
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
}

fn config(pooled: bool) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(Limits::STACK);
    // Room for the guest's stack and for the host functions it calls.
    config.async_stack_size(Limits::STACK + (1 << 20));
    if pooled {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES);
        pool.total_core_instances(INSTANCES * 8);
        pool.total_memories(INSTANCES);
        pool.total_tables(INSTANCES * 4);
        pool.total_stacks(INSTANCES);
        pool.max_memory_size(Limits::MAX_MEMORY);
        pool.table_elements(Limits::MAX_TABLE_ELEMENTS);
        // What the engine itself needs to know of an instance; JavaScript engines have tens of thousands of functions.
        pool.max_component_instance_size(4 << 20);
        pool.max_core_instance_size(4 << 20);
        pool.max_unused_warm_slots(64);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

fn tick(engine: &Engine, stopped: &Receiver<()>) {
    while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        engine.increment_epoch();
    }
}
