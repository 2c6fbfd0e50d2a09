//! One certificate, from the account to the file.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeHandle, ChallengeType, Identifier,
    NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::client::Client;
use super::storage::Storage;
use crate::config::{Acme, AcmeChallenge};
use crate::listener::{Challenge, Challenges};
use crate::upstream::Tls;

/// How long an authority may take to look at the domains, and then to issue.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(120));

/// Why there is no certificate.
type Cause = Box<dyn StdError + Send + Sync>;

/// Proves the domains and keeps the certificate for them. A drop leaves nothing on disk but an account.
pub(super) async fn obtain(
    settings: &Acme,
    storage: &Storage,
    challenges: &Arc<Challenges>,
) -> Result<(), Cause> {
    let account = account(settings, storage).await?;
    let identifiers: Vec<Identifier> =
        settings.domains.iter().map(|domain| Identifier::Dns(domain.clone())).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;

    // The answers have to be there until all domains are proved.
    let mut shown = Vec::with_capacity(identifiers.len());
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            status => return Err(format!("the authority says that a domain is {status:?}").into()),
        }
        let kind = match settings.challenge {
            AcmeChallenge::Http01 => ChallengeType::Http01,
            AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let mut challenge = authorization
            .challenge(kind)
            .ok_or("the authority does not offer this `challenge` for a domain")?;
        shown.push(challenges.show(answer(&challenge, settings.challenge)?));
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&PATIENCE).await?;
    if status != OrderStatus::Ready {
        return Err(format!("the authority could not verify the domains: {status:?}").into());
    }
    drop(shown);

    let key = KeyPair::generate()?;
    let mut asked = CertificateParams::new(settings.domains.clone())?;
    asked.distinguished_name = rcgen::DistinguishedName::new();
    order.finalize_csr(asked.serialize_request(&key)?.der()).await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    storage.keep_certificate(&chain, &key.serialize_pem())?;
    Ok(())
}

/// The one in the storage, or a new one.
async fn account(settings: &Acme, storage: &Storage) -> Result<Account, Cause> {
    let tls = match &settings.ca {
        Some(file) => Tls::of_file(file),
        None => Tls::of_system(),
    };
    let client = Client::new(tls.map_err(|error| error.to_string())?.connector().clone());
    let builder = Account::builder_with_http(Box::new(client));
    if let Some(known) = storage.account()? {
        let known: AccountCredentials = serde_json::from_slice(&known)?;
        return Ok(builder.from_credentials(known).await?);
    }
    let contact: Vec<&str> = settings.contact.iter().map(String::as_str).collect();
    let asked = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder.create(&asked, settings.directory.clone(), None).await?;
    storage.keep_account(&serde_json::to_vec(&credentials)?)?;
    Ok(account)
}

/// What the authority looks for.
fn answer(challenge: &ChallengeHandle<'_>, kind: AcmeChallenge) -> Result<Challenge, Cause> {
    let authorization = challenge.key_authorization();
    Ok(match kind {
        AcmeChallenge::Http01 => Challenge::Http {
            token: challenge.token.clone(),
            authorization: authorization.as_str().to_owned(),
        },
        AcmeChallenge::TlsAlpn01 => {
            let domain = challenge.identifier().to_string();
            let signer = proof(&domain, authorization.digest().as_ref())?;
            Challenge::Tls { domain, signer: Arc::new(signer) }
        }
    })
}

/// The certificate of RFC 8737 section 3.
fn proof(domain: &str, digest: &[u8]) -> Result<CertifiedKey, Cause> {
    let mut parameters = CertificateParams::new(vec![domain.to_owned()])?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let signer = default_provider().key_provider.load_private_key(key.into())?;
    // `from_der` would parse the certificate, and refuse the critical extension that it is made for.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signer))
}
