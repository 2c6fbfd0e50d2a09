//! Driving one connection to its end.

use std::future::{Future, poll_fn};
use std::sync::Arc;

use bytes::Bytes;
use h3::error::{Code, ConnectionError};
use h3::quic::StreamId;
use h3::server::Connection;
use http::Response;
use http_body::Body as HttpBody;
use quinn::{RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::{Outcome, answer};
use super::body::Body;
use super::open::{Opened, open};
use super::settings::Settings;
use super::transport::{self, Transport};
use super::{Client, Peer};
use crate::clock;
use crate::listener::drain::{Changes, Drain, Level};

/// Requests that a client may give up before their response has begun, beside as many as it let be
/// answered: a browser leaves a page with a hundred images, and who does nothing else floods.
const CANCELLED_MAX: usize = 200;

/// Of a GOAWAY that announces another (RFC 9114 section 5.2).
const LAST_STREAM: u64 = (1 << 62) - 4;

/// Between the numbers of two requests (RFC 9000 section 2.1).
const STREAM_STEP: u64 = 4;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// It takes requests that are on their way until then.
    Leaving(Instant),
    /// It takes no more.
    Finishing,
}

enum Event {
    Drain(Level),
    Over(Outcome),
    Opened(Box<Opened>),
    Stream(SendStream, RecvStream),
    /// The client takes no more pushes, of which there are none, or has asked for its last request.
    Heard,
    Late,
    Ended(Error),
}

struct Driver<S> {
    client: Client,
    h3: Connection<Transport, Bytes>,
    settings: Arc<Settings>,
    handle: S,
    opening: JoinSet<Option<Opened>>,
    exchanges: JoinSet<Outcome>,
    drain: Drain,
    changes: Changes,
    stage: Stage,
    /// Since when nothing is under way.
    idle_since: Option<Instant>,
    /// The number of the next request that was not seen.
    next_stream: u64,
    /// What was said of it.
    announced: Option<StreamId>,
    /// Whether h3 has something to say yet.
    is_heard: bool,
    answered: usize,
    cancelled: usize,
}

/// Serves a connection until it is done or cut. A drop closes it.
pub(super) async fn to_the_end<S, F, B>(
    client: Client,
    settings: &Arc<Settings>,
    handle: S,
    drain: Drain,
) -> Result<(), Error>
where
    S: Fn(http::Request<Body>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let transport = Transport::new(client.connection.clone(), settings.times().write);
    let mut builder = h3::server::builder();
    builder.max_field_section_size(settings.head_bytes() as u64).send_grease(false);
    // A client that lets us open no streams holds us up.
    let h3 = timeout(settings.times().header, builder.build(transport)).await??;
    let mut driver = Driver {
        client,
        h3,
        settings: Arc::clone(settings),
        handle,
        opening: JoinSet::new(),
        exchanges: JoinSet::new(),
        changes: drain.subscribe(),
        drain,
        stage: Stage::Serving,
        idle_since: Some(now()),
        next_stream: 0,
        announced: None,
        is_heard: true,
        answered: 0,
        cancelled: 0,
    };
    driver.run().await
}

fn now() -> Instant {
    Instant::from_std(clock::now())
}

impl<S, F, B> Driver<S>
where
    S: Fn(http::Request<Body>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn run(&mut self) -> Result<(), Error> {
        while self.stage != Stage::Finishing || !self.is_idle() {
            match self.next().await {
                Event::Drain(Level::Serve) => {}
                Event::Drain(Level::Finish) => self.leave().await?,
                Event::Drain(Level::Cut) => return Ok(()),
                Event::Stream(send, recv) => self.take(send, recv),
                Event::Opened(opened) => self.begin(*opened).await?,
                Event::Over(outcome) => self.count(outcome)?,
                Event::Heard => self.is_heard = false,
                Event::Late => self.finish().await?,
                Event::Ended(error) => return Err(error),
            }
            self.idle_since = self.is_idle().then(|| self.idle_since.unwrap_or_else(now));
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.opening.is_empty() && self.exchanges.is_empty()
    }

    /// A drop leaves nothing half done: what it waits for is waited for again.
    async fn next(&mut self) -> Event {
        let deadline = match self.stage {
            Stage::Serving => self.idle_since.map(|since| since + self.settings.times().idle),
            Stage::Leaving(until) => Some(until),
            Stage::Finishing => None,
        };
        tokio::select! {
            biased;
            level = poll_fn(|cx| self.changes.poll_next(cx)) => Event::Drain(level),
            Some(over) = self.exchanges.join_next() => {
                Event::Over(over.unwrap_or(Outcome::Answered))
            }
            Some(opened) = self.opening.join_next() => match opened {
                Ok(Some(opened)) => Event::Opened(Box::new(opened)),
                _ => Event::Over(Outcome::Cancelled),
            },
            stream = self.client.connection.accept_bi() => match stream {
                Ok((send, recv)) => Event::Stream(send, recv),
                Err(error) => Event::Ended(error.into()),
            },
            heard = self.h3.accept(), if self.is_heard => match heard {
                Ok(_) => Event::Heard,
                Err(error) => Event::Ended(error.into()),
            },
            () = until(deadline) => Event::Late,
        }
    }

    /// Begins to read a request, or says that nobody will.
    fn take(&mut self, mut send: SendStream, mut recv: RecvStream) {
        let id = VarInt::from(send.id()).into_inner();
        if self.stage == Stage::Finishing {
            // RFC 9114 section 5.2: the client may ask somebody else. What has ended needs nothing.
            let code = transport::number(Code::H3_REQUEST_REJECTED);
            let _: Result<(), _> = send.reset(code);
            let _: Result<(), _> = recv.stop(code);
            return;
        }
        self.next_stream = self.next_stream.max(id + STREAM_STEP);
        let connection = self.client.connection.clone();
        self.opening.spawn(open(connection, (send, recv), Arc::clone(&self.settings)));
    }

    /// Begins an exchange.
    async fn begin(&mut self, opened: Opened) -> Result<(), Error> {
        let Opened { send, request, fault, wanted } = opened;
        let peer = match fault {
            Some(fault) => self.client.refused(fault),
            None => self.client.peer(),
        };
        let stopped = send.stopped();
        self.h3.inner.conn.put(send);
        let Some(resolver) = self.h3.accept().await? else { return Ok(()) };
        // The head that h3 reads is the one that stands for it, and is there.
        let Ok((_stand_in, responder)) = resolver.resolve_request().await else {
            // The connection is lost, which the next event will be.
            return Ok(());
        };
        let patience = self.settings.times().write;
        let response = (self.handle)(request, peer);
        self.exchanges.spawn(answer(responder, stopped, (wanted, patience), response));
        Ok(())
    }

    fn count(&mut self, outcome: Outcome) -> Result<(), Error> {
        match outcome {
            Outcome::Answered => self.answered += 1,
            Outcome::Cancelled => self.cancelled += 1,
        }
        if self.cancelled <= CANCELLED_MAX.saturating_add(self.answered) {
            return Ok(());
        }
        let reason = "more requests are given up than answered";
        let code = transport::number(Code::H3_EXCESSIVE_LOAD);
        self.client.connection.close(code, reason.as_bytes());
        Err(reason.into())
    }

    /// Announces the end, and hears what may be on its way.
    async fn leave(&mut self) -> Result<(), ConnectionError> {
        if self.stage == Stage::Serving {
            self.stage = Stage::Leaving(now() + self.drain.grace());
            self.announce(LAST_STREAM).await?;
        }
        Ok(())
    }

    /// Takes no more requests.
    async fn finish(&mut self) -> Result<(), ConnectionError> {
        self.stage = Stage::Finishing;
        self.announce(self.next_stream).await
    }

    /// Sends a GOAWAY: requests from this number on are not looked at.
    ///
    /// That of h3's own `shutdown` would be the last one that was accepted, which the client would take
    /// for one that was not.
    async fn announce(&mut self, from: u64) -> Result<(), ConnectionError> {
        let Ok(from) = StreamId::try_from(from) else { return Ok(()) };
        self.h3.inner.shutdown(&mut self.announced, from).await
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
