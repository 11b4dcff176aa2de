//! Guides to topics that concern more than a single call.
//!
//! The same pages are in `docs/`, where they can be read as a book.

// Pages link to each other by names which they define themselves at their end, as the names of files. Of several definitions,
// the first one counts: these lead to the modules.
macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {
        $(
            #[doc = "[authentication]: crate::guide::authentication"]
            #[doc = "[names]: crate::guide::names"]
            #[doc = "[proxies]: crate::guide::proxies"]
            #[doc = "[reconnect]: crate::guide::reconnect"]
            #[doc = "[redirects]: crate::guide::redirects"]
            #[doc = "[reverse_proxies]: crate::guide::reverse_proxies"]
            #[doc = "[tls]: crate::guide::tls"]
            #[doc = "[compression]: crate::guide::compression"]
            #[doc = ""]
            #[doc = include_str!($file)]
            pub mod $name {}
        )*
    };
}

pages! {
    authentication: "../docs/authentication.md",
    compression: "../docs/compression.md",
    names: "../docs/names.md",
    proxies: "../docs/proxies.md",
    reconnect: "../docs/reconnect.md",
    redirects: "../docs/redirects.md",
    reverse_proxies: "../docs/reverse_proxies.md",
    tls: "../docs/tls.md",
}
