//! Servers that listen: one for HTTP, one for mail. Each keeps what it was told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// How a server behaves.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Answers with this status.
    Status(u16),
    /// Takes the connection and never says a word.
    Hangs,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub head: String,
    pub json: Value,
}

/// A web server.
pub struct HttpEar {
    pub port: u16,
    heard: Arc<Mutex<Vec<Request>>>,
}

impl HttpEar {
    pub fn open(manner: Manner) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        let port = listen(move |stream| http(stream, manner, &keep));
        Self { port, heard }
    }

    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().expect("unpoisoned").clone()
    }
}

/// One mail.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub to: Vec<String>,
    pub text: String,
}

/// A mail server.
pub struct MailEar {
    pub port: u16,
    heard: Arc<Mutex<Vec<Mail>>>,
    lines: Arc<Mutex<String>>,
}

impl MailEar {
    pub fn open(manner: Manner) -> Self {
        let (heard, lines) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(String::new())));
        let (keep, all) = (Arc::clone(&heard), Arc::clone(&lines));
        let port = listen(move |stream| smtp(stream, manner, &keep, &all));
        Self { port, heard, lines }
    }

    pub fn heard(&self) -> Vec<Mail> {
        self.heard.lock().expect("unpoisoned").clone()
    }

    /// Every line that anybody sent.
    pub fn everything(&self) -> String {
        self.lines.lock().expect("unpoisoned").clone()
    }
}

fn listen(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads until the other goes away.
fn hang(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
}

fn http(stream: TcpStream, manner: Manner, heard: &Mutex<Vec<Request>>) -> Option<()> {
    let Manner::Status(status) = manner else {
        hang(stream);
        return None;
    };
    let mut answers = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length =
            head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        heard.lock().expect("unpoisoned").push(Request { head, json });
        let text = if status == 204 { "" } else { "ok" };
        let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", text.len()) };
        answers.write_all(format!("HTTP/1.1 {status} X\r\n{length}\r\n{text}").as_bytes()).ok()?;
    }
}

fn smtp(stream: TcpStream, manner: Manner, heard: &Mutex<Vec<Mail>>, lines: &Mutex<String>) -> Option<()> {
    let Manner::Status(status) = manner else {
        hang(stream);
        return None;
    };
    let mut answers = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    let mut say = |line: &str| answers.write_all(format!("{line}\r\n").as_bytes()).ok();
    say("220 mail.test")?;
    let mut mail = Mail::default();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        lines.lock().expect("unpoisoned").push_str(&line);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first().map(|word| word.to_uppercase()).as_deref() {
            Some("EHLO") => say("250-mail.test\r\n250 8BITMIME")?,
            Some("RCPT") => {
                mail.to.push(words.get(1)?.trim_start_matches("TO:").to_owned());
                say("250 fine")?;
            }
            Some("DATA") => {
                say("354 go on")?;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).ok()? == 0 {
                        return None;
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    mail.text.push_str(&line);
                }
                heard.lock().expect("unpoisoned").push(std::mem::take(&mut mail));
                say(&format!("{status} taken"))?;
            }
            Some("QUIT") => {
                say("221 bye")?;
                return None;
            }
            _ => say("250 fine")?,
        }
    }
}
