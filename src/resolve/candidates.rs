//! The addresses of a host that are still to be tried, and their order (RFC 8305 section 4).

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;

/// Which addresses a client connects to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum AddressFamily {
    /// IPv6 and IPv4 alike. The default.
    #[default]
    Any,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

impl AddressFamily {
    /// Whether an address is one of these.
    #[must_use]
    pub fn admits(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }
}

/// Addresses, of which the two families take turns, so that neither has to wait for all of the other to fail. Within a
/// family, and for which one is first, their order counts. None is returned twice.
#[derive(Debug)]
pub(crate) struct Candidates {
    family: AddressFamily,
    known: HashSet<SocketAddr>,
    v4: VecDeque<SocketAddr>,
    v6: VecDeque<SocketAddr>,
    /// Whose turn it is.
    next_is_v6: Option<bool>,
    excluded: bool,
}

impl Candidates {
    pub(crate) fn new(family: AddressFamily) -> Self {
        let (v4, v6) = (VecDeque::new(), VecDeque::new());
        Self { family, known: HashSet::new(), v4, v6, next_is_v6: None, excluded: false }
    }

    /// IPv6 is to be first, whichever addresses are added first.
    pub(crate) fn prefer_v6(&mut self) {
        self.next_is_v6 = Some(true);
    }

    pub(crate) fn add(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        for address in addresses {
            if !self.family.admits(&address) {
                self.excluded = true;
            } else if self.known.insert(address) {
                self.next_is_v6.get_or_insert(address.is_ipv6());
                if address.is_ipv6() { &mut self.v6 } else { &mut self.v4 }.push_back(address);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether addresses were left out because of their family.
    pub(crate) fn has_excluded(&self) -> bool {
        self.excluded
    }
}

impl Iterator for Candidates {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        let (first, second) = match self.next_is_v6 {
            Some(true) => (&mut self.v6, &mut self.v4),
            _ => (&mut self.v4, &mut self.v6),
        };
        let address = first.pop_front().or_else(|| second.pop_front())?;
        self.next_is_v6 = Some(address.is_ipv4());
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(last: &[&str]) -> Vec<SocketAddr> {
        last.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn rfc_8305_4_the_families_take_turns_beginning_with_that_of_the_first() {
        for (given, expected) in [
            (&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"][..], [0, 3, 1, 4, 2]),
            (&["1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1", "1.0.0.4:1", "[::1]:1"], [0, 4, 1, 2, 3]),
        ] {
            let given = addresses(given);
            let mut candidates = Candidates::new(AddressFamily::Any);
            candidates.add(given.clone());
            assert_eq!(candidates.collect::<Vec<_>>(), expected.map(|place| given[place]));
        }
    }

    #[test]
    fn what_comes_later_takes_its_turn_and_nothing_is_tried_twice() {
        let (v4, v6) = (addresses(&["1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1"]), addresses(&["[::1]:1", "[::2]:1"]));
        let mut candidates = Candidates::new(AddressFamily::Any);
        candidates.prefer_v6();
        candidates.add(v4.clone());
        assert_eq!(candidates.next(), Some(v4[0]), "there is no other");
        candidates.add(v6.clone());
        candidates.add(v4.clone());
        candidates.add(v6.clone());
        assert_eq!(candidates.by_ref().collect::<Vec<_>>(), [v6[0], v4[1], v6[1], v4[2]]);
        assert!(candidates.is_empty() && !candidates.has_excluded());
    }

    #[test]
    fn only_the_family_asked_for_is_admitted() {
        for (family, expected) in [
            (AddressFamily::Ipv4, &["1.0.0.1:1"][..]),
            (AddressFamily::Ipv6, &["[::1]:1"]),
            (AddressFamily::Any, &["1.0.0.1:1", "[::1]:1"]),
        ] {
            let mut candidates = Candidates::new(family);
            candidates.add(addresses(&["1.0.0.1:1", "[::1]:1"]));
            assert_eq!(candidates.has_excluded(), family != AddressFamily::Any);
            assert_eq!(candidates.collect::<Vec<_>>(), addresses(expected));
        }
    }
}
