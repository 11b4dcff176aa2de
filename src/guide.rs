//! Guides to topics that concern more than a single call.
//!
//! The same pages are in `docs/`, where they can be read as a book.

// Pages link to each other by names which they define themselves at their end, as the names of files. Of several definitions,
// the first one counts: these lead to the modules.
macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {
        $(
            #[doc = "[authentication]: crate::guide::authentication"]
            #[doc = "[big_messages]: crate::guide::big_messages"]
            #[doc = "[compatibility]: crate::guide::compatibility"]
            #[doc = "[compression]: crate::guide::compression"]
            #[doc = "[debugging]: crate::guide::debugging"]
            #[doc = "[errors]: crate::guide::errors"]
            #[doc = "[event_loops]: crate::guide::event_loops"]
            #[doc = "[keepalive]: crate::guide::keepalive"]
            #[doc = "[limits]: crate::guide::limits"]
            #[doc = "[memory]: crate::guide::memory"]
            #[doc = "[migration]: crate::guide::migration"]
            #[doc = "[names]: crate::guide::names"]
            #[doc = "[proxies]: crate::guide::proxies"]
            #[doc = "[reconnect]: crate::guide::reconnect"]
            #[doc = "[redirects]: crate::guide::redirects"]
            #[doc = "[reverse_proxies]: crate::guide::reverse_proxies"]
            #[doc = "[security]: crate::guide::security"]
            #[doc = "[speed]: crate::guide::speed"]
            #[doc = "[threads]: crate::guide::threads"]
            #[doc = "[tls]: crate::guide::tls"]
            #[doc = "[tutorial]: crate::guide::tutorial"]
            #[doc = ""]
            #[doc = include_str!($file)]
            pub mod $name {}
        )*
    };
}

pages! {
    authentication: "../docs/authentication.md",
    big_messages: "../docs/big_messages.md",
    compatibility: "../docs/compatibility.md",
    compression: "../docs/compression.md",
    debugging: "../docs/debugging.md",
    errors: "../docs/errors.md",
    event_loops: "../docs/event_loops.md",
    keepalive: "../docs/keepalive.md",
    limits: "../docs/limits.md",
    memory: "../docs/memory.md",
    migration: "../docs/migration.md",
    names: "../docs/names.md",
    proxies: "../docs/proxies.md",
    reconnect: "../docs/reconnect.md",
    redirects: "../docs/redirects.md",
    reverse_proxies: "../docs/reverse_proxies.md",
    security: "../docs/security.md",
    speed: "../docs/speed.md",
    threads: "../docs/threads.md",
    tls: "../docs/tls.md",
    tutorial: "../docs/tutorial.md",
}
