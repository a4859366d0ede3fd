//! `report`: a page about one run, folded from its journal; the world is not looked at.

use crate::cli::args::Common;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session;
use crate::report;

/// Prints the page.
pub fn run(common: &Common, run: Option<&str>) -> Result<Exit, Failure> {
    let store = session::open_store(common)?;
    let past = session::find_run(&store, run)?;
    let head = store.verify(&past.row.id)?.head;
    let page = report::markdown(&past.row.id, &past.plan, &past.state, &past.events, &head)
        .map_err(|error| Failure::new(Exit::Internal, format!("the report cannot be made: {error}")))?;
    session::say(page.trim_end());
    Ok(Exit::Done)
}
