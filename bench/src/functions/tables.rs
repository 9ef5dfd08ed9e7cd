//! The figures as Markdown, and as JSON.

use std::{fmt::Write, time::Duration};

use serde_json::{Value, json};

use super::{
    DEFAULTS, HELLO_WORLD, UPDATE,
    figures::{Figures, Summary},
    run::Share,
    sizes::Size,
};

/// A table for each share of a CPU, and one of sizes.
pub(super) fn markdown(figures: &Figures, sizes: &[Size]) -> String {
    let mut text = String::new();
    for share in figures.shares() {
        let means = share.means().map(|means| format!(" (by {means})")).unwrap_or_default();
        let _ = write!(text, "With {share}{means}, in milliseconds:\n\n");
        text += "| | Init | of it the connection | First | Warm, p50 | p99 | its CPU | After silence | Peak MiB |\n";
        text += "|---|---|---|---|---|---|---|---|---|\n";
        for name in figures.names() {
            let Some(summary) = figures.summary(share, name) else { continue };
            let Summary { init, connection, first, p50, p99, cpu, peak, silent } = summary;
            let times = [Some(init), connection, Some(first), Some(p50), Some(p99), Some(cpu), silent];
            let times = times.map(|time| time.map(milliseconds).unwrap_or_default());
            let _ = writeln!(
                text,
                "| {name} | {} | {}.{} |",
                times.join(" | "),
                peak / 1_024,
                peak % 1_024 * 10 / 1_024
            );
        }
        text.push('\n');
        if let Some(line) = distances(figures, share) {
            text += &line;
        }
    }
    text += "| | Binary, bytes | zipped |\n|---|---|---|\n";
    for Size { name, bytes, zipped } in sizes {
        let _ = writeln!(text, "| {name} | {bytes} | {zipped} |");
    }
    text
}

/// How far the heartbeat is from its floors, where all of them were measured.
fn distances(figures: &Figures, share: Share) -> Option<String> {
    let of = |name| figures.summary(share, name);
    let (ours, function, call) = (of("heartbeat")?, of(HELLO_WORLD)?, of(UPDATE)?);
    let ratio = |time: Duration, floor: Duration| time.as_secs_f64() / floor.as_secs_f64();
    let mut line = format!(
        "A heartbeat's init is {:.2} times the function that does nothing and a connection; its first invocation {:.2} \
         times a warm one; that {:.1} times the bare update, and {:.1} times its CPU",
        ratio(ours.init, function.init + call.connection?),
        ratio(ours.first, ours.p50),
        ratio(ours.p50, call.p50),
        ratio(ours.cpu, call.cpu),
    );
    if let Some(defaults) = of(DEFAULTS) {
        let _ = write!(
            line,
            "; with all defaults the first takes {:.0} times as long",
            ratio(defaults.first, ours.first)
        );
    }
    line += ".\n\n";
    Some(line)
}

/// The same, in microseconds, kB and bytes.
pub(super) fn json(figures: &Figures, sizes: &[Size]) -> Value {
    let row = |share: Share, name: &String| {
        let Summary { init, connection, first, p50, p99, cpu, peak, silent } =
            figures.summary(share, name)?;
        Some(json!({
            "name": name,
            "memoryMb": match share {
                Share::Whole => None,
                Share::OfMemory(memory) => Some(memory),
            },
            "init": init.as_micros(),
            "connection": connection.map(|time| time.as_micros()),
            "first": first.as_micros(),
            "warmP50": p50.as_micros(),
            "warmP99": p99.as_micros(),
            "warmCpu": cpu.as_micros(),
            "afterSilence": silent.map(|time| time.as_micros()),
            "peakKb": peak,
        }))
    };
    let shares = figures.shares();
    let rows = shares.iter().flat_map(|share| figures.names().iter().filter_map(|name| row(*share, name)));
    let sizes =
        sizes.iter().map(|size| json!({ "name": size.name, "bytes": size.bytes, "zipped": size.zipped }));
    json!({ "times": rows.collect::<Vec<_>>(), "sizes": sizes.collect::<Vec<_>>() })
}

fn milliseconds(time: Duration) -> String {
    let microseconds = time.as_micros();
    format!("{}.{:02}", microseconds / 1_000, microseconds % 1_000 / 10)
}
