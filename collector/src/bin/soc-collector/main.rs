//! `soc-collector`: arguments, configuration, exit code. Everything else is in the library.

mod arguments;
mod asking;
mod heap;
mod importing;
mod show;
mod tasks;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Task};
use heap::bound_heap;
use tasks::perform;
use terminal::{fail, log_to_stderr};

fn main() -> ExitCode {
    let Arguments { task } = Arguments::parse();
    log_to_stderr();
    if matches!(task, Task::Serve(_)) {
        bound_heap();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error.to_string()),
    };
    runtime.block_on(perform(task))
}
