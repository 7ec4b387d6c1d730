use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Redrawn so often at most, a second.
const REDRAWS: u8 = 5;

/// A bar on standard error, where it is wanted; of unknown length when nothing is known.
pub(super) fn bar(is_wanted: bool, bytes: u64) -> Option<ProgressBar> {
    let template = if bytes > 0 {
        "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left"
    } else {
        "{spinner} {bytes} {bytes_per_sec} {elapsed}"
    };
    let style = ProgressStyle::with_template(template).ok()?;
    let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
    let length = Some(bytes).filter(|bytes| *bytes > 0);
    is_wanted.then(|| ProgressBar::with_draw_target(length, target).with_style(style))
}
