//! The component around the modules: which one has state, and how it is entered and left.

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption as Setting, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentTypeSection, ComponentValType,
    ExportKind, PrimitiveValType, RawSection,
};
use wasmparser::{
    BinaryReader, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentAliasSectionReader,
    ComponentCanonicalSectionReader, ComponentExportSectionReader, ComponentExternalKind,
    ComponentImportSectionReader, ComponentOuterAliasKind, ComponentTypeRef, ExternalKind,
    Instance, InstanceSectionReader,
};

use super::module::{self, Role, Roles};
use super::{MEMORY_EXPORT, Refusal, Renewable};

/// Sections of a component, by their numbers in the binary format.
mod section {
    pub(super) const CUSTOM: u8 = 0;
    pub(super) const CORE_MODULE: u8 = 1;
    pub(super) const CORE_INSTANCE: u8 = 2;
    pub(super) const CORE_TYPE: u8 = 3;
    pub(super) const COMPONENT: u8 = 4;
    pub(super) const INSTANCE: u8 = 5;
    pub(super) const ALIAS: u8 = 6;
    pub(super) const TYPE: u8 = 7;
    pub(super) const CANONICAL: u8 = 8;
    pub(super) const IMPORT: u8 = 10;
    pub(super) const EXPORT: u8 = 11;
}

/// Bytes before the first section: the magic number and the version.
const PREAMBLE_BYTES: usize = 8;

/// What a component imports that keeps state for it on the side of the host.
const STATEFUL: [&str; 2] = ["wasi:", "tidegate:plugin/http-client"];

/// A core function, as the component knows it.
#[derive(Clone, Copy)]
enum CoreFunction<'a> {
    Exported { instance: u32, name: &'a str },
    Lowered,
}

/// What was read of a component so far; indexes are those of its index spaces.
#[derive(Default)]
struct Reading<'a> {
    modules: Vec<Range<usize>>,
    /// The module of each core instance; none if it is a set of exports.
    core_instances: Vec<Option<u32>>,
    core_functions: Vec<CoreFunction<'a>>,
    /// The core instance that each core memory is of.
    core_memories: Vec<u32>,
    types: u32,
    functions: u32,
    lifts: Vec<(u32, Box<[CanonicalOption]>)>,
    lowers: Vec<Box<[CanonicalOption]>>,
}

pub(super) fn equip(component: &[u8]) -> Result<Renewable, Refusal> {
    let sections = sections(component)?;
    let mut reading = Reading::default();
    for (id, range) in &sections {
        reading.read(*id, component, range.clone())?;
    }
    let (module, instance) = reading.stateful(component)?;
    let (roles, memory) = reading.roles(instance)?;
    let bytes = reading.modules.get(module).and_then(|range| component.get(range.clone()));
    let (equipped, pristine) = module::equip(bytes.ok_or(UNREADABLE)?, &roles)?;

    let mut whole = Component::new();
    let mut index = 0;
    for (id, range) in sections {
        let is_module = id == section::CORE_MODULE;
        let data = if is_module && index == module {
            &equipped
        } else {
            component.get(range).ok_or(UNREADABLE)?
        };
        index += usize::from(is_module);
        whole.section(&RawSection { id, data });
    }
    reading.tell_memory(&mut whole, instance, memory);
    Ok(Renewable { bytes: whole.finish(), pristine })
}

const UNREADABLE: Refusal = Refusal("it cannot be read");

/// The sections of a component or module: their numbers, and where their contents are.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<(u8, Range<usize>)>, Refusal> {
    let mut reader = BinaryReader::new(bytes, 0);
    reader.read_bytes(PREAMBLE_BYTES)?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let length = usize::try_from(reader.read_var_u32()?).map_err(|_too_long| UNREADABLE)?;
        let start = reader.current_position();
        reader.read_bytes(length)?;
        sections.push((id, start..start + length));
    }
    Ok(sections)
}

impl<'a> Reading<'a> {
    fn read(&mut self, id: u8, all: &'a [u8], range: Range<usize>) -> Result<(), Refusal> {
        let body = all.get(range.clone()).ok_or(UNREADABLE)?;
        let reader = BinaryReader::new(body, range.start);
        match id {
            section::CUSTOM | section::CORE_TYPE | section::INSTANCE => {}
            section::CORE_MODULE => self.modules.push(range),
            section::CORE_INSTANCE => {
                for instance in InstanceSectionReader::new(reader)? {
                    self.core_instances.push(match instance? {
                        Instance::Instantiate { module_index, .. } => Some(module_index),
                        Instance::FromExports(_) => None,
                    });
                }
            }
            section::COMPONENT => has_no_core(body)?,
            section::ALIAS => self.read_aliases(ComponentAliasSectionReader::new(reader)?)?,
            section::TYPE => self.types += BinaryReader::new(body, 0).read_var_u32()?,
            section::CANONICAL => {
                self.read_canonical(ComponentCanonicalSectionReader::new(reader)?)?;
            }
            section::IMPORT => self.read_imports(ComponentImportSectionReader::new(reader)?)?,
            section::EXPORT => {
                for export in ComponentExportSectionReader::new(reader)? {
                    let export = export?;
                    if export.name.name == MEMORY_EXPORT {
                        return Err(Refusal("it uses a name of the gateway's own"));
                    }
                    match export.kind {
                        ComponentExternalKind::Func => self.functions += 1,
                        ComponentExternalKind::Type => self.types += 1,
                        _ => {}
                    }
                }
            }
            _ => return Err(Refusal("it has a part whose state is not known")),
        }
        Ok(())
    }

    fn read_aliases(&mut self, aliases: ComponentAliasSectionReader<'a>) -> Result<(), Refusal> {
        for alias in aliases {
            match alias? {
                ComponentAlias::InstanceExport { kind, .. } => match kind {
                    ComponentExternalKind::Func => self.functions += 1,
                    ComponentExternalKind::Type => self.types += 1,
                    ComponentExternalKind::Module => {
                        return Err(Refusal("it has modules from elsewhere"));
                    }
                    _ => {}
                },
                ComponentAlias::CoreInstanceExport { kind, instance_index, name } => match kind {
                    ExternalKind::Func | ExternalKind::FuncExact => {
                        let function = CoreFunction::Exported { instance: instance_index, name };
                        self.core_functions.push(function);
                    }
                    ExternalKind::Memory => self.core_memories.push(instance_index),
                    _ => {}
                },
                ComponentAlias::Outer { kind, .. } => match kind {
                    ComponentOuterAliasKind::Type => self.types += 1,
                    ComponentOuterAliasKind::CoreModule => {
                        return Err(Refusal("it has modules from elsewhere"));
                    }
                    _ => {}
                },
            }
        }
        Ok(())
    }

    fn read_canonical(
        &mut self,
        functions: ComponentCanonicalSectionReader<'a>,
    ) -> Result<(), Refusal> {
        for function in functions {
            match function? {
                CanonicalFunction::Lift { core_func_index, options, .. } => {
                    self.functions += 1;
                    self.lifts.push((core_func_index, options));
                }
                CanonicalFunction::Lower { options, .. } => {
                    self.core_functions.push(CoreFunction::Lowered);
                    self.lowers.push(options);
                }
                _ => return Err(Refusal("it has resources or tasks")),
            }
        }
        Ok(())
    }

    fn read_imports(&mut self, imports: ComponentImportSectionReader<'a>) -> Result<(), Refusal> {
        for import in imports {
            let import = import?;
            if STATEFUL.iter().any(|prefix| import.name.name.starts_with(prefix)) {
                return Err(Refusal("it imports what keeps state outside of its memory"));
            }
            match import.ty {
                ComponentTypeRef::Func(_) => self.functions += 1,
                ComponentTypeRef::Type(_) => self.types += 1,
                ComponentTypeRef::Module(_) => {
                    return Err(Refusal("it has modules from elsewhere"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The module that has state, and its core instance.
    fn stateful(&self, component: &[u8]) -> Result<(usize, u32), Refusal> {
        let mut found = None;
        for (index, range) in self.modules.iter().enumerate() {
            let bytes = component.get(range.clone()).ok_or(UNREADABLE)?;
            if module::has_memory(bytes)? {
                if found.replace(index).is_some() {
                    return Err(Refusal("several of its modules have a memory"));
                }
            } else {
                module::has_no_state(bytes)?;
            }
        }
        let found = found.ok_or(Refusal("it has no memory"))?;
        let mut instances = (0_u32..).zip(&self.core_instances).filter(|(_, module)| {
            module.is_some_and(|module| usize::try_from(module).is_ok_and(|module| module == found))
        });
        match (instances.next(), instances.next()) {
            (Some((instance, _)), None) => Ok((found, instance)),
            _ => Err(Refusal("the module with its memory is not used just once")),
        }
    }

    /// The parts that exports of the instance have in calls; and its memory.
    fn roles(&self, instance: u32) -> Result<(Roles<'a>, u32), Refusal> {
        let mut roles = BTreeMap::new();
        let mut memory = None;
        let own = |function: u32| {
            let function =
                usize::try_from(function).ok().and_then(|at| self.core_functions.get(at));
            match function {
                Some(CoreFunction::Exported { instance: of, name }) if *of == instance => Ok(*name),
                _ => Err(Refusal("it is called in a way that is not known")),
            }
        };
        let mut add = |name: &'a str, role: Role| match roles.insert(name, role) {
            Some(other) if other != role => Err(Refusal("a function of it has two parts")),
            _ => Ok(()),
        };
        let lifts = self.lifts.iter().map(|(function, options)| (Some(*function), options));
        let lowers = self.lowers.iter().map(|options| (None, options));
        for (function, options) in lifts.chain(lowers) {
            let mut has_ending = false;
            for option in options {
                match *option {
                    CanonicalOption::Realloc(function) => add(own(function)?, Role::Allocator)?,
                    CanonicalOption::PostReturn(function) => {
                        has_ending = true;
                        add(own(function)?, Role::Ending)?;
                    }
                    CanonicalOption::Memory(index) => {
                        let of =
                            usize::try_from(index).ok().and_then(|at| self.core_memories.get(at));
                        if of != Some(&instance) {
                            return Err(Refusal("several of its modules have a memory"));
                        }
                        memory = Some(index);
                    }
                    CanonicalOption::UTF8
                    | CanonicalOption::UTF16
                    | CanonicalOption::CompactUTF16 => {}
                    _ => return Err(Refusal("it is called in a way that is not known")),
                }
            }
            if let Some(function) = function {
                let role = if has_ending { Role::EntryWithEnding } else { Role::Entry };
                add(own(function)?, role)?;
            }
        }
        Ok((roles, memory.ok_or(Refusal("its memory is not used in calls"))?))
    }

    /// Exports the function that tells where the memory lies.
    fn tell_memory(&self, whole: &mut Component, instance: u32, memory: u32) {
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::CoreInstanceExport {
            instance,
            kind: ExportKind::Func,
            name: MEMORY_EXPORT,
        });
        whole.section(&aliases);

        let mut types = ComponentTypeSection::new();
        types.defined_type().list(PrimitiveValType::U8);
        let none: [(&str, ComponentValType); 0] = [];
        types.function().params(none).result(Some(ComponentValType::Type(self.types)));
        whole.section(&types);

        let mut functions = CanonicalFunctionSection::new();
        let function = u32::try_from(self.core_functions.len()).unwrap_or(u32::MAX);
        functions.lift(function, self.types + 1, [Setting::Memory(memory)]);
        whole.section(&functions);

        let mut exports = ComponentExportSection::new();
        exports.export(MEMORY_EXPORT, ComponentExportKind::Func, self.functions, None);
        whole.section(&exports);
    }
}

/// Components within are there for the shape of exports; with modules of their own they would be more.
fn has_no_core(component: &[u8]) -> Result<(), Refusal> {
    for (id, range) in sections(component)? {
        match id {
            section::CORE_MODULE | section::CORE_INSTANCE | section::CANONICAL => {
                return Err(Refusal("a component within it has modules"));
            }
            section::COMPONENT => has_no_core(component.get(range).ok_or(UNREADABLE)?)?,
            _ => {}
        }
    }
    Ok(())
}
