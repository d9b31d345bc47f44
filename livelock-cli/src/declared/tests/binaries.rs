//! Programs, their probes and the loader's cache: this test's own program, and bytes made by hand.

use std::path::Path;

use proptest::prelude::*;

use crate::declared::{elf, libraries};

#[test]
fn our_own_functions_are_found() {
    // Not inlined, not mangled, and in the table of symbols of this test.
    #[unsafe(no_mangle)]
    #[inline(never)]
    extern "C" fn livelock_test_function_of_declared(value: u64) -> u64 {
        std::hint::black_box(value) + 1
    }
    #[unsafe(no_mangle)]
    static LIVELOCK_TEST_DATA_OF_DECLARED: u64 = 7;
    assert_eq!(livelock_test_function_of_declared(1), 2);
    assert_eq!(std::hint::black_box(&LIVELOCK_TEST_DATA_OF_DECLARED), &7);
    let path = std::env::current_exe().expect("this program");
    let bytes = std::fs::read(&path).expect("this program's file");
    let find = |symbol: &str, plus| elf::function(&path, &bytes, symbol, plus);
    let places = find("livelock_test_function_of_declared", 0).expect("a function");
    assert_eq!(places.len(), 1);
    // The file has at that offset what memory has at the function.
    let at = livelock_test_function_of_declared as *const u8;
    // SAFETY: the code of a function of more than four bytes.
    let code = unsafe { std::slice::from_raw_parts(at, 4) };
    let offset = usize::try_from(places[0].offset_bytes).expect("an offset");
    assert_eq!(&bytes[offset..offset + 4], code);
    let said = |symbol: &str, plus| find(symbol, plus).expect_err(symbol).to_string();
    assert!(said("livelock_test_function_of_declared", 1 << 30).contains("bytes long"));
    assert!(said("LIVELOCK_TEST_DATA_OF_DECLARED", 0).ends_with("is data, not a function"));
    let said = said("livelock_test_function_of_declare", 0);
    assert!(
        said.contains("did you mean `livelock_test_function_of_declared`?"),
        "{said}"
    );
    let usdt = elf::usdt(&path, &bytes, "a", "b").expect_err("no such probe");
    assert!(usdt.to_string().contains("has no USDT probe `a:b`"));
}

/// A note as `sys/sdt.h` writes it.
fn sdt_note(provider: &str, name: &str) -> Vec<u8> {
    let mut desc = Vec::new();
    for address in [0x1164_u64, 0x2028, 0x4028] {
        desc.extend(address.to_le_bytes());
    }
    desc.extend(format!("{provider}\0{name}\0\0").bytes());
    let mut note = Vec::new();
    for word in [8, desc.len() as u32, 3] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"stapsdt\0");
    note.extend(desc);
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

#[test]
fn usdt_notes_are_read() {
    let mut data = sdt_note("shop", "order__done");
    data.extend(sdt_note("shop", "x"));
    let found = elf::notes(&data, true);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].pc, found[0].base, found[0].semaphore),
        (0x1164, 0x2028, 0x4028)
    );
    assert_eq!(
        (found[1].provider.as_str(), found[1].name.as_str()),
        ("shop", "x")
    );
    data[8] = 4;
    assert_eq!(elf::notes(&data, true).len(), 1, "another type");
}

/// A cache of the loader with these libraries.
fn loader_cache(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut cache = b"glibc-ld.so.cache1.1".to_vec();
    cache.extend((entries.len() as u32).to_le_bytes());
    cache.resize(48, 0);
    let mut texts = Vec::new();
    let texts_at = 48 + 24 * entries.len();
    for (name, path) in entries {
        let mut text = |text: &str| {
            let at = (texts_at + texts.len()) as u32;
            texts.extend(text.bytes());
            texts.push(0);
            at
        };
        let (name, path) = (text(name), text(path));
        for word in [0x303, name, path, 0, 0, 0] {
            cache.extend(word.to_le_bytes());
        }
    }
    cache.extend(texts);
    cache
}

#[test]
fn the_loaders_cache_knows_libraries() {
    let cache = loader_cache(&[
        ("libcrypt.so.1", "/lib/libcrypt.so.1"),
        ("libc.so.6", "/lib/libc.so.6"),
    ]);
    let mut old_format = b"ld.so-1.7.0\0\0\0\0\0".to_vec();
    old_format.extend(&cache);
    for cache in [&cache, &old_format] {
        for name in ["c", "libc", "libc.so.6"] {
            let found = libraries::library_paths(cache, name);
            assert_eq!(found, [Path::new("/lib/libc.so.6")], "{name}");
        }
        assert!(libraries::library_paths(cache, "cry").is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), is_64: bool) {
        let _ = elf::notes(&bytes, is_64);
        let mut cache = loader_cache(&[("libc.so.6", "/lib/libc.so.6")]);
        let len = cache.len().min(bytes.len());
        cache[20..len.max(20)].copy_from_slice(&bytes[20.min(len)..len]);
        let _ = libraries::library_paths(&cache, "c");
        let _ = elf::function(Path::new("x"), &bytes, "f", 1);
    }
}
