//! From a [`Node`] to a written type, with every fault of the file's shape at once.
//!
//! Written types derive `Deserialize`, which gives up at the first fault. So the faulty part is
//! taken out of the tree and the rest is read again, until nothing is wrong any more: each round
//! finds the next fault, and the file is mended in one go.

mod fault;
mod parts;
mod reader;
mod untyped;

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::place::{Extent, Source};
use super::problem::{Problem, Problems};
use super::tree::{Node, Step, Value};
use super::yaml;
use fault::{Fault, FaultKind, Meant};
use reader::{Reader, Way};

pub use fault::Later;

/// Where more is wrong than this, the rest is told after these are mended.
const FAULTS_MAX: usize = 100;

/// The name by which a [`Node`] asks for what stands there, untyped.
pub(super) const NODE: &str = "switchback::Node";
/// The name by which a type asks that nothing of its value is ever shown.
pub const CONCEALED: &str = "switchback::Concealed";
/// What is said of anything in a secret's place that is no reference to one.
pub const SECRET_SENTENCE: &str = "a secret is {file: …}, {env: …}, {command: […]} or {pgpass: …}; the text itself is \
                                   not taken (and not printed here)";

/// The one format that this program reads.
const FORMAT: &str = "1";

/// Parses a file's text and reads it as a written type.
pub fn read<T: DeserializeOwned>(source: &Arc<Source>, later: Later) -> Result<T, Problems> {
    let tree = yaml::parse(source)?;
    refuse_other_formats(source, &tree)?;
    decode(source, tree, later)
}

/// Looked at before anything else: what a newer format says cannot be judged by the rules of this one.
pub fn refuse_other_formats(source: &Arc<Source>, tree: &Node) -> Result<(), Problem> {
    match tree.get("format").map(|node| (node, &node.value)) {
        Some((node, Value::Text { text, .. })) if text != FORMAT => {
            let sentence = format!("format: this program reads format {FORMAT} and no other");
            Err(Problem::at(source, node.extent, sentence))
        }
        _ => Ok(()),
    }
}

/// Reads a tree as a written type.
pub fn decode<T: DeserializeOwned>(source: &Arc<Source>, mut tree: Node, later: Later) -> Result<T, Problems> {
    let mut problems = Problems::none();
    let mut pruned: Vec<Pruned> = Vec::new();
    let whole = Extent::new(0, 0);
    loop {
        let fault = match T::deserialize(Reader { node: &tree, named: whole, way: Way::Root }) {
            Ok(value) => return problems.or(value),
            Err(fault) => fault,
        };
        let path = fault.path.clone().unwrap_or_default();
        if !follows_from(&fault, &path, &pruned) {
            problems.push(fault.problem(source, later));
        }
        if problems.len() >= FAULTS_MAX || !tree.prune(&path) {
            problems.sort();
            return Err(problems);
        }
        pruned.push(Pruned { meant: fault.meant(later), path });
    }
}

/// Something that was taken out of the tree.
struct Pruned {
    path: Vec<Step>,
    /// For a key that is not known: the key that was meant, which is then not missing as well.
    meant: Meant,
}

/// Whether a fault is there only because something was taken out.
fn follows_from(fault: &Fault, path: &[Step], pruned: &[Pruned]) -> bool {
    let mut inside = pruned.iter().filter(|other| other.path.len() > path.len() && other.path.starts_with(path));
    match &fault.kind {
        FaultKind::Missing(key) => inside.any(|other| match &other.path[path.len()..] {
            [Step::Key(name)] => name == key || other.meant.is(key),
            _ => false,
        }),
        FaultKind::UnknownKey { .. } => false,
        FaultKind::Said(_) | FaultKind::UnknownWord { .. } => inside.next().is_some(),
    }
}
