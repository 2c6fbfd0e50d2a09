//! Addresses and networks.

use std::net::IpAddr;

/// The network that an address belongs to. An IPv4 address mapped into IPv6 counts as IPv4.
pub(crate) fn masked(address: IpAddr, ipv4_prefix: u8, ipv6_prefix: u8) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(ipv4_prefix.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix.min(128))).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// A range of addresses with a common prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    /// Canonical, without bits beyond the prefix.
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, or one address.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is not an address or network such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_error| unknown())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(unknown)?
            }
            Some(_) => return Err(unknown()),
        };
        if address.to_canonical() != address {
            return Err(format!("`{text}` is IPv4 in IPv6; write it as IPv4"));
        }
        let network = masked(address, prefix, prefix);
        if network != address {
            return Err(format!(
                "`{text}` has bits beyond its prefix; did you mean {network}/{prefix}?"
            ));
        }
        Ok(Self { address, prefix })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && masked(address, self.prefix, self.prefix) == self.address
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, masked};

    #[test]
    fn a_prefix_joins_the_addresses_of_a_network() {
        let check = |address: &str, ipv4: u8, ipv6: u8, expected: &str| {
            let masked = masked(address.parse().unwrap(), ipv4, ipv6);
            assert_eq!(masked.to_string(), expected, "{address}");
        };
        check("192.0.2.77", 32, 64, "192.0.2.77");
        check("192.0.2.77", 24, 64, "192.0.2.0");
        check("192.0.2.77", 0, 64, "0.0.0.0");
        check("2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::");
        check("2001:db8:1:2:3:4:5:6", 32, 128, "2001:db8:1:2:3:4:5:6");
        check("2001:db8:1:2:3:4:5:6", 32, 0, "::");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_an_ipv4_address() {
        let mapped = "::ffff:192.0.2.77".parse().unwrap();
        assert_eq!(masked(mapped, 32, 64).to_string(), "192.0.2.77");
        assert!(Network::parse("192.0.2.0/24").unwrap().contains(mapped));
        assert!(!Network::parse("::/0").unwrap().contains(mapped));
        assert!(Network::parse("::ffff:0:0/96").unwrap_err().ends_with("write it as IPv4"));
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        let check = |network: &str, address: &str, expected: bool| {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{address}");
        };
        check("10.0.0.0/8", "10.255.255.255", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.1.2.3", "10.1.2.3", true);
        check("10.1.2.3", "10.1.2.4", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
    }

    #[test]
    fn other_networks_are_refused_with_the_way_out() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "here"] {
            assert!(Network::parse(text).unwrap_err().contains("is not an address"), "{text}");
        }
        assert_eq!(
            Network::parse("10.1.0.0/8"),
            Err("`10.1.0.0/8` has bits beyond its prefix; did you mean 10.0.0.0/8?".to_owned())
        );
    }
}
