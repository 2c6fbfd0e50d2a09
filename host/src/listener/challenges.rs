//! What authorities look for while they issue a certificate (RFC 8555 section 8).

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;

/// The answers to challenges that are under way; few, and empty almost always. Snapshots share it.
#[derive(Debug, Default)]
pub struct Challenges(ArcSwap<Vec<Arc<Challenge>>>);

/// One answer.
#[derive(Debug)]
pub enum Challenge {
    /// A response on plain listeners (RFC 8555 section 8.3).
    Http {
        /// The last segment of the path.
        token: String,
        /// The body.
        authorization: String,
    },
    /// A certificate for those who speak nothing but `acme-tls/1` (RFC 8737).
    Tls {
        /// In lower case.
        domain: String,
        /// With the answer in it.
        signer: Arc<CertifiedKey>,
    },
}

/// Shows an answer until it is dropped.
#[derive(Debug)]
pub struct Shown {
    challenges: Arc<Challenges>,
    challenge: Arc<Challenge>,
}

impl Challenges {
    /// Answers a challenge for as long as the result lives.
    #[must_use]
    pub fn show(self: &Arc<Self>, challenge: Challenge) -> Shown {
        let challenge = Arc::new(challenge);
        self.0.rcu(|all| {
            let mut more = Vec::clone(all);
            more.push(Arc::clone(&challenge));
            more
        });
        Shown { challenges: Arc::clone(self), challenge }
    }

    /// The body for this token.
    #[must_use]
    pub fn authorization(&self, token: &str) -> Option<String> {
        self.0.load().iter().find_map(|challenge| match &**challenge {
            Challenge::Http { token: known, authorization } if known == token => {
                Some(authorization.clone())
            }
            Challenge::Http { .. } | Challenge::Tls { .. } => None,
        })
    }

    /// The certificate for this host.
    pub(super) fn signer(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.0.load().iter().find_map(|challenge| match &**challenge {
            Challenge::Tls { domain, signer } if domain == host => Some(Arc::clone(signer)),
            Challenge::Tls { .. } | Challenge::Http { .. } => None,
        })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.challenges.0.rcu(|all| {
            let others = all.iter().filter(|other| !Arc::ptr_eq(other, &self.challenge));
            others.cloned().collect::<Vec<_>>()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Challenge, Challenges};

    #[test]
    fn an_answer_is_shown_for_as_long_as_somebody_wants_it() {
        let challenges = Arc::<Challenges>::default();
        let answer = |token: &str, authorization: &str| Challenge::Http {
            token: token.to_owned(),
            authorization: authorization.to_owned(),
        };
        let first = challenges.show(answer("a", "1"));
        let second = challenges.show(answer("b", "2"));
        assert_eq!(challenges.authorization("a").as_deref(), Some("1"));
        drop(first);
        assert_eq!(challenges.authorization("a"), None);
        assert_eq!(challenges.authorization("b").as_deref(), Some("2"));
        drop(second);
        assert_eq!(challenges.authorization("b"), None);
    }
}
