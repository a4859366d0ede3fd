//! What a run's journal holds.
//!
//! The form on disk is this type as JSON, one event a row, each with the hash of the one before
//! (`store`). It has a version of its own: [`EVENT_FORMAT`], written in a run's first event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::{ActionError, Applied, Evidence, Observed};
use super::measured::Measured;
use super::park::Wait;
use super::plan::{Plan, StepIndex};
use super::verdict::Verdict;

/// The version of [`Event`]'s form. 2: [`What::Measured`].
pub const EVENT_FORMAT: u32 = 2;

/// One fact in a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 0, 1, 2, … without a gap.
    pub seq: u64,
    /// The wall clock, for people.
    pub at: Timestamp,
    /// Milliseconds since the run began; never goes back, whatever the wall clock does.
    pub elapsed_ms: u64,
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum What {
    /// The run began. Always the first event, and only that.
    Started { format: u32, plan: Box<Plan>, accepted: serde_json::Value, by: Owner },
    /// Another process went on with it. What was in flight is in doubt.
    Resumed { by: Owner, reason: Option<String>, accepted: serde_json::Value },
    /// Somebody, or a flag, answers when a step of this segment fails before the point of no return. Where
    /// nobody does, a failed planned run goes back by itself.
    Attended { by: String },
    /// A look ended.
    Looked { step: StepIndex, observed: Observed },
    /// A look did not.
    LookFailed { step: StepIndex, error: ActionError },
    /// The next thing that happens may be the act. Durable before it is.
    Intended { step: StepIndex, attempt: u32 },
    /// The act ended.
    Acted { step: StepIndex, attempt: u32, applied: Applied },
    /// The act failed, or its answer was lost.
    ActFailed { step: StepIndex, attempt: u32, error: ActionError },
    /// Going back begins: because of a failure, because the outage lasts too long, or because somebody said so.
    BackOutBegan { reason: String, wave: Option<u32>, by: Option<String> },
    /// The next thing that happens may be the undo. Durable before it is.
    UndoIntended { step: StepIndex, attempt: u32 },
    /// The undo ended.
    Undone { step: StepIndex, evidence: Evidence },
    /// The undo failed.
    UndoFailed { step: StepIndex, error: ActionError },
    /// A question was put.
    Asked { question: Question },
    /// And answered.
    Answered { question: String, answer: Answer, by: String },
    /// A person looked at a step in doubt and said how it is.
    Resolved { step: StepIndex, verdict: Resolution, reason: String, by: String },
    /// Somebody asked the run to stop after the step in hand.
    StopAsked,
    /// The lock is given back for as long as the run waits for this.
    Parked { wait: Wait },
    /// What was waited for is there, and the lock is ours (again).
    Waited { wait: Wait },
    /// Time went by while something was under way; the machine may want to decide anew.
    TimePassed,
    /// A note for people: a lock taken over, a receipt, a measured outage.
    Noted { note: Evidence },
    /// What a client saw, as this process measured it.
    Measured { measured: Box<Measured> },
    /// The run, or this segment of it, ended.
    Ended { verdict: Verdict, reason: String },
}

/// The process that carries out a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// `user@machine`
    pub operator: String,
    pub machine: String,
    pub pid: u32,
    /// Changes with every start of the machine, and `pid_start` (clock ticks since then) with every
    /// process, so that a pid is not taken for another's.
    pub boot: String,
    pub pid_start: u64,
    /// Of the program.
    pub version: String,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The phase's id for a confirmation, the step's for the others.
    pub id: String,
    pub text: String,
    pub kind: QuestionKind,
    /// What to know before answering, a sentence each.
    pub evidence: Vec<String>,
    /// More, for whoever asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// How a question is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Yes or no; `--yes` answers it.
    Confirm,
    /// By typing this site's name; `--confirm SITE` answers it.
    ConfirmSite(String),
    /// Only by a person; no flag answers it.
    Human { who: Option<String> },
    /// A step failed: try again, pass over, or go back.
    Failure { may_pass: bool, may_back_out: bool },
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    No,
    /// Try the failed step again.
    Retry,
    /// Go on without the failed step.
    Pass,
    /// Take back what can be taken back.
    BackOut,
    /// Leave everything as it is, to go on later.
    Pause,
}

/// What a person says of a step in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Done,
    NotDone,
    Skip,
}

impl What {
    /// Whether the event must be on disk before anything else happens.
    ///
    /// Intentions must, or an act could have happened that nobody remembers. Everything else is made
    /// durable by the next intention, or by the end of the run; losing it costs a look, no more.
    pub fn must_be_durable(&self) -> bool {
        match self {
            Self::Started { .. }
            | Self::Resumed { .. }
            | Self::Attended { .. }
            | Self::Intended { .. }
            | Self::Acted { .. }
            | Self::ActFailed { .. }
            | Self::BackOutBegan { .. }
            | Self::UndoIntended { .. }
            | Self::Undone { .. }
            | Self::UndoFailed { .. }
            | Self::Answered { .. }
            | Self::Resolved { .. }
            | Self::Parked { .. }
            | Self::Waited { .. }
            | Self::Noted { .. }
            | Self::Ended { .. } => true,
            Self::Looked { .. }
            | Self::LookFailed { .. }
            | Self::Asked { .. }
            | Self::StopAsked
            | Self::TimePassed
            // The end of the run follows at once, and takes it along.
            | Self::Measured { .. } => false,
        }
    }

    /// As the journal calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Resumed { .. } => "resumed",
            Self::Attended { .. } => "attended",
            Self::Looked { .. } => "looked",
            Self::LookFailed { .. } => "look_failed",
            Self::Intended { .. } => "intended",
            Self::Acted { .. } => "acted",
            Self::ActFailed { .. } => "act_failed",
            Self::BackOutBegan { .. } => "back_out_began",
            Self::UndoIntended { .. } => "undo_intended",
            Self::Undone { .. } => "undone",
            Self::UndoFailed { .. } => "undo_failed",
            Self::Asked { .. } => "asked",
            Self::Answered { .. } => "answered",
            Self::Resolved { .. } => "resolved",
            Self::StopAsked => "stop_asked",
            Self::Parked { .. } => "parked",
            Self::Waited { .. } => "waited",
            Self::TimePassed => "time_passed",
            Self::Noted { .. } => "noted",
            Self::Measured { .. } => "measured",
            Self::Ended { .. } => "ended",
        }
    }
}
