//! A scratch disk for guests: an ext4 file system on a virtio block device; and whatever else a kernel has as modules.
//!
//! In: a kernel. Out: the modules of its own packages that drive the device, or that were asked for, in the order in which
//! they load, and an empty image. Refuses: kernels without any such module, and to leave an image behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::apt::Apt;
use super::fetch;
use super::kernels::Kernel;
use crate::{paths, tools};

/// Where the guest mounts it; `init.sh` has the same.
pub(crate) const MOUNT_POINT: &str = "/disk";

/// Folder of the modules in the initramfs; `init.sh` loads what it finds there.
pub(super) const MODULE_DIR: &str = "lib/disk";

/// What a virtio disk of a PC needs, apart from what these depend on.
const DRIVERS: &[&str] = &["virtio_pci", "virtio_blk"];

/// Several times what the scenarios write; the image is sparse.
const IMAGE_BYTES: u64 = 256 * 1024 * 1024;

/// Makes file systems; of the package that is on every Debian.
const MKFS: &str = "mke2fs";

/// Unpacks modules of the kernels that compress them.
const XZ: &str = "xz";

/// One kernel module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// As in `lsmod`.
    name: String,
    /// Its `.ko`, not compressed.
    pub(super) content: Vec<u8>,
}

/// The drivers that `kernel` has as modules, each after those that it depends on.
pub(crate) fn modules(kernel: &Kernel) -> anyhow::Result<Vec<Module>> {
    let dir = modules_dir(kernel)?;
    let mut files = Vec::new();
    find_modules(&dir.join("kernel/drivers"), &mut files);
    let mut loaded = Vec::new();
    for driver in DRIVERS {
        add(driver, &files, &mut loaded)?;
    }
    ensure!(
        !loaded.is_empty(),
        "{} holds no driver of a disk",
        dir.display()
    );
    Ok(loaded)
}

/// Folder of the modules that were asked for, in the initramfs; `init.sh` loads what it finds there.
pub(super) const WANTED_DIR: &str = "lib/wanted";

/// The modules of these names, each after those that it depends on.
pub(crate) fn named(kernel: &Kernel, names: &[String]) -> anyhow::Result<Vec<Module>> {
    let mut loaded = Vec::new();
    if names.is_empty() {
        return Ok(loaded);
    }
    let dir = modules_dir(kernel)?;
    let mut files = Vec::new();
    find_modules(&dir.join("kernel"), &mut files);
    for name in names {
        add(name, &files, &mut loaded)?;
        ensure!(
            loaded.iter().any(|module| module.name == *name),
            "{} holds no module {name}",
            dir.display()
        );
    }
    Ok(loaded)
}

/// Where the modules are: in the package of the image, or in one of their own, as newer kernels have it.
fn modules_dir(kernel: &Kernel) -> anyhow::Result<PathBuf> {
    let beside_image = fetch::modules_dir(kernel)?;
    if beside_image.join("kernel").is_dir() {
        return Ok(beside_image);
    }
    let release = fetch::release(kernel)?;
    let all = paths::vm_dir("modules")?;
    let root = all.join(&release);
    if !root.is_dir() {
        let package = format!("linux-modules-{release}");
        eprintln!("vm: fetching {package}");
        let partial = paths::unfinished(&root);
        paths::make_dir(&partial)?;
        let apt = Apt::for_suite(kernel.suite)?;
        apt.update()?;
        apt.unpack(&package, &partial)?;
        fs::rename(&partial, &root)
            .with_context(|| format!("failed to keep {}", root.display()))?;
    }
    ["lib/modules", "usr/lib/modules"]
        .iter()
        .map(|modules| root.join(modules).join(&release))
        .find(|dir| dir.is_dir())
        .with_context(|| format!("{} holds no modules", root.display()))
}

/// What is no module is built in: some packages have no list of that. If it is neither, the guest fails to mount its disk,
/// and the scenarios say what they lack.
fn add(name: &str, files: &[PathBuf], loaded: &mut Vec<Module>) -> anyhow::Result<()> {
    if loaded.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let Some(path) = files.iter().find(|path| module_name(path) == name) else {
        return Ok(());
    };
    let content = read(path)?;
    for dependency in dependencies(&content) {
        add(&dependency, files, loaded)?;
    }
    loaded.push(Module {
        name: name.to_owned(),
        content,
    });
    Ok(())
}

fn find_modules(dir: &Path, found: &mut Vec<PathBuf>) {
    for path in fetch::entries(dir) {
        if path.is_dir() {
            find_modules(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// `virtio_blk` of `…/virtio_blk.ko.xz`. The kernel takes both dashes for the same.
fn module_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file.split_once(".ko").map_or("", |(name, _)| name);
    name.replace('-', "_")
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != XZ) {
        return fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    }
    let output = Command::new(XZ)
        .args(["--decompress", "--stdout"])
        .arg(path)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|err| tools::start_error(XZ, err))?;
    ensure!(
        output.status.success(),
        "failed to unpack {}",
        path.display()
    );
    Ok(output.stdout)
}

/// What the module itself says that it depends on, as `modinfo` shows it.
fn dependencies(content: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"depends=";
    content
        .split(|&byte| byte == 0)
        .find_map(|word| word.strip_prefix(FIELD))
        .map(|list| String::from_utf8_lossy(list).into_owned())
        .unwrap_or_default()
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// A file system without files, removed when dropped.
#[derive(Debug)]
pub(super) struct Image(PathBuf);

impl Image {
    /// Makes one. Nothing is left to do in the background: that would be a load of its own.
    pub(super) fn new(path: PathBuf) -> anyhow::Result<Self> {
        let context = || format!("failed to make {}", path.display());
        let file = File::create(&path).with_context(context)?;
        let image = Self(path.clone());
        file.set_len(IMAGE_BYTES).with_context(context)?;
        let status = Command::new(MKFS)
            .args(["-q", "-F", "-t", "ext4"])
            .args(["-E", "lazy_itable_init=0,lazy_journal_init=0"])
            .arg(&path)
            .env("PATH", tools::path_with_sbin())
            .stdin(Stdio::null())
            .status()
            .map_err(|err| tools::start_error(MKFS, err))?;
        if !status.success() {
            bail!("{MKFS} ended with {status}; its messages are above");
        }
        Ok(image)
    }

    /// For QEMU: what the guest flushes may stay in the memory of this machine, for it is thrown away.
    pub(super) fn drive(&self) -> String {
        format!(
            "file={},format=raw,if=virtio,cache=unsafe",
            self.0.display()
        )
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if let Err(err) = fs::remove_file(&self.0) {
            eprintln!("vm: warning: failed to remove {}: {err}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_what_it_depends_on() {
        let info = b"\x7fELF\0license=GPL\0depends=virtio,virtio-ring\0name=virtio_blk\0";
        assert_eq!(dependencies(info), ["virtio", "virtio_ring"]);
        assert!(dependencies(b"license=GPL\0depends=\0").is_empty());
    }

    #[test]
    fn names_are_those_of_the_kernel() {
        let name = |path| module_name(Path::new(path));
        assert_eq!(name("kernel/drivers/block/virtio_blk.ko.xz"), "virtio_blk");
        assert_eq!(name("kernel/fs/a-b.ko"), "a_b");
        assert_eq!(name("modules.order"), "");
    }

    #[test]
    fn each_module_comes_after_those_it_needs_and_built_in_ones_are_left_out() {
        let dir = std::env::temp_dir().join(format!("livelock-disk-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut files = Vec::new();
        for (name, depends) in [("a", "b,c"), ("b", "d"), ("c", "d"), ("d", "built_in")] {
            let path = dir.join(format!("{name}.ko"));
            fs::write(&path, format!("x\0depends={depends}\0")).unwrap();
            files.push(path);
        }
        let mut loaded = Vec::new();
        add("a", &files, &mut loaded).unwrap();
        let names: Vec<_> = loaded.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["d", "b", "c", "a"]);
        add("e", &files, &mut loaded).unwrap();
        assert_eq!(loaded.len(), 4);
        fs::remove_dir_all(&dir).unwrap();
    }
}
