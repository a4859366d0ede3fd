//! Those whom the estate wants to be told of a run (`notify:`), and what is said of who could not be.

use std::io::Write as _;

use serde_json::json;

use super::args::{Common, Format};
use super::owner;
use super::session::{self, Prepared};
use super::view::words::lay_out;
use crate::engine::driver::DriveError;
use crate::engine::event::Event;
use crate::engine::plan::Plan;
use crate::engine::ports::{Clock, Reporter};
use crate::engine::state::RunState;
use crate::notify::bell::{Bell, Delivery};
use crate::notify::notice::Teller;
use crate::store::Store;
use crate::store::notices::NoticeRow;

/// A bell for a run that begins, or goes on, from this state.
pub fn hung(prepared: &Prepared, state: &RunState, clock: &dyn Clock, id: &str) -> Bell {
    let operator = owner::this_process().operator;
    let bell = Bell::new(&prepared.estate.notify, Teller::new(id, &operator, state));
    bell.began(&prepared.plan, state, clock.now());
    bell
}

/// Tells whoever watches, and then rings.
pub struct Ringing<'a> {
    pub watched: &'a mut dyn Reporter,
    pub bell: &'a mut Bell,
}

impl Reporter for Ringing<'_> {
    fn event(&mut self, plan: &Plan, state: &RunState, event: &Event) {
        self.watched.event(plan, state, event);
        self.bell.hear(plan, state, event);
    }
}

/// Rings for a run that ends without a verdict.
pub fn broke_off(bell: &mut Bell, prepared: &Prepared, state: &RunState, clock: &dyn Clock, error: &DriveError) {
    bell.broke_off(&prepared.plan, state, clock.now(), &error.to_string());
}

/// Waits, within a bound, until everybody is told; keeps what became of it, and gives those who were not told.
pub async fn answered(bell: Bell, common: &Common, id: &str) -> Vec<Delivery> {
    let mut all = bell.finish().await;
    let row = |delivery: &Delivery| NoticeRow {
        receiver: delivery.receiver.clone(),
        way: delivery.way.to_owned(),
        event: delivery.event.to_owned(),
        at: delivery.at.to_string(),
        delivered: delivery.delivered,
        says: delivery.says.clone(),
    };
    let rows: Vec<NoticeRow> = all.iter().map(row).collect();
    let kept = match session::state_folder(common) {
        Some(folder) if !rows.is_empty() => Store::open(&folder).and_then(|store| store.keep_notices(id, &rows)),
        _ => Ok(()),
    };
    if let Err(error) = kept {
        let _ = writeln!(std::io::stderr().lock(), "who was told is not kept: {error}");
    }
    all.retain(|delivery| !delivery.delivered);
    all
}

/// Says who was not told.
pub fn tell_undelivered(common: &Common, id: &str, undelivered: &[Delivery]) {
    if undelivered.is_empty() {
        return;
    }
    if common.format == Format::Json {
        let one = |delivery: &Delivery| json!({"receiver": delivery.receiver, "way": delivery.way, "event": delivery.event, "at": delivery.at, "says": delivery.says});
        let list: Vec<serde_json::Value> = undelivered.iter().map(one).collect();
        super::view::json::print(&json!({"schema": "switchback/undelivered/1", "run": id, "notices": list}));
        return;
    }
    let paint = super::paint(common, true);
    let mut text = format!("{} not everybody was told:\n", paint.odd("!"));
    for delivery in undelivered {
        let Delivery { receiver, way, event, says, .. } = delivery;
        let line = format!("{receiver} ({way}) of `{event}`: {says}");
        text.push_str(&format!("  {}\n", lay_out(&line, paint.width, 4)));
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
