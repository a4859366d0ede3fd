//! Reading a secret: the only place where its text comes into the program.
//!
//! All of it blocks (a command may take [`COMMAND_TIME_MAX`]); asynchronous callers use
//! `spawn_blocking`. No error names more than the reference.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::pgpass::{self, Connection};
use super::{Secret, SecretRef};

/// The longest secret, and the longest password file, in bytes.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// The longest that a command may take to print a secret.
pub const COMMAND_TIME_MAX: Duration = Duration::from_secs(10);

/// Why a secret cannot be had. Never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("{0} does not exist")]
    Missing(SecretRef),
    #[error("{0} cannot be read: {1}")]
    Unreadable(SecretRef, std::io::ErrorKind),
    #[error("{0} is not a regular file")]
    NotAFile(SecretRef),
    #[error("{reference} may be read by others (mode {mode:04o}); take that away with `chmod 600`")]
    OpenToOthers { reference: SecretRef, mode: u32 },
    #[error("{0} is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong(SecretRef),
    #[error("{0} is not UTF-8 text")]
    NotText(SecretRef),
    #[error("{0} is empty")]
    Empty(SecretRef),
    #[error("{0} is not set")]
    NotSet(SecretRef),
    #[error("{0} cannot be started: {1}")]
    NotStarted(SecretRef, std::io::ErrorKind),
    #[error("{0} ended with {1}")]
    Failed(SecretRef, std::process::ExitStatus),
    #[error("{0} did not end within {seconds} s", seconds = COMMAND_TIME_MAX.as_secs())]
    TooSlow(SecretRef),
    #[error("{0} has no line that fits this connection")]
    NoLine(SecretRef),
    #[error("{0} holds passwords of PostgreSQL connections only")]
    NoConnection(SecretRef),
}

impl SecretRef {
    /// Reads the secret. Blocks.
    pub fn read(&self) -> Result<Secret, BadSecret> {
        match self {
            Self::File(path) => self.whole(self.private_file(path)?),
            Self::Env(variable) => match std::env::var(variable) {
                Ok(text) => self.whole(text),
                Err(std::env::VarError::NotPresent) => Err(BadSecret::NotSet(self.clone())),
                Err(std::env::VarError::NotUnicode(_)) => Err(BadSecret::NotText(self.clone())),
            },
            Self::Command(argv) => self.whole(self.printed(argv, COMMAND_TIME_MAX)?),
            Self::Pgpass(_) => Err(BadSecret::NoConnection(self.clone())),
        }
    }

    /// Reads the secret for a PostgreSQL connection, which a password file needs to know. Blocks.
    pub fn read_for(&self, connection: &Connection<'_>) -> Result<Secret, BadSecret> {
        match self {
            Self::Pgpass(path) => {
                let text = self.private_file(path)?;
                pgpass::find(&text, connection).ok_or_else(|| BadSecret::NoLine(self.clone()))
            }
            _ => self.read(),
        }
    }

    /// Looks whether the file referred to is there and private, without reading it. What is not in
    /// a file (a variable, a command) is not looked at: it may be there only when it is needed.
    pub fn look(&self) -> Result<(), BadSecret> {
        match self {
            Self::File(path) | Self::Pgpass(path) => self.private(path),
            Self::Env(_) | Self::Command(_) => Ok(()),
        }
    }

    fn private(&self, path: &Path) -> Result<(), BadSecret> {
        let seen = std::fs::metadata(path).map_err(|error| self.unreadable(&error))?;
        self.judged(&seen)
    }

    fn judged(&self, seen: &std::fs::Metadata) -> Result<(), BadSecret> {
        if !seen.is_file() {
            return Err(BadSecret::NotAFile(self.clone()));
        }
        let mode = seen.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(BadSecret::OpenToOthers { reference: self.clone(), mode });
        }
        Ok(())
    }

    /// The text of a file that nobody else can read. Looked at by name first, because opening a
    /// named pipe would wait for ever, and again by handle, because the name may lead elsewhere by then.
    fn private_file(&self, path: &Path) -> Result<String, BadSecret> {
        self.private(path)?;
        let file = File::open(path).map_err(|error| self.unreadable(&error))?;
        self.judged(&file.metadata().map_err(|error| self.unreadable(&error))?)?;
        let mut bytes = Vec::new();
        file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| self.unreadable(&error))?;
        self.text(bytes)
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, BadSecret> {
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(BadSecret::TooLong(self.clone()));
        }
        String::from_utf8(bytes).map_err(|_| BadSecret::NotText(self.clone()))
    }

    /// The whole text is the secret, less one newline at its end, which editors and `echo` leave.
    fn whole(&self, mut text: String) -> Result<Secret, BadSecret> {
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        if text.is_empty() { Err(BadSecret::Empty(self.clone())) } else { Ok(Secret::new(text)) }
    }

    fn unreadable(&self, error: &std::io::Error) -> BadSecret {
        match error.kind() {
            std::io::ErrorKind::NotFound => BadSecret::Missing(self.clone()),
            kind => BadSecret::Unreadable(self.clone(), kind),
        }
    }

    /// What a command prints. Its standard error is not read: programs print secrets there too.
    fn printed(&self, argv: &[String], time_max: Duration) -> Result<String, BadSecret> {
        let deadline = Instant::now() + time_max;
        let not_started = |kind| BadSecret::NotStarted(self.clone(), kind);
        let (program, arguments) = argv.split_first().ok_or_else(|| not_started(std::io::ErrorKind::InvalidInput))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| not_started(error.kind()))?;
        let output = read_until(&mut child, deadline);
        let status = wait_until(&mut child, deadline);
        let Some(status) = status else {
            // Killed and reaped; what it may have started itself is not ours to find.
            let _ = child.kill();
            let _ = child.wait();
            return Err(BadSecret::TooSlow(self.clone()));
        };
        if !status.success() {
            return Err(BadSecret::Failed(self.clone(), status));
        }
        self.text(output.ok_or_else(|| BadSecret::TooSlow(self.clone()))?)
    }
}

/// Reads in a thread of its own: a pipe has no deadline. A child of the child that keeps the pipe
/// open keeps that thread, and nothing else.
fn read_until(child: &mut Child, deadline: Instant) -> Option<Vec<u8>> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?.ok()
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn file(text: &[u8], mode: u32) -> (tempfile::TempDir, SecretRef) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode set");
        (folder, SecretRef::File(path))
    }

    fn argv(words: &[&str]) -> SecretRef {
        SecretRef::Command(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn a_private_file_less_its_newline() {
        for (text, expected) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" a\n\n", " a\n"), ("x", "x")] {
            let (_folder, secret) = file(text.as_bytes(), 0o600);
            assert_eq!(secret.read().expect("read").expose(), expected);
        }
    }

    #[test]
    fn a_file_that_will_not_do() {
        let (_a, open) = file(b"x", 0o640);
        assert!(matches!(open.read(), Err(BadSecret::OpenToOthers { mode: 0o640, .. })));
        assert!(matches!(open.look(), Err(BadSecret::OpenToOthers { .. })));
        let (_b, empty) = file(b"\n", 0o600);
        assert!(matches!(empty.read(), Err(BadSecret::Empty(_))));
        let (_c, long) = file("x".repeat(70_000).as_bytes(), 0o600);
        assert!(matches!(long.read(), Err(BadSecret::TooLong(_))));
        let (_d, binary) = file(&[0xff, 0xfe], 0o600);
        assert!(matches!(binary.read(), Err(BadSecret::NotText(_))));
        assert!(matches!(SecretRef::File("/nonexistent/x".into()).read(), Err(BadSecret::Missing(_))));
        assert!(matches!(SecretRef::File("/tmp".into()).read(), Err(BadSecret::NotAFile(_))));
    }

    #[test]
    fn a_file_is_judged_by_where_its_name_leads() {
        for (mode, open) in [(0o640, true), (0o604, true), (0o620, true), (0o600, false), (0o400, false)] {
            let (folder, SecretRef::File(path)) = file(b"x", mode) else { panic!("a file") };
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).expect("linked");
            for secret in [SecretRef::File(link.clone()), SecretRef::Pgpass(link)] {
                let refused = |found: Result<(), BadSecret>| matches!(found, Err(BadSecret::OpenToOthers { mode: m, .. }) if m == mode);
                assert_eq!(refused(secret.look()), open, "{mode:o}");
                let asked = Connection { host: "h", port: 1, database: "d", user: "u" };
                assert_eq!(refused(secret.read_for(&asked).map(drop)), open, "{mode:o}");
            }
            std::fs::remove_file(&path).expect("removed");
            let dangling = SecretRef::File(folder.path().join("link"));
            assert!(matches!(dangling.look(), Err(BadSecret::Missing(_))));
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("mode set");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).expect("linked");
        for path in [folder.path().to_owned(), link] {
            assert!(matches!(SecretRef::File(path.clone()).look(), Err(BadSecret::NotAFile(_))));
            assert!(matches!(SecretRef::Pgpass(path).look(), Err(BadSecret::NotAFile(_))));
        }
        // A pipe would be waited for.
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        assert!(matches!(SecretRef::File(pipe).read(), Err(BadSecret::NotAFile(_))));
    }

    #[test]
    fn a_command_has_an_exit_code_and_a_deadline() {
        assert_eq!(argv(&["printf", "s3cret\n"]).read().expect("read").expose(), "s3cret");
        assert!(matches!(argv(&["false"]).read(), Err(BadSecret::Failed(..))));
        assert!(matches!(argv(&["/nonexistent/x"]).read(), Err(BadSecret::NotStarted(..))));
        assert!(matches!(argv(&[]).read(), Err(BadSecret::NotStarted(..))));
        let slow = argv(&["sleep", "5"]);
        let SecretRef::Command(words) = &slow else { panic!("a command") };
        let began = Instant::now();
        assert!(matches!(slow.printed(words, Duration::from_millis(50)), Err(BadSecret::TooSlow(_))));
        assert!(began.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn an_error_never_holds_arguments_or_text() {
        let said = argv(&["sh", "-c", "echo s3cret; exit 3"]).read().expect_err("fails").to_string();
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn a_password_file_needs_a_connection() {
        let (_folder, SecretRef::File(path)) = file(b"*:*:*:sb:s3cret\n", 0o600) else { panic!("a file") };
        let secret = SecretRef::Pgpass(path);
        assert!(matches!(secret.read(), Err(BadSecret::NoConnection(_))));
        let asked = Connection { host: "h", port: 1, database: "d", user: "sb" };
        assert_eq!(secret.read_for(&asked).expect("read").expose(), "s3cret");
        let other = Connection { user: "x", ..asked };
        assert!(matches!(secret.read_for(&other), Err(BadSecret::NoLine(_))));
    }
}
