//! The program at a terminal: what stands on the screen, what is asked, what an answer does.
//!
//! The screen is judged twice over the same bytes: as the terminal of 80 columns that the program sees, and
//! as one so wide that it never wraps, on which a line that is too long stands out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty};

const ROWS: u16 = 40;
const COLUMNS: u16 = 80;
const UNWRAPPED: u16 = 400;
/// How long something on the screen is waited for; other programs may load the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A web server that is well or is not.
struct Shop {
    port: u16,
    well: Arc<AtomicBool>,
}

impl Shop {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let well = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&well);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Self { port, well }
    }

    fn is_well(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }
}

fn answer(mut stream: std::net::TcpStream, well: &AtomicBool) {
    let mut seen = Vec::new();
    let mut bytes = [0; 1024];
    while let Ok(count) = stream.read(&mut bytes) {
        if count == 0 {
            return;
        }
        seen.extend_from_slice(bytes.get(..count).expect("what was read"));
        if seen.ends_with(b"\r\n\r\n") {
            seen.clear();
            let status = if well.load(Ordering::SeqCst) { "200 OK" } else { "503 Service Unavailable" };
            let text = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }
}

const RUNBOOK: &str = "\
runbook: watch
format: 1
title: Watch $site
modes: [planned]
inputs: {site: {type: site, help: Where.}}
phases:
  - phase: look
    title: The shop answers
    steps:
      - {id: web, for_each: web, do: {web.check: {at: $site}}, within: 2m, on_failure: ask}
  - phase: more
    title: It still does
    confirm: The shop answers at $site.
    steps:
      - {id: again, for_each: web, do: {web.check: {at: $site}}, within: 2s, on_failure: ask}
";

fn estate(port: u16) -> String {
    format!(
        "format: 1\nestate: shop\nsites:\n  dallas: {{preferred: true}}\n  nuremberg: {{}}\nhosts:\n  \
         a-web: {{site: dallas, address: 127.0.0.1}}\n  b-web: {{site: nuremberg, address: 127.0.0.2}}\nservices:\n  \
         shop-web:\n    priority: 1\n    web:\n      url: http://www.shop.test:{port}/health\n      \
         expect: {{status: 200, body: ok}}\n      members: {{a-web: {{}}, b-web: {{}}}}\n"
    )
}

fn count(cells: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(cells).expect("more than none")
}

/// The two screens.
struct Screens {
    seen: vt100::Parser,
    unwrapped: vt100::Parser,
    too_wide: Vec<String>,
}

/// The program, at a terminal of its own.
struct Seat {
    _folder: tempfile::TempDir,
    pty: Arc<Pty>,
    screens: Arc<Mutex<Screens>>,
    child: std::process::Child,
}

impl Seat {
    fn take(shop: &Shop, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("runbooks")).expect("made");
        std::fs::write(folder.path().join("switchback.yaml"), estate(shop.port)).expect("written");
        std::fs::write(folder.path().join("runbooks/watch.yaml"), RUNBOOK).expect("written");
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(Size::new(ROWS, COLUMNS)).expect("its size");
        let child = Command::new(env!("CARGO_BIN_EXE_switchback"))
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("SWITCHBACK_ESTATE")
            .env("SWITCHBACK_STATE", folder.path().join("state"))
            .env("TERM", "xterm-256color")
            .env("NO_COLOR", "1")
            .spawn(pts)
            .expect("switchback runs");
        let screens = Screens {
            seen: vt100::Parser::new(count(ROWS), count(COLUMNS), 0),
            unwrapped: vt100::Parser::new(count(ROWS), count(UNWRAPPED), 0),
            too_wide: Vec::new(),
        };
        let seat = Self { _folder: folder, pty: Arc::new(pty), screens: Arc::new(Mutex::new(screens)), child };
        seat.watch();
        seat
    }

    fn watch(&self) {
        let (pty, screens) = (Arc::clone(&self.pty), Arc::clone(&self.screens));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The far end goes away with the program; that is an error on Linux, and the end.
            while let Ok(count) = (&*pty).read(&mut bytes) {
                let Some(bytes) = bytes.get(..count).filter(|_| count > 0) else { return };
                let mut screens = screens.lock().expect("unpoisoned");
                screens.seen.process(bytes);
                screens.unwrapped.process(bytes);
                let wide = screens.unwrapped.screen().rows(0, UNWRAPPED);
                let wide: Vec<String> = wide.filter(|row| row.chars().count() > usize::from(COLUMNS)).collect();
                screens.too_wide.extend(wide);
            }
        });
    }

    fn screen(&self) -> String {
        self.screens.lock().expect("unpoisoned").seen.screen().contents()
    }

    /// Waits until this stands on the screen.
    fn until(&self, what: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(what) {
                return screen;
            }
            assert!(began.elapsed() < PATIENCE, "`{what}` does not come:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn types(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).expect("typed");
    }

    fn ends(&mut self) -> (ExitStatus, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                // What it wrote last may still be on its way.
                std::thread::sleep(Duration::from_millis(200));
                return (status, self.screen());
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_run_at_a_terminal_of_80_columns() {
    let shop = Shop::open();
    shop.is_well(false);
    let mut seat = Seat::take(&shop, &["run", "watch", "--input", "site=dallas"]);
    let screen = seat.until("look/web/shop-web 2.");
    assert!(screen.contains("[1/2] look: The shop answers"), "the phase is not to be seen:\n{screen}");
    assert!(screen.contains("503"), "what it waits for is not to be seen:\n{screen}");
    assert!(screen.contains("turning back now costs nothing"), "{screen}");

    shop.is_well(true);
    let screen = seat.until("? The shop answers at dallas.");
    seat.until("Go on? [y/N]");
    assert!(!screen.contains("[1/2]"), "the moving lines stand in the question's way:\n{screen}");
    shop.is_well(false);
    seat.types("y");

    seat.until("What now? [retry/skip/end/details]");
    seat.types("d\n");
    let screen = seat.until("within 2.0 s");
    assert!(screen.contains("more/again/shop-web failed"), "{screen}");
    shop.is_well(true);
    seat.types("retry\n");

    let (status, screen) = seat.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    let text: String = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in ["= web/shop-web: already so", "✗ again/shop-web: failed", "✓ Watch dallas: done"] {
        assert!(text.contains(line), "`{line}` is missing:\n{screen}");
    }
    for debris in ["[1/2]", "[2/2]", "turning back now", "◐", "◓", "◑", "◒"] {
        assert!(!screen.contains(debris), "`{debris}` is left over:\n{screen}");
    }
    let too_wide = seat.screens.lock().expect("unpoisoned").too_wide.clone();
    assert!(too_wide.is_empty(), "lines wider than the terminal: {too_wide:#?}");
}

#[test]
fn a_terminal_that_grows_keeps_its_lines_apart() {
    let shop = Shop::open();
    shop.is_well(false);
    let mut seat = Seat::take(&shop, &["run", "watch", "--input", "site=dallas", "--yes"]);
    seat.until("look/web/shop-web 1.");
    seat.pty.resize(Size::new(ROWS, 120)).expect("its size");
    seat.screens.lock().expect("unpoisoned").seen.screen_mut().set_size(count(ROWS), count(120));
    seat.until("look/web/shop-web 3.");
    shop.is_well(true);
    let (status, screen) = seat.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    assert_eq!(screen.matches("[1/2]").count(), 0, "debris:\n{screen}");
    assert_eq!(screen.lines().filter(|line| line.starts_with("look ")).count(), 1, "{screen}");
}

#[test]
fn without_a_terminal_nothing_moves_and_a_slow_step_is_spoken_of() {
    let shop = Shop::open();
    shop.is_well(false);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("runbooks")).expect("made");
    std::fs::write(folder.path().join("switchback.yaml"), estate(shop.port)).expect("written");
    std::fs::write(folder.path().join("runbooks/watch.yaml"), RUNBOOK).expect("written");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_switchback"))
        .args(["run", "watch", "--input", "site=dallas", "--yes", "--reason", "it is being mended"])
        .args(["--accept-miss", "look/web/shop-web", "--accept-miss", "more/again/shop-web"])
        .current_dir(folder.path())
        .env_remove("SWITCHBACK_ESTATE")
        .env("SWITCHBACK_STATE", folder.path().join("state"))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("switchback runs");
    let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines().map_while(Result::ok);
    let first = lines.next().expect("it begins");
    assert!(first.starts_with("run "), "{first}");
    // The beginning of a heartbeat; what is said of it comes after ten seconds.
    let beat = lines.find(|line| line.contains("…")).expect("a word of the step that is waited for");
    assert!(beat.starts_with("  … look/web/shop-web 1"), "{beat}");
    let again = lines.find(|line| line.contains("…")).expect("another word, ten seconds later");
    assert!(again.starts_with("  … look/web/shop-web 2"), "{again}");
    shop.is_well(true);
    let said = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{said}");
    assert!(!said.contains('\u{1b}'), "there is no terminal, and it moves:\n{said:?}");
}

#[test]
fn a_watch_looks_again_until_ctrl_c_and_ends_well() {
    let shop = Shop::open();
    let mut seat = Seat::take(&shop, &["status", "--watch", "500ms"]);
    let first = seat.until("every 500ms; Ctrl-C ends it");
    let began = Instant::now();
    while seat.screen() == first || !seat.screen().contains("every 500ms") {
        assert!(began.elapsed() < PATIENCE, "it looks only once:\n{first}");
        std::thread::sleep(Duration::from_millis(20));
    }
    seat.types("\u{3}");
    let (status, screen) = seat.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    assert_eq!(screen.matches("every 500ms").count(), 1, "the old picture is still there:\n{screen}");
}
