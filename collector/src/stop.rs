//! How rooms learn that the collector stops.

use tokio::sync::watch;

/// Returns when it is time to stop, also when nobody is left to say so.
pub async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}
