//! When a disk will be full, by how its free space went: the median of all slopes between two
//! samples (Theil and Sen), which neither a large file that came and went nor a night's clean-up
//! moves.

/// Samples needed before anything is said: a day of them.
const SAMPLES_MIN: usize = 24;
/// Further away is not told: no trend holds so long.
const DAYS_MAX: f64 = 3650.0;

/// Free space at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Days since whenever.
    pub(super) day: f64,
    pub(super) free_bytes: f64,
}

/// Days until no more than `reserve_bytes` are free; none when the disk does not fill, or nobody
/// can say yet.
pub(super) fn days_left(samples: &[Sample], reserve_bytes: f64) -> Option<f64> {
    if samples.len() < SAMPLES_MIN {
        return None;
    }
    let mut slopes = Vec::with_capacity(samples.len() * samples.len() / 2);
    for (place, early) in samples.iter().enumerate() {
        for late in samples.iter().skip(place + 1) {
            let days = late.day - early.day;
            if days > 0.0 {
                slopes.push((late.free_bytes - early.free_bytes) / days);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    let slope = slopes.get(slopes.len() / 2).copied()?;
    let free = samples.last()?.free_bytes - reserve_bytes;
    if slope >= 0.0 {
        return None;
    }
    let days = (free / -slope).max(0.0);
    (days <= DAYS_MAX).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    /// Two weeks of hourly samples of a disk that loses a GiB a day.
    fn fortnight() -> Vec<Sample> {
        let sample = |hour: u32| {
            let day = f64::from(hour) / 24.0;
            Sample { day, free_bytes: (100.0 - day) * GIB }
        };
        (0..336).map(sample).collect()
    }

    #[test]
    fn a_steady_loss_is_told_to_the_day() {
        let days = days_left(&fortnight(), 0.5 * GIB).unwrap();
        assert!((85.0..86.0).contains(&days), "{days}");
    }

    #[test]
    fn a_large_file_that_came_and_went_moves_nothing() {
        let mut samples = fortnight();
        for sample in &mut samples[100..130] {
            sample.free_bytes -= 40.0 * GIB;
        }
        let days = days_left(&samples, 0.5 * GIB).unwrap();
        assert!((83.0..88.0).contains(&days), "{days}");
    }

    #[test]
    fn what_does_not_fill_or_is_not_known_yet_is_not_told() {
        let samples = fortnight();
        assert_eq!(days_left(&samples[..23], 0.0), None);
        let growing = samples.iter().map(|one| Sample { free_bytes: one.day * GIB, ..*one });
        assert_eq!(days_left(&growing.collect::<Vec<_>>(), 0.0), None);
        let still = samples.iter().map(|one| Sample { free_bytes: GIB, ..*one });
        assert_eq!(days_left(&still.collect::<Vec<_>>(), 0.0), None);
    }

    #[test]
    fn what_is_below_the_reserve_already_is_full_today() {
        assert_eq!(days_left(&fortnight(), 200.0 * GIB), Some(0.0));
    }
}
