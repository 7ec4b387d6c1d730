//! Whether a connection is of use: one that asks nothing for too long is in the way of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Whether requests are being answered, and when the last began or ended.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    requests: AtomicUsize,
    changed: Notify,
}

impl Activity {
    /// Something came that is no request, and shows that somebody is there.
    pub(crate) fn notice(&self) {
        self.changed.notify_one();
    }

    /// Returns when nothing has been asked for too long: at first, and later between requests.
    pub(crate) async fn idle(&self, first: Duration, later: Duration) {
        let mut patience = first;
        loop {
            let quiet = timeout(patience, self.changed.notified()).await.is_err();
            if quiet && self.requests.load(Ordering::Relaxed) == 0 {
                return;
            }
            patience = later;
        }
    }
}

/// A request that is being answered, until dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        activity.requests.fetch_add(1, Ordering::Relaxed);
        activity.changed.notify_one();
        Self(activity.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_is_idle_and_who_waits_for_an_answer_is_not() {
        let (first, later) = (Duration::from_secs(30), Duration::from_secs(300));
        let activity = Arc::new(Activity::default());
        let began = tokio::time::Instant::now();
        activity.idle(first, later).await;
        assert_eq!(began.elapsed(), first);
        let busy = Busy::begin(&activity);
        assert!(timeout(later * 9, activity.idle(first, later)).await.is_err());
        drop(busy);
        activity.idle(first, later).await;
    }
}
