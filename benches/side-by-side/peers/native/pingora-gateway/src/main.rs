//! A Pingora proxy with the shared policies: `pingora-gateway <policy> <port>`, and variables as in `policies`.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::listeners::tls::TlsSettings;
use pingora::modules::http::HttpModules;
use pingora::prelude::*;
use pingora::server::configuration::ServerConf;
use policies::{AccessLog, Claims, Denied, Line, Policies, Policy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DENIED: &[u8] = b"denied\n";
const IDLE_CONNECTIONS: usize = 1024;

struct Gateway {
    policies: Arc<Policies>,
    origin: String,
}

#[derive(Default)]
struct Exchange {
    /// When it began, if it will be logged.
    began: Option<Instant>,
    claims: Option<Claims>,
}

impl Exchange {
    fn subject(&self) -> &str {
        self.claims.as_ref().map_or("-", |claims| &claims.sub)
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        let began = self.policies.policy.logs().then(Instant::now);
        Exchange { began, claims: None }
    }

    /// None: the usual ones include compression, which is off, but asked.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _exchange: &mut Exchange,
    ) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin.as_str(), false, String::new())))
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        let field = |name| session.req_header().headers.get(name).map(|value| value.as_bytes());
        match self.policies.admit(field("authorization"), field("x-api-key")) {
            Ok(claims) => {
                exchange.claims = claims;
                Ok(false)
            }
            Err(denied) => deny(session, denied).await,
        }
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        request.insert_header("Host", &self.origin)?;
        if self.policies.policy.edits_headers() {
            request.insert_header("x-gw", "bench")?;
        }
        if let Some(claims) = &exchange.claims {
            request.insert_header("x-sub", &claims.sub)?;
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        _session: &mut Session,
        response: &mut ResponseHeader,
        _exchange: &mut Exchange,
    ) -> Result<()> {
        if self.policies.policy.edits_headers() {
            response.insert_header("x-gw", "bench")?;
        }
        Ok(())
    }

    async fn logging(
        &self,
        session: &mut Session,
        _error: Option<&pingora::Error>,
        exchange: &mut Exchange,
    ) {
        let Some(began) = exchange.began else { return };
        let request = session.req_header();
        let user_agent = request.headers.get("user-agent").and_then(|value| value.to_str().ok());
        self.policies.log.write(&Line {
            method: request.method.as_str(),
            path: request.uri.path(),
            status: session.response_written().map_or(0, |response| response.status.as_u16()),
            bytes: session.body_bytes_sent() as u64,
            duration: began.elapsed(),
            user_agent: user_agent.unwrap_or("-"),
            subject: exchange.subject(),
        });
    }
}

async fn deny(session: &mut Session, denied: Denied) -> Result<bool> {
    let mut head = ResponseHeader::build(denied as u16, None)?;
    head.insert_header("content-length", DENIED.len().to_string())?;
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(Bytes::from_static(DENIED)), true).await?;
    Ok(true)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, letter, port] = arguments.as_slice() else {
        panic!("usage: pingora-gateway <policy> <port>")
    };
    let policy = Policy::named(letter).expect("a policy from a to g");
    let address = format!("127.0.0.1:{port}");

    let mut server = Server::new_with_opt_and_conf(None, configuration(port));
    server.bootstrap();
    let policies = Arc::new(Policies::from_env(policy));
    let flushed = Arc::clone(&policies);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(AccessLog::FLUSH);
            flushed.log.flush();
        }
    });

    let origin = std::env::var("ORIGIN").expect("ORIGIN");
    let mut service = http_proxy_service(&server.configuration, Gateway { policies, origin });
    if policy == Policy::Tls {
        let file = |name| std::env::var(name).expect("a file of TLS");
        let mut tls =
            TlsSettings::intermediate(&file("TLS_CERT"), &file("TLS_KEY")).expect("a certificate");
        tls.enable_h2();
        service.add_tls_with_settings(&address, None, tls);
    } else {
        service.add_tcp(&address);
    }
    server.add_service(service);
    server.run_forever();
}

/// One thread, and an end at once when it is told to.
fn configuration(port: &str) -> ServerConf {
    ServerConf {
        threads: 1,
        work_stealing: false,
        upstream_keepalive_pool_size: IDLE_CONNECTIONS,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        upgrade_sock: format!("pingora-{port}.sock"),
        pid_file: format!("pingora-{port}.pid"),
        ..ServerConf::default()
    }
}
