//! The pages in a real browser: nothing is wrong on its console, everything is there, and axe-core, which knows the
//! rules of accessibility, finds nothing serious: in light and in dark, on a wide screen and on a telephone. And on paper.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lab::Lab;
use crate::readers;

/// Asks axe-core about the page, and leaves its answer in the page.
const ASK: &str = "<script>axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(found => { \
    const answer = document.createElement('pre'); answer.id = 'axe'; \
    answer.textContent = JSON.stringify({passes: found.passes.length, violations: found.violations.map(one => \
    ({id: one.id, impact: one.impact, nodes: one.nodes.map(node => node.html.slice(0, 200))}))}); \
    document.body.append(answer); })</script>";

fn axe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/node_modules/axe-core/axe.min.js")
}

fn is_there_a_browser() -> bool {
    readers::are_here("chromium", readers::runs("chromium", &["--version"]))
        && readers::are_here("axe-core", axe().exists())
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
        self.chromium(&["--dump-dom".to_owned()])
    }

    /// The page on paper: what it says, and where each word of it stands.
    fn printed(&self) -> Printed {
        let paper = self.page.with_extension("pdf");
        self.chromium(&["--no-pdf-header-footer".to_owned(), format!("--print-to-pdf={}", paper.display())]);
        Printed::read(&paper)
    }

    fn chromium(&self, what: &[String]) -> (String, String) {
        let profile = tempfile::tempdir().expect("a folder");
        let output = Command::new("timeout")
            .args(["120", "chromium", "--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=30000"])
            .args(what)
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

/// A page on paper.
struct Printed {
    text: String,
    sheets: usize,
    /// A sheet's width, in points.
    width: f64,
    /// How far the words reach to the left and to the right.
    reach: (f64, f64),
}

impl Printed {
    fn read(paper: &Path) -> Self {
        let told = |how: &str| {
            let output = Command::new("pdftotext").arg(how).arg(paper).arg("-").output().expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text")
        };
        let (text, places) = (told("-layout"), told("-bbox"));
        let values = |name: &'static str| {
            let of = move |line: &str| line.split(name).nth(1)?.split('"').next()?.parse::<f64>().ok();
            places.lines().filter_map(of).collect::<Vec<f64>>()
        };
        let (left, right) =
            (values("xMin=\"").into_iter().reduce(f64::min), values("xMax=\"").into_iter().reduce(f64::max));
        let sheets = values("<page width=\"");
        Self { text, sheets: sheets.len(), width: sheets[0], reach: left.zip(right).expect("words") }
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

/// The report as an auditor files it: whole, within the margins that the page asks for, and not a sheet a line. (That it is
/// printed in the colours of the light page sees the browser itself to.)
fn on_paper(report: &Path, told: &Value, steps: usize) {
    /// 15 mm, in points, less what a font's box may stand out.
    const MARGIN: f64 = 42.0;
    let Printed { text, sheets, width, reach: (left, right) } =
        Window { page: report, dark: false, width: 1000 }.printed();
    assert!((590.0..620.0).contains(&width), "neither A4 nor Letter: {width}");
    assert!(
        left >= MARGIN && right <= width - MARGIN,
        "something reaches into the margin: {left} to {right} of {width}"
    );
    assert!((2..=4 + steps / 8).contains(&sheets), "{sheets} sheets for {steps} steps");
    let squeezed: String = text.split_whitespace().collect();
    let is_there = |words: &str| squeezed.contains(&words.split_whitespace().collect::<String>());
    let phases = told["phases"].as_array().expect("phases");
    for step in phases.iter().flat_map(|phase| phase["steps"].as_array().expect("steps")) {
        let id = step["id"].as_str().expect("an id");
        assert!(is_there(id), "{id} is not on paper:\n{text}");
    }
    for words in [told["head"].as_str().expect("the head"), told["run"].as_str().expect("the run"), "no writes for"] {
        assert!(is_there(words), "{words} is not on paper:\n{text}");
    }
}

#[test]
fn the_pages_open_in_a_browser_and_leave_nobody_out() {
    if !is_there_a_browser() {
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
    on_paper(&report, &told, steps);
    // The judge can say no: in dark, grey that was chosen for light.
    let text = std::fs::read_to_string(&report).expect("the page");
    std::fs::write(&procedure, text.replace("--faint: #9aa5b1", "--faint: #30363d")).expect("written");
    let found = |dark| judged(&procedure, dark, 1000).violations.iter().any(|one| one["id"] == "color-contrast");
    assert!(found(true), "a page that cannot be read in dark passes");
    assert!(!found(false), "the light page is as it was");
}
