//! A fail-over in tmux, whose window is made wider and narrower all the while: what is settled stays, once, and what moved
//! leaves nothing behind. tmux lays lines out anew when its window changes, as most terminals do and vt100 does not.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::Lab;

/// A server of tmux of this test's own.
struct Tmux(String);

impl Tmux {
    fn says(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.0, "-f", "/dev/null"]).args(arguments).output();
        let output = output.expect("tmux runs (tests/lab/lab packages installs it)");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The screen and what has scrolled off it.
    fn all(&self) -> String {
        self.says(&["capture-pane", "-p", "-J", "-S", "-400", "-t", "run"])
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

#[test]
fn a_window_that_changes_its_width_all_the_while_is_left_clean() {
    let lab = Lab::fresh();
    let tmux = Tmux(format!("switchback-lab-{}", std::process::id()));
    let script = format!(
        "seq -f 'stood there before, %g' 1 20; env -u NO_COLOR SWITCHBACK_ESTATE={} SWITCHBACK_STATE={} {} failover --to nuremberg --yes; \
         echo ended with $?; sleep 600",
        lab.estate.display(),
        lab.state.path().join("state").display(),
        env!("CARGO_BIN_EXE_switchback")
    );
    tmux.says(&["new-session", "-d", "-s", "run", "-x", "200", "-y", "24", &script]);
    let (began, mut changes) = (Instant::now(), 0);
    let mut moved = false;
    for width in ["80", "200", "60", "120", "50", "160", "80"].into_iter().cycle() {
        let seen = tmux.all();
        moved |= seen.contains("[1/9] ") || seen.contains("[8/9] ");
        if seen.contains("ended with ") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "it does not end:\n{seen}");
        tmux.says(&["resize-window", "-t", "run", "-x", width, "-y", "24"]);
        changes += 1;
        std::thread::sleep(Duration::from_millis(400));
    }
    tmux.says(&["resize-window", "-t", "run", "-x", "200", "-y", "24"]);
    let seen = tmux.all();
    assert!(seen.contains("ended with 0"), "{seen}");
    assert!(moved && changes > 5, "nothing moved, or the window did not: {changes}\n{seen}");
    for number in 1..=20 {
        let line = format!("stood there before, {number}");
        assert_eq!(seen.lines().filter(|seen| *seen == line).count(), 1, "`{line}`:\n{seen}");
    }
    for step in
        ["fence-databases/orders: done", "promote/orders: done", "point/www.shop.test: done", "follow/orders: done"]
    {
        assert_eq!(seen.matches(step).count(), 1, "`{step}`:\n{seen}");
    }
    for debris in ["/9] ", "turning back now", "past the point of no return: the way is forward", "◐", "◓", "◑", "◒"]
    {
        assert!(!seen.contains(debris), "`{debris}` is left over:\n{seen}");
    }
}
