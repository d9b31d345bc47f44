//! Packets that each CPU received, of `/proc/net/softnet_stat`.
//!
//! In: its text. Out: packets by CPU since the first reading. Refuses: rows that do not say of which CPU they are, as
//! those of kernels before 5.10.
//!
//! Kernels from 5.10 on print the CPU as the 13th number, and later ones two more behind it (`net/core/net-procfs.c`,
//! `softnet_seq_show`, v6.1 and v6.18). CPUs that are offline have no row.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use livelock_core::ids::CpuId;

use super::file::ProcFile;

/// Column of the CPU's number, from 0.
const CPU_COLUMN: usize = 12;

/// Packets by CPU, as the kernel counts them: in 32 bits.
#[must_use]
pub fn parse_softnet(text: &str) -> Vec<(CpuId, u32)> {
    let row = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let mut column = |skipped| u32::from_str_radix(words.nth(skipped)?, 16).ok();
        let nr = column(0)?;
        Some((CpuId(column(CPU_COLUMN - 1)?), nr))
    };
    text.lines().filter_map(row).collect()
}

/// The file, and what it has said.
#[derive(Debug)]
pub struct PacketsByCpu {
    file: ProcFile,
    sums: Sums,
}

impl PacketsByCpu {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            file: ProcFile::open(Path::new("/proc/net/softnet_stat"))?,
            sums: Sums::default(),
        })
    }

    /// Packets since the first reading, of each CPU that ever had a row; nothing if the file cannot be read.
    pub fn read(&mut self) -> BTreeMap<CpuId, u64> {
        match self.file.read() {
            Ok(text) => self.sums.add(parse_softnet(text)),
            Err(_) => BTreeMap::new(),
        }
    }
}

/// Sums beyond 32 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums(BTreeMap<CpuId, (u32, u64)>);

impl Sums {
    /// Adds what was counted since the reading before. A CPU without a row is offline and receives nothing.
    pub(super) fn add(&mut self, now: Vec<(CpuId, u32)>) -> BTreeMap<CpuId, u64> {
        for (cpu, nr) in now {
            let (last, sum) = self.0.entry(cpu).or_insert((nr, 0));
            *sum = sum.saturating_add(u64::from(nr.wrapping_sub(*last)));
            *last = nr;
        }
        self.0.iter().map(|(&cpu, &(_, sum))| (cpu, sum)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO: &str = "00de1386 00000000 00000004 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n\
        00dcd753 00000000 00000006 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 0000000b 00000001 00000001\n";

    fn sums(pairs: &[(u32, u64)]) -> BTreeMap<CpuId, u64> {
        pairs.iter().map(|&(cpu, nr)| (CpuId(cpu), nr)).collect()
    }

    #[test]
    fn rows_say_of_which_cpu_they_are() {
        let expected = [(CpuId(0), 0xde_1386), (CpuId(11), 0xdc_d753)];
        assert_eq!(parse_softnet(TWO), expected);
        let thirteen = |line: &str| line.rsplitn(3, ' ').last().unwrap_or("").to_owned();
        let older: Vec<String> = TWO.lines().map(thirteen).collect();
        assert_eq!(parse_softnet(&older.join("\n")), expected);
    }

    #[test]
    fn a_row_without_a_cpu_is_nobodys() {
        let eleven = "00000025 0 0 0 0 0 0 0 0 0 0\n0000000b 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(parse_softnet(eleven), []);
        assert_eq!(parse_softnet("x 0 0 0 0 0 0 0 0 0 0 0 1\n"), []);
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on() {
        let mut seen = Sums::default();
        assert_eq!(
            seen.add(vec![(CpuId(0), u32::MAX - 1), (CpuId(1), 5)]),
            sums(&[(0, 0), (1, 0)])
        );
        assert_eq!(
            seen.add(vec![(CpuId(0), 3), (CpuId(1), 6)]),
            sums(&[(0, 5), (1, 1)])
        );
        assert_eq!(
            seen.add(vec![(CpuId(1), 8)]),
            sums(&[(0, 5), (1, 3)]),
            "CPU 0 is offline"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_sums_only_grow(texts in prop::collection::vec("([0-9a-f ]{0,80}\n|\\PC{0,40}\n){0,4}", 0..4)) {
            let mut seen = Sums::default();
            let mut before = BTreeMap::new();
            for text in texts {
                let now = seen.add(parse_softnet(&text));
                for (cpu, nr) in before {
                    prop_assert!(now.get(&cpu) >= Some(&nr));
                }
                before = now;
            }
        }

        #[test]
        fn what_is_printed_is_read(rows in prop::collection::btree_map(0u32..8192, any::<u32>(), 0..16)) {
            let row = |(cpu, nr): (&u32, &u32)| format!("{nr:08x}{} {cpu:08x} 00000000 00000000\n", " 00000000".repeat(11));
            let text: String = rows.iter().map(row).collect();
            let expected: Vec<_> = rows.into_iter().map(|(cpu, nr)| (CpuId(cpu), nr)).collect();
            prop_assert_eq!(parse_softnet(&text), expected);
        }
    }
}
