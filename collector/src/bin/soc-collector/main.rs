//! `soc-collector`: arguments, configuration, exit code. Everything else is in the library.

mod arguments;
mod asking;
mod importing;
mod show;
mod tasks;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::Arguments;
use tasks::perform;
use terminal::{fail, log_to_stderr};

/// Events are made of many small texts on one thread and given back on another: the system's
/// allocator takes a third more of the processor for that, and keeps twice the memory.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Arguments { task } = Arguments::parse();
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error.to_string()),
    };
    runtime.block_on(perform(task))
}
