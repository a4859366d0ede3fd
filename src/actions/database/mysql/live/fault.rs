//! What a failure of the driver means, by the server's number for it and not by its words.

use std::error::Error as StdError;

use mysql_async::{Error, IoError};

use crate::engine::action::{ActionError, Evidence, Fault};

/// The server shuts down, or ended this session.
pub const ENDED: &[u16] = &[1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031];
/// Too many sessions, or a host that is refused for its many errors: it may pass.
const CROWDED: &[u16] = &[1040, 1129, 1203, 1226];
/// A lock that was not to be had, a deadlock, a query that was ended.
const PASSING: &[u16] = &[1205, 1213, 1317, 1969, 3024, 3572];

pub fn connect_fault(error: &Error) -> Fault {
    match error {
        Error::Server(said) if ENDED.contains(&said.code) || CROWDED.contains(&said.code) => Fault::Unreachable,
        Error::Server(_) => Fault::Refused,
        // A certificate that does not verify will not verify the next time.
        Error::Io(IoError::Tls(_)) => Fault::Refused,
        Error::Io(IoError::Io(io)) if io.get_ref().is_some_and(<dyn StdError + Send + Sync>::is::<rustls::Error>) => {
            Fault::Refused
        }
        _ => Fault::Unreachable,
    }
}

pub fn fault(error: &Error, touches: bool) -> Fault {
    match error {
        Error::Server(said) if ENDED.contains(&said.code) && touches => Fault::InDoubt,
        Error::Server(said) if ENDED.contains(&said.code) => Fault::Transient,
        Error::Server(said) if PASSING.contains(&said.code) || CROWDED.contains(&said.code) => Fault::Transient,
        Error::Server(_) => Fault::Refused,
        _ if touches => Fault::InDoubt,
        _ => Fault::Transient,
    }
}

/// The server's number for what went wrong goes with it, for whoever must tell one refusal from another.
pub fn failure(fault: Fault, error: &Error, message: String) -> ActionError {
    let mut failure = ActionError::new(fault, message);
    if let Error::Server(said) = error {
        failure.evidence = Evidence::default().with("code", said.code);
    }
    failure
}

pub fn said(error: &Error) -> String {
    match error {
        Error::Server(said) => format!("{} ({})", said.message.trim_end_matches('.'), said.code),
        Error::Io(IoError::Io(io)) => io.to_string(),
        Error::Io(IoError::Tls(tls)) => tls.to_string(),
        other => other.to_string(),
    }
}
