use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DnType, KeyPair, SanType, SerialNumber};
use rustls_pki_types::CertificateDer;

use super::{AlternativeName, HeaderValue, of, push};

fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "alice \"al\"");
    parameters.subject_alt_names = names;
    parameters.serial_number = Some(SerialNumber::from(vec![0x0a, 0xff]));
    let key = KeyPair::generate().unwrap();
    parameters.self_signed(&key).unwrap().der().clone()
}

fn ia5(text: &str) -> Ia5String {
    Ia5String::try_from(text).unwrap()
}

#[test]
fn a_certificate_says_who_its_owner_is() {
    let certificate = certificate(vec![
        SanType::URI(ia5("spiffe://example/alice,1")),
        SanType::DnsName(ia5("alice.example")),
        SanType::Rfc822Name(ia5("alice@example")),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
    ]);
    let identity = of(&certificate, true);
    assert_eq!(identity.subject, "CN=alice \\\"al\\\"");
    assert_eq!(identity.serial, "0aff");
    assert_eq!(identity.fingerprint.len(), 64);
    assert_eq!(
        identity.names,
        [
            AlternativeName::Uri("spiffe://example/alice,1".to_owned()),
            AlternativeName::Dns("alice.example".to_owned()),
            AlternativeName::Email("alice@example".to_owned()),
            AlternativeName::Address("192.0.2.1".parse().unwrap()),
            AlternativeName::Address("2001:db8::1".parse().unwrap()),
        ]
    );
    let told = format!(
        "Hash={};Subject=\"CN=alice \\\"al\\\"\";URI=\"spiffe://example/alice,1\";DNS=alice.example",
        identity.fingerprint
    );
    assert_eq!(identity.forwarded, Some(HeaderValue::try_from(told).unwrap()));
    assert_eq!(of(&certificate, false).forwarded, None);
}

#[test]
fn what_cannot_be_taken_apart_has_a_fingerprint_only() {
    let identity = of(&CertificateDer::from(b"no certificate".to_vec()), true);
    assert_eq!((identity.subject.as_str(), identity.names.len()), ("", 0));
    let told = format!("Hash={};Subject=\"\"", identity.fingerprint);
    assert_eq!(identity.forwarded, Some(HeaderValue::try_from(told).unwrap()));
}

#[test]
fn a_value_that_could_be_taken_for_more_is_quoted() {
    let quoted = |text: &str| {
        let mut value = String::new();
        push(&mut value, text);
        value
    };
    assert_eq!(quoted("spiffe://example/a"), "spiffe://example/a");
    assert_eq!(quoted("a,b;c=d"), "\"a,b;c=d\"");
    assert_eq!(quoted("a\"b\\"), "\"a\\\"b\\\\\"");
}
