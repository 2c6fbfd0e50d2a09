//! Components with nothing in them but what is measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use wasm_encoder::{
    CanonicalOption, CodeSection, ComponentBuilder, ComponentExportKind, ComponentValType,
    ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module,
    ModuleArg, TypeSection,
};
use wasmtime::component::{Component, InstancePre, Linker, TypedFunc};
use wasmtime::{Engine, Store};

/// More ticks than there are while a bench runs, because nobody answers them here.
const FOREVER: u64 = 1 << 40;

/// A component whose function `run` does nothing.
pub(crate) struct Bare {
    engine: Engine,
    pre: InstancePre<()>,
}

pub(crate) fn store(engine: &Engine) -> Store<()> {
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(FOREVER);
    store
}

impl Bare {
    /// With so many core instances, each with a memory of one page if it shall have one.
    pub(crate) fn new(engine: &Engine, instances: u32, memory: bool) -> Self {
        let component = Component::new(engine, encode(instances, memory)).expect("a component");
        let linker = Linker::<()>::new(engine);
        let pre = linker.instantiate_pre(&component).expect("it imports nothing");
        Self { engine: engine.clone(), pre }
    }

    /// How long so many calls of one instance take.
    pub(crate) async fn calls(&self, times: u64, on_fiber: bool) -> Duration {
        let mut store = store(&self.engine);
        let instance = self.pre.instantiate_async(&mut store).await.expect("an instance");
        let run: TypedFunc<(), ()> =
            instance.get_typed_func(&mut store, "run").expect("it is exported");
        let began = Instant::now();
        for _ in 0..times {
            if on_fiber {
                run.call_async(&mut store, ()).await.expect("it returns");
            } else {
                run.call(&mut store, ()).expect("it returns");
            }
        }
        began.elapsed()
    }

    /// How long it takes to make so many instances, and to drop them, one after the other.
    pub(crate) async fn lives(&self, times: u64) -> (Duration, Duration) {
        let (mut making, mut dropping) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..times {
            let began = Instant::now();
            let mut store = store(&self.engine);
            black_box(self.pre.instantiate_async(&mut store).await.expect("an instance"));
            let is_made = Instant::now();
            drop(store);
            making += is_made - began;
            dropping += is_made.elapsed();
        }
        (making, dropping)
    }
}

fn encode(instances: u32, memory: bool) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    let module = component.core_module(None, &module(memory));
    let mut last = 0;
    for _ in 0..instances {
        last = component.core_instantiate(None, module, Vec::<(&str, ModuleArg)>::new());
    }
    let core = component.core_alias_export(None, last, "run", ExportKind::Func);
    let (ty, mut function) = component.type_function(None);
    function.params(Vec::<(&str, ComponentValType)>::new()).result(None);
    let lifted = component.lift_func(None, core, ty, Vec::<CanonicalOption>::new());
    component.export("run", ComponentExportKind::Func, lifted, None);
    component.finish()
}

fn module(memory: bool) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 0);
    let mut nothing = Function::new([]);
    nothing.instructions().end();
    let mut code = CodeSection::new();
    code.function(&nothing);
    let mut module = Module::new();
    module.section(&types).section(&functions);
    if memory {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        module.section(&memories);
    }
    module.section(&exports).section(&code);
    module
}
