//! The journal as a run on this machine keeps it: under the local lock and those at the databases.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use super::wire::{Locks, Workshop};
use crate::engine::action::{Leave, Lost};
use crate::engine::event::{Event, What};
use crate::engine::ports::{Journal, JournalError};
use crate::store::StoreError;
use crate::store::journal::Writer;

/// The journal, with the locks at the databases looked at before every event that must be durable.
pub struct Guarded<'a> {
    writer: &'a mut Writer,
    /// `None` while the run waits for something that takes long.
    locks: Option<Locks>,
    workshop: &'a Workshop,
    leave: Arc<Current>,
}

/// The leave to act under the locks as they are held now: those that are taken again after a wait are others.
/// `None` while they are given back: nothing may be changed then, and nothing that would keep them is kept.
struct Current(Mutex<Option<Arc<dyn Leave>>>);

impl Current {
    fn become_of(&self, leave: Option<Arc<dyn Leave>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = leave;
    }
}

impl Leave for Current {
    fn ended(&self) -> BoxFuture<'_, Option<Lost>> {
        let leave = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            match leave {
                Some(leave) => leave.ended().await,
                None => Some(Lost::Stale("it was given back while the run waits".to_owned())),
            }
        })
    }
}

impl<'a> Guarded<'a> {
    /// A journal under locks that are held.
    pub fn new(writer: &'a mut Writer, locks: Locks, workshop: &'a Workshop) -> Result<Self, StoreError> {
        let leave = locks.leave(writer.watch()?);
        Ok(Self { writer, locks: Some(locks), workshop, leave: Arc::new(Current(Mutex::new(Some(leave)))) })
    }

    /// The leave to act, for as long as the locks are ours.
    pub fn leave(&self) -> Arc<dyn Leave> {
        Arc::clone(&self.leave) as Arc<dyn Leave>
    }
}

impl Journal for Guarded<'_> {
    fn append(&mut self, event: &Event, durable: bool) -> Result<(), JournalError> {
        // Nothing is begun any more, and what others have done since is not told as this run's own end.
        let decides = matches!(
            event.what,
            What::Intended { .. } | What::UndoIntended { .. } | What::BackOutBegan { .. } | What::Ended { .. }
        );
        if let (true, Some(lost)) = (decides, self.locks.as_ref().and_then(Locks::lost)) {
            return Err(JournalError::LockLost(lost));
        }
        self.writer.append(event, durable)
    }
    fn flush(&mut self) -> Result<(), JournalError> {
        self.writer.flush()
    }
    fn renew(&mut self) -> Result<(), JournalError> {
        self.writer.renew()
    }
    fn give_back(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            self.leave.become_of(None);
            if let Some(locks) = self.locks.take() {
                locks.let_go().await;
            }
            self.writer.give_back().await
        })
    }
    fn take_again(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            self.writer.take_again().await?;
            match self.workshop.lock(false).await {
                Ok(locks) => {
                    let here = self.writer.watch().map_err(|error| JournalError::Disk(error.to_string()))?;
                    self.leave.become_of(Some(locks.leave(here)));
                    self.locks = Some(locks);
                }
                Err(refused) => {
                    self.writer.give_back().await?;
                    return Err(JournalError::LockLost(Lost::Taken(refused.sentence)));
                }
            }
            Ok(())
        })
    }
}
