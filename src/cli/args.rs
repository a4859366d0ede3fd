//! The command line.
//!
//! This file is long because it is a table: what every verb takes, in the words of its `--help`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::base::quantity::Span;
use crate::runbook::bound::Mode;

/// The estate where none is said.
pub const ESTATE: &str = "switchback.yaml";
/// The role that Switchback logs in as where none is said to `init`.
pub const ROLE: &str = "switchback";

/// Carries out fail-over and fail-back runbooks between two sites.
///
/// Reads an estate (`switchback.yaml`: what exists) and a runbook (what to do), shows a plan, carries it
/// out step by step, remembers every intention and outcome, and can stop, go on or go back at any point.
#[derive(Debug, Parser)]
#[command(
    name = "switchback",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done · 3 estate or runbook invalid · 4 refused, nothing changed · 5 stopped part-way, \
                  resume or rollback · 6 failed and backed out · 7 in doubt, a person must look · 8 locked by another run · \
                  9 declined · 10 done with misses · 11 saved plan is stale · 130 interrupted (all in docs/exit-codes.md)"
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Flags of every command")]
pub struct Common {
    /// The estate.
    #[arg(long, global = true, value_name = "FILE", default_value = ESTATE, env = "SWITCHBACK_ESTATE")]
    pub estate: PathBuf,
    /// Where the journal and the lock are kept [default: $XDG_STATE_HOME/switchback, or ~/.local/state/switchback].
    #[arg(long, global = true, value_name = "DIR", env = "SWITCHBACK_STATE")]
    pub state: Option<PathBuf>,
    /// How results are written: for people, or one JSON object a line.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub format: Format,
    /// When to use colour; `NO_COLOR` is honoured.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Never ask; fail and name the flag that answers.
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Say more; twice for every look.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check the estate and its runbooks, offline: every problem at once, each with its place.
    #[command(after_help = "Examples:\n  switchback check\n  switchback check runbooks/restart-shop.yaml")]
    Check {
        /// Runbooks to check beside the shipped ones.
        runbooks: Vec<PathBuf>,
    },
    /// Write a first `switchback.yaml`: asks a few questions and looks at the servers; changes nothing on them.
    #[command(
        after_help = "Example, without a question:\n  switchback init --member dallas=deploy@192.0.2.10 \\\n    \
        --member nuremberg=deploy@198.51.100.10 --name shop --service orders"
    )]
    Init(InitArgs),
    /// Show what Switchback needs on the databases, and make it so with `--apply`.
    #[command(after_help = "Examples:\n  switchback prepare\n  switchback prepare orders --apply")]
    Prepare {
        /// Only this service.
        service: Option<String>,
        /// Do it, as the database's superuser over SSH.
        #[arg(long)]
        apply: bool,
    },
    /// Look at everything a runbook would do, and touch nothing.
    #[command(
        after_help = "Examples:\n  switchback plan failover --to nuremberg\n  switchback plan failback --out friday.plan"
    )]
    Plan {
        /// A shipped runbook (failover, failback, rejoin), one beside the estate, or a file.
        runbook: String,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        accept: Accept,
        /// Save the plan; `run --plan FILE` carries out exactly this, or refuses.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Fail over to a site (the shipped runbook `failover`).
    #[command(after_help = "Examples:\n  switchback failover --to nuremberg\n  \
        switchback failover --to nuremberg --mode emergency --confirm nuremberg \\\n    \
        --accept-unfenced dallas --accept-data-loss orders --reason \"dallas burns\"")]
    Failover {
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        accept: Accept,
        #[command(flatten)]
        consent: Consent,
        /// Only look; as `plan failover`.
        #[arg(long)]
        dry_run: bool,
        /// Carry out this saved plan, or refuse when it no longer matches.
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
    },
    /// Fail back to the preferred site (the shipped runbook `failback`).
    #[command(after_help = "Example:\n  switchback failback --input soak=30m")]
    Failback {
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        accept: Accept,
        #[command(flatten)]
        consent: Consent,
        /// Only look; as `plan failback`.
        #[arg(long)]
        dry_run: bool,
        /// Carry out this saved plan, or refuse when it no longer matches.
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
    },
    /// Carry out a runbook.
    #[command(
        after_help = "Examples:\n  switchback run rejoin\n  switchback run restart-shop --input site=dallas\n  switchback run --plan friday.plan"
    )]
    Run {
        /// A shipped runbook (failover, failback, rejoin), one beside the estate, or a file.
        #[arg(required_unless_present = "plan")]
        runbook: Option<String>,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        accept: Accept,
        #[command(flatten)]
        consent: Consent,
        /// Only look; as `plan`.
        #[arg(long)]
        dry_run: bool,
        /// Carry out this saved plan, or refuse when it no longer matches.
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
    },
    /// Go on with a run that was interrupted or stopped.
    #[command(
        after_help = "Examples:\n  switchback resume\n  switchback resume 20261121-0735 --accept-miss verify/from-outside/shop-web --reason \"the probe is down\""
    )]
    Resume {
        /// The run, or the beginning of its id [default: the last unfinished one].
        run: Option<String>,
        #[command(flatten)]
        accept: Accept,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take back what a stopped run did, of services that have not passed their point of no return.
    #[command(after_help = "Example:\n  switchback rollback --reason \"the window is over\"")]
    Rollback {
        /// The run, or the beginning of its id [default: the last unfinished one].
        run: Option<String>,
        #[command(flatten)]
        accept: Accept,
        #[command(flatten)]
        consent: Consent,
    },
    /// Say how a step is that Switchback cannot know about.
    #[command(
        after_help = "Example:\n  switchback resolve 20261121-0735 restart/restart/a-web --as done --reason \"I saw it come up\""
    )]
    Resolve {
        /// The run, or the beginning of its id.
        run: String,
        /// The step's id, as `show` prints it.
        step: String,
        /// How it is.
        #[arg(long = "as", value_name = "HOW")]
        verdict: ResolveAs,
        /// Why you know.
        #[arg(long)]
        reason: String,
    },
    /// Who is primary, how far behind the others are, where entrances point: from the live estate.
    #[command(after_help = "Examples:\n  switchback status\n  switchback status --watch 5s")]
    Status {
        /// Look again and again, this long apart, until Ctrl-C.
        #[arg(long, value_name = "EVERY", num_args = 0..=1, default_missing_value = "2s")]
        watch: Option<Span>,
    },
    /// The runs of this estate.
    #[command(after_help = "Examples:\n  switchback runs\n  switchback runs --verify")]
    Runs {
        /// Check the chain of hashes of every run.
        #[arg(long)]
        verify: bool,
        /// With `--verify`: the hash that the last event of RUN must have, as `RUN=HASH`.
        #[arg(long, value_name = "RUN=HASH", requires = "verify")]
        head: Vec<String>,
    },
    /// One run, step by step.
    #[command(after_help = "Examples:\n  switchback show\n  switchback show 20261121-0735 --events")]
    Show {
        /// The run, or the beginning of its id [default: the last one].
        run: Option<String>,
        /// Every event, not only the steps.
        #[arg(long)]
        events: bool,
    },
    /// A page about one run: what happened when, figures against objectives and earlier runs, receipts, who
    /// decided what.
    #[command(after_help = "Examples:\n  switchback report\n  switchback report 20260704 --html --out friday.html")]
    Report {
        /// The run, or the beginning of its id [default: the last one].
        run: Option<String>,
        #[command(flatten)]
        form: PageForm,
        /// One JSON object with everything that the page says.
        #[arg(long, conflicts_with_all = ["html", "markdown"])]
        json: bool,
    },
    /// Try a runbook: every look and no act, or with `--live` there and back inside a window of the estate.
    #[command(
        after_help = "Examples:\n  switchback drill failover --to nuremberg --metrics drill.prom --junit drill.xml\n  \
        switchback drill failover --to nuremberg --live --window quiet --back-input soak=5m --yes"
    )]
    Drill {
        /// A shipped runbook (failover, failback, rejoin), one beside the estate, or a file.
        runbook: String,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        accept: Accept,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        trial: Trial,
    },
    /// The written procedure of a runbook: its steps for people, and how to do each by hand. Asks no server.
    #[command(after_help = "Examples:\n  switchback docs failover --to nuremberg --html --out failover.html\n  \
        switchback docs failover --to nuremberg --mode emergency")]
    Docs {
        /// A shipped runbook (failover, failback, rejoin), one beside the estate, or a file.
        runbook: String,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        form: PageForm,
    },
    /// Runs and drills, newest first, and how their figures went.
    #[command(after_help = "Examples:\n  switchback history\n  switchback history failover --most 50")]
    History {
        /// Only of this runbook.
        runbook: Option<String>,
        /// How many [default: 20].
        #[arg(long, value_name = "COUNT")]
        most: Option<usize>,
    },
    /// What runbooks can do: all actions, or one of them in full.
    #[command(after_help = "Examples:\n  switchback actions\n  switchback actions database.fence")]
    Actions {
        /// An action, `database.fence`.
        name: Option<String>,
    },
    /// JSON Schema of what users write, for editors.
    #[command(
        after_help = "Example, for the names of your own estate in an editor:\n  switchback schema estate --estate switchback.yaml"
    )]
    Schema { what: SchemaOf },
    /// Completions for a shell.
    #[command(after_help = "Example:\n  switchback completions bash")]
    Completions { shell: clap_complete::Shell },
    /// The manual page.
    #[command(after_help = "Example:\n  switchback man")]
    Man,
}

/// What `init` would ask, and what it finds where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub struct InitArgs {
    /// A site and the machine of its database, as one logs in to it; twice. The site that takes writes becomes the
    /// preferred one.
    #[arg(long, value_name = "SITE=[USER@]ADDRESS[:PORT]")]
    pub member: Vec<String>,
    /// The estate's name [default: the folder's].
    #[arg(long)]
    pub name: Option<String>,
    /// What the database is called as a service [default: database].
    #[arg(long)]
    pub service: Option<String>,
    /// A database of the server; the first will hold Switchback's schema [default: those that are found].
    #[arg(long, value_name = "NAME")]
    pub database: Vec<String>,
    /// The role that Switchback logs in as.
    #[arg(long, default_value = ROLE)]
    pub role: String,
    /// The environment variable that holds its password [default: `SWITCHBACK_` and the service's name].
    #[arg(long, value_name = "VARIABLE", conflicts_with = "password_file")]
    pub password_env: Option<String>,
    /// The file that holds its password, readable by you alone.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The certificate authority of the servers [default: the system's].
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The data directory of a site, where several servers run on its machine.
    #[arg(long, value_name = "SITE=DIR")]
    pub data_dir: Vec<String>,
    /// Private key for SSH, where your ssh_config does not name it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Host keys, where they are not in your own known_hosts.
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
}

/// How a drill is held.
#[derive(Debug, Clone, Args)]
pub struct Trial {
    /// Fail over and come back, instead of only looking.
    #[arg(long)]
    pub live: bool,
    /// Only in this window of the estate [default: any of them].
    #[arg(long, value_name = "NAME", requires = "live")]
    pub window: Option<String>,
    /// The runbook that leads back.
    #[arg(long, value_name = "RUNBOOK", default_value = "failback")]
    pub back: String,
    /// An input of the runbook that leads back.
    #[arg(long, value_name = "NAME=VALUE", requires = "live")]
    pub back_input: Vec<String>,
}

/// How a page is written, and where to.
#[derive(Debug, Clone, Default, Args)]
pub struct PageForm {
    /// One HTML file that needs nothing else.
    #[arg(long, conflicts_with = "markdown")]
    pub html: bool,
    /// Markdown, which is what is written where nothing is said.
    #[arg(long)]
    pub markdown: bool,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What is to be carried out, beside the runbook's name.
#[derive(Debug, Clone, Default, Args)]
pub struct Order {
    /// The site that takes over (the runbook's input `to`).
    #[arg(long, value_name = "SITE")]
    pub to: Option<String>,
    /// The site that served last, where looking does not tell (the runbook's input `from`).
    #[arg(long, value_name = "SITE")]
    pub from: Option<String>,
    /// An input of the runbook.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// `planned` loses nothing or refuses; `emergency` restores service and asks for every loss to be accepted by name
    /// [default: the runbook's first].
    #[arg(long, value_name = "MODE")]
    pub mode: Option<ModeArg>,
}

/// What is accepted by name, each with the reason.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is accepted by name, with a reason")]
pub struct Accept {
    /// Go on although nothing proves that this site cannot write.
    #[arg(long, value_name = "SITE", requires = "reason")]
    pub accept_unfenced: Vec<String>,
    /// Go on although writes of this service may be lost.
    #[arg(long, value_name = "SERVICE", requires = "reason")]
    pub accept_data_loss: Vec<String>,
    /// Go on although this check (a step whose failure asks) fails.
    #[arg(long, value_name = "STEP", requires = "reason")]
    pub accept_miss: Vec<String>,
    /// Why something is accepted, or taken over; kept in the journal.
    #[arg(long)]
    pub reason: Option<String>,
}

/// What is agreed to beforehand.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is answered beforehand")]
pub struct Consent {
    /// Answer yes to questions that yes or no answers.
    #[arg(long, short)]
    pub yes: bool,
    /// Answer the questions that ask for this site's name to be typed.
    #[arg(long, value_name = "SITE")]
    pub confirm: Option<String>,
    /// What becomes of a planned run when a step fails before the point of no return [default: asked at a
    /// terminal; without one it goes back by itself].
    #[arg(long, value_name = "WHAT")]
    pub on_failure: Option<OnFailureArg>,
    /// Take the lock over from another run, or begin although a run is unfinished.
    #[arg(long, requires = "reason")]
    pub take_over: bool,
    #[command(flatten)]
    pub leave: Leave,
}

/// What is left for other programs when a run, or a drill, has ended.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is left for other programs")]
pub struct Leave {
    /// Write how every step went as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write figures of the history as OpenMetrics text; the file is replaced whole.
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// `--on-failure`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    /// Try again, three times at most, then go back.
    Retry,
    /// Take back what was done, last first.
    BackOut,
    /// Stop as it is, for `resume` or `rollback`.
    Pause,
}

/// `--mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    Planned,
    Emergency,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Planned => Self::Planned,
            ModeArg::Emergency => Self::Emergency,
        }
    }
}

/// `resolve --as`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ResolveAs {
    Done,
    NotDone,
    Skip,
}

/// `schema`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    Estate,
    Runbook,
    /// The lines of `--format json` while a run is carried out.
    Events,
}
