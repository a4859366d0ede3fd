//! `switchback schema estate|runbook`: what editors need to help.

use crate::actions::catalogue::CATALOGUE;
use crate::cli::args::{Common, SchemaOf};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session::say;
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
    };
    say(&format!("{schema:#}"));
    Ok(Exit::Done)
}
