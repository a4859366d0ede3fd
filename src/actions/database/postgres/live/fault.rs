//! What the driver's errors mean, in the engine's terms.

use tokio_postgres::error::SqlState;

use crate::engine::action::Fault;

/// Why there is no session.
pub fn connect_fault(error: &tokio_postgres::Error) -> Fault {
    match error.code() {
        // Starting up, shutting down, too many sessions: it may pass.
        Some(code) if is_passing(code) => Fault::Unreachable,
        Some(_) => Fault::Refused,
        None => {
            let mut source = std::error::Error::source(error);
            while let Some(error) = source {
                // A certificate that does not verify will not verify the next time.
                if error.downcast_ref::<rustls::Error>().is_some() {
                    return Fault::Refused;
                }
                if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
                    && inner.downcast_ref::<rustls::Error>().is_some()
                {
                    return Fault::Refused;
                }
                source = error.source();
            }
            Fault::Unreachable
        }
    }
}

fn is_passing(code: &SqlState) -> bool {
    [SqlState::CANNOT_CONNECT_NOW, SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::TOO_MANY_CONNECTIONS]
        .contains(code)
}

/// Why a statement failed; `touches` when it was to change something.
pub fn fault(error: &tokio_postgres::Error, touches: bool) -> Fault {
    match error.code() {
        // The server ended the session: whether what it was doing was committed is not known.
        Some(code) if is_passing(code) && touches => Fault::InDoubt,
        Some(code) if is_passing(code) => Fault::Transient,
        Some(code)
            if [
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::QUERY_CANCELED,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::OBJECT_IN_USE,
            ]
            .contains(code) =>
        {
            Fault::Transient
        }
        Some(_) => Fault::Refused,
        None if touches => Fault::InDoubt,
        None => Fault::Transient,
    }
}

/// What an error says, with everything below it; the driver's own words leave that out.
pub fn said(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        let detail = error.detail().map_or_else(String::new, |detail| format!(" ({detail})"));
        return format!("{}{detail}", error.message());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = error.source();
    }
    text
}
