//! What is put back, and what is refused because it would not be.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction,
    MemorySection, MemoryType, Module, RefType, StartSection, TableSection, TableType, TypeSection,
    ValType,
};
use wasmparser::Validator;
use wasmtime::{Config, Engine, Instance, Store};

use super::Refusal;
use super::module::{self, Role, Roles};
use crate::plugin::embedded;

/// A module with a memory that holds `data` at 20, and with a global that is 5 and that `enter` counts up
/// before it gives it. `code` runs before.
fn counting(data: &[u8], code: &[Instruction<'_>]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1).function(0);
    let mut tables = TableSection::new();
    let table_type = TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: Some(1),
        shared: false,
    };
    tables.table(table_type);
    let mut memories = MemorySection::new();
    memories.memory(memory_type());
    let mut globals = GlobalSection::new();
    globals.global(number(true), &ConstExpr::i32_const(5));
    let mut exports = ExportSection::new();
    for (index, name) in ["enter", "leave", "room"].into_iter().enumerate() {
        exports.export(name, ExportKind::Func, u32::try_from(index).unwrap());
    }
    exports.export("memory", ExportKind::Memory, 0);
    let mut elements = ElementSection::new();
    elements.active(Some(0), &ConstExpr::i32_const(0), Elements::Functions([1].as_slice().into()));
    let mut bodies = CodeSection::new();
    let mut enter = Function::new([]);
    for instruction in code {
        enter.instruction(instruction);
    }
    enter.instructions().global_get(0).i32_const(1).i32_add().global_set(0).global_get(0).end();
    bodies.function(&enter);
    let mut leave = Function::new([]);
    leave.instructions().end();
    bodies.function(&leave);
    let mut room = Function::new([]);
    room.instructions().global_get(0).end();
    bodies.function(&room);
    let mut segments = DataSection::new();
    segments.active(0, &ConstExpr::i32_const(20), data.iter().copied());

    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements).section(&bodies);
    module.section(&segments);
    module.finish()
}

const fn memory_type() -> MemoryType {
    MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None }
}

const fn number(mutable: bool) -> GlobalType {
    GlobalType { val_type: ValType::I32, mutable, shared: false }
}

/// What calls of these functions give, one after the other, of one instance.
fn called(roles: &Roles<'_>, names: &[&str]) -> Vec<Option<i32>> {
    let (equipped, _) = module::equip(&counting(b"abc", &[]), roles).unwrap();
    let engine = Engine::new(&Config::new()).unwrap();
    let module = wasmtime::Module::new(&engine, equipped).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let call = |name: &&str| {
        let function = instance.get_func(&mut store, name).unwrap();
        let mut results = vec![wasmtime::Val::I32(0); function.ty(&store).results().len()];
        function.call(&mut store, &[], &mut results).unwrap();
        results.first().and_then(wasmtime::Val::i32)
    };
    names.iter().map(call).collect()
}

#[test]
fn globals_are_set_at_each_entry() {
    let roles = Roles::from([("enter", Role::Entry)]);
    assert_eq!(called(&roles, &["enter", "enter"]), [Some(6), Some(6)]);
}

#[test]
fn until_its_end_a_call_keeps_its_globals() {
    let roles = Roles::from([
        ("enter", Role::EntryWithEnding),
        ("leave", Role::Ending),
        ("room", Role::Allocator),
    ]);
    let calls = ["room", "enter", "room", "enter", "leave", "room", "enter", "leave", "enter"];
    let given = [Some(5), Some(6), Some(6), Some(7), None, Some(5), Some(6), None, Some(6)];
    assert_eq!(called(&roles, &calls), given);
}

#[test]
fn a_part_that_is_not_there_is_refused() {
    let roles = Roles::from([("elsewhere", Role::Entry)]);
    let refused = module::equip(&counting(b"", &[]), &roles).unwrap_err();
    assert_eq!(refused, Refusal("it is called in a way that is not known"));
}

#[test]
fn code_that_changes_tables_is_refused() {
    let change = [
        Instruction::I32Const(0),
        Instruction::RefNull(wasm_encoder::HeapType::FUNC),
        Instruction::TableSet(0),
    ];
    let refused = module::equip(&counting(b"", &change), &Roles::new()).unwrap_err();
    assert_eq!(refused, Refusal("its code changes tables or drops segments"));
}

/// A module with one section.
fn module_of(section: &impl wasm_encoder::Section) -> Vec<u8> {
    let mut module = Module::new();
    module.section(section);
    module.finish()
}

#[test]
fn a_module_beside_it_may_have_no_state() {
    let mut globals = GlobalSection::new();
    globals.global(number(true), &ConstExpr::i32_const(0));
    let mut shared = ImportSection::new();
    shared.import("m", "memory", memory_type());
    for (module, reason) in [
        (module_of(&globals), "several of its modules have globals that can change"),
        (module_of(&shared), "a module beside it shares its state"),
        (module_of(&StartSection { function_index: 0 }), "a module of it has a start function"),
    ] {
        assert_eq!(module::has_no_state(&module), Err(Refusal(reason)));
    }
    let mut constant = GlobalSection::new();
    constant.global(number(false), &ConstExpr::i32_const(0));
    assert_eq!(module::has_no_state(&module_of(&constant)), Ok(()));
}

#[test]
fn first_party_components_can_be_made_new_again() {
    for name in embedded::names() {
        let renewable = super::component::equip(embedded::find(name).unwrap());
        let renewable = renewable.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        Validator::new().validate_all(&renewable.bytes).unwrap();
        // What is equipped already is no component as people build them.
        let again = super::component::equip(&renewable.bytes).unwrap_err();
        assert_eq!(again, Refusal("it uses a name of the gateway's own"));
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let component = embedded::find("jwt").unwrap();
    for cut in [0, 7, 100, component.len() / 2] {
        assert!(super::component::equip(&component[..cut]).is_err(), "{cut}");
    }
}
