//! The pages in a real browser: nothing is wrong on its console, everything is there, and axe-core, which knows the
//! rules of accessibility, finds nothing serious: in light and in dark, on a wide screen and on a telephone.
//!
//! Chromium and axe-core are installed by `tests/all`, which then insists on them (`SWITCHBACK_BROWSER=required`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lab::Lab;

/// Asks axe-core about the page, and leaves its answer in the page.
const ASK: &str = "<script>axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(found => { \
    const answer = document.createElement('pre'); answer.id = 'axe'; \
    answer.textContent = JSON.stringify({passes: found.passes.length, violations: found.violations.map(one => \
    ({id: one.id, impact: one.impact, nodes: one.nodes.map(node => node.html.slice(0, 200))}))}); \
    document.body.append(answer); })</script>";

fn axe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/node_modules/axe-core/axe.min.js")
}

/// Whether both are here; where they must be and are not, the test fails.
fn there_is_a_browser() -> bool {
    let chromium = Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let both = chromium.is_ok_and(|status| status.success()) && axe().exists();
    let required = std::env::var("SWITCHBACK_BROWSER").is_ok_and(|value| value == "required");
    assert!(both || !required, "chromium or {} is missing: `. tests/prerequisites.sh; need_browser`", axe().display());
    if !both {
        eprintln!("!! NOT RUN: chromium or axe-core is not here, so nobody opened the pages (tests/all installs both)");
    }
    both
}

/// A browser window.
struct Window<'a> {
    page: &'a Path,
    dark: bool,
    width: u32,
}

impl Window<'_> {
    /// The page as it is when its scripts have run, and what stands on the console.
    fn open(&self) -> (String, String) {
        let profile = tempfile::tempdir().expect("a folder");
        let output = Command::new("timeout")
            .args(["120", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=30000"])
            .arg(format!("--window-size={},900", self.width))
            .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!self.dark)))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", self.page.display()))
            .stdin(Stdio::null())
            .output()
            .expect("chromium runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

/// What was seen of a page.
struct Judged {
    dom: String,
    violations: Vec<Value>,
}

/// The page as a browser shows it, with two scripts more: axe-core and the question to it.
fn judged(page: &Path, dark: bool, width: u32) -> Judged {
    let text = std::fs::read_to_string(page).expect("the page");
    let script = std::fs::read_to_string(axe()).expect("axe-core");
    let beside = page.with_extension("judged.html");
    std::fs::write(&beside, text.replace("</body>", &format!("<script>{script}</script>{ASK}</body>")))
        .expect("written");
    let (dom, log) = Window { page: &beside, dark, width }.open();
    let answer = dom.split("<pre id=\"axe\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let answer =
        answer.unwrap_or_else(|| panic!("axe-core gave no answer: {log}")).replace("&lt;", "<").replace("&gt;", ">");
    let answer: Value = serde_json::from_str(&answer.replace("&amp;", "&")).expect("JSON");
    assert!(!log.contains("CONSOLE"), "{}: {log}", page.display());
    assert!(
        answer["passes"].as_u64().is_some_and(|passes| passes > 10),
        "axe-core looked at hardly anything: {answer}"
    );
    Judged { dom, violations: answer["violations"].as_array().expect("a list").clone() }
}

fn is_serious(violation: &Value) -> bool {
    violation["impact"] == "serious" || violation["impact"] == "critical"
}

#[test]
fn the_pages_open_in_a_browser_and_leave_nobody_out() {
    if !there_is_a_browser() {
        return;
    }
    let lab = Lab::fresh();
    let (report, procedure) = (lab.state.path().join("report.html"), lab.state.path().join("procedure.html"));
    let path = |path: &'static str| lab.state.path().join(path).display().to_string();
    lab.ok(&["failover", "--to", "nuremberg", "--yes"]);
    lab.ok(&["report", "--html", "--out", &path("report.html")]);
    lab.ok(&["docs", "failback", "--html", "--out", &path("procedure.html")]);
    let told: Value = serde_json::from_str(&lab.ok(&["report", "--json"]).stdout).expect("JSON");
    let count = |list: &Value, inner: &str| {
        list.as_array().expect("a list").iter().map(|one| one[inner].as_array().map_or(0, Vec::len)).sum::<usize>()
    };
    let steps = count(&told["phases"], "steps");
    assert!(steps > 10, "{told}");

    let written: Value = serde_json::from_str(&lab.ok(&["--format", "json", "docs", "failback"]).stdout).expect("JSON");
    for page in [&report, &procedure] {
        for (dark, width) in [(false, 1000), (true, 1000), (false, 400)] {
            let Judged { dom, violations } = judged(page, dark, width);
            let serious: Vec<&Value> = violations.iter().filter(|one| is_serious(one)).collect();
            assert!(serious.is_empty(), "{} dark {dark} width {width}: {serious:#?}", page.display());
            if page == &report {
                let people = usize::from(dom.contains("people asked"));
                let rows = dom.matches("<g class=\"row\">").count();
                assert_eq!(rows, steps + people, "a row of the timeline for each step");
                let outage = dom.contains("no writes for ") && dom.contains("the point of no return");
                assert!(outage, "the outage and the point of no return are in the picture");
            } else {
                let headings = dom.matches("<h3>").count();
                assert_eq!(headings, count(&written["phases"], "steps"), "a heading for each step");
            }
        }
    }
    // The judge can say no: in dark, grey that was chosen for light.
    let text = std::fs::read_to_string(&report).expect("the page");
    std::fs::write(&procedure, text.replace("--faint: #9aa5b1", "--faint: #30363d")).expect("written");
    let found = |dark| judged(&procedure, dark, 1000).violations.iter().any(|one| one["id"] == "color-contrast");
    assert!(found(true), "a page that cannot be read in dark passes");
    assert!(!found(false), "the light page is as it was");
}
