use super::{Archive, Error};

/// How nice threads of the archive are: whoever else wants the processor gets it first.
const NICENESS: i32 = 10;

impl Archive {
    /// Does work on a thread of its own with low priority, and counts what it takes of the processor.
    ///
    /// # Errors
    /// [`Error::Thread`]: it could not be started, or the work panicked.
    pub(super) async fn quietly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let stage = self.0.metrics.working.clone();
        let run = move || {
            // On Linux this is about the thread alone. Without it the work is only less quiet.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            let _ = answer.send(stage.measure(work));
        };
        let thread = std::thread::Builder::new().name("archive".into()).spawn(run);
        thread.map_err(|error| Error::Thread(error.to_string()))?;
        answered.await.map_err(|_| Error::Thread("the work ended without an answer".into()))
    }
}
