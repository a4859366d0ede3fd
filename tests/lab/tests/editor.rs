//! The schemas in a real editor's language server: what may be written at a place is offered there, and what may not be is marked.
//!
//! yaml-language-server is what most editors use.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::readers;

fn server() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/editor/node_modules/yaml-language-server/bin/yaml-language-server")
}

/// An editor with one folder open.
struct Editor {
    child: Child,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
    asked: u64,
    /// What it marked last in each file.
    marks: BTreeMap<String, Vec<String>>,
}

impl Editor {
    fn open(folder: &Path) -> Self {
        let mut child = Command::new("node")
            .arg(server())
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut editor = Self { child, answers, folder: folder.to_owned(), asked: 0, marks: BTreeMap::new() };
        let root = format!("file://{}", folder.display());
        editor.ask("initialize", &json!({"processId": null, "rootUri": root, "capabilities": {}}));
        editor.say(&json!({"method": "initialized", "params": {}}));
        editor.say(&json!({"method": "workspace/didChangeConfiguration", "params": {"settings": {"yaml":
            {"schemaStore": {"enable": false}, "completion": true, "validate": true}}}}));
        editor
    }

    fn say(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = "2.0".into();
        let text = message.to_string();
        let input = self.child.stdin.as_mut().expect("piped");
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("it listens");
        input.flush().expect("it listens");
    }

    fn hear(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).expect("it talks") > 0, "the language server has ended");
            match line.trim().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().expect("a length"),
                Some(_) => {}
                None => break,
            }
        }
        let mut bytes = vec![0; length];
        self.answers.read_exact(&mut bytes).expect("all of it");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.say(&json!({"id": id, "method": method, "params": params}));
        loop {
            let heard = self.hear();
            if heard["id"] == id && heard.get("method").is_none() {
                return heard["result"].clone();
            }
            self.take_in(&heard);
        }
    }

    /// What it says or asks by itself.
    fn take_in(&mut self, heard: &Value) {
        if heard["method"] == "textDocument/publishDiagnostics" {
            let list = heard["params"]["diagnostics"].as_array().expect("a list");
            let marks = list.iter().filter_map(|one| one["message"].as_str()).map(str::to_owned).collect();
            self.marks.insert(heard["params"]["uri"].as_str().expect("a file").to_owned(), marks);
        }
        if let (Some(id), Some(_)) = (heard.get("id"), heard.get("method")) {
            self.say(&json!({"id": id, "result": null}));
        }
    }

    fn types(&mut self, file: &str, text: &str) {
        let uri = format!("file://{}/{file}", self.folder.display());
        self.say(&json!({"method": "textDocument/didOpen", "params":
            {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}}}));
    }

    /// What is offered where the file's last line ends.
    fn offers(&mut self, file: &str, text: &str) -> Vec<String> {
        self.types(file, text);
        let (line, last) = text.split('\n').enumerate().last().expect("a line");
        let found = self.ask(
            "textDocument/completion",
            &json!({"textDocument": {"uri": format!("file://{}/{file}", self.folder.display())},
                    "position": {"line": line, "character": last.len()}}),
        );
        let items = found["items"].as_array().or(found.as_array()).expect("a list").clone();
        items.iter().filter_map(|item| item["label"].as_str()).map(str::to_owned).collect()
    }

    /// What is marked in a file.
    fn marks(&mut self, file: &str, text: &str) -> Vec<String> {
        self.types(file, text);
        let uri = format!("file://{}/{file}", self.folder.display());
        loop {
            match self.marks.get(&uri) {
                Some(marks) if !marks.is_empty() => return marks.clone(),
                _ => {}
            }
            let heard = self.hear();
            self.take_in(&heard);
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn an_editor_offers_what_may_stand_at_a_place() {
    if !readers::are_here("yaml-language-server", server().exists()) {
        return;
    }
    let lab = Lab::up();
    let folder = tempfile::tempdir().expect("a folder");
    for of in ["estate", "runbook"] {
        let schema = lab.ok(&["schema", of]).stdout;
        std::fs::write(folder.path().join(format!("{of}.schema.json")), schema).expect("written");
    }
    let mut editor = Editor::open(folder.path());
    let head = |of: &str| format!("# yaml-language-server: $schema=./{of}.schema.json\n");
    let estate = format!("{}format: 1\nestate: shop\nsites: {{dallas: {{}}}}\n", head("estate"));
    let sections = editor.offers("1.yaml", &estate);
    assert!(
        ["hosts", "services", "entrances", "notify"].iter().all(|name| sections.contains(&(*name).to_owned())),
        "{sections:?}"
    );
    assert!(!sections.contains(&"sites".to_owned()), "it is there already: {sections:?}");
    // A letter is typed.
    let phase = "runbook: r\nformat: 1\nphases:\n  - phase: p\n    title: T\n    steps:\n      - id: s\n        do:\n          d";
    let actions = editor.offers("2.yaml", &format!("{}{phase}", head("runbook")));
    assert!(
        ["database.fence", "entrance.point"].iter().all(|name| actions.contains(&(*name).to_owned())),
        "{actions:?}"
    );
    // The lab's own names stand in the schema of its estate.
    let of = format!("{}format: 1\nestate: shop\nhosts:\n  new-db:\n    site: ", head("estate"));
    let sites = editor.offers("3.yaml", &of);
    assert!(["dallas", "nuremberg"].iter().all(|name| sites.contains(&(*name).to_owned())), "{sites:?}");
    let marks = editor.marks("4.yaml", &format!("{estate}sevices: {{}}\n"));
    assert!(marks.iter().any(|mark| mark.contains("sevices")), "{marks:?}");
}
