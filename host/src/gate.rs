//! A place for so many at once, and a bounded wait for one.
//!
//! Places are given in the order in which they were asked for, each handed from the one who leaves
//! to the one who has waited longest. A wait ends with a place, with the end of patience, or because
//! others need the room more; a dropped wait leaves nothing behind.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::clock;
use crate::config::Admission;
use crate::telemetry::metrics::GateMetrics;

/// Of the time that a wait may take, what is left of it once the line does not clear any more.
///
/// The ratio of "Fail at Scale" (ACM Queue 13(8), 2015), where 100 ms become 5 ms.
const HURRY_DIVISOR: u32 = 20;

/// A place for so many at once.
#[derive(Debug)]
pub struct Gate {
    discipline: Discipline,
    state: Mutex<State>,
    metrics: Arc<GateMetrics>,
}

/// Who has to go if too many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// Who comes last: those who wait have been promised a place.
    Fair,
    /// Who has waited longest, because its client is the likeliest to have given up. While the
    /// line does not clear, everybody waits for a short time only (`CoDel`'s idea), so that those who
    /// are served are served soon.
    Shedding,
}

/// Why there was no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Enough wait already.
    Full,
    /// None became free in time.
    Late,
    /// One who came later took the room in the line.
    Shed,
}

impl Refused {
    /// The metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "queue_full",
            Self::Late => "queue_timeout",
            Self::Shed => "shed",
        }
    }
}

/// One of the places, given back by a drop.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

#[derive(Debug, Default)]
struct State {
    /// As the one who came last was told; a reload may change it.
    places: usize,
    taken: usize,
    /// By ticket, which grow. Whoever stops waiting takes itself out.
    line: VecDeque<Waiting>,
    next_ticket: u64,
    /// Since when the line has not been empty.
    standing_since: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    word: oneshot::Sender<Word>,
}

/// What one who waits is told.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// The place is taken in its name.
    Go,
    Leave,
}

/// One who waits; a drop leaves the line, and hands on a place that was given meanwhile.
struct Waiter<'a> {
    gate: &'a Gate,
    ticket: u64,
    word: oneshot::Receiver<Word>,
    is_told: bool,
}

impl Gate {
    /// With all places free.
    #[must_use]
    pub fn new(discipline: Discipline, metrics: Arc<GateMetrics>) -> Arc<Self> {
        Arc::new(Self { discipline, state: Mutex::default(), metrics })
    }

    /// Takes a place, if need be after a wait within `bounds`. A drop of the future waits no longer.
    ///
    /// # Errors
    ///
    /// There was no place.
    pub async fn enter(self: &Arc<Self>, bounds: &Admission) -> Result<Place, Refused> {
        let outcome = self.wait(bounds).await;
        if let Err(refused) = &outcome {
            self.metrics.refused(refused.as_str());
        }
        outcome.map(|()| Place(Arc::clone(self)))
    }

    /// How many places are taken.
    #[must_use]
    pub fn active(&self) -> i64 {
        self.metrics.active.get()
    }

    /// How many wait for one.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        self.metrics.waiting.get()
    }

    async fn wait(&self, bounds: &Admission) -> Result<(), Refused> {
        let Some((mut waiter, patience)) = self.ask(bounds, clock::now())? else {
            return Ok(());
        };
        let told = timeout(patience, &mut waiter.word).await;
        waiter.is_told = told.is_ok();
        match told {
            Ok(Ok(Word::Go)) => Ok(()),
            Ok(Ok(Word::Leave) | Err(_)) => Err(Refused::Shed),
            Err(_elapsed) => Err(Refused::Late),
        }
    }

    /// Takes a place at once, or stands in line for so long.
    fn ask(
        &self,
        bounds: &Admission,
        now: Instant,
    ) -> Result<Option<(Waiter<'_>, Duration)>, Refused> {
        let mut state = self.lock();
        state.places = bounds.at_once;
        state.let_in();
        let asked = state.ask(self.discipline, bounds, now);
        self.show(&state);
        drop(state);
        let waiter = |(ticket, word, patience)| {
            (Waiter { gate: self, ticket, word, is_told: false }, patience)
        };
        asked.map(|asked| asked.map(waiter))
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.taken = state.taken.saturating_sub(1);
        state.let_in();
        self.show(&state);
    }

    fn show(&self, state: &State) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.active.set(number(state.taken));
        self.metrics.waiting.set(number(state.line.len()));
    }

    /// Never held across an await; a panic leaves the line whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives free places to those who have waited longest.
    fn let_in(&mut self) {
        while self.taken < self.places
            && let Some(next) = self.line.pop_front()
        {
            // Who stops waiting takes itself out before its end of the channel is gone.
            if next.word.send(Word::Go).is_ok() {
                self.taken += 1;
            }
        }
        self.note_empty();
    }

    /// A ticket, where its word will come, and how long to wait for it; `None` if there is a place.
    fn ask(
        &mut self,
        discipline: Discipline,
        bounds: &Admission,
        now: Instant,
    ) -> Result<Option<(u64, oneshot::Receiver<Word>, Duration)>, Refused> {
        if self.taken < self.places && self.line.is_empty() {
            self.taken += 1;
            return Ok(None);
        }
        if self.line.len() >= bounds.queue {
            let oldest = match discipline {
                Discipline::Fair => None,
                Discipline::Shedding => self.line.pop_front(),
            };
            let oldest = oldest.ok_or(Refused::Full)?;
            // As in `let_in`, it is there to be told.
            drop(oldest.word.send(Word::Leave));
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (sender, word) = oneshot::channel();
        self.line.push_back(Waiting { ticket, word: sender });
        let since = *self.standing_since.get_or_insert(now);
        let stands = now.saturating_duration_since(since) > bounds.queue_timeout;
        let patience = match discipline {
            Discipline::Shedding if stands => bounds.queue_timeout / HURRY_DIVISOR,
            Discipline::Shedding | Discipline::Fair => bounds.queue_timeout,
        };
        Ok(Some((ticket, word, patience)))
    }

    /// Whether it was still in line.
    fn give_up(&mut self, ticket: u64) -> bool {
        let found = self.line.binary_search_by_key(&ticket, |waiting| waiting.ticket);
        let was_there = found.ok().and_then(|at| self.line.remove(at)).is_some();
        self.note_empty();
        was_there
    }

    fn note_empty(&mut self) {
        if self.line.is_empty() {
            self.standing_since = None;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        let mut state = self.gate.lock();
        let was_there = state.give_up(self.ticket);
        self.gate.show(&state);
        drop(state);
        if !was_there && self.word.try_recv() == Ok(Word::Go) {
            self.gate.leave();
        }
    }
}

#[cfg(test)]
mod tests;
