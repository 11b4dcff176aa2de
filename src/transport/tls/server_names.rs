//! Which of a server's certificates a client gets, by the name that it asks for (SNI, RFC 6066 3).

use super::certificate::Certificate;

/// The names of one certificate, in lower case.
#[derive(Debug)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// Those of a certificate, in DER.
    pub(super) fn of(certificate: &[u8]) -> Self {
        let certificate = Certificate::from_der(certificate.to_vec());
        let mut names = certificate.names();
        if names.is_empty() {
            names.push(certificate.common_name());
        }
        names.iter_mut().for_each(|name| name.make_ascii_lowercase());
        Self(names)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }

    /// A wildcard stands for one label (RFC 9525 6.3).
    fn covers(&self, name: &str) -> bool {
        let Some((_, parent)) = name.split_once('.') else { return false };
        self.0.iter().any(|own| own.strip_prefix("*.") == Some(parent))
    }
}

/// The first certificate that is for `name`, or else the first one that covers it by a wildcard, or else the first one.
pub(super) fn choose(certificates: &[Names], name: Option<&str>) -> usize {
    let Some(name) = name else { return 0 };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let exact = certificates.iter().position(|names| names.has(&name));
    exact.or_else(|| certificates.iter().position(|names| names.covers(&name))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_a_wildcard_and_the_first_certificate_is_for_all_others() {
        let names = |names: &[&str]| Names(names.iter().map(|&name| name.to_owned()).collect());
        let all = [names(&["first.test"]), names(&["*.example.com", "x.test"]), names(&["a.example.com"])];
        for (name, expected) in [
            ("first.test", 0),
            ("X.test", 1),
            ("a.example.com", 2),
            ("A.Example.com.", 2),
            ("b.example.com", 1),
            ("b.a.example.com", 0),
            ("example.com", 0),
            ("other.test", 0),
            ("", 0),
        ] {
            assert_eq!(choose(&all, Some(name)), expected, "{name}");
        }
        assert_eq!(choose(&all, None), 0);
    }
}
