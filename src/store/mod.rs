//! The journal and the lock, on disk.
//!
//! One SQLite file a state directory, in WAL mode with `synchronous=FULL`: what [`journal`] says is
//! durable has been synced. [`lock`] keeps a second run of the same estate out; [`chain`] links each event
//! to the one before it by hash, so that a change of the past shows. The engine knows none of this: it
//! sees its own `Journal` port.

pub mod busy;
pub mod chain;
pub mod drills;
pub mod history;
pub mod journal;
pub mod lock;
pub mod notices;
pub mod reserve;
mod schema;
pub mod watch;

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

/// The state directory, opened.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    folder: PathBuf,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the state directory {folder} cannot be used: {why}")]
    Folder { folder: PathBuf, why: String },
    #[error("the state directory {folder} may be read by others (mode {mode:o}); `chmod 700` it")]
    Open { folder: PathBuf, mode: u32 },
    #[error("the journal is of a newer version ({found}) than this program knows ({known}); use a newer switchback")]
    Newer { found: i64, known: i64 },
    #[error("the state directory has no room: {0}")]
    Full(String),
    #[error("the journal in {folder} is being written to, and {writer}")]
    Busy { folder: PathBuf, writer: busy::Busy },
    #[error("the journal cannot be used: {0}")]
    Sqlite(rusqlite::Error),
    #[error("run {run}: event {seq} is damaged: {why}")]
    Damaged { run: String, seq: u64, why: String },
    #[error("there is no run `{0}`; `switchback runs` lists them")]
    NoRun(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
        match code {
            // Opening a journal on a full disk fails where its shared memory is to be made.
            Some((rusqlite::ErrorCode::DiskFull, _) | (_, rusqlite::ffi::SQLITE_IOERR_SHMSIZE)) => {
                Self::Full(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl StoreError {
    /// Whoever waited for another writer for too long is told for whom.
    fn naming_the_writer(self, folder: &Path) -> Self {
        match self {
            Self::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                Self::Busy { folder: folder.to_owned(), writer: busy::Busy::of(folder) }
            }
            other => other,
        }
    }
}

/// The journal's file in the state directory.
const FILE: &str = "journal.sqlite";

/// How long a writer waits for another one, which holds the file for one transaction only.
const BUSY: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the state directory, making it where it is missing. It must be private: the journal holds
    /// addresses, positions and what operators wrote as reasons.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let fail = |why: std::io::Error| StoreError::Folder { folder: folder.to_owned(), why: why.to_string() };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        let mode = std::fs::metadata(folder).map_err(fail)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Open { folder: folder.to_owned(), mode });
        }
        let connection = connect(folder).map_err(|error| error.naming_the_writer(folder))?;
        Ok(Self { connection, folder: folder.to_owned() })
    }

    /// The folder that the store lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn connect(folder: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(folder.join(FILE))?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    schema::ensure(&connection)?;
    Ok(connection)
}
