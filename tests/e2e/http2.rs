//! HTTP/2 as clients may speak it, and as they may not: the ground of h2spec, from RFC 9113 and
//! RFC 7541, against a gateway with an origin behind it.
//!
//! A case is what a client sends on a connection of its own, and which answers the RFC allows. The
//! tables are in files by section. Where the library that the gateway speaks HTTP/2 with answers
//! otherwise, the case names that answer: it fails if the answer changes, for better or for worse.

mod conformance;
mod flood;
mod frames;
mod generic;
mod hpack;
mod limits;
mod messages;
mod settings;
mod stall;
mod streams;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::http2::{Frame, Http2, Silence, code, flag, get, kind};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::tls::{self, Dialer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections at once.
const CASES_AT_ONCE: usize = 12;

/// What a PING of a case carries, whose answer shows that the connection is well.
const MARK: [u8; 8] = *b"tidegate";

/// What a gateway may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Says goodbye with this code and ends the connection.
    GoAway(u32),
    /// Ends this stream with this code.
    Reset(u32, u32),
    /// Ends the connection without a word.
    Closed,
    /// Answers on this stream, with this status, to the end.
    Status(u32, u16),
    /// Answers the PING with this in it.
    Pong([u8; 8]),
    /// Acknowledges settings, after those of the connection's beginning.
    Ack,
    /// Sends so many bytes of a body on this stream.
    Data(u32, usize),
    /// Says goodbye and does not end the connection.
    GoAwayWithoutEnd(u32),
    /// Nothing of all that.
    Silence,
}

/// What a client does, and what may come of it.
#[derive(Debug)]
struct Case {
    /// Of RFC 9113, or of RFC 7541 if it begins with `hpack`.
    section: &'static str,
    name: &'static str,
    settings: Vec<(u16, u32)>,
    /// Without the preface and the settings that all others begin with.
    is_bare: bool,
    steps: Vec<Step>,
    allowed: Vec<Answer>,
    deviation: Option<Answer>,
}

#[derive(Debug)]
enum Step {
    Send(Vec<u8>),
    /// Goes on when this has happened.
    Await(Answer),
}

/// A case of this section; its name says what is right.
fn case(section: &'static str, name: &'static str) -> Case {
    Case {
        section,
        name,
        settings: Vec::new(),
        is_bare: false,
        steps: Vec::new(),
        allowed: Vec::new(),
        deviation: None,
    }
}

impl Case {
    /// Sends these bytes.
    fn send(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Waits for something that has to happen before the case goes on.
    fn after(mut self, answer: Answer) -> Self {
        self.steps.push(Step::Await(answer));
        self
    }

    /// Begins with these settings.
    fn with(mut self, settings: &[(u16, u32)]) -> Self {
        self.settings = settings.to_vec();
        self
    }

    /// Begins with nothing.
    const fn bare(mut self) -> Self {
        self.is_bare = true;
        self
    }

    /// One of these answers.
    fn answer(mut self, allowed: &[Answer]) -> Self {
        self.allowed.extend(allowed);
        self
    }

    /// A connection error (section 5.4.1): a GOAWAY with one of these codes, and the end.
    fn connection_error(self, codes: &[u32]) -> Self {
        let allowed: Vec<Answer> = codes.iter().map(|code| Answer::GoAway(*code)).collect();
        self.answer(&allowed)
    }

    /// A stream error (section 5.4.2), which may be taken for one of the connection.
    fn stream_error(self, stream: u32, codes: &[u32]) -> Self {
        let resets: Vec<Answer> = codes.iter().map(|code| Answer::Reset(stream, *code)).collect();
        self.answer(&resets).connection_error(codes)
    }

    /// A malformed request (section 8.1.1): a stream error, or an answer that says so before.
    fn malformed(self, stream: u32) -> Self {
        self.stream_error(stream, &[code::PROTOCOL_ERROR]).answer(&[Answer::Status(stream, 400)])
    }

    /// An ordinary response.
    fn answered(self, stream: u32) -> Self {
        self.answer(&[Answer::Status(stream, 200)])
    }

    /// No notice is taken: the request that comes next, on this stream, is answered.
    fn ignored(self, stream: u32) -> Self {
        self.send(get(stream, "/")).answered(stream)
    }

    /// What h2 or hyper does instead, which no option of theirs changes.
    const fn deviates(mut self, answer: Answer) -> Self {
        self.deviation = Some(answer);
        self
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.section, self.name)
    }
}

/// Plays one case to its end; why it has failed, if it has.
async fn play<S>(case: &Case, stream: S) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut player = Player { client: Http2::new(stream), acks: 0, bodies: BTreeMap::new() };
    if !case.is_bare {
        player.client.begin(&case.settings).await;
    }
    for step in &case.steps {
        match step {
            Step::Send(bytes) => player.client.send(bytes).await,
            Step::Await(awaited) => {
                let actual = player.answer(&[*awaited]).await;
                if actual != *awaited {
                    return Err(format!("{case}: {actual:?} came before {awaited:?}"));
                }
            }
        }
    }
    let wanted: Vec<Answer> = case.allowed.iter().chain(&case.deviation).copied().collect();
    let actual = player.answer(&wanted).await;
    match case.deviation {
        Some(known) if case.allowed.contains(&known) => {
            Err(format!("{case}: {known:?} is no deviation, it is allowed"))
        }
        Some(known) if actual == known => Ok(()),
        Some(known) => Err(format!("{case}: deviated with {known:?} once, now {actual:?}")),
        None if case.allowed.contains(&actual) => Ok(()),
        None => Err(format!("{case}: {actual:?}, but allowed is {:?}", case.allowed)),
    }
}

struct Player<S> {
    client: Http2<S>,
    /// Of settings, so far.
    acks: u32,
    /// Bytes of bodies, by stream.
    bodies: BTreeMap<u32, usize>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Player<S> {
    /// The first thing that decides.
    async fn answer(&mut self, wanted: &[Answer]) -> Answer {
        let mut statuses = BTreeMap::new();
        loop {
            let frame = match self.client.frame().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Answer::Closed,
                Err(Silence) => return Answer::Silence,
            };
            if let Some(answer) = self.decide(&frame, wanted, &mut statuses) {
                let Answer::GoAway(code) = answer else { return answer };
                return self.end(code).await;
            }
        }
    }

    /// Section 5.4.1: who sends a GOAWAY for an error closes the connection.
    async fn end(&mut self, code: u32) -> Answer {
        loop {
            match self.client.frame().await {
                Ok(Some(_)) => {}
                Ok(None) => return Answer::GoAway(code),
                Err(Silence) => return Answer::GoAwayWithoutEnd(code),
            }
        }
    }

    fn decide(
        &mut self,
        frame: &Frame,
        wanted: &[Answer],
        statuses: &mut BTreeMap<u32, u16>,
    ) -> Option<Answer> {
        let stream = frame.stream;
        let is_wanted = |answer: Answer| wanted.contains(&answer).then_some(answer);
        let ended = frame.has(flag::END_STREAM);
        match frame.kind {
            kind::GOAWAY => Some(Answer::GoAway(frame.number(4))),
            kind::RST_STREAM => Some(Answer::Reset(stream, frame.number(0))),
            kind::HEADERS => {
                // Trailers have none, and take none away.
                let status = *statuses.entry(stream).or_insert_with(|| frame.status());
                ended.then_some(Answer::Status(stream, status))
            }
            kind::DATA => {
                let sum = self.bodies.entry(stream).or_default();
                *sum += frame.payload.len();
                let sum = *sum;
                let status = statuses.get(&stream).copied().unwrap_or_default();
                is_wanted(Answer::Data(stream, sum))
                    .or_else(|| ended.then_some(Answer::Status(stream, status)))
            }
            kind::PING if frame.has(flag::ACK) => {
                let opaque = frame.payload.as_slice().try_into().unwrap_or_default();
                is_wanted(Answer::Pong(opaque))
            }
            kind::SETTINGS if frame.has(flag::ACK) => {
                self.acks += 1;
                // The first is for those of the beginning.
                (self.acks > 1).then(|| is_wanted(Answer::Ack)).flatten()
            }
            _ => None,
        }
    }
}

/// A gateway whose `/` is answered with `ok`, `/silent` never, and `/big` with 1 MiB; with TLS on its
/// second listener.
struct Stage {
    gateway: Gateway,
    dialer: Dialer,
    /// In the same order.
    origins: [Origin; 3],
}

/// How a case's client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    PriorKnowledge,
    Alpn,
}

/// A megabyte and what belongs to it.
fn big() -> Vec<u8> {
    let mut response = b"HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n".to_vec();
    response.resize(response.len() + 1_048_576, b'x');
    response
}

async fn stage() -> Stage {
    let origin = origin::replying("ok").await;
    let silent = origin::silent().await;
    let big = origin::responding(big()).await;
    let authority = tls::authority("authority");
    let issued = authority.issue(&["localhost"]);
    let tables = format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\n\n\
         [[listeners]]\naddress = \"127.0.0.1:0\"\n\
         tls = {{ certificate = \"cert.pem\", key = \"key.pem\" }}\n\n\
         [upstreams.silent]\nendpoints = [{:?}]\n\n\
         [upstreams.big]\nendpoints = [{:?}]\n",
        silent.url(),
        big.url()
    );
    let gateway = gateway::before(&origin)
        .route("/", [])
        .route_with("/silent", [], "upstream = \"silent\"")
        .route_with("/big", [], "upstream = \"big\"")
        .toml(&tables)
        .file("cert.pem", &issued.pem)
        .file("key.pem", &issued.key)
        .start()
        .await;
    let dialer = authority.dialer().offering("h2");
    Stage { gateway, dialer, origins: [origin, silent, big] }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("the gateway listens");
    stream.set_nodelay(true).expect("a connected socket");
    stream
}

/// That somebody else is served.
async fn is_well(gateway: &Gateway) -> bool {
    gateway.http2().await.get("/").await.text() == "ok"
}

/// Plays all cases; the lines of those that have failed.
async fn play_all(stage: Arc<Stage>, by: By, cases: Vec<Case>) -> Vec<String> {
    let places = Arc::new(Semaphore::new(CASES_AT_ONCE));
    let mut playing = JoinSet::new();
    for case in cases {
        let (stage, places) = (Arc::clone(&stage), Arc::clone(&places));
        playing.spawn(async move {
            let _place = places.acquire().await.expect("it is never closed");
            let gateway = &stage.gateway;
            match by {
                By::PriorKnowledge => play(&case, connect(gateway.address()).await).await?,
                By::Alpn => {
                    let address = gateway.addresses()[1];
                    let stream = stage.dialer.try_connect(address, "localhost").await;
                    play(&case, stream.expect("an agreement")).await?;
                }
            }
            if is_well(gateway).await {
                return Ok(());
            }
            Err(format!("{case}: the gateway serves nobody afterwards"))
        });
    }
    let played = playing.join_all().await;
    let mut failed: Vec<String> = played.into_iter().filter_map(Result::err).collect();
    failed.sort();
    failed
}
