//! `switchback schema estate|runbook|events`: what editors and programs need to help.

use crate::actions::catalogue::CATALOGUE;
use crate::cli::args::{Common, SchemaOf};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session::say;
use crate::cli::view::json::EVENTS_SCHEMA;
use crate::{estate, runbook};

/// Prints the JSON Schema (draft 2020-12).
pub fn run(common: &Common, what: SchemaOf) -> Result<Exit, Failure> {
    let schema = match what {
        // An estate that is there and sound lends its names; without one the schema is everybody's.
        SchemaOf::Estate => match estate::load(&common.estate) {
            Ok(estate) => estate::schema::schema_of(&estate),
            Err(_) => estate::schema::schema(),
        },
        SchemaOf::Runbook => runbook::schema::schema(CATALOGUE),
        SchemaOf::Events => {
            say(EVENTS_SCHEMA.trim_end());
            return Ok(Exit::Done);
        }
    };
    say(&format!("{schema:#}"));
    Ok(Exit::Done)
}
