//! What the claims of a token must say, once its signature is right.

use serde_json::Value;
use tidegate_plugin::ConfigError;

use crate::claims::Claims;
use crate::duration::Duration;
use crate::refusal::{Refusal, TimeClaim, TimeFault};

/// Rules as they stand in a file: for all issuers, or for one of them.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Written {
    pub(crate) leeway: Option<Duration>,
    pub(crate) require_exp: Option<bool>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) require_claims: Option<Vec<String>>,
    pub(crate) require_scopes: Option<Vec<String>>,
}

/// The rules of one issuer. Times are in seconds, as in tokens (RFC 7519 section 2).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rules {
    leeway_s: f64,
    require_exp: bool,
    max_lifetime_s: Option<f64>,
    claims: Vec<String>,
    scopes: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            leeway_s: 0.0,
            require_exp: true,
            max_lifetime_s: None,
            claims: Vec::new(),
            scopes: Vec::new(),
        }
    }
}

impl Rules {
    /// These rules, but where something is written, what is written.
    pub(crate) fn with(&self, written: Written) -> Result<Self, ConfigError> {
        check_claims(written.require_claims.as_deref().unwrap_or_default())?;
        check_scopes(written.require_scopes.as_deref().unwrap_or_default())?;
        let max_lifetime_s = written.max_lifetime.map(Duration::seconds);
        Ok(Self {
            leeway_s: written.leeway.map_or(self.leeway_s, Duration::seconds),
            require_exp: written.require_exp.unwrap_or(self.require_exp),
            max_lifetime_s: max_lifetime_s.or(self.max_lifetime_s),
            claims: written.require_claims.unwrap_or_else(|| self.claims.clone()),
            scopes: written.require_scopes.unwrap_or_else(|| self.scopes.clone()),
        })
    }

    /// Whether a token with these claims passes at this time.
    pub(crate) fn check(&self, claims: &Claims, now_s: f64) -> Result<(), Refusal> {
        self.check_expiry(claims, now_s)
            .map_err(|fault| Refusal::Time(TimeClaim::Expiry, fault))?;
        self.check_start(claims, now_s)
            .map_err(|fault| Refusal::Time(TimeClaim::NotBefore, fault))?;
        if let Some(missing) = self.claims.iter().find(|name| claims.get(name).is_none()) {
            return Err(Refusal::MissingClaim(missing.clone()));
        }
        if self.scopes.iter().all(|scope| claims.grants(scope)) {
            Ok(())
        } else {
            Err(Refusal::MissingScope(self.scopes.join(" ")))
        }
    }

    /// RFC 7519 section 4.1.4: on or after `exp`, a token is over.
    fn check_expiry(&self, claims: &Claims, now_s: f64) -> Result<(), TimeFault> {
        let Some(expiry) = claims.get("exp") else {
            let may_be_absent = !self.require_exp && self.max_lifetime_s.is_none();
            return if may_be_absent { Ok(()) } else { Err(TimeFault::NotANumber) };
        };
        let expiry_s = seconds(expiry)?;
        if now_s >= expiry_s + self.leeway_s {
            return Err(TimeFault::Expired);
        }
        match self.max_lifetime_s {
            Some(max_s) if expiry_s - now_s > max_s + self.leeway_s => Err(TimeFault::TooFar),
            _ => Ok(()),
        }
    }

    /// RFC 7519 section 4.1.5: before `nbf`, a token is not valid yet.
    fn check_start(&self, claims: &Claims, now_s: f64) -> Result<(), TimeFault> {
        match claims.get("nbf") {
            Some(start) if now_s + self.leeway_s < seconds(start)? => Err(TimeFault::TooEarly),
            _ => Ok(()),
        }
    }
}

fn seconds(value: &Value) -> Result<f64, TimeFault> {
    value.as_f64().ok_or(TimeFault::NotANumber)
}

fn check_claims(names: &[String]) -> Result<(), ConfigError> {
    match names.iter().position(|name| !is_claim_name(name)) {
        None => Ok(()),
        Some(at) => {
            let pointer = format!("/require_claims/{at}");
            Err(ConfigError::at(pointer, "a claim's name has at least one character"))
        }
    }
}

/// Whether a claim can be asked for by this name or pointer.
pub(crate) fn is_claim_name(name: &str) -> bool {
    !name.is_empty() && name != "/"
}

/// RFC 6749 section 3.3: a scope is visible ASCII but for quotes and backslashes.
fn check_scopes(scopes: &[String]) -> Result<(), ConfigError> {
    let is_scope = |scope: &String| {
        let is_scope_byte = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        !scope.is_empty() && scope.bytes().all(is_scope_byte)
    };
    match scopes.iter().position(|scope| !is_scope(scope)) {
        None => Ok(()),
        Some(at) => {
            let text = "a scope is one word of visible ASCII characters without quotes";
            Err(ConfigError::at(format!("/require_scopes/{at}"), text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1_000.0;

    fn rules(json: &str) -> Rules {
        let written: Written = serde_json::from_str(json).unwrap();
        Rules::default().with(written).unwrap()
    }

    #[track_caller]
    fn check(rules_json: &str, claims: &str, expected: Result<(), &str>) {
        let result = rules(rules_json).check(&Claims::read(claims).unwrap(), NOW);
        let result = result.map_err(|refusal| refusal.message());
        assert_eq!(result, expected.map_err(str::to_owned), "{rules_json} {claims}");
    }

    #[test]
    fn a_token_is_over_on_the_second_of_its_expiry() {
        check("{}", r#"{"exp":1000.5}"#, Ok(()));
        check("{}", r#"{"exp":1001}"#, Ok(()));
        check("{}", r#"{"exp":1000}"#, Err("exp: token expired"));
        check("{}", r#"{"exp":-5}"#, Err("exp: token expired"));
    }

    #[test]
    fn leeway_moves_both_ends() {
        check(r#"{"leeway":"30s"}"#, r#"{"exp":971}"#, Ok(()));
        check(r#"{"leeway":"30s"}"#, r#"{"exp":970}"#, Err("exp: token expired"));
        check(r#"{"leeway":"30s"}"#, r#"{"exp":2000,"nbf":1030}"#, Ok(()));
        check(r#"{"leeway":"30s"}"#, r#"{"exp":2000,"nbf":1031}"#, Err("nbf: token not valid yet"));
    }

    #[test]
    fn an_expiry_is_required_unless_the_operator_says_otherwise() {
        check("{}", "{}", Err("exp: must be a number"));
        check("{}", r#"{"exp":null}"#, Err("exp: must be a number"));
        check(r#"{"require_exp":false}"#, "{}", Ok(()));
        check(r#"{"require_exp":false,"max_lifetime":"1h"}"#, "{}", Err("exp: must be a number"));
    }

    #[test]
    fn an_instant_that_is_not_a_number_is_refused_even_if_not_required() {
        check(r#"{"require_exp":false}"#, r#"{"exp":"2000"}"#, Err("exp: must be a number"));
        check("{}", r#"{"exp":2000,"nbf":"1"}"#, Err("nbf: must be a number"));
        check("{}", r#"{"exp":true}"#, Err("exp: must be a number"));
    }

    #[test]
    fn a_token_may_start_now_but_not_later() {
        check("{}", r#"{"exp":2000,"nbf":1000}"#, Ok(()));
        check("{}", r#"{"exp":2000,"nbf":1000.5}"#, Err("nbf: token not valid yet"));
    }

    #[test]
    fn an_expiry_may_be_as_far_away_as_allowed() {
        check(r#"{"max_lifetime":"1h"}"#, r#"{"exp":4600}"#, Ok(()));
        check(
            r#"{"max_lifetime":"1h"}"#,
            r#"{"exp":4601}"#,
            Err("exp: exceeds maximum allowed expiration"),
        );
        check("{}", r#"{"exp":1e300}"#, Ok(()));
    }

    #[test]
    fn required_claims_must_be_there() {
        let rules = r#"{"require_exp":false,"require_claims":["sub","/realm/role"]}"#;
        check(rules, r#"{"sub":"a","realm":{"role":""}}"#, Ok(()));
        check(rules, r#"{"sub":"a"}"#, Err("No mandatory '/realm/role' in claims"));
        check(rules, r#"{"sub":null,"realm":{"role":1}}"#, Err("No mandatory 'sub' in claims"));
    }

    #[test]
    fn all_required_scopes_must_be_granted() {
        let rules = r#"{"require_exp":false,"require_scopes":["a","b"]}"#;
        check(rules, r#"{"scope":"b c a"}"#, Ok(()));
        check(rules, r#"{"scope":"a"}"#, Err("Insufficient scope"));
        check(rules, "{}", Err("Insufficient scope"));
    }

    #[test]
    fn a_scope_that_would_break_the_challenge_is_not_accepted() {
        let written = Written {
            require_scopes: Some(vec!["a".to_owned(), "b c".to_owned()]),
            ..Written::default()
        };
        let error = Rules::default().with(written).unwrap_err();
        assert_eq!(error.pointer, "/require_scopes/1");
    }

    #[test]
    fn an_issuer_keeps_what_it_does_not_override() {
        let general = rules(r#"{"leeway":"5s","require_claims":["sub"]}"#);
        let own = general.with(Written { require_exp: Some(false), ..Written::default() }).unwrap();
        assert_eq!(own, Rules { require_exp: false, ..general });
    }
}
