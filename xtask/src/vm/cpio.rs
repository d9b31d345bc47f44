//! A cpio archive in the `newc` format, the one that the kernel unpacks as its initramfs.
//!
//! In: folders, files and character devices, parents first. Out: bytes. Refuses: compression; QEMU
//! hands over a few megabytes at no cost, and an emulated CPU would have to inflate them.
//!
//! Format: `Documentation/driver-api/early-userspace/buffer-format.rst` of the kernel.

const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFCHR: u32 = 0o020_000;

/// Name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive that grows.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    nr_entries: u32,
}

impl Archive {
    /// Adds a folder.
    pub(crate) fn dir(&mut self, path: &str) {
        self.entry(path, S_IFDIR | 0o755, (0, 0), &[]);
    }

    /// Adds an executable file.
    pub(crate) fn executable(&mut self, path: &str, content: &[u8]) {
        self.entry(path, S_IFREG | 0o755, (0, 0), content);
    }

    /// Adds a character device.
    pub(crate) fn char_device(&mut self, path: &str, major: u32, minor: u32) {
        self.entry(path, S_IFCHR | 0o600, (major, minor), &[]);
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, (major, minor): (u32, u32), content: &[u8]) {
        self.nr_entries += 1;
        let fields = [
            self.nr_entries, // inode
            mode,
            0, // uid
            0, // gid
            1, // links
            0, // modification time: the same input gives the same archive
            content.len() as u32,
            0, // device of the file, major and minor
            0,
            major, // device that the file is, major and minor
            minor,
            path.len() as u32 + 1,
            0, // checksum, unused in this format
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_padded_to_four_bytes() {
        let mut archive = Archive::default();
        archive.dir("bin");
        archive.executable("bin/a", b"12345");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        // Header 110 + "bin\0" = 114, padded to 116; then 110 + "bin/a\0" = 116, then 5 bytes.
        assert_eq!(&bytes[116..122], b"070701");
        assert_eq!(&bytes[116 + 116..116 + 121], b"12345");
        assert_eq!(&bytes[116 + 124..116 + 130], b"070701");
    }

    #[test]
    fn the_size_is_hexadecimal() {
        let mut archive = Archive::default();
        archive.executable("x", &[0; 300]);
        assert_eq!(&archive.finish()[54..62], b"0000012c");
    }
}
