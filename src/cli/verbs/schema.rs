//! `switchback schema estate|runbook`: what editors need to help.

use crate::actions::catalogue::CATALOGUE;
use crate::cli::args::SchemaOf;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session::say;
use crate::{estate, runbook};

/// Prints the JSON Schema (draft 2020-12).
pub fn run(what: SchemaOf) -> Result<Exit, Failure> {
    let schema = match what {
        SchemaOf::Estate => estate::schema::schema(),
        SchemaOf::Runbook => runbook::schema::schema(CATALOGUE),
    };
    say(&format!("{schema:#}"));
    Ok(Exit::Done)
}
