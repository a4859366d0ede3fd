//! `report`: a page about one run, folded from its journal; the world is not looked at.

use std::io::Write as _;
use std::path::Path;

use crate::cli::args::{Common, Format, PageForm};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::past::{self, PastRun};
use crate::cli::session;
use crate::engine::verdict::Verdict;
use crate::report::figures::figures;
use crate::report::{self, Earlier, Notified, Told};
use crate::store::Store;
use crate::store::notices::NoticeRow;

/// How many earlier runs a page compares with.
const EARLIER_MAX: usize = 30;

/// Prints the page, or writes it to a file.
pub fn run(common: &Common, run: Option<&str>, form: &PageForm, json: bool) -> Result<Exit, Failure> {
    let store = session::open_store(common)?;
    let past = past::find_run(&store, run)?;
    let head = store.verify(&past.row.id)?.head;
    let earlier = earlier(&store, &past)?;
    let notices = notices(&store, &past)?;
    let told = Told {
        run: &past.row.id,
        plan: &past.plan,
        state: &past.state,
        events: &past.events,
        head: &head,
        earlier: &earlier,
        notices: &notices,
    };
    let unmade = |error| Failure::new(Exit::Internal, format!("the report cannot be made: {error}"));
    let text = if json || (common.format == Format::Json && !form.html && !form.markdown) {
        report::json(&told).to_string()
    } else if form.html {
        report::html(&told).map_err(unmade)?
    } else {
        report::markdown(&told).map_err(unmade)?
    };
    put(text.trim_end(), form.out.as_deref())?;
    Ok(Exit::Done)
}

/// Who was told of the run.
fn notices(store: &Store, past: &PastRun) -> Result<Vec<Notified>, Failure> {
    let read = |row: NoticeRow| Notified {
        receiver: row.receiver,
        way: row.way,
        event: row.event.replace('_', " "),
        at: row.at.parse().map_or(row.at, |at: jiff::Timestamp| at.strftime("%F %T UTC").to_string()),
        delivered: row.delivered,
        says: row.says,
    };
    Ok(store.notices(&past.row.id)?.into_iter().map(read).collect())
}

/// Prints a page, or writes it to a file.
pub fn put(text: &str, out: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = out else {
        session::say(text);
        return Ok(());
    };
    write_whole(path, &format!("{text}\n"))
        .map_err(|error| Failure::new(Exit::Usage, format!("{} cannot be written: {error}", path.display())))
}

/// Writes a file whole or not at all: who reads it meanwhile sees the old one.
pub fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    // Others read it: a collector of metrics, a web server, a mail program.
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Runs that were done before this one, of the same runbook in the same mode to the same site, oldest first.
fn earlier(store: &Store, past: &PastRun) -> Result<Vec<Earlier>, Failure> {
    let mut list = Vec::new();
    for row in store.runs(Some(&past.row.estate))?.into_iter().skip_while(|row| row.id != past.row.id).skip(1) {
        // A damaged run is no measure; `runs --verify` shows it.
        let Ok(other) = past::read_run(store, &row) else { continue };
        let alike = other.plan.runbook == past.plan.runbook
            && other.plan.mode == past.plan.mode
            && other.plan.to == past.plan.to
            && matches!(other.state.ended, Some((Verdict::Done | Verdict::DoneWithMisses, _)));
        if alike {
            list.push(Earlier { figures: figures(&other.plan, &other.state, &other.events), run: row.id });
        }
        if list.len() == EARLIER_MAX {
            break;
        }
    }
    list.reverse();
    Ok(list)
}
