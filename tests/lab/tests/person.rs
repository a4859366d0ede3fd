//! Somebody who sits at a terminal.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pty_process::blocking::Pty;

/// A person at a terminal of 80 columns.
pub struct Person {
    pty: Arc<Pty>,
    seen: Arc<Mutex<String>>,
    child: std::process::Child,
}

impl Person {
    pub fn sits_down(folder: &std::path::Path, arguments: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(pty_process::Size::new(40, 80)).expect("its size");
        let child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_switchback"))
            .args(arguments)
            .current_dir(folder)
            .env_remove("SWITCHBACK_ESTATE")
            .env("SWITCHBACK_STATE", folder.join("state"))
            .env("TERM", "xterm-256color")
            .env("NO_COLOR", "1")
            .spawn(pts)
            .expect("switchback runs");
        let (pty, seen) = (Arc::new(pty), Arc::new(Mutex::new(String::new())));
        let (reads, keeps) = (Arc::clone(&pty), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = (&*reads).read(&mut bytes) {
                let Some(bytes) = bytes.get(..count).filter(|_| count > 0) else { return };
                keeps.lock().expect("unpoisoned").push_str(&String::from_utf8_lossy(bytes));
            }
        });
        Self { pty, seen, child }
    }

    /// Waits until something stands on the screen that was not there before, and gives what came until then.
    pub fn sees(&self, what: &str) -> String {
        let began = Instant::now();
        loop {
            {
                let mut seen = self.seen.lock().expect("unpoisoned");
                // Lines are broken where the screen ends.
                let text = seen.split_whitespace().collect::<Vec<_>>().join(" ");
                if text.contains(what) {
                    seen.clear();
                    return text;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "`{what}` does not come: {seen}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn types(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).expect("typed");
    }

    /// Waits for a question that was not asked before, and answers it.
    pub fn answers(&self, question: &str, answer: &str) {
        let began = Instant::now();
        loop {
            {
                let mut seen = self.seen.lock().expect("unpoisoned");
                if let Some(at) = seen.find(question) {
                    *seen = seen.split_off(at + question.len());
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "`{question}` is not asked: {seen}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        (&*self.pty).write_all(format!("{answer}\n").as_bytes()).expect("typed");
    }

    pub fn ends(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("ended");
        std::thread::sleep(Duration::from_millis(200));
        let seen = self.seen.lock().expect("unpoisoned").clone();
        (status.code(), seen)
    }
}
