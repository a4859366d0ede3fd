//! The programs that read what we write as its users do: browsers, editors, collectors of figures.
//!
//! `tests/all` installs the large ones, and then insists on them (`SWITCHBACK_READERS=required`).

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a collector makes of a file of figures: the parser that Prometheus publishes for OpenMetrics refuses what only looks like it.
const COLLECT: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
text = open(sys.argv[1]).read()
print(json.dumps([{'name': one.name, 'type': one.type, 'help': one.documentation, 'unit': one.unit,
                   'samples': [{'labels': sample.labels, 'value': sample.value} for sample in one.samples]}
                  for one in families(text)]))
";

/// Whether all of it is there. Where it must be and is not, the test fails; where it need not be, that it did not run is said.
pub fn are_here(what: &str, here: bool) -> bool {
    let required = std::env::var("SWITCHBACK_READERS").is_ok_and(|value| value == "required");
    assert!(here || !required, "{what} is missing: `. tests/prerequisites.sh; need_readers`");
    if !here {
        eprintln!("!! NOT RUN: {what} is not here (tests/all installs it)");
    }
    here
}

/// Whether a program can be begun.
pub fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What the parser says of a file: the families, or what is wrong.
pub fn collected(file: &Path) -> Result<Vec<Value>, String> {
    let output = Command::new("/usr/bin/python3").args(["-c", COLLECT]).arg(file).output().expect("python3 runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        return Err(text(&output.stderr));
    }
    let families: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    Ok(families.as_array().expect("families").clone())
}
