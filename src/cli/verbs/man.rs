//! `man`: one manual page that holds every verb, since a page a verb would have to be installed with it.

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::args::Cli;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::session::say;

/// Prints the page.
pub fn run() -> Result<Exit, Failure> {
    let page = page().map_err(|error| Failure::new(Exit::Internal, format!("the page cannot be made: {error}")))?;
    say(page.trim_end());
    Ok(Exit::Done)
}

fn page() -> std::io::Result<String> {
    let command = Cli::command();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for verb in command.get_subcommands() {
        page.extend(section(verb)?.into_bytes());
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(once(&String::from_utf8_lossy(&page)))
}

/// A verb, with the flags that are its own.
fn section(verb: &Command) -> std::io::Result<String> {
    let name = format!("switchback {}", verb.get_name());
    let man = Man::new(verb.clone().bin_name(&name).disable_help_flag(true));
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if verb.get_arguments().next().is_some() {
        man.render_options_section(&mut text)?;
    }
    man.render_extra_section(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().map(|line| if line.starts_with(".SH ") { ".PP" } else { line });
    let lines: Vec<&str> = lines.collect();
    Ok(format!(".SH \"{}\"\n{}\n", name.to_uppercase(), lines.join("\n")))
}

/// Every part brings its own beginning; a page has one.
fn once(page: &str) -> String {
    let begins = |line: &str| line.starts_with(".ie ") || line.starts_with(".el ");
    let (beginning, rest): (Vec<&str>, Vec<&str>) = page.lines().partition(|line| begins(line));
    let mut lines: Vec<&str> = beginning.into_iter().take(2).collect();
    lines.extend(rest);
    lines.join("\n")
}
