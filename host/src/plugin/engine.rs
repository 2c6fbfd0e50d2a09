//! The one wasmtime engine of the process, and the ticks by which running time is counted.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine as Wasmtime, EngineWeak, InstanceAllocationStrategy,
    PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::cache::FunctionCache;
use super::lane::Lanes;

/// How often running guests are interrupted: the grain of `limits.cpu`, and how long one guest
/// keeps a worker from its other exchanges.
pub const TICK: Duration = Duration::from_millis(1);

/// After this long without a call the ticks stop until the next one, so that an idle gateway sleeps.
///
/// Longer than any `limits.wall` (at most 10 minutes), so that no guest runs without ticks.
const IDLE: Duration = Duration::from_secs(660);

/// The largest linear memory that a plugin's budget may allow.
pub const MEMORY_BYTES_MAX: usize = 1 << 30;

/// Bytes of a linear memory that stay mapped between two instances of a slot.
///
/// With the page-map scan only pages that were written are reset, so keeping many costs nothing
/// but the memory: at most this much a slot that was ever in use.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// Slots for each core that keep the memory of the plugin they served last.
///
/// A plugin that finds its own memory in a slot starts in half the time, so there should be one
/// for each plugin of a pipeline and each worker. Each keeps up to 100 KiB, also of versions that
/// were replaced: a plugin that is new takes another slot until there are this many.
const WARM_SLOTS_PER_CORE: usize = 16;

/// Core modules, memories and tables of one component; a Python component has 38 modules.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;

/// The engine and its clock.
pub struct Engine {
    wasmtime: Wasmtime,
    cache: Arc<FunctionCache>,
    ticker: Arc<Ticker>,
    lanes: Lanes,
    instances: u32,
    /// Instances that wait, made new, for the next call of their plugin.
    kept: AtomicU32,
}

impl Engine {
    /// An engine with room for `instances` live plugin instances.
    ///
    /// # Errors
    ///
    /// If the address space for the instances cannot be reserved.
    pub fn new(instances: u32, cache: FunctionCache) -> wasmtime::Result<Self> {
        let engine = Self::without_ticks(instances, cache)?;
        engine.ticker.start(engine.wasmtime.weak())?;
        Ok(engine)
    }

    /// An engine whose epoch stands still: a guest is never interrupted, so one that loops never
    /// ends.
    ///
    /// For counting instructions. Under an emulator a call takes many times as long, so it would be
    /// interrupted several times, how often being a matter of the machine's load.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn without_ticks(instances: u32, cache: FunctionCache) -> wasmtime::Result<Self> {
        let cache = Arc::new(cache);
        let mut config = Config::new();
        config
            .concurrency_support(false)
            .epoch_interruption(true)
            // On one thread: a change leaves the other cores to the traffic, and the allocator with
            // one place of free memory instead of one for each core.
            .parallel_compilation(false)
            .wasm_backtrace_details(WasmBacktraceDetails::Enable)
            // Function bodies only: what a snapshot holds of a plugin's configuration, secrets
            // included, never reaches the disk.
            .enable_incremental_compilation(Arc::clone(&cache) as _)?;
        // What no toolchain of plugins needs only adds ways in.
        config.wasm_tail_call(false).wasm_multi_memory(true).wasm_relaxed_simd(false);

        let mut pool = PoolingAllocationConfig::new();
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(32 << 10)
            .max_unused_warm_slots(warm_slots())
            .max_memory_size(MEMORY_BYTES_MAX)
            .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
            .max_memories_per_component(4)
            .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT)
            .max_component_instance_size(1 << 20)
            .max_core_instance_size(1 << 20)
            .total_component_instances(instances)
            .total_core_instances(instances.saturating_mul(4))
            .total_memories(instances)
            .total_tables(instances.saturating_mul(3))
            .total_stacks(instances);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));

        let wasmtime = Wasmtime::new(&config)?;
        let (ticker, lanes, kept) = (Arc::default(), Lanes::default(), AtomicU32::new(0));
        Ok(Self { wasmtime, cache, ticker, lanes, instances, kept })
    }

    /// wasmtime's own handle.
    #[must_use]
    pub const fn wasmtime(&self) -> &Wasmtime {
        &self.wasmtime
    }

    /// Whether one more instance may be kept that serves nobody: together they take at most half of the
    /// room, so that every plugin can make one.
    pub(super) fn keep(&self) -> bool {
        let may = self.kept.fetch_add(1, Ordering::Relaxed) < self.instances / 2;
        if !may {
            self.release();
        }
        may
    }

    /// An instance is kept no longer.
    pub(super) fn release(&self) {
        self.kept.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn cache(&self) -> &FunctionCache {
        &self.cache
    }

    /// Says that a guest is about to run, so that ticks are needed.
    pub(super) fn wake(&self) {
        self.ticker.wake();
    }

    /// How often the epoch was advanced.
    pub(super) fn ticks(&self) -> u64 {
        self.ticker.count.load(Ordering::Relaxed)
    }

    /// The same, for whoever cannot hold the engine.
    pub(super) fn counted_ticks(&self) -> Ticks {
        Ticks(Arc::clone(&self.ticker))
    }

    /// Where calls go on that compute for long.
    pub(super) const fn lanes(&self) -> &Lanes {
        &self.lanes
    }
}

/// The engine's ticks, counted.
pub(super) struct Ticks(Arc<Ticker>);

impl Ticks {
    pub(super) fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }
}

fn warm_slots() -> u32 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(cores.saturating_mul(WARM_SLOTS_PER_CORE)).unwrap_or(u32::MAX)
}

/// A thread that advances the engine's epoch while guests may be running.
#[derive(Default)]
struct Ticker {
    count: AtomicU64,
    used: AtomicBool,
    asleep: AtomicBool,
    thread: std::sync::OnceLock<thread::Thread>,
}

impl Ticker {
    fn start(self: &Arc<Self>, engine: EngineWeak) -> wasmtime::Result<()> {
        let own = Arc::clone(self);
        let handle = thread::Builder::new()
            .name("tidegate-ticker".to_owned())
            .spawn(move || own.run(&engine))
            .map_err(wasmtime::Error::from)?;
        // Set once, here.
        drop(self.thread.set(handle.thread().clone()));
        Ok(())
    }

    fn wake(&self) {
        // A plain read in the common case: the line stays shared between the workers' caches.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::SeqCst);
            if self.asleep.load(Ordering::SeqCst)
                && let Some(thread) = self.thread.get()
            {
                thread.unpark();
            }
        }
    }

    fn run(&self, engine: &EngineWeak) {
        let idle_ticks = IDLE.as_millis() / TICK.as_millis();
        let mut unused = 0;
        loop {
            // Sleeping is this thread's whole work.
            thread::park_timeout(TICK);
            let Some(alive) = engine.upgrade() else { return };
            // First, so that who sees the new epoch mostly sees the new count; once in a while a
            // guest is spared a tick that was its own.
            self.count.fetch_add(1, Ordering::Relaxed);
            alive.increment_epoch();
            drop(alive);
            unused = if self.used.swap(false, Ordering::SeqCst) { 0 } else { unused + 1 };
            if unused >= idle_ticks {
                self.asleep.store(true, Ordering::SeqCst);
                while !self.used.load(Ordering::SeqCst) {
                    // Woken by the next call; the timeout notices an engine that is gone.
                    thread::park_timeout(IDLE);
                    if engine.upgrade().is_none() {
                        return;
                    }
                }
                self.asleep.store(false, Ordering::SeqCst);
                unused = 0;
            }
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
