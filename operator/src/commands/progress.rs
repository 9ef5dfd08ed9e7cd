//! A spinner on standard error, where that is a terminal; elsewhere nothing.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Counts items that are `done`: `read`, say.
pub(crate) fn spinner(done: &str) -> Result<ProgressBar> {
    let template = format!("{{spinner}} {{human_pos}} items {done}, {{per_sec}}, {{elapsed}}");
    Ok(ProgressBar::new_spinner().with_style(ProgressStyle::with_template(&template)?))
}
