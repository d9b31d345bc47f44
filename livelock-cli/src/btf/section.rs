//! Variables: what lies where in a section, and what a place in a variable is called.
//!
//! In: the name of a section. Out: its variables by offset. Refuses: sections that this kernel's BTF does not describe;
//! most describe per-CPU variables alone.

use super::Btf;
use super::query::StructId;
use super::table::Kind;

/// The section of per-CPU variables.
pub const PER_CPU_SECTION: &str = ".data..percpu";

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Where it starts in its section.
    pub offset_bytes: u32,
    /// Size.
    pub size_bytes: u32,
    type_id: u32,
}

/// What a place in a variable is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariablePlace {
    /// `structure.member`, or the variable's name if it is no structure with a name.
    pub name: String,
    /// Element, if the variable is an array.
    pub index: Option<u64>,
}

impl Btf {
    /// The variables of a section, by offset.
    #[must_use]
    pub fn variables(&self, section: &str) -> Option<Vec<Variable>> {
        let section = self.get(self.find(section, |kind| kind == Kind::DataSection)?)?;
        let variable = |index: u32| {
            let at = section.payload() + index as usize * 12;
            let var = self.get(self.word(at)?)?;
            (var.kind() == Kind::Variable).then_some(())?;
            Some(Variable {
                name: self.name(var.name_at)?.to_owned(),
                offset_bytes: self.word(at + 4)?,
                size_bytes: self.word(at + 8)?,
                type_id: var.size_or_type,
            })
        };
        let mut variables: Vec<_> = (0..section.nr_items()).filter_map(variable).collect();
        variables.sort_by_key(|variable| variable.offset_bytes);
        Some(variables)
    }

    /// What lies `offset_bytes` into `variable`.
    #[must_use]
    pub fn place_in(&self, variable: &Variable, offset_bytes: u32) -> VariablePlace {
        let (mut id, mut offset, mut index) = (variable.type_id, offset_bytes, None);
        if let Some(element) = self.element_of(id)
            && let Ok(size) = u32::try_from(element.size_bytes)
            && let Some(number) = offset.checked_div(size)
        {
            (id, offset, index) = (element.type_id, offset % size, Some(u64::from(number)));
        }
        let named = || {
            let structure = self.strip(id)?;
            let ty = self.get(structure)?;
            let is_structure = matches!(ty.kind(), Kind::Struct | Kind::Union);
            let name = self.name(ty.name_at).filter(|_| is_structure)?;
            (!self.is_lock(id)).then_some(())?;
            let member = self.member_of_id(StructId(structure), offset)?;
            Some(format!("{name}.{member}"))
        };
        VariablePlace {
            name: named().unwrap_or_else(|| variable.name.clone()),
            index,
        }
    }

    fn element_of(&self, id: u32) -> Option<Element> {
        let array = self.get(self.strip(id)?)?;
        (array.kind() == Kind::Array).then_some(())?;
        let (type_id, _) = self.array(array)?;
        Some(Element {
            type_id,
            size_bytes: self.size_bytes(type_id)?,
        })
    }
}

struct Element {
    type_id: u32,
    size_bytes: u64,
}
