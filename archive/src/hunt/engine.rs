use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::cache::default_cache::DefaultCache;
use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::{Error, Limits, Missing, Part, Request, Source, run};

/// Planning is recursive: what a hostile question can nest within its limits fits into this.
const STACK_BYTES: usize = 32 * 1024 * 1024;
/// Parts of an answer that wait for whoever reads it; then the question waits.
const PARTS_WAITING: usize = 4;

/// Footers of files that are kept in memory, decoded, for the next question.
const FOOTERS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Answers questions, on threads of its own.
pub struct Engine {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
}

/// What questions share.
pub struct Shared {
    pub limits: Limits,
    turns: Semaphore,
    waiting: AtomicUsize,
    /// Files that were found to be damaged.
    pub damaged: Mutex<Vec<Missing>>,
    /// Footers by path, which says what is in a file.
    pub footers: Arc<FileMetadataCache>,
}

/// An answer on its way. Dropping it stops the question.
#[derive(Debug)]
pub struct Answer {
    parts: mpsc::Receiver<Part>,
    task: AbortHandle,
}

impl Answer {
    /// The next part; nothing after [`Part::End`] and [`Part::Failed`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Part> {
        self.parts.recv().await
    }

    /// What stops the question from elsewhere.
    pub fn stopper(&self) -> AbortHandle {
        self.task.clone()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Engine {
    /// Starts the threads; each begins with `begin`, which is where it is told to give way to others.
    ///
    /// # Errors
    /// The system's, where there can be no threads.
    pub fn new(
        limits: Limits,
        begin: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, std::io::Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .max_blocking_threads(limits.threads.max(1) * 2)
            .thread_name("hunt")
            .thread_stack_size(STACK_BYTES)
            .on_thread_start(begin)
            .enable_time()
            .build()?;
        let shared = Shared {
            turns: Semaphore::new(limits.at_once.max(1)),
            waiting: AtomicUsize::new(0),
            damaged: Mutex::new(Vec::new()),
            footers: Arc::new(DefaultCache::new(FOOTERS_BYTES_MAX)),
            limits,
        };
        Ok(Self { runtime: Some(runtime), shared: Arc::new(shared) })
    }

    /// What a question may take.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Asks. Returns at once; the answer comes in parts.
    pub fn run(&self, request: Request, source: Source) -> Answer {
        let (sender, parts) = mpsc::channel(PARTS_WAITING);
        let shared = Arc::clone(&self.shared);
        let guarded = async move {
            let work = AssertUnwindSafe(in_turn(&shared, request, source, &sender));
            if work.catch_unwind().await.is_err() {
                let what = "the question was too much for the engine; write it another way";
                let _ = sender.send(Part::Failed(Error::Failed(what.to_owned()))).await;
            }
        };
        let task = match &self.runtime {
            Some(runtime) => runtime.spawn(guarded).abort_handle(),
            // Only while it is dropped, when nobody can ask any more.
            None => tokio::spawn(guarded).abort_handle(),
        };
        Answer { parts, task }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn in_turn(shared: &Shared, request: Request, source: Source, to: &mpsc::Sender<Part>) {
    let turn = match shared.turns.try_acquire() {
        Ok(turn) => turn,
        Err(_) => {
            let place = Place::take(&shared.waiting);
            let _ = to.send(Part::Waiting(place.number)).await;
            match shared.turns.acquire().await {
                Ok(turn) => turn,
                Err(_) => return,
            }
        }
    };
    run::run(shared, request, source, to).await;
    drop(turn);
}

/// A place among those who wait, given back also by those who are stopped.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    number: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { number: waiting.fetch_add(1, Ordering::Relaxed), waiting }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
