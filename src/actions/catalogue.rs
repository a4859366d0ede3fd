//! Every action there is: what runbooks may say, and the source of `switchback actions`,
//! `docs/actions.md`, the JSON Schema of runbooks and the order check.

use crate::runbook::signature::ArgumentKind::{Argv, Count, Duration, Look, OneOf, Site, Text};
use crate::runbook::signature::FactKind::{CaughtUp, Detached, Fenced, Following, Led, Promoted};
use crate::runbook::signature::Whereabouts::{Argument as At, Elsewhere};
use crate::runbook::signature::{Argument, ArgumentKind, Effect, FactAt, FactKind, Noun, Signature, Undo, Whereabouts};

const fn required(name: &'static str, kind: ArgumentKind, help: &'static str) -> Argument {
    Argument { name, kind, required: true, help }
}

const fn optional(name: &'static str, kind: ArgumentKind, help: &'static str) -> Argument {
    Argument { name, kind, required: false, help }
}

const fn fact(fact: FactKind, whereabouts: Whereabouts) -> FactAt {
    FactAt { fact, whereabouts }
}

const AT: Argument = required("at", Site, "the site whose member it acts on");

/// The catalogue, in the order in which a fail-over meets them.
pub const CATALOGUE: &[Signature] = &[
    Signature {
        name: "database.ready",
        summary: "look at everything that could make a promotion at this site fail, and say all of it at once",
        done: "the member is a streaming standby of this very primary (planned) or the best there is (emergency), \
               nothing that the promotion or the way back needs is missing, and nothing else would interfere",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Look,
        guard: true,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "30s",
    },
    Signature {
        name: "database.prepare",
        summary: "shorten the stop that is to come: flush what a clean shutdown would have to flush",
        done: "two checkpoints have ended, so that the shutdown's own is small",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "5m",
    },
    Signature {
        name: "database.fence",
        summary: "ensure that no write can be taken at this site, also after a restart",
        done: "the control data says that the server is shut down and starting it again is prevented, or the host is \
               proven to be cut off, or the server is seen to be in recovery; a refused connection proves nothing",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Idempotent,
        guard: true,
        undo: Undo::Possible,
        needs: &[],
        gives: &[fact(Fenced, At("at"))],
        within: "30s",
    },
    Signature {
        name: "database.arrived",
        summary: "wait until everything that the fenced primary wrote has arrived at this site",
        done: "the standby has received past the start of the old primary's shutdown checkpoint, on its timeline",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Look,
        guard: true,
        undo: Undo::Nothing,
        needs: &[fact(Fenced, Elsewhere("at"))],
        gives: &[fact(CaughtUp, At("at"))],
        within: "30s",
    },
    Signature {
        name: "database.detach",
        summary: "break replication: the member at this site follows nobody",
        done: "no WAL receiver runs and none can start; a primary that comes back cannot feed it",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Idempotent,
        guard: true,
        undo: Undo::Possible,
        needs: &[fact(Fenced, Elsewhere("at"))],
        gives: &[fact(Detached, At("at"))],
        within: "30s",
    },
    Signature {
        name: "database.promote",
        summary: "let the member at this site take writes",
        done: "it is out of recovery on a new timeline that forked exactly where the fenced primary ended (planned), \
               slots for the others are made, and a receipt is written",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Guarded,
        guard: true,
        undo: Undo::Impossible,
        needs: &[fact(Fenced, Elsewhere("at"))],
        gives: &[fact(Promoted, At("at"))],
        within: "60s",
    },
    Signature {
        name: "database.write_test",
        summary: "write a row at this site and read it back",
        done: "a row that names this timeline was committed and read back in a session of its own",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Nothing,
        needs: &[fact(Promoted, At("at"))],
        gives: &[],
        within: "30s",
    },
    Signature {
        name: "database.follow",
        summary: "make the member at this site a standby of the one that serves",
        done: "it streams from the primary, seen at the primary; it followed, was rewound or was copied anew, \
               whichever is the cheapest that is safe",
        noun: Some(Noun::Database),
        arguments: &[
            AT,
            optional("by", OneOf(&["cheapest", "follow", "rewind", "copy"]), "how; `cheapest` where not said"),
        ],
        effect: Effect::Guarded,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[fact(Following, At("at"))],
        within: "12h",
    },
    Signature {
        name: "database.keep_aside",
        summary: "keep what a rewind or a copy would destroy at this site",
        done: "where the member has diverged, its WAL since the fork and its configuration lie in a folder beside the \
               data directory, with a list and checksums; where it has not, there is nothing to keep",
        noun: Some(Noun::Database),
        arguments: &[AT, required("label", Text, "begins the folder's name")],
        effect: Effect::Idempotent,
        guard: true,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "4h",
    },
    Signature {
        name: "database.caught_up",
        summary: "wait until the member at this site has replayed nearly everything",
        done: "it streams, and its replay is no more than 16MiB and 10s behind",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Look,
        guard: true,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[fact(Following, At("at"))],
        within: "2h",
    },
    Signature {
        name: "database.marker_seen",
        summary: "see a marker row, written at the primary, arrive at the member at this site",
        done: "the member streams and the row of this timeline can be read there",
        noun: Some(Noun::Database),
        arguments: &[AT],
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "2m",
    },
    Signature {
        name: "database.tidy",
        summary: "drop what role changes of ours have left over",
        done: "no replication slot of ours is left at a member that leads nobody through it",
        noun: Some(Noun::Database),
        arguments: &[],
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "1m",
    },
    Signature {
        name: "entrance.ready",
        summary: "look whether the entrance could be pointed to this site",
        done: "the provider accepts our credentials for the zone, the authoritative servers answer alike, and the new \
               records are known",
        noun: Some(Noun::Entrance),
        arguments: &[required("to", Site, "the site that users are to be led to")],
        effect: Effect::Look,
        guard: true,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "30s",
    },
    Signature {
        name: "entrance.ttl",
        summary: "set how long resolvers may keep the entrance's answer",
        done: "every authoritative server answers with this TTL, and the old one has run out",
        noun: Some(Noun::Entrance),
        arguments: &[required("ttl", Duration, "the TTL; a later `entrance.point` sets the estate's again")],
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Possible,
        needs: &[],
        gives: &[],
        within: "2h",
    },
    Signature {
        name: "entrance.point",
        summary: "lead users to this site",
        done: "every authoritative server answers with the site's records and no others; in emergency mode one that \
               gives no answer at all is named and passed over, as long as another one answers",
        noun: Some(Noun::Entrance),
        arguments: &[required("to", Site, "the site that users are led to")],
        effect: Effect::Idempotent,
        guard: false,
        undo: Undo::Possible,
        needs: &[fact(Promoted, At("to"))],
        gives: &[fact(Led, At("to"))],
        within: "60s",
    },
    Signature {
        name: "entrance.avoids",
        summary: "see that no user is led to this site",
        done: "no authoritative server answers with a record of the site",
        noun: Some(Noun::Entrance),
        arguments: &[required("site", Site, "the site that nobody may be led to")],
        effect: Effect::Look,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "30s",
    },
    Signature {
        name: "entrance.seen",
        summary: "see that everybody is led to this site",
        done: "every authoritative server and every named resolver answers with the site's records, and the TTL of the \
               answer before has run out",
        noun: Some(Noun::Entrance),
        arguments: &[required("to", Site, "the site that users are led to")],
        effect: Effect::Look,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "10m",
    },
    Signature {
        name: "web.check",
        summary: "ask the web service and judge its answers",
        done: "every member at the site (or the public name, through the entrances) answers with the expected status and \
               body, and the 95th percentile of the times is within what the estate allows; it is told beside the \
               figure from before",
        noun: Some(Noun::Web),
        arguments: &[
            AT,
            optional(
                "through",
                OneOf(&["members", "entrances"]),
                "ask each member at its own address, or the public name as the name servers give it; `members` where not said",
            ),
        ],
        effect: Effect::Look,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "60s",
    },
    Signature {
        name: "host.command",
        summary: "run a command on a host",
        done: "the look command says so; without one, the command's exit code 0 is taken, and a plan calls it unverified",
        noun: Some(Noun::Host),
        arguments: &[
            required("run", Argv, "the command and its arguments; no shell sees them"),
            optional(
                "look",
                Look,
                "how to see that it is done: {run: argv, exit: 0, prints: text}; must change nothing",
            ),
            optional("undo", Argv, "takes it back"),
            optional(
                "repeat",
                OneOf(&["safe", "once"]),
                "whether running it twice is as running it once; `once` where not said",
            ),
        ],
        effect: Effect::Once,
        guard: false,
        undo: Undo::Possible,
        needs: &[],
        gives: &[],
        within: "60s",
    },
    Signature {
        name: "host.soak",
        summary: "see a host behave for a while",
        done: "it answered over SSH every time, or missed no more often than allowed; its load, memory and disk are told",
        noun: Some(Noun::Host),
        arguments: &[
            required("for", Duration, "how long"),
            required("every", Duration, "how often"),
            optional("misses_max", Count, "misses that are forgiven; 0 where not said"),
        ],
        effect: Effect::Look,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "7d",
    },
    Signature {
        name: "human.ask",
        summary: "ask a person",
        done: "somebody answered yes; `--yes` does not count as an answer",
        noun: None,
        arguments: &[
            required("question", Text, "a question that yes or no answers"),
            optional("who", Text, "the role that should answer"),
        ],
        effect: Effect::Look,
        guard: false,
        undo: Undo::Nothing,
        needs: &[],
        gives: &[],
        within: "12h",
    },
];

/// The signature of an action.
pub fn signature(name: &str) -> Option<&'static Signature> {
    CATALOGUE.iter().find(|signature| signature.name == name)
}
