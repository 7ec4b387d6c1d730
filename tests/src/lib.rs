//! A stage for whole-system tests: real programs on ports and in folders of their own.
//!
//! Nothing here knows the inside of the programs: they are started, spoken to over their doors,
//! killed and started again. What is left running is stopped by its process id when dropped.

pub mod api;
pub mod lan;
pub mod load;
pub mod program;
pub mod proxy;
pub mod servers;
pub mod stage;
pub mod usage;

pub use api::Api;
pub use lan::Lan;
pub use program::{Program, built};
pub use stage::{Stage, data_file, skip};

use std::future::Future;
use std::time::{Duration, Instant};

/// Asks every 20 ms until there is an answer.
///
/// # Panics
/// When there is none in time: the test has failed, `what` says at what.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        if Instant::now() > deadline {
            panic!("not within {patience:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
