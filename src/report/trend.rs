//! How figures went over the last runs: a line of eighths for a terminal, bars for a page.

use serde::Serialize;

use crate::base::quantity::spoken;

/// A run's figure: what it is called, and its milliseconds where there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub name: String,
    pub ms: Option<u64>,
}

/// One character a figure, from the oldest to the newest, in eighths of the largest; a dot where there is none.
pub fn sparkline(figures: &[Option<u64>]) -> String {
    const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = figures.iter().flatten().copied().max().unwrap_or(0).max(1);
    let character = |figure: &Option<u64>| match figure {
        Some(ms) => {
            let eighth = usize::try_from((ms * 8).div_ceil(most)).unwrap_or(8).clamp(1, 8);
            EIGHTHS.get(eighth - 1).copied().unwrap_or('█')
        }
        None => '·',
    };
    figures.iter().map(character).collect()
}

/// Bars for a page, in units of the picture.
#[derive(Debug, Serialize)]
pub struct Chart {
    title: String,
    width: u64,
    height: u64,
    bars: Vec<Column>,
    /// Where the objective lies, and what it is.
    objective: Option<(u64, String)>,
    most: String,
}

#[derive(Debug, Serialize)]
struct Column {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
    title: String,
    last: bool,
}

/// A chart of figures from the oldest to the newest; the last one is the run that the page is about.
/// `None` where there is nothing to compare.
pub fn chart(title: &str, points: &[Point], objective_ms: Option<u64>) -> Option<Chart> {
    const HEIGHT: u64 = 80;
    const STEP: u64 = 22;
    let figures: Vec<u64> = points.iter().filter_map(|point| point.ms).collect();
    if figures.len() < 2 {
        return None;
    }
    // An objective far above every figure would flatten them all.
    let largest = figures.iter().copied().max().unwrap_or(1).max(1);
    let objective = objective_ms.filter(|objective| *objective <= largest * 4);
    let most = largest.max(objective.unwrap_or(0));
    let count = points.len() as u64;
    let bars = points.iter().zip(0_u64..).filter_map(|(point, place)| {
        let ms = point.ms?;
        let height = (ms * HEIGHT / most).max(1);
        Some(Column {
            x: 4 + place * STEP,
            y: 4 + HEIGHT - height,
            width: STEP - 6,
            height,
            title: format!("{}: {}", point.name, spoken(ms)),
            last: place + 1 == count,
        })
    });
    Some(Chart {
        title: title.to_owned(),
        width: 8 + count * STEP,
        height: HEIGHT + 8,
        bars: bars.collect(),
        objective: objective.map(|ms| (4 + HEIGHT - ms * HEIGHT / most, format!("objective {}", spoken(ms)))),
        most: spoken(largest),
    })
}

#[cfg(test)]
mod tests {
    use super::sparkline;

    #[test]
    fn a_line_of_eighths() {
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[Some(0), Some(400), None, Some(800)]), "▁▄·█");
        assert_eq!(sparkline(&[Some(0)]), "▁");
    }
}
