//! Reads the whole sessions table, and adds up its sessions by day.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use futures_util::future::try_join_all;
use shared::{
    metrics::{
        contribution::{Contribution, day_of_session},
        totals::Totals,
    },
    sessions::item::decode_image,
};

use crate::fault;

/// Parts of the table that are read side by side.
const SEGMENTS: i32 = 4;

/// The table, and in which zone its sessions have their days.
pub(super) struct Scan<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) zone: Tz,
}

/// What the sessions table adds up to.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) days: BTreeMap<NaiveDate, Day>,
    /// Items that nothing can be made of.
    pub(super) skipped: u64,
    /// All others.
    known: u64,
}

/// What the sessions of a day add up to, and when one of them was last active.
#[derive(Default)]
pub(super) struct Day {
    pub(super) totals: Totals,
    pub(super) last_active: Option<DateTime<Utc>>,
}

impl Scan<'_> {
    /// Counts every session. A table that has none of this service's items, but others, is an error. `progress` is told of each page's items.
    pub(super) async fn count(&self, progress: &impl Fn(u64)) -> Result<Counted> {
        let segments = (0..SEGMENTS).map(|segment| self.count_segment(segment, progress));
        let mut all = Counted::default();
        for segment in try_join_all(segments).await? {
            all.skipped += segment.skipped;
            all.known += segment.known;
            for (day, part) in segment.days {
                let sum = all.days.entry(day).or_default();
                sum.totals.merge(&part.totals);
                sum.last_active = sum.last_active.max(part.last_active);
            }
        }
        let Self { table, .. } = self;
        ensure!(
            all.skipped == 0 || all.known > 0,
            "the table {table} has items and none of this service: is it a deployment's sessions table?"
        );
        Ok(all)
    }

    async fn count_segment(&self, segment: i32, progress: &impl Fn(u64)) -> Result<Counted> {
        let mut counted = Counted::default();
        let mut start = None;
        loop {
            let scan = self.client.scan().table_name(self.table).consistent_read(true);
            let scan = scan.segment(segment).total_segments(SEGMENTS).set_exclusive_start_key(start);
            let page = scan.send().await.map_err(|error| fault::of_call(error, self.table));
            let page = page.context("reading the sessions table")?;
            let items = page.items.unwrap_or_default();
            progress(items.len() as u64);
            for item in items {
                counted.add(item, self.zone);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(counted);
            }
        }
    }
}

impl Counted {
    fn add(&mut self, item: impl Into<serde_dynamo::Item>, zone: Tz) {
        let (user, record) = match decode_image(item.into()) {
            Ok(decoded) => decoded,
            Err(cause) => {
                tracing::error!(%cause, "an item is left out, as the rollup does");
                self.skipped += 1;
                return;
            }
        };
        self.known += 1;
        let Some(session) = record.session() else { return };
        let day = self.days.entry(day_of_session(session, zone)).or_default();
        day.totals.add(&user, &Contribution::of(session));
        day.last_active = day.last_active.max(Some(session.last_active_time));
    }
}
