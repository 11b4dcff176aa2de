//! Makes a client's TLS connector within a deadline.

use crate::deadline::Deadline;
use crate::error::{Error, Interrupted, Phase, Result, Timeout};
use crate::offload::{GaveUp, Offload};
use crate::transport::{TlsConnector, TlsConnectorBuilder, Wake};

/// Reading files and parsing certificates cannot be cancelled, so calls with a deadline do it in helper threads.
static SETTING_UP: Offload = Offload::new("landline TLS set-up", 16);

/// Calls [`TlsConnectorBuilder::build`], and gives up when `deadline` passes or `wake` is set.
///
/// A build whose caller has given up goes on in its helper thread until it returns.
pub(crate) fn connector(
    options: &TlsConnectorBuilder,
    deadline: Deadline,
    wake: Option<&Wake>,
) -> Result<TlsConnector> {
    if let Some(connector) = options.ready()? {
        return Ok(connector);
    }
    let options = options.clone();
    if deadline == Deadline::NEVER && wake.is_none() {
        return options.build();
    }
    match SETTING_UP.run(move || options.build(), deadline, wake) {
        Ok(made) => made,
        Err(GaveUp::Timeout { queued }) => Err(Timeout::of_call(Phase::Tls, queued)),
        Err(GaveUp::Interrupted) => Err(Interrupted::during(Phase::Tls)),
        Err(GaveUp::Failed(error)) => Err(Error::io("setting up TLS", error)),
    }
}
