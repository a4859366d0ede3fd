//! A folder with an estate in it, as a user would have: what tests edit one line of.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder that is gone at the end of the test.
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// The good estate of `tests/cases/shop` with the secrets that it refers to.
    pub fn shop() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let this = Self { folder };
        this.write("switchback.yaml", &case("shop/switchback.yaml"));
        for name in ["orders", "pdns", "tsig.key"] {
            this.write_mode(&format!("secrets/{name}"), "not-a-secret\n", 0o600);
        }
        this
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn estate(&self) -> PathBuf {
        self.path().join("switchback.yaml")
    }

    pub fn write(&self, name: &str, text: &str) {
        self.write_mode(name, text, 0o644);
    }

    pub fn write_mode(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
    }

    /// Replaces what stands exactly once in the estate.
    pub fn edit(&self, from: &str, to: &str) {
        let text = case("shop/switchback.yaml");
        self.write("switchback.yaml", &edited(&text, from, to));
    }
}

/// A text of `tests/cases`.
pub fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text with one edit; what is replaced must stand there exactly once.
pub fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` must stand exactly once");
    text.replacen(from, to, 1)
}
