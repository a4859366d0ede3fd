//! Room that is set aside for a run before it begins, and given to its journal when the disk is full.
//!
//! A run whose journal cannot be written does nothing more, and that may be in the middle of its outage. What is set
//! aside is more than an ordinary run writes: it ends as it would have, and the next one is refused before it begins.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Store, StoreError};

/// How much is set aside, in bytes. A run of twenty steps writes a twentieth of it.
pub const RESERVE_BYTES: usize = 4 << 20;

/// Room that is set aside, until it is given back.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
}

impl Store {
    /// Sets room aside for a run of this estate, which holds the estate's lock. What a run that was killed left is
    /// taken over.
    pub fn set_aside(&self, estate: &str) -> Result<Reserve, StoreError> {
        let path = self.folder.join(format!("reserve-{estate}"));
        match fill(&path) {
            Ok(()) => Ok(Reserve { path }),
            Err(error) => {
                let _ = std::fs::remove_file(&path);
                let size = RESERVE_BYTES >> 20;
                Err(StoreError::Full(format!("{size} MiB cannot be set aside in {}: {error}", self.folder.display())))
            }
        }
    }
}

fn fill(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let there = usize::try_from(file.seek(SeekFrom::End(0))?).unwrap_or(0);
    let mut seed: u32 = 0x9e37_79b9;
    let mut block = [0; 1 << 14];
    let mut missing = RESERVE_BYTES.saturating_sub(there);
    while missing > 0 {
        // No zeros: a file system that compresses would set nothing aside.
        for byte in &mut block {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [*byte, ..] = seed.to_be_bytes();
        }
        let some = missing.min(block.len());
        file.write_all(block.get(..some).unwrap_or_default())?;
        missing -= some;
    }
    file.sync_all()
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // What is left over is taken over by the estate's next run.
        let _ = std::fs::remove_file(&self.path);
    }
}
