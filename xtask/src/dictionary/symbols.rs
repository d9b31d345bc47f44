//! Functions of a kernel.
//!
//! In: a kernel of the rig. Out: the functions of its image, told by itself in a guest, and of its modules, told by
//! their symbol tables. Refuses: to boot one twice; what it said is kept under `target/vm/symbols`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use object::{Object as _, ObjectSymbol as _, SymbolKind};

use super::check::Symbols;
use crate::paths;
use crate::tools;
use crate::vm::boot::Machine;
use crate::vm::build::Profile;
use crate::vm::fetch;
use crate::vm::guest::{self, Content};
use crate::vm::kernels::Kernel;

/// Fewer functions than any kernel has: the guest said too little.
const MIN_FUNCTIONS: usize = 10_000;

/// The functions of `kernel`.
pub(super) fn of(kernel: &Kernel) -> anyhow::Result<Symbols> {
    let release = fetch::release(kernel)?;
    let kept = paths::vm_dir("symbols")?.join(format!("{release}.txt"));
    let functions = match fs::read_to_string(&kept) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => {
            let functions = ask(kernel)?;
            let text: Vec<&str> = functions.iter().map(String::as_str).collect();
            fs::write(&kept, text.join("\n"))
                .with_context(|| format!("failed to write {}", kept.display()))?;
            functions
        }
    };
    Ok(Symbols {
        kernel: kernel.name.to_owned(),
        release,
        functions,
    })
}

fn ask(kernel: &Kernel) -> anyhow::Result<BTreeSet<String>> {
    eprintln!(
        "dictionary: asking a guest with kernel {} for its symbols",
        kernel.name
    );
    let machine = Machine {
        kernel: kernel.name.to_owned(),
        cpus: 1,
        memory_mib: 1024,
        hypervisor_flag: false,
        append: String::new(),
        timeout_secs: 240,
        disk: false,
    };
    let content = Content {
        no_build: true,
        profile: Profile::Release,
        extra: Vec::new(),
        modules: Vec::new(),
    };
    // Functions only, each once: the serial line is slow.
    let script = "awk '$2 ~ /^[tTwWi]$/ { print $3 }' /proc/kallsyms | sort -u\n";
    let results = guest::run(&machine, &content, false, script)?;
    let text = String::from_utf8_lossy(results.bytes("stdout")).into_owned();
    let mut functions: BTreeSet<String> = text.lines().map(plain).collect();
    ensure!(
        functions.len() > MIN_FUNCTIONS,
        "the guest knows only {} functions",
        functions.len()
    );
    let mut modules = Vec::new();
    collect(&fetch::folder(kernel)?, &mut modules)?;
    for module in &modules {
        let image = image(module)?;
        let file = object::File::parse(image.as_slice())
            .with_context(|| format!("failed to read {}", module.display()))?;
        let names = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
            .filter_map(|symbol| symbol.name().ok().map(plain));
        functions.extend(names);
    }
    functions.retain(|name| !name.is_empty());
    Ok(functions)
}

/// A name without what the compiler hangs on it.
fn plain(name: &str) -> String {
    match name.find('.') {
        Some(at) if at > 0 => name[..at].to_owned(),
        _ => name.to_owned(),
    }
}

fn collect(dir: &Path, modules: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("failed to read {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to read {}", dir.display()))?;
        let kind = entry
            .file_type()
            .with_context(|| format!("failed to look at {}", dir.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            collect(&entry.path(), modules)?;
        } else if kind.is_file() && (name.ends_with(".ko") || name.ends_with(".ko.xz")) {
            modules.push(entry.path());
        }
    }
    Ok(())
}

/// A module's bytes.
fn image(module: &Path) -> anyhow::Result<Vec<u8>> {
    if module
        .extension()
        .is_some_and(|extension| extension == "ko")
    {
        return fs::read(module).with_context(|| format!("failed to read {}", module.display()));
    }
    let output = Command::new("xz")
        .arg("-dc")
        .arg(module)
        .output()
        .map_err(|err| tools::start_error("xz", err))?;
    ensure!(
        output.status.success(),
        "xz cannot unpack {}",
        module.display()
    );
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiler_suffixes_are_cut() {
        assert_eq!(plain("do_dup2.isra.0"), "do_dup2");
        assert_eq!(plain(".hidden"), ".hidden");
    }
}
