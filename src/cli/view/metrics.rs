//! Figures of the history as OpenMetrics text, for a collector that reads files.
//!
//! The file always holds everything: a collector that reads it once a minute does not know which command wrote it.

/// One value with its labels.
#[derive(Debug, Clone)]
pub struct Sample {
    pub labels: Vec<(&'static str, String)>,
    /// Already written out: `1.234`.
    pub value: String,
}

/// A gauge and its values.
#[derive(Debug, Clone)]
pub struct Gauge {
    pub name: &'static str,
    pub help: &'static str,
    pub samples: Vec<Sample>,
}

/// Milliseconds as seconds, exactly.
pub fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// The file's text.
pub fn text(gauges: &[Gauge]) -> String {
    let mut text = String::new();
    for Gauge { name, help, samples } in gauges.iter().filter(|gauge| !gauge.samples.is_empty()) {
        text.push_str(&format!("# TYPE {name} gauge\n"));
        if name.ends_with("_seconds") {
            text.push_str(&format!("# UNIT {name} seconds\n"));
        }
        text.push_str(&format!("# HELP {name} {help}\n"));
        for Sample { labels, value } in samples {
            let labels: Vec<String> = labels.iter().map(|(label, is)| format!("{label}=\"{}\"", escaped(is))).collect();
            text.push_str(&format!("{name}{{{}}} {value}\n", labels.join(",")));
        }
    }
    text.push_str("# EOF\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_can_read_it() {
        let sample = Sample { labels: vec![("estate", "a\"b\\c".to_owned())], value: seconds(12_034) };
        let gauge = Gauge { name: "switchback_x_seconds", help: "Some time.", samples: vec![sample] };
        let empty = Gauge { name: "switchback_y", help: "Nothing.", samples: Vec::new() };
        let expected = "# TYPE switchback_x_seconds gauge\n# UNIT switchback_x_seconds seconds\n\
                        # HELP switchback_x_seconds Some time.\n\
                        switchback_x_seconds{estate=\"a\\\"b\\\\c\"} 12.034\n# EOF\n";
        assert_eq!(text(&[gauge, empty]), expected);
    }
}
