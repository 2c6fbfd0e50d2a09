//! The connection as hyper sees it: nothing but what the framing has approved.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Framing, Phase, Verdict};
use super::invalid_data;
use super::peer::{Fault, Peer, STAND_IN};
use super::watch::{Flag, Watch};

/// Bytes read at once of a head that comes in pieces, and of what nobody will look at.
const SCRATCH_BYTES: usize = 4 * 1024;

/// Bytes that are read and thrown away after our end is closed. A client that has more on its way
/// does not get to see the answer if it insists on sending first.
const CLOSE_BYTES_MAX: usize = 1024 * 1024;

/// Reads through a [`Framing`] and reports to a [`Watch`].
///
/// A fault in a head becomes the stand-in request, given to hyper after everything that passed,
/// so that it is answered in its turn. A fault in a body becomes a read error. Nothing is read
/// from the client after either, until our end is closed.
#[derive(Debug)]
pub(super) struct Guard<T> {
    inner: T,
    framing: Framing,
    /// What was read and not given to hyper.
    held: BytesMut,
    /// How many bytes of `held` have passed the framing.
    passed: usize,
    fault: Option<Refusal>,
    watch: Arc<Watch>,
    peer: Arc<Peer>,
    /// Once our end is closed: how many bytes have been thrown away.
    discarded: Option<usize>,
    /// Whether the client speaks another protocol now.
    switched: bool,
}

#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// What is left of the stand-in.
    Head(&'static [u8]),
    Body(super::framing::Malformed),
}

impl<T> Guard<T> {
    /// `first` are bytes of the client that were read already.
    pub(super) fn new(
        inner: T,
        first: BytesMut,
        framing: Framing,
        watch: Arc<Watch>,
        peer: Arc<Peer>,
    ) -> Self {
        let mut guard = Self {
            inner,
            framing,
            held: first,
            passed: 0,
            fault: None,
            watch,
            peer,
            discarded: None,
            switched: false,
        };
        guard.inspect_held();
        guard
    }

    fn inspect_held(&mut self) {
        let verdict = self.framing.inspect(&self.held);
        self.passed = verdict.pass;
        self.settle(verdict);
        if self.fault.is_some() {
            self.held.truncate(self.passed);
        }
    }

    /// Draws the consequences of a verdict.
    fn settle(&mut self, verdict: Verdict) {
        if let Some(fault) = verdict.fault {
            if self.framing.breaks_body() {
                self.fault = Some(Refusal::Body(fault));
            } else {
                self.refuse(Fault::Malformed(fault));
            }
        }
        if verdict.pass > 0 {
            self.watch.progressed();
        }
        let phase = self.framing.phase();
        self.watch.set(Flag::InHead, phase == Phase::Head);
        if phase == Phase::Undecided {
            self.watch.set(Flag::Offered, true);
        }
    }

    /// Goes on as the answer to an offer of another protocol has it; false if there is none.
    fn decide(&mut self) -> bool {
        if self.framing.phase() != Phase::Undecided || self.watch.has(Flag::Offered) {
            return false;
        }
        if self.watch.has(Flag::Switched) {
            self.switched = true;
            self.framing.release();
        } else {
            self.framing.resume();
        }
        self.inspect_held();
        true
    }

    fn refuse(&mut self, fault: Fault) {
        self.peer.refuse(fault);
        self.fault = Some(Refusal::Head(STAND_IN));
        self.held.truncate(self.passed);
        self.watch.set(Flag::InHead, false);
        self.watch.progressed();
    }

    /// Hands on what has passed; false if there is nothing.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let count = self.passed.min(buf.remaining());
        let Some(bytes) = self.held.get(..count) else {
            return false;
        };
        buf.put_slice(bytes);
        self.held.advance(count);
        self.passed -= count;
        if self.held.is_empty() {
            // An idle connection should not pay for its last head.
            self.held = BytesMut::new();
        }
        count > 0
    }

    /// What hyper reads from the fault on.
    fn give_refusal(&mut self, buf: &mut ReadBuf<'_>, refusal: Refusal) -> Poll<io::Result<()>> {
        match refusal {
            Refusal::Body(fault) => {
                // Not earlier: until now an exchange before this one may have been running.
                self.peer.break_body(fault);
                Poll::Ready(Err(invalid_data(fault)))
            }
            // hyper answers the stand-in and closes; no byte of the client matters before that.
            Refusal::Head([]) => Poll::Pending,
            Refusal::Head(rest) => {
                let (now, later) = rest.split_at(rest.len().min(buf.remaining()));
                buf.put_slice(now);
                self.fault = Some(Refusal::Head(later));
                Poll::Ready(Ok(()))
            }
        }
    }

    fn wrote<R>(&self, outcome: Poll<R>) -> Poll<R> {
        self.watch.set(Flag::Writing, outcome.is_pending());
        if outcome.is_ready() {
            self.watch.progressed();
        }
        outcome
    }
}

impl<T: AsyncRead + Unpin> Guard<T> {
    /// Reads into the caller's buffer, in which a whole head or a piece of a body stays where it
    /// is. Ready with true at the end of the stream.
    fn poll_direct(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let start = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let fresh = buf.filled().get(start..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let verdict = self.framing.inspect(fresh);
        if verdict.fault.is_none() {
            self.held.extend_from_slice(fresh.get(verdict.pass..).unwrap_or_default());
        }
        buf.set_filled(start + verdict.pass);
        self.settle(verdict);
        Poll::Ready(Ok(false))
    }

    /// Reads behind what is held. Ready with true at the end of the stream.
    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut scratch = [0; SCRATCH_BYTES];
        let mut scratch = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut scratch))?;
        if scratch.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(scratch.filled());
        self.inspect_held();
        Poll::Ready(Ok(false))
    }

    /// Reads on until the client closes, or enough was read, or nothing is there and nothing is
    /// expected.
    fn poll_discard(&mut self, cx: &mut Context<'_>, discarded: usize) -> Poll<()> {
        let mut total = discarded;
        loop {
            let mut scratch = [0; SCRATCH_BYTES];
            let mut scratch = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut scratch) {
                Poll::Ready(Ok(())) if !scratch.filled().is_empty() => {
                    total += scratch.filled().len();
                    self.discarded = Some(total);
                    if total > CLOSE_BYTES_MAX {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    let between = matches!(
                        self.framing.phase(),
                        Phase::Idle | Phase::Undecided | Phase::Released
                    );
                    return if between && total == 0 { Poll::Ready(()) } else { Poll::Pending };
                }
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guard<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        guard.watch.set(Flag::Reading, false);
        let late = guard.watch.take_late_head();
        let start = buf.filled().len();
        loop {
            if guard.passed > 0 && guard.give(buf) {
                return Poll::Ready(Ok(()));
            }
            if let Some(refusal) = guard.fault {
                return guard.give_refusal(buf, refusal);
            }
            if guard.framing.phase() == Phase::Undecided {
                if guard.decide() {
                    continue;
                }
                // Enough to know that the client is there. hyper asks again only when it is told to.
                if !guard.held.is_empty() {
                    if guard.watch.waits_for_answer(cx) {
                        return Poll::Pending;
                    }
                    continue;
                }
            }
            let read = if guard.held.is_empty() && guard.framing.phase() != Phase::Undecided {
                guard.poll_direct(cx, buf)
            } else {
                guard.poll_behind(cx)
            };
            match read {
                Poll::Ready(Ok(ended)) => {
                    if ended || buf.filled().len() > start {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if !late || guard.framing.phase() != Phase::Head {
                        guard.watch.set(Flag::Reading, true);
                        return Poll::Pending;
                    }
                    guard.refuse(Fault::HeadTimeout);
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let outcome = Pin::new(&mut guard.inner).poll_write(cx, buf);
        guard.wrote(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let outcome = Pin::new(&mut guard.inner).poll_write_vectored(cx, bufs);
        guard.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let outcome = Pin::new(&mut guard.inner).poll_flush(cx);
        guard.watch.set(Flag::Writing, outcome.is_pending());
        outcome
    }

    /// Closes our end, then reads what the client still sends; see [`Self::poll_discard`].
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        guard.decide();
        if guard.switched {
            // The other half may go on, and its bytes are somebody's.
            return Pin::new(&mut guard.inner).poll_shutdown(cx);
        }
        let discarded = match guard.discarded {
            Some(discarded) => discarded,
            None => {
                let outcome = Pin::new(&mut guard.inner).poll_shutdown(cx);
                ready!(guard.wrote(outcome))?;
                guard.discarded = Some(0);
                guard.watch.set(Flag::Closing, true);
                0
            }
        };
        guard.poll_discard(cx, discarded).map(Ok)
    }
}
