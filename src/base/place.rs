//! Files that people write, and places in them.
//!
//! Every problem points at the exact character, so everything read from a file keeps its [`Extent`]:
//! bytes from where to where. Lines and columns are worked out only when a problem is shown.

use std::path::Path;
use std::sync::Arc;

use super::problem::Problem;

/// The largest file that is read, in bytes: a thousand services fit, a disk image does not.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file as read: what it is called, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user named it; shown in problems.
    pub name: String,
    pub text: String,
    /// Where each line but the first begins: a runbook of a thousand steps asks for as many places.
    line_starts: Vec<usize>,
    /// What is added to its bytes to make an [`Extent`]; 0 but for a file that is read after others.
    offset: usize,
}

/// Files that are read as one, as a runbook and the one that it extends. Their extents never overlap, so that
/// each tells by itself which file it is in.
#[derive(Debug, Clone)]
pub struct Sources(Vec<Arc<Source>>);

/// From which byte to which, in one source or in one of several that are read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Extent {
    pub start: usize,
    /// Exclusive.
    pub end: usize,
}

/// A place in a file, or the file as a whole.
#[derive(Debug, Clone)]
pub struct Place {
    pub source: Arc<Source>,
    /// In the source's own bytes. `None`: the file as a whole.
    pub extent: Option<Extent>,
}

impl Source {
    /// A source that does not come from disk.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Arc::new(Self { name: name.into(), text, line_starts, offset: 0 })
    }

    /// Reads a file, within [`FILE_BYTES_MAX`], as text.
    pub fn read(path: &Path) -> Result<Arc<Self>, Problem> {
        use std::io::Read;
        let name = path.display().to_string();
        let refuse = |sentence: String| Problem::whole(&Self::new(name.clone(), ""), sentence);
        let cannot = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => refuse("there is no such file".to_owned()),
            kind => refuse(format!("cannot be read: {kind}")),
        };
        // Looked at before it is opened: opening a named pipe would wait for ever.
        if !std::fs::metadata(path).map_err(cannot)?.is_file() {
            return Err(refuse("is not a regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(cannot)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(refuse(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20)));
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Err(refuse("holds a NUL byte: it is not a text file".to_owned())),
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let byte = error.utf8_error().valid_up_to();
                Err(refuse(format!("is not UTF-8 text (byte {byte})")))
            }
        }
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = self.line_starts.partition_point(|start| *start <= before.len()) + 1;
        let line_start = line.checked_sub(2).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let text = before.get(line_start..).unwrap_or_default();
        // A byte order mark is no character of the first line.
        (line, text.chars().filter(|&c| c != '\u{feff}').count() + 1)
    }

    /// The place of an extent.
    pub fn at(self: &Arc<Self>, extent: Extent) -> Place {
        let own = |byte: usize| byte.saturating_sub(self.offset);
        Place { source: Arc::clone(self), extent: Some(Extent::new(own(extent.start), own(extent.end))) }
    }

    /// An extent of its own bytes, told apart from those of the files that are read with it.
    pub(super) fn extent(&self, start: usize, end: usize) -> Extent {
        Extent::new(start + self.offset, end + self.offset)
    }
}

impl Sources {
    /// One file.
    pub fn of(source: &Arc<Source>) -> Self {
        Self(vec![Arc::clone(source)])
    }

    /// Reads another file with them; it is what comes back that must be read.
    pub fn and(&mut self, source: &Source) -> Arc<Source> {
        let largest = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX) + 1;
        let longest = self.0.iter().map(|source| source.text.len()).fold(source.text.len(), usize::max).max(largest);
        let offset = self.0.last().map_or(0, |last| last.offset + longest);
        let (name, text, line_starts) = (source.name.clone(), source.text.clone(), source.line_starts.clone());
        let shifted = Arc::new(Source { name, text, line_starts, offset });
        self.0.push(Arc::clone(&shifted));
        shifted
    }

    /// The file that an extent is in.
    pub fn holding(&self, extent: Extent) -> &Arc<Source> {
        let after = self.0.partition_point(|source| source.offset <= extent.start);
        // The first one's offset is 0: no extent lies before it.
        &self.0[after.saturating_sub(1)]
    }

    /// The place of an extent.
    pub fn at(&self, extent: Extent) -> Place {
        self.holding(extent).at(extent)
    }

    /// The files, the one that was named first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.0.iter()
    }
}

impl Extent {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

impl Place {
    /// Line and column, both from 1, where it is not the whole file.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        self.extent.map(|extent| self.source.line_and_column(extent.start))
    }

    /// `switchback.yaml:12`, as plans and journals keep it.
    pub fn file_and_line(&self) -> String {
        match self.line_and_column() {
            Some((line, _)) => format!("{}:{line}", self.source.name),
            None => self.source.name.clone(),
        }
    }

    pub(super) fn order(&self) -> (&str, Option<Extent>) {
        (&self.source.name, self.extent)
    }
}

/// `switchback.yaml:12:5`.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line_and_column() {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.source.name),
            None => f.write_str(&self.source.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Source::new("x", "\u{feff}a: é\r\nü: b\n");
        for (needle, expected) in [("a", (1, 1)), ("é", (1, 4)), ("ü", (2, 1)), ("b", (2, 4))] {
            let byte = source.text.find(needle).expect(needle);
            assert_eq!(source.line_and_column(byte), expected, "{needle}");
        }
        assert_eq!(source.line_and_column(source.text.len()), (3, 1));
        assert_eq!(source.line_and_column(999), (3, 1));
    }

    #[test]
    fn an_extent_tells_which_of_several_files_it_is_in() {
        let first = Source::new("mine.yaml", "a: b\n");
        let mut all = Sources::of(&first);
        let second = all.and(&Source::new("theirs.yaml", "x: y\nz: w\n"));
        let third = all.and(&Source::new("last.yaml", "q: r\n"));
        for (source, (start, end), expected) in [
            (&first, (0, 1), "mine.yaml:1:1"),
            (&first, (5, 5), "mine.yaml:2:1"),
            (&second, (5, 6), "theirs.yaml:2:1"),
            (&third, (3, 4), "last.yaml:1:4"),
        ] {
            let extent = source.extent(start, end);
            assert_eq!(all.at(extent).to_string(), expected);
            assert_eq!(source.at(extent).to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_text_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        for (bytes, expected) in [
            (&b"a: \0"[..], "holds a NUL byte: it is not a text file"),
            (&b"\x7fELF\xff\xfe"[..], "is not UTF-8 text (byte 4)"),
            (&vec![b'#'; 1_100_000][..], "is larger than 1 MiB"),
        ] {
            std::fs::write(&path, bytes).expect("written");
            assert_eq!(Source::read(&path).expect_err(expected).sentence, expected);
        }
        assert_eq!(Source::read(folder.path()).expect_err("a folder").sentence, "is not a regular file");
        assert_eq!(Source::read(&folder.path().join("no")).expect_err("none").sentence, "there is no such file");
    }
}
