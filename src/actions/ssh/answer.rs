//! What a remote command printed, and how it ended.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::engine::action::ActionError;

/// The most that is kept of each of a command's two outputs. What comes after it is read and dropped,
/// or the command would wait for us for ever.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// A command that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// 0 to 255; 126 and 127 say that it could not be run, 128 and above that a signal ended it.
    pub code: i32,
    /// Bytes that are no UTF-8 are replaced.
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Whether the exit code is 0.
    pub fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// What the command said of its failure: the last line that says anything, at most 300 characters.
    pub fn complaint(&self) -> String {
        let last = |text: &str| text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        let line = last(&self.stderr).or_else(|| last(&self.stdout));
        let line = line.unwrap_or_else(|| "it said nothing".to_owned());
        let mut line: String = line.chars().take(300).collect();
        line = line.trim_end_matches('.').to_owned();
        format!("{line} (exit code {})", self.code)
    }

    /// The standard output of a command that must have succeeded; `what` names the intention.
    pub fn stdout_or(self, what: &str) -> Result<String, ActionError> {
        if self.is_ok() { Ok(self.stdout) } else { Err(ActionError::refused(format!("{what}: {}", self.complaint()))) }
    }
}

/// How the frame around a command says that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Ended(i32),
    /// The login user is another one, and the estate does not allow sudo.
    WrongUser(String),
    /// sudo did not let us.
    SudoRefused,
    /// Nothing was said: the connection was lost, or the frame was killed.
    Unknown,
}

/// Takes the frame's last words off a command's standard error.
pub(super) fn ending(stderr: &str) -> (Ending, String) {
    let (body, last) = match stderr.trim_end_matches('\n').rsplit_once('\n') {
        Some((body, last)) => (body, last),
        None => ("", stderr.trim_end_matches('\n')),
    };
    let began = body.contains("switchback-began");
    let found = match last.split_once('=') {
        Some(("switchback-ended", code)) => code.parse().map_or(Ending::Unknown, Ending::Ended),
        Some(("switchback-user", user)) => Ending::WrongUser(user.to_owned()),
        Some(("switchback-sudo", _)) if !began => Ending::SudoRefused,
        _ => Ending::Unknown,
    };
    let body = if found == Ending::Unknown { stderr } else { body };
    let lines: Vec<&str> = body.lines().filter(|line| *line != "switchback-began").collect();
    (found, lines.join("\n").trim_end().to_owned())
}

/// Reads to the end, keeps the beginning and, where `tail` is asked for, the end, which holds the frame's last words.
pub(super) async fn read_all(pipe: Option<impl AsyncRead + Unpin>, tail: bool) -> String {
    const TAIL: usize = 256;
    let Some(mut pipe) = pipe else { return String::new() };
    let mut kept: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    let mut block = vec![0_u8; 16 * 1024];
    while let Ok(count) = pipe.read(&mut block).await {
        let Some(read) = block.get(..count).filter(|read| !read.is_empty()) else { break };
        let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len()).min(read.len());
        let (fits, rest) = read.split_at(room);
        kept.extend_from_slice(fits);
        last.extend_from_slice(rest);
        last.drain(..last.len().saturating_sub(TAIL));
    }
    if tail {
        kept.append(&mut last);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_last_words() {
        for (stderr, expected, body) in [
            ("\nswitchback-ended=0\n", Ending::Ended(0), ""),
            ("no such file\n\nswitchback-ended=127\n", Ending::Ended(127), "no such file"),
            ("switchback-began\noh\n\nswitchback-ended=3\n", Ending::Ended(3), "oh"),
            (
                "sudo: a password is required\n\nswitchback-sudo=1\n",
                Ending::SudoRefused,
                "sudo: a password is required",
            ),
            ("switchback-began\n\nswitchback-sudo=137\n", Ending::Unknown, "\n\nswitchback-sudo=137"),
            ("\nswitchback-user=deploy\n", Ending::WrongUser("deploy".to_owned()), ""),
            ("half a line", Ending::Unknown, "half a line"),
            ("", Ending::Unknown, ""),
        ] {
            let (found, rest) = ending(stderr);
            assert_eq!((found, rest.trim()), (expected, body.trim()), "{stderr:?}");
        }
    }

    #[test]
    fn a_complaint_is_one_line() {
        let output = Output { code: 1, stdout: String::new(), stderr: "a\nb is wrong.\n\n".to_owned() };
        assert_eq!(output.complaint(), "b is wrong (exit code 1)");
    }
}
