//! What a query gave, as text: no type of the driver leaks out of here.

/// An SQL text that only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookSql(pub &'static str);

/// What a query gave, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// For tests: what a server answered, recorded.
    #[cfg(test)]
    pub fn recorded(columns: &[&str], rows: &[&[Option<&str>]]) -> Self {
        Self {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
        }
    }
    /// One value; `None` where it is null, or where there is no such row or column.
    pub fn text(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.get(row)?.get(column)?.as_deref()
    }
    /// A value as something else.
    pub fn get<T: std::str::FromStr>(&self, row: usize, column: usize) -> Option<T> {
        self.text(row, column)?.parse().ok()
    }
    /// Whether a value is true, however the server spells that.
    pub fn is(&self, row: usize, column: usize) -> bool {
        matches!(self.text(row, column), Some("1" | "ON" | "on" | "YES" | "Yes"))
    }
    /// A value by the name of its column: positions differ from version to version.
    pub fn named(&self, row: usize, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.text(row, at)
    }
    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }
    /// The first column of every row.
    pub fn first_column(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|row| row.first()?.as_deref())
    }
}
