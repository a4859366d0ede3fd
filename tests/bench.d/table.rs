//! The table: figures in, medians, ranges and ratios out.
//!
//! A figure is one line of input: `TOPIC WHO UNIT VALUE`. All values of a topic that one run of the bench took stand beside each
//! other; the first who of a topic is the subject, and every other one is what it is held against.

use anyhow::Context as _;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

#[derive(clap::Args)]
pub struct Table {
    /// One JSON object instead, with every single value in it.
    #[arg(long)]
    json: bool,
    /// What was measured where, for the heading.
    #[arg(long, default_value = "")]
    heading: String,
}

/// One who's values in one topic.
#[derive(Debug, serde::Serialize)]
struct Row {
    topic: String,
    who: String,
    unit: String,
    median: f64,
    least: f64,
    most: f64,
    /// The subject's median divided by this one's.
    ratio: Option<f64>,
    values: Vec<f64>,
}

impl Table {
    pub fn run(self) -> anyhow::Result<()> {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        let rows = rows(&text)?;
        let mut out = std::io::stdout().lock();
        if self.json {
            let all = serde_json::json!({"schema": "switchback/bench/1", "heading": self.heading, "rows": rows});
            writeln!(out, "{all}")?;
        } else {
            out.write_all(format!("{}\n\n{}", self.heading, markdown(&rows)).as_bytes())?;
        }
        Ok(())
    }
}

fn rows(text: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [topic, who, unit, value] = words.as_slice() else { anyhow::bail!("not a figure: {line}") };
        let value: f64 = value.parse().with_context(|| format!("not a figure: {line}"))?;
        match rows.iter_mut().find(|row| row.topic == *topic && row.who == *who) {
            Some(row) => row.values.push(value),
            None => rows.push(Row {
                topic: (*topic).to_owned(),
                who: (*who).to_owned(),
                unit: (*unit).to_owned(),
                median: 0.0,
                least: 0.0,
                most: 0.0,
                ratio: None,
                values: vec![value],
            }),
        }
    }
    for row in &mut rows {
        let mut sorted = row.values.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
        row.median = f64::midpoint(at((sorted.len() - 1) / 2), at(sorted.len() / 2));
        (row.least, row.most) = (at(0), at(sorted.len() - 1));
    }
    let subjects: Vec<(String, f64)> = rows.iter().map(|row| (row.topic.clone(), row.median)).collect();
    for index in 0..rows.len() {
        let Some(row) = rows.get_mut(index) else { continue };
        let first = subjects.iter().position(|(topic, _)| *topic == row.topic);
        let subject = first.filter(|first| *first != index).and_then(|first| subjects.get(first));
        row.ratio = subject.filter(|_| row.median > 0.0).map(|(_, median)| median / row.median);
    }
    // Topics in the order in which they first came.
    rows.sort_by_key(|row| subjects.iter().position(|(topic, _)| *topic == row.topic));
    Ok(rows)
}

fn markdown(rows: &[Row]) -> String {
    let mut text =
        String::from("| what | who | median | least … most | n | the first ÷ this |\n|---|---|---|---|---|---|\n");
    let mut topic = "";
    for row in rows {
        let shown = if row.topic == topic { "" } else { row.topic.as_str() };
        topic = &row.topic;
        let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let (unit, n) = (&row.unit, row.values.len());
        let _ = writeln!(
            text,
            "| {shown} | {} | {} {unit} | {} … {} | {n} | {ratio} |",
            row.who,
            short(row.median),
            short(row.least),
            short(row.most)
        );
    }
    text
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
