//! BTF made by hand, for tests.

/// Collects types and strings.
pub(super) struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    nr_types: u32,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            nr_types: 0,
        }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    pub(super) fn raw(&mut self, name: &str, info: u32, size_or_type: u32, rest: &[u32]) -> u32 {
        let name = self.string(name);
        for word in [name, info, size_or_type].iter().chain(rest) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.nr_types += 1;
        self.nr_types
    }

    pub(super) fn int(&mut self, name: &str, size_bytes: u32) -> u32 {
        self.raw(name, 1 << 24, size_bytes, &[size_bytes * 8])
    }

    pub(super) fn array(&mut self, element: u32, nr_elements: u32) -> u32 {
        self.raw("", 3 << 24, 0, &[element, 0, nr_elements])
    }

    pub(super) fn reference(&mut self, kind: u32, name: &str, to: u32) -> u32 {
        self.raw(name, kind << 24, to, &[])
    }

    /// `members`: name, type, offset in bytes.
    pub(super) fn composite(
        &mut self,
        kind: u32,
        name: &str,
        size_bytes: u32,
        members: &[(&str, u32, u32)],
    ) -> u32 {
        let mut rest = Vec::new();
        for &(name, type_id, offset_bytes) in members {
            rest.extend([self.string(name), type_id, offset_bytes * 8]);
        }
        self.raw(name, kind << 24 | members.len() as u32, size_bytes, &rest)
    }

    /// `layout`: an entry a kind, `(info_sz, elem_sz)`.
    pub(super) fn finish(self, layout: &[(u8, u8)]) -> Vec<u8> {
        let header_bytes: u32 = if layout.is_empty() { 24 } else { 32 };
        let types_len = self.types.len() as u32;
        let strings_len = self.strings.len() as u32;
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        let mut words = vec![header_bytes, 0, types_len, types_len, strings_len];
        if !layout.is_empty() {
            words.extend([types_len + strings_len, layout.len() as u32 * 4]);
        }
        for word in words {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend(self.types);
        bytes.extend(self.strings);
        for &(info, element) in layout {
            bytes.extend([info, element, 0, 0]);
        }
        bytes
    }
}
