//! The core module that has state: what of it can change, and how each entry undoes that.

use std::collections::BTreeMap;

use wasm_encoder::{
    BlockType, Encode as _, ExportKind, ExportSection, Function, InstructionSink, MemArg, Module,
    RawSection,
};
use wasmparser::{
    CompositeInnerType, ConstExpr, DataKind, ExternalKind, Operator, Parser, Payload, TypeRef,
};

use super::component::sections;
use super::memory::Pristine;
use super::{MEMORY_EXPORT, Refusal};

/// The part that an exported function has in calls, by its name.
pub(super) type Roles<'a> = BTreeMap<&'a str, Role>;

/// What a function is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A call of the component begins and ends.
    Entry,
    /// A call begins; it ends with another function.
    EntryWithEnding,
    /// A call ends: its result has been read.
    Ending,
    /// Makes room, for arguments before the entry and for results of the host after it.
    Allocator,
}

/// Sections of a module, by their numbers in the binary format.
mod section {
    pub(super) const TYPE: u8 = 1;
    pub(super) const FUNCTION: u8 = 3;
    pub(super) const GLOBAL: u8 = 6;
    pub(super) const EXPORT: u8 = 7;
    pub(super) const CODE: u8 = 10;
}

const WASM_PAGE_BYTES: u64 = 64 * 1024;
/// Where the function that tells of the memory leaves what it tells: 4 bytes each for address and length.
const TOLD_AT: u64 = 16;

/// A number as an instruction that pushes it.
#[derive(Debug, Clone, Copy)]
enum Constant {
    I32(i32),
    I64(i64),
    F32(wasmparser::Ieee32),
    F64(wasmparser::Ieee64),
}

/// What was read of the module.
#[derive(Default)]
struct Reading<'a> {
    /// How many parameters a function of each type has.
    parameters: Vec<usize>,
    /// Of each function, those that are imported first.
    types: Vec<u32>,
    globals: u32,
    /// Indexes of those that can change, and what they are at first.
    mutable: Vec<(u32, Constant)>,
    exports: Vec<wasmparser::Export<'a>>,
    memory_bytes: u64,
    segments: Vec<(u32, &'a [u8])>,
}

/// Whether a module defines a memory.
pub(super) fn has_memory(module: &[u8]) -> Result<bool, Refusal> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::MemorySection(section) = payload? {
            return Ok(section.count() > 0);
        }
    }
    Ok(false)
}

/// Whether a module without memory has nothing else that can change.
///
/// # Errors
///
/// If it does.
pub(super) fn has_no_state(module: &[u8]) -> Result<(), Refusal> {
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) | TypeRef::Table(_) => {}
                        TypeRef::Global(global) if !global.mutable => {}
                        _ => return Err(Refusal("a module beside it shares its state")),
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    if global?.ty.mutable {
                        return Err(Refusal("several of its modules have globals that can change"));
                    }
                }
            }
            Payload::StartSection { .. } => {
                return Err(Refusal("a module of it has a start function"));
            }
            Payload::DataSection(segments) if segments.count() > 0 => {
                return Err(Refusal("a module beside it has data"));
            }
            Payload::CodeSectionEntry(body) => keeps_tables(&body)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a function leaves tables and segments as they are.
fn keeps_tables(body: &wasmparser::FunctionBody<'_>) -> Result<(), Refusal> {
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. } => {
                return Err(Refusal("its code changes tables or drops segments"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The module with entries that set its globals, and with a function that tells of its memory; and what
/// the memory holds at first.
pub(super) fn equip(module: &[u8], roles: &Roles<'_>) -> Result<(Vec<u8>, Pristine), Refusal> {
    let mut reading = Reading::default();
    for payload in Parser::new(0).parse_all(module) {
        reading.read(payload?)?;
    }
    let pristine = Pristine::of(reading.memory_bytes, &reading.segments)
        .ok_or(Refusal("its memory is not what it seems"))?;
    Ok((reading.equipped(module, roles)?, pristine))
}

impl<'a> Reading<'a> {
    fn read(&mut self, payload: Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    for of_group in group?.into_types() {
                        let CompositeInnerType::Func(function) = of_group.composite_type.inner
                        else {
                            return Err(Refusal("it has types that are not known"));
                        };
                        self.parameters.push(function.params().len());
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Func(index) => self.types.push(index),
                        _ => return Err(Refusal("its memory or its globals come from elsewhere")),
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                for function in functions {
                    self.types.push(function?);
                }
            }
            Payload::MemorySection(memories) => {
                let mut memories = memories.into_iter();
                let (Some(memory), None) = (memories.next(), memories.next()) else {
                    return Err(Refusal("it has several memories"));
                };
                let memory = memory?;
                if memory.shared || memory.memory64 || memory.page_size_log2.is_some() {
                    return Err(Refusal("its memory is of a kind that is not known"));
                }
                self.memory_bytes = memory.initial.saturating_mul(WASM_PAGE_BYTES);
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    if global.ty.mutable {
                        self.mutable.push((self.globals, constant(&global.init_expr)?));
                    }
                    self.globals += 1;
                }
            }
            Payload::ExportSection(exports) => {
                self.exports = exports.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::StartSection { .. } => {
                return Err(Refusal("a module of it has a start function"));
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    if let DataKind::Active { offset_expr, .. } = segment.kind {
                        let Constant::I32(offset) = constant(&offset_expr)? else {
                            return Err(Refusal("its memory is not what it seems"));
                        };
                        self.segments.push((offset.cast_unsigned(), segment.data));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => keeps_tables(&body)?,
            _ => {}
        }
        Ok(())
    }

    fn equipped(&self, module: &[u8], roles: &Roles<'_>) -> Result<Vec<u8>, Refusal> {
        let mut functions = Appended::default();
        let mut bodies = Appended::default();
        let mut exports = ExportSection::new();
        let first = u32::try_from(self.types.len()).map_err(|_too_many| TOO_LARGE)?;
        // Whether the globals are as at first, or have been set so since the last call ended.
        let is_new = self.globals;

        let told_type = u32::try_from(self.parameters.len()).map_err(|_too_many| TOO_LARGE)?;
        functions.push(|bytes| told_type.encode(bytes));
        bodies.push(|bytes| telling_memory().encode(bytes));
        exports.export(MEMORY_EXPORT, ExportKind::Func, first);
        let mut met = 0;
        for export in &self.exports {
            if export.name == MEMORY_EXPORT {
                return Err(Refusal("it uses a name of the gateway's own"));
            }
            let mut index = export.index;
            if let (Some(role), ExternalKind::Func) = (roles.get(export.name), export.kind) {
                let of_type = usize::try_from(index).ok().and_then(|at| self.types.get(at));
                let of_type = *of_type.ok_or(Refusal("it cannot be read"))?;
                let parameters = usize::try_from(of_type).ok();
                let parameters = parameters.and_then(|at| self.parameters.get(at));
                let parameters = *parameters.ok_or(Refusal("it cannot be read"))?;
                let body = self.wrapped(*role, index, parameters, is_new)?;
                index = first + functions.count;
                functions.push(|bytes| of_type.encode(bytes));
                bodies.push(|bytes| body.encode(bytes));
                met += 1;
            }
            exports.export(export.name, kind(export.kind)?, index);
        }
        if met != roles.len() {
            return Err(Refusal("it is called in a way that is not known"));
        }

        let mut global = Appended::default();
        // i32, mutable, i32.const 0, end.
        global.push(|bytes| bytes.extend([0x7f, 0x01, 0x41, 0x00, 0x0b]));
        let mut told = Appended::default();
        // A function without parameters that gives an i32.
        told.push(|bytes| bytes.extend([0x60, 0x00, 0x01, 0x7f]));

        let mut whole = Module::new();
        let mut has_global = false;
        for (id, range) in sections(module)? {
            let body = module.get(range).ok_or(Refusal("it cannot be read"))?;
            let longer = match id {
                section::TYPE => told.after(body)?,
                section::FUNCTION => functions.after(body)?,
                section::GLOBAL => {
                    has_global = true;
                    global.after(body)?
                }
                section::CODE => bodies.after(body)?,
                section::EXPORT => {
                    if !has_global {
                        let data = &global.after(&[0])?;
                        whole.section(&RawSection { id: section::GLOBAL, data });
                    }
                    whole.section(&exports);
                    continue;
                }
                _ => {
                    whole.section(&RawSection { id, data: body });
                    continue;
                }
            };
            whole.section(&RawSection { id, data: &longer });
        }
        Ok(whole.finish())
    }

    /// A function in place of one that has a part in calls.
    fn wrapped(
        &self,
        role: Role,
        index: u32,
        parameters: usize,
        is_new: u32,
    ) -> Result<Function, Refusal> {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        if role != Role::Ending {
            code.global_get(is_new).i32_eqz().if_(BlockType::Empty);
            for (global, at_first) in &self.mutable {
                at_first.push(&mut code);
                code.global_set(*global);
            }
            code.i32_const(1).global_set(is_new).end();
        }
        for parameter in 0..parameters {
            code.local_get(u32::try_from(parameter).map_err(|_too_many| TOO_LARGE)?);
        }
        code.call(index);
        if matches!(role, Role::Entry | Role::Ending) {
            code.i32_const(0).global_set(is_new);
        }
        code.end();
        Ok(function)
    }
}

const TOO_LARGE: Refusal = Refusal("it is too large");

/// A function that gives the address of where the memory begins and ends.
fn telling_memory() -> Function {
    let at = |offset| MemArg { offset, align: 2, memory_index: 0 };
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.i32_const(0).i32_const(0).i32_store(at(TOLD_AT));
    code.i32_const(0).memory_size(0).i32_const(16).i32_shl().i32_store(at(TOLD_AT + 4));
    code.i32_const(i32::try_from(TOLD_AT).unwrap_or_default());
    code.end();
    function
}

impl Constant {
    fn push(self, code: &mut InstructionSink<'_>) {
        match self {
            Self::I32(number) => code.i32_const(number),
            Self::I64(number) => code.i64_const(number),
            Self::F32(number) => code.f32_const(number.into()),
            Self::F64(number) => code.f64_const(number.into()),
        };
    }
}

/// An expression that is a number and nothing else.
fn constant(expression: &ConstExpr<'_>) -> Result<Constant, Refusal> {
    let mut reader = expression.get_operators_reader();
    let constant = match reader.read()? {
        Operator::I32Const { value } => Constant::I32(value),
        Operator::I64Const { value } => Constant::I64(value),
        Operator::F32Const { value } => Constant::F32(value),
        Operator::F64Const { value } => Constant::F64(value),
        _ => return Err(Refusal("its globals begin as more than numbers")),
    };
    match reader.read()? {
        Operator::End => Ok(constant),
        _ => Err(Refusal("its globals begin as more than numbers")),
    }
}

fn kind(kind: ExternalKind) -> Result<ExportKind, Refusal> {
    match kind {
        ExternalKind::Func => Ok(ExportKind::Func),
        ExternalKind::Table => Ok(ExportKind::Table),
        ExternalKind::Memory => Ok(ExportKind::Memory),
        ExternalKind::Global => Ok(ExportKind::Global),
        _ => Err(Refusal("it exports what is not known")),
    }
}

/// Entries that are added at the end of a section.
#[derive(Default)]
struct Appended {
    count: u32,
    bytes: Vec<u8>,
}

impl Appended {
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.count += 1;
    }

    /// The section's contents with them.
    fn after(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut reader = wasmparser::BinaryReader::new(body, 0);
        let count = reader.read_var_u32()?;
        let entries = body.get(reader.current_position()..).unwrap_or_default();
        let mut longer = Vec::with_capacity(body.len() + self.bytes.len() + 5);
        (count + self.count).encode(&mut longer);
        longer.extend_from_slice(entries);
        longer.extend_from_slice(&self.bytes);
        Ok(longer)
    }
}
