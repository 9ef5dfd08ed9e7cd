//! What is fed with made-up inputs: each target is a function of bytes that panics where a promise is broken. `proof/fuzz`
//! runs them under libFuzzer, and this crate's test with every input that is kept in `proof/corpora`.

mod answer;
mod caller;
mod event_bytes;
mod event_structured;
mod item;
mod metrics_row;
mod odd;
mod query_dates;
mod service;
mod stream_bytes;
mod stream_structured;
mod template;

/// A function that is fed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its module, in kebab-case, and of its folder in `proof/corpora`.
    pub name: &'static str,
    /// Takes an input in; panics where a promise is broken.
    pub feed: fn(&[u8]),
    /// The longest input in bytes that is worth its time.
    pub longest: usize,
}

/// All of them.
pub const ALL: [Target; 9] = [
    Target { name: "event-bytes", feed: event_bytes::feed, longest: 4_096 },
    Target { name: "event-structured", feed: event_structured::feed, longest: 512 },
    Target { name: "stream-bytes", feed: stream_bytes::feed, longest: 6_144 },
    Target { name: "stream-structured", feed: stream_structured::feed, longest: 512 },
    Target { name: "item", feed: item::feed, longest: 512 },
    Target { name: "metrics-row", feed: metrics_row::feed, longest: 1_024 },
    Target { name: "template", feed: template::feed, longest: 8_192 },
    Target { name: "query-dates", feed: query_dates::feed, longest: 256 },
    Target { name: "caller", feed: caller::feed, longest: 1_024 },
];
