//! Data for several benchmarks.

use landline::Compression;
use landline::proto::deflate::{accept, confirm, offer};
use landline::proto::{Limits, Protocol};
use std::fmt::Write;

/// A server's end and a client's, without compression or with `options` agreed on.
pub(crate) fn pair(options: Option<&Compression>) -> (Protocol, Protocol) {
    let limits = Limits::default();
    let (server, client) =
        (Protocol::open_server(limits), Protocol::open_client(limits, || [0x37, 0xfa, 0x21, 0x3d]));
    let Some(options) = options else { return (server, client) };
    let (agreed, answer) = accept(options, &[offer(options)]).expect("an offer to itself");
    let granted = confirm(options, &[answer]).expect("its own answer").expect("compression");
    (server.with_deflate(options, &agreed), client.with_deflate(options, &granted))
}

/// JSON messages like those of a trade feed, at least `size` bytes each. No two are equal; every call returns
/// the same messages.
pub(crate) fn trades(size: usize) -> impl Iterator<Item = String> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    std::iter::repeat_with(move || {
        let mut text = String::from("[");
        while text.len() < size {
            let symbol = ["AAPL", "MSFT", "BTC-USD", "ETH-USD", "EUR/CHF", "SIE.DE"][random(6) as usize];
            let side = ["buy", "sell"][random(2) as usize];
            let (id, price, amount) = (random(1 << 40), random(10_000_000), random(100_000));
            write!(
                text,
                "{{\"type\":\"trade\",\"id\":{id},\"symbol\":\"{symbol}\",\"side\":\"{side}\",\"price\":{}.{:02},\
                 \"amount\":{amount},\"venue\":\"X{}\"}},",
                price / 100,
                price % 100,
                random(10)
            )
            .expect("a string takes everything");
        }
        text.replace_range(text.len() - 1.., "]");
        text
    })
}
