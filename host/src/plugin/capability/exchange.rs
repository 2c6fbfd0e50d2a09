//! `exchange`: what is known beside the two heads.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::facts::{self, ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, Attribute, ClientCertificate};
use crate::plugin::contract::bindings::tidegate::plugin::exchange::{
    AlternativeName, AttributeValue, CertificateFacts, ClientFacts, Host, TlsFacts,
};
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Exchange)]
impl Host for Guest {
    fn id(&mut self) -> Result<String> {
        Ok(self.exchange("exchange.id")?.id.clone().into())
    }

    fn route(&mut self) -> Result<String> {
        Ok((*self.exchange("exchange.route")?.route).to_owned())
    }

    fn client(&mut self) -> Result<ClientFacts> {
        let client = &self.exchange("exchange.client")?.client;
        Ok(ClientFacts {
            address: client.address.to_string(),
            peer_address: client.peer.ip().to_string(),
            peer_port: client.peer.port(),
        })
    }

    fn tls(&mut self) -> Result<Option<TlsFacts>> {
        let tls = self.exchange("exchange.tls")?.client.tls.as_deref();
        Ok(tls.map(|tls| TlsFacts {
            version: tls.version.clone(),
            cipher_suite: tls.cipher_suite.clone(),
            server_name: tls.server_name.clone(),
            alpn: tls.alpn.clone(),
        }))
    }

    fn client_certificate(&mut self) -> Result<Option<CertificateFacts>> {
        let tls = self.exchange("exchange.client-certificate")?.client.tls.as_deref();
        Ok(tls.and_then(|tls| tls.client_certificate.clone()).map(Into::into))
    }

    fn attribute(&mut self, name: String) -> Result<Option<AttributeValue>> {
        Ok(self.exchange("exchange.attribute")?.attribute(&name).cloned().map(Into::into))
    }

    fn attributes(&mut self) -> Result<Vec<(String, AttributeValue)>> {
        let attributes = &self.exchange("exchange.attributes")?.attributes;
        Ok(attributes
            .iter()
            .map(|(name, value)| (name.clone().into(), value.clone().into()))
            .collect())
    }

    fn set_attribute(&mut self, name: String, value: AttributeValue) -> Result<Result<(), String>> {
        if self.handling.as_ref().is_some_and(|handling| handling.has_started()) {
            return Ok(Err("the answer has been started; nobody sees attributes now".to_owned()));
        }
        if self.exchange("exchange.set-attribute")?.set_attribute(&name, value.into()) {
            return Ok(Ok(()));
        }
        Ok(Err(format!(
            "an exchange holds at most {ATTRIBUTES_MAX} attributes of {ATTRIBUTE_BYTES_MAX} bytes"
        )))
    }
}

impl From<ClientCertificate> for CertificateFacts {
    fn from(certificate: ClientCertificate) -> Self {
        let ClientCertificate { subject, names, fingerprint, serial, forwarded: _ } = certificate;
        Self { subject, names: names.into_iter().map(Into::into).collect(), fingerprint, serial }
    }
}

impl From<facts::AlternativeName> for AlternativeName {
    fn from(name: facts::AlternativeName) -> Self {
        match name {
            facts::AlternativeName::Dns(host) => Self::Dns(host),
            facts::AlternativeName::Uri(uri) => Self::Uri(uri),
            facts::AlternativeName::Email(mail) => Self::Email(mail),
            facts::AlternativeName::Address(address) => Self::Address(address.to_string()),
        }
    }
}

impl From<Attribute> for AttributeValue {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => Self::Text(text),
            Attribute::Integer(number) => Self::Integer(number),
            Attribute::Decimal(number) => Self::Decimal(number),
            Attribute::Boolean(truth) => Self::Boolean(truth),
        }
    }
}

impl From<AttributeValue> for Attribute {
    fn from(value: AttributeValue) -> Self {
        match value {
            AttributeValue::Text(text) => Self::Text(text),
            AttributeValue::Integer(number) => Self::Integer(number),
            AttributeValue::Decimal(number) => Self::Decimal(number),
            AttributeValue::Boolean(truth) => Self::Boolean(truth),
        }
    }
}
