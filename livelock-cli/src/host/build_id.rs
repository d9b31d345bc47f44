//! Which build of the kernel runs.
//!
//! In: the ELF notes of `/sys/kernel/notes`. Out: the build id of the image. Refuses: notes that are cut off.

use std::fmt::Write as _;

/// `NT_GNU_BUILD_ID` of `elf.h`.
const NT_GNU_BUILD_ID: u32 = 3;

/// The build id, in hexadecimal.
pub(super) fn build_id(notes: &[u8]) -> Option<String> {
    let mut rest = notes;
    loop {
        let word = |at: usize| -> Option<u32> {
            Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?))
        };
        let (name_bytes, desc_bytes, kind) = (word(0)?, word(4)?, word(8)?);
        let padded = |len: u32| usize::try_from(len).ok()?.checked_next_multiple_of(4);
        let desc_at = padded(name_bytes)?.checked_add(12)?;
        let desc_end = desc_at.checked_add(usize::try_from(desc_bytes).ok()?)?;
        if kind == NT_GNU_BUILD_ID && rest.get(12..16)? == b"GNU\0" {
            let mut text = String::new();
            for byte in rest.get(desc_at..desc_end)? {
                write!(text, "{byte:02x}").ok()?;
            }
            return Some(text);
        }
        rest = rest.get(desc_at.checked_add(padded(desc_bytes)?)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(name: &[u8], kind: u32, desc: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [name.len() as u32, desc.len() as u32, kind] {
            bytes.extend(word.to_ne_bytes());
        }
        for part in [name, desc] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn it_is_found_behind_other_notes() {
        let notes = [
            note(b"Xen\0", 6, b"linux"),
            note(b"GNU\0", 1, &[0; 16]),
            note(b"GNU\0", 3, &[0xab, 0x01, 0xff]),
        ];
        assert_eq!(build_id(&notes.concat()).as_deref(), Some("ab01ff"));
        assert_eq!(build_id(&notes[..2].concat()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = build_id(&bytes);
        }
    }
}
