//! A user's items as lines of JSON.

use std::io;

use anyhow::{Context, Result};
use shared::sessions::item;

use super::UserItems;

impl UserItems {
    /// Writes each item as a line of JSON: ids and times as the API has them, the rest as it is stored. Returns how many.
    /// One page is in memory at a time.
    pub async fn export(&self, mut lines: impl io::Write) -> Result<u64> {
        let mut written = 0;
        let mut start = None;
        loop {
            let page = self.page(self.query().set_exclusive_start_key(start)).await?;
            let mut text = Vec::new();
            for item in page.items.unwrap_or_default() {
                serde_json::to_writer(&mut text, &item::readable(item)?)?;
                text.push(b'\n');
                written += 1;
            }
            lines.write_all(&text).and_then(|()| lines.flush()).context("writing the user's items")?;
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(written);
            }
        }
    }
}
