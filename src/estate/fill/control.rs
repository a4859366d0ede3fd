//! What every kind of database says in the same words: how it is started and stopped, how it is spoken to.

use super::Filling;
use crate::base::at::At;
use crate::estate::model::{Control, ControlCommands, Tls};
use crate::estate::written;

/// Either a unit, or own commands.
pub(super) fn keys(written: &At<&written::ControlKeys>, about: &str, filling: &mut Filling<'_>) -> Option<Control> {
    let keys = written.value;
    let commands = [&keys.start, &keys.stop, &keys.disable, &keys.enable, &keys.is_enabled];
    if let Some(unit) = &keys.systemd {
        if commands.iter().any(|command| command.is_some()) {
            filling.problem(unit.extent, format!("{about}: either `systemd` or own commands"));
        }
        return Some(Control::Systemd { unit: filling.bare_word(unit, &format!("{about}.systemd")) });
    }
    let (Some(start), Some(stop)) = (&keys.start, &keys.stop) else {
        filling.problem(written.extent, format!("{about}: own commands need `start` and `stop`"));
        return None;
    };
    let prevention = [&keys.disable, &keys.enable, &keys.is_enabled];
    if prevention.iter().any(|command| command.is_some()) && prevention.iter().any(|command| command.is_none()) {
        let sentence = format!("{about}: `disable`, `enable` and `is_enabled` stand together or not at all");
        filling.problem(written.extent, sentence);
    }
    let mut argv = |key: &str, argv: &written::Argv| filling.argv(argv, &format!("{about}.{key}"));
    Some(Control::Commands(Box::new(ControlCommands {
        start: argv("start", start),
        stop: argv("stop", stop),
        disable: keys.disable.as_ref().map(|command| argv("disable", command)),
        enable: keys.enable.as_ref().map(|command| argv("enable", command)),
        is_enabled: keys.is_enabled.as_ref().map(|command| argv("is_enabled", command)),
    })))
}

/// Verified, unless it says `off` in so many words. `about` is the path of the kind.
pub(super) fn tls(written: Option<&At<written::Tls>>, about: &str, filling: &mut Filling<'_>) -> Tls {
    let Some(tls) = written else { return Tls::Verified { ca: None } };
    match &tls.value {
        written::Tls::Off => Tls::Off,
        written::Tls::System => Tls::Verified { ca: None },
        written::Tls::Ca(path) => {
            Tls::Verified { ca: Some(filling.local(&tls.with(path.as_str()), &format!("{about}.tls.ca"))) }
        }
    }
}

/// Everybody follows the one that serves. `about` is the path of the kind.
pub(super) fn followers(written: Option<&At<written::Followers>>, about: &str, filling: &mut Filling<'_>) {
    if let Some(followers) = written.filter(|followers| followers.value == written::Followers::PerSite) {
        filling.problem_with_hint(
            followers.extent,
            format!("{about}.followers: this version lets every member follow the one that serves, and none follow a follower"),
            "write `of_primary`, or leave it out, and let all of them follow that one",
        );
    }
}
