//! `status --watch`: the live estate, again and again, until somebody ends it.

use std::io::IsTerminal as _;

use super::status;
use crate::base::quantity::Span;
use crate::cli::args::{Common, Format};
use crate::cli::clock::SystemClock;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session;
use crate::engine::ports::Clock as _;

/// The shortest and the longest time between two looks, in milliseconds: each look logs in nowhere anew, but
/// asks every server and every name server.
const EVERY_MS: std::ops::RangeInclusive<u64> = 500..=3_600_000;

/// Looks and prints until Ctrl-C, which is the ordinary end of it: exit code 0. What a look finds wrong is
/// shown and does not end the watch.
pub async fn run(common: &Common, every: Span) -> Result<Exit, Failure> {
    if !EVERY_MS.contains(&every.millis()) {
        return Err(Failure::new(Exit::Usage, format!("`--watch {every}` is not between 500ms and 1h")));
    }
    let clock = SystemClock::new();
    let estate = session::load_estate(common)?;
    let workshop = session::workshop(&estate, &session::bare_context("status"))?;
    let screen = (common.format == Format::Human && std::io::stdout().is_terminal()).then(console::Term::stdout);
    let end = tokio::signal::ctrl_c();
    tokio::pin!(end);
    loop {
        let look = async {
            let seen = status::look(&estate, &workshop).await;
            if let Some(screen) = &screen {
                // The old picture stays until the new one is known.
                let _ = screen.clear_screen();
            }
            if common.format == Format::Human {
                let at = clock.now().strftime("%Y-%m-%d %H:%M:%S UTC");
                session::say(&format!("{at}, every {every}; Ctrl-C ends it"));
            }
            status::tell(common, &estate, &seen)?;
            if let Some((service, ..)) = seen.conflict() {
                session::say(&format!("✗ `{service}` takes writes at two sites at once"));
            }
            clock.until(clock.monotonic_ms() + every.millis()).await;
            Ok::<(), Failure>(())
        };
        tokio::select! {
            biased;
            _ = &mut end => return Ok(Exit::Done),
            told = look => told?,
        }
    }
}
