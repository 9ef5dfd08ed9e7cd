//! How far a sample tells about all.

/// Where the share is of which a sample has `hits` in `of`, with 95 % confidence: Wilson's interval, which holds near 0
/// and 1 too.
pub(super) fn wilson(hits: u64, of: u64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if of == 0 {
        return (0.0, 1.0);
    }
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer")]
    let (hits, of) = (hits as f64, of as f64);
    let share = hits / of;
    let middle = share + Z * Z / (2.0 * of);
    let spread = Z * (share * (1.0 - share) / of + Z * Z / (4.0 * of * of)).sqrt();
    let whole = 1.0 + Z * Z / of;
    ((middle - spread) / whole, ((middle + spread) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded((low, high): (f64, f64)) -> String {
        format!("{low:.3} to {high:.3}")
    }

    #[test]
    fn the_interval_is_wilsons() {
        assert_eq!(rounded(wilson(145, 150)), "0.924 to 0.986");
        assert_eq!(rounded(wilson(20, 20)), "0.839 to 1.000");
        assert_eq!(rounded(wilson(0, 0)), "0.000 to 1.000");
    }
}
