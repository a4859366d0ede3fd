//! Timeline history files: where each timeline of a cluster's past ended.

use super::lsn::Lsn;

/// The past of a timeline, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History(Vec<(u32, Lsn)>);

impl History {
    /// Reads `NNNNNNNN.history`. Lines that are none are passed over, as PostgreSQL does with comments.
    pub fn parse(text: &str) -> Self {
        let entry = |line: &str| {
            let mut fields = line.split_whitespace();
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        Self(text.lines().filter_map(entry).collect())
    }

    /// Where this timeline was left for the next; `None` when it is not in this past.
    pub fn end_of(&self, timeline: u32) -> Option<Lsn> {
        self.0.iter().find(|(past, _)| *past == timeline).map(|(_, end)| *end)
    }

    /// The timeline before the present one, and where it was left.
    pub fn last(&self) -> Option<(u32, Lsn)> {
        self.0.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_of_two() {
        let history = History::parse("1\t0/330000A0\tno recovery target specified\n\n# x\n2\t0/4000000\tno reason\n");
        assert_eq!(history.end_of(1), "0/330000A0".parse().ok());
        assert_eq!(history.last(), "0/4000000".parse().ok().map(|end| (2, end)));
        assert_eq!(history.end_of(3), None);
        assert_eq!(History::parse("").last(), None);
    }
}
