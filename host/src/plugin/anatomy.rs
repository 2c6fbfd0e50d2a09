//! What a component is made of, read from its bytes without compiling or running it.

use wasmparser::{
    BinaryReaderError, ComponentExportSectionReader, ComponentImportSectionReader,
    CustomSectionReader, KnownCustom, MemorySectionReader, Parser, Payload,
};

/// Bytes of a page of linear memory, unless a memory says otherwise.
const PAGE_BYTES_LOG2: u32 = 16;

/// What a component is made of, those within it included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anatomy {
    /// Names of what it imports, in the order of the file.
    pub imports: Vec<String>,
    /// Names of what it exports, in the order of the file.
    pub exports: Vec<String>,
    /// Core modules.
    pub modules: usize,
    /// Bytes that each of its linear memories has at first.
    pub memories: Vec<u64>,
    /// What made it, such as `rustc 1.95.0`; each once, in the order of the file.
    pub producers: Vec<String>,
    /// Whether backtraces can name its functions.
    pub has_names: bool,
    /// Whether backtraces can name its files and lines.
    pub has_lines: bool,
}

impl Anatomy {
    /// Reads a component or a core module.
    ///
    /// # Errors
    ///
    /// Where the bytes are not WebAssembly.
    pub fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut anatomy = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } => {
                    anatomy.modules += 1;
                    depth += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    anatomy.add_imports(section)?;
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    anatomy.add_exports(section)?;
                }
                Payload::MemorySection(section) => anatomy.add_memories(section)?,
                Payload::CustomSection(section) => anatomy.add_custom(&section)?,
                _ => {}
            }
        }
        Ok(anatomy)
    }

    fn add_imports(
        &mut self,
        section: ComponentImportSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for import in section {
            self.imports.push(import?.name.name.to_owned());
        }
        Ok(())
    }

    fn add_exports(
        &mut self,
        section: ComponentExportSectionReader<'_>,
    ) -> Result<(), BinaryReaderError> {
        for export in section {
            self.exports.push(export?.name.name.to_owned());
        }
        Ok(())
    }

    fn add_memories(&mut self, section: MemorySectionReader<'_>) -> Result<(), BinaryReaderError> {
        for memory in section {
            let memory = memory?;
            let page_bytes = 1_u64 << memory.page_size_log2.unwrap_or(PAGE_BYTES_LOG2).min(63);
            self.memories.push(memory.initial.saturating_mul(page_bytes));
        }
        Ok(())
    }

    fn add_custom(&mut self, section: &CustomSectionReader<'_>) -> Result<(), BinaryReaderError> {
        self.has_lines |= section.name() == ".debug_line";
        match section.as_known() {
            KnownCustom::Name(_) => self.has_names = true,
            KnownCustom::Producers(fields) => {
                for field in fields {
                    for value in field?.values {
                        let value = value?;
                        self.add_producer(format!("{} {}", value.name, value.version).trim_end());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_producer(&mut self, producer: &str) {
        if !self.producers.iter().any(|known| known == producer) {
            self.producers.push(producer.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::embedded;

    #[test]
    fn a_component_is_read_with_the_modules_within_it() {
        let anatomy = Anatomy::of(embedded::find("rate-limit").expect("it is embedded"))
            .expect("it is a component");
        assert!(anatomy.exports.contains(&"tidegate:plugin/lifecycle@0.1.0".to_owned()));
        assert!(anatomy.imports.contains(&"tidegate:plugin/counter@0.1.0".to_owned()));
        assert!(anatomy.modules >= 1, "{anatomy:?}");
        assert_eq!(anatomy.memories.len(), 1);
        assert!(anatomy.producers.iter().any(|name| name.starts_with("rustc ")), "{anatomy:?}");
        assert_eq!((anatomy.has_names, anatomy.has_lines), (true, false));
    }

    #[test]
    fn what_is_cut_short_is_not_a_component() {
        let bytes = embedded::find("jwt").expect("it is embedded");
        assert!(Anatomy::of(&bytes[..bytes.len() / 2]).is_err());
    }
}
