//! How far it is: a bar on standard error where that is a terminal, and a line now and then elsewhere.

use std::{
    io::{IsTerminal, stderr},
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// Lines that there are elsewhere.
const LINES: u64 = 4;

/// Counts sessions that have reached the metrics.
pub(crate) struct Progress {
    bar: ProgressBar,
    total: u64,
    counted: AtomicU64,
    is_for_a_terminal: bool,
}

impl Progress {
    pub(crate) fn of(total: usize) -> Result<Self> {
        let total = total as u64;
        let template = "Sample data {wide_bar} {human_pos} of {human_len} sessions, {elapsed}";
        let style = ProgressStyle::with_template(template)?.progress_chars("█▌ ");
        let bar = ProgressBar::new(total).with_style(style);
        Ok(Self { bar, total, counted: AtomicU64::new(0), is_for_a_terminal: stderr().is_terminal() })
    }

    pub(crate) fn add(&self, sessions: u64) {
        self.bar.inc(sessions);
        let before = self.counted.fetch_add(sessions, Ordering::Relaxed);
        let quarter = |counted: u64| counted * LINES / self.total.max(1);
        if !self.is_for_a_terminal && quarter(before) < quarter(before + sessions) {
            let (counted, total) = (HumanCount(before + sessions), HumanCount(self.total));
            eprintln!("Sample data: {counted} of {total} sessions");
        }
    }

    pub(crate) fn done(&self, users: usize) {
        self.bar.finish_and_clear();
        let (sessions, users) = (HumanCount(self.total), HumanCount(users as u64));
        let seconds = self.bar.elapsed().as_secs_f64();
        eprintln!("Sample data: a year with {sessions} sessions of {users} users, made in {seconds:.0} s");
    }
}
