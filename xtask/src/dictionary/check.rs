//! Names against symbols.
//!
//! In: what livelock knows, symbols of kernels. Out: faults, and a row a lock or role. Refuses: to call a name rotten for a
//! kernel outside its range.

use std::collections::BTreeSet;

use livelock_core::known_functions::{KernelRange, KernelRelease, KnownFunction, Presence};
use livelock_core::spin_functions::{Group, Role};

use super::names::Known;

/// A kernel and its functions.
#[derive(Clone, Debug)]
pub(super) struct Symbols {
    /// Short name.
    pub(super) kernel: String,
    /// What `uname -r` says there.
    pub(super) release: String,
    /// Functions of the kernel and of all its modules, without compiler suffixes.
    pub(super) functions: BTreeSet<String>,
}

impl Symbols {
    /// Whether a function is called `pattern`, or begins with what stands before its `*`.
    pub(super) fn has(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(beginning) => self
                .functions
                .range(beginning.to_owned()..)
                .next()
                .is_some_and(|name| name.starts_with(beginning)),
            None => self.functions.contains(pattern),
        }
    }
}

/// A lock or a role, and its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    /// What a lock guards, or what a CPU does.
    pub(super) meaning: String,
    /// Functions that are symbols and of this row, by kernel.
    pub(super) nr_found: Vec<usize>,
    /// Functions that are not the same in all kernels, each with how.
    pub(super) special: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) locks: Vec<Row>,
    pub(super) roles: Vec<Row>,
    pub(super) faults: Vec<String>,
    /// Of locks.
    pub(super) nr_functions: usize,
    /// Of roles.
    pub(super) nr_with_role: usize,
    /// Of detectors.
    pub(super) nr_patterns: usize,
}

/// Checks. `is_whole`: `kernels` are the whole matrix, so that a name that none of them has is nowhere.
pub(super) fn check(known: &Known, kernels: &[Symbols], is_whole: bool) -> Outcome {
    let mut outcome = Outcome {
        nr_patterns: known.patterns.len(),
        ..Outcome::default()
    };
    for lock in &known.locks {
        outcome.nr_functions += lock.functions.len();
        let mut row = Row::new(&lock.name, &lock.object, kernels);
        let faults = row.book(&lock.functions, kernels, is_whole);
        outcome.faults.extend(faults);
        let special = lock.functions.iter().filter_map(special);
        row.special.extend(special);
        outcome.locks.push(row);
    }
    for group in &known.roles {
        outcome.nr_with_role += group.functions.len();
        let name = group.role.name();
        let rows = &mut outcome.roles;
        let at = rows.iter().position(|row| row.name == name);
        let at = at.unwrap_or_else(|| {
            rows.push(Row::new(name, meaning(group.role), kernels));
            rows.len() - 1
        });
        if let Some(row) = rows.get_mut(at) {
            let faults = row.book(&group.functions, kernels, is_whole);
            outcome.faults.extend(faults);
            row.special.extend(special_of(group));
        }
    }
    if is_whole {
        outcome.faults.extend(lists(known, kernels));
    }
    outcome
}

impl Row {
    fn new(name: &str, meaning: &str, kernels: &[Symbols]) -> Self {
        Self {
            name: name.to_owned(),
            meaning: meaning.to_owned(),
            nr_found: vec![0; kernels.len()],
            special: Vec::new(),
        }
    }

    /// Counts `functions` where they are. What is wrong with them.
    fn book(
        &mut self,
        functions: &[KnownFunction],
        kernels: &[Symbols],
        is_whole: bool,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        for function in functions {
            let seen = look(function, kernels);
            for (nr, in_kernel) in self.nr_found.iter_mut().zip(&seen) {
                *nr += usize::from(*in_kernel == Some(true));
            }
            if let Some(fault) = fault(function, &seen, kernels, is_whole) {
                faults.push(format!("{} of {}: {fault}", function.pattern, self.name));
            }
        }
        faults
    }
}

/// What a CPU does, for a human.
fn meaning(role: Role) -> &'static str {
    match role {
        Role::Spin => "waits by spinning",
        Role::Idle => "idles",
        Role::PollingIdle => "idles by polling",
        Role::HaltedWaiter => "waits for a lock, halted by its hypervisor",
        Role::Interrupt => "goes into an interrupt",
        Role::SlowClock => "reads a clock outside of the CPU",
        Role::Trylock => "tries to take a lock",
        Role::Lock => "takes a lock",
        Role::Unlock => "lets a lock go",
    }
}

/// By kernel whether the function is there; `None` outside its range.
fn look(function: &KnownFunction, kernels: &[Symbols]) -> Vec<Option<bool>> {
    let is_in_range = |kernel: &Symbols| {
        KernelRelease::parse(&kernel.release).is_some_and(|release| function.kernels.has(release))
    };
    kernels
        .iter()
        .map(|kernel| is_in_range(kernel).then(|| kernel.has(&function.pattern)))
        .collect()
}

fn fault(
    function: &KnownFunction,
    seen: &[Option<bool>],
    kernels: &[Symbols],
    is_whole: bool,
) -> Option<String> {
    let named = |wanted: bool| {
        let hits = kernels.iter().zip(seen);
        let names: Vec<&str> = hits
            .filter(|(_, seen)| **seen == Some(wanted))
            .map(|(kernel, _)| kernel.kernel.as_str())
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if is_whole && seen.iter().all(Option::is_none) {
        return Some("no kernel is in its range".to_owned());
    }
    match function.presence {
        Presence::Always => Some(format!("not in {}", named(false)?)),
        Presence::Sometimes if is_whole && named(true).is_none() => Some("in no kernel".to_owned()),
        Presence::Sometimes => None,
        Presence::Elsewhere => Some(format!("in {} after all", named(true)?)),
    }
}

fn special(function: &KnownFunction) -> Option<String> {
    let mut words = Vec::new();
    if function.kernels != KernelRange::default() {
        words.push(function.kernels.to_string());
    }
    match function.presence {
        Presence::Always => {}
        Presence::Sometimes => words.push("inlined in some".to_owned()),
        Presence::Elsewhere => words.push("other builds".to_owned()),
    }
    (!words.is_empty()).then(|| format!("`{}` ({})", function.pattern, words.join(", ")))
}

/// The functions of a group that are not the same in all kernels; those of other builds together, with the reason.
fn special_of(group: &Group) -> Vec<String> {
    let is_elsewhere = |function: &&KnownFunction| function.presence == Presence::Elsewhere;
    let here = group.functions.iter().filter(|f| !is_elsewhere(f));
    let mut texts: Vec<String> = here.filter_map(special).collect();
    let elsewhere = group.functions.iter().filter(is_elsewhere);
    let names: Vec<String> = elsewhere.map(|f| format!("`{}`", f.pattern)).collect();
    if let Some(reason) = &group.reason {
        texts.push(format!("{} (other builds: {reason})", names.join(", ")));
    }
    texts
}

/// Functions of detectors have no range: each is in one kernel at least, or listed as elsewhere.
fn lists(known: &Known, kernels: &[Symbols]) -> Vec<String> {
    let is_somewhere = |pattern: &str| kernels.iter().any(|kernel| kernel.has(pattern));
    let excused: BTreeSet<&str> = known
        .elsewhere
        .iter()
        .flat_map(|group| group.functions.iter().map(String::as_str))
        .collect();
    let mut faults = Vec::new();
    for (pattern, who) in &known.patterns {
        if !is_somewhere(pattern) && !excused.contains(pattern.as_str()) {
            faults.push(format!("{pattern} of {who}: in no kernel"));
        }
    }
    let used: BTreeSet<&str> = known
        .patterns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    for pattern in excused {
        if is_somewhere(pattern) {
            faults.push(format!("{pattern}: listed as elsewhere, but there"));
        } else if !used.contains(pattern) {
            faults.push(format!(
                "{pattern}: listed as elsewhere, but used by nobody"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use livelock_core::lock_dictionary::Dictionary;
    use livelock_core::spin_functions::SpinDictionary;

    use super::*;

    fn kernel(name: &str, functions: &[&str]) -> Symbols {
        Symbols {
            kernel: name.to_owned(),
            release: format!("{name}.5-amd64"),
            functions: functions.iter().map(|&f| f.to_owned()).collect(),
        }
    }

    fn faults(functions: &str, patterns: &[&str], is_whole: bool) -> Vec<String> {
        let text = format!(
            "[[lock]]\nname = \"l\"\nobject = \"o\"\nfunctions = [{functions}]\n\
             [[elsewhere]]\nreason = \"r\"\nfunctions = [\"far\"]\n"
        );
        let dictionary = Dictionary::read(&text).unwrap();
        let known = Known {
            locks: dictionary.locks().to_vec(),
            elsewhere: dictionary.elsewhere().to_vec(),
            roles: Vec::new(),
            patterns: patterns
                .iter()
                .map(|&name| (name.to_owned(), "d".to_owned()))
                .collect(),
        };
        check(&known, &kernels(), is_whole).faults
    }

    fn kernels() -> [Symbols; 2] {
        [
            kernel("6.1", &["both", "old", "some_part"]),
            kernel("7.3", &["both", "new"]),
        ]
    }

    #[test]
    fn a_renamed_function_is_noticed() {
        let none = faults("\"both\", \"old ..7.0\", \"new 7.0..\"", &["far"], true);
        assert_eq!(none, Vec::<String>::new());
        assert_eq!(faults("\"old\"", &["far"], true), ["old of l: not in 7.3"]);
        assert_eq!(
            faults("\"gone ..6.0\"", &["far"], true),
            ["gone of l: no kernel is in its range"]
        );
    }

    #[test]
    fn what_the_compiler_inlines_must_be_somewhere() {
        let fine = faults("\"some_* inlined\", \"far elsewhere\"", &["far"], true);
        assert_eq!(fine, Vec::<String>::new());
        assert_eq!(
            faults("\"gone inlined\"", &["far"], true),
            ["gone of l: in no kernel"]
        );
        assert_eq!(
            faults("\"both elsewhere\"", &["far"], true),
            ["both of l: in 6.1, 7.3 after all"]
        );
        assert_eq!(faults("\"gone inlined\"", &[], false), Vec::<String>::new());
    }

    #[test]
    fn lists_without_ranges_must_be_in_one_kernel() {
        assert_eq!(
            faults("\"both\"", &["far", "new", "gone"], true),
            ["gone of d: in no kernel"]
        );
        assert_eq!(
            faults("\"both\"", &["new"], true),
            ["far: listed as elsewhere, but used by nobody"]
        );
    }

    #[test]
    fn a_spin_function_is_held_by_its_range() {
        let outcome = |functions: &str| {
            let text = format!(
                "[[group]]\nrole = \"spin\"\nfunctions = [{functions}]\n\
                 [[group]]\nrole = \"spin\"\nreason = \"far away\"\nfunctions = [\"far elsewhere\"]\n"
            );
            let dictionary = SpinDictionary::read(&text).unwrap();
            let known = Known {
                locks: Vec::new(),
                elsewhere: Vec::new(),
                roles: dictionary.groups().to_vec(),
                patterns: Vec::new(),
            };
            check(&known, &kernels(), true)
        };
        let fine = outcome("\"both\", \"old ..7.0\", \"new 7.0..\"");
        assert_eq!(fine.faults, Vec::<String>::new());
        let [row] = &fine.roles[..] else {
            panic!("one role: {:?}", fine.roles);
        };
        assert_eq!(row.nr_found, [2, 2]);
        assert_eq!(
            row.special,
            [
                "`old` (before 7.0)",
                "`new` (7.0 on)",
                "`far` (other builds: far away)"
            ]
        );
        // Renamed, while an older kernel still has it.
        assert_eq!(outcome("\"old\"").faults, ["old of spin: not in 7.3"]);
    }
}
