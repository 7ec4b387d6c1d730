//! `hunt` and `rules backtest`: questions to what is kept.

use std::process::ExitCode;

use soc_collector::clock::Clock;
use soc_collector::control::{self, Command, Question};
use soc_collector::serve::{self, Kept};
use soc_collector::{hunt, look_back};

use crate::arguments::{Backtest, HuntTask};
use crate::tasks::load;
use crate::terminal::{EXIT_USAGE, fail, stop_on_signal};

pub(crate) async fn look_back(arguments: Backtest) -> ExitCode {
    let Backtest { place, paths, from, to } = arguments;
    let now = Clock::system().now();
    let to = to.map_or(Ok(now), |to| look_back::moment(&to, now));
    let (from, to) = match (look_back::moment(&from, now), to) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(why), _) => return fail(EXIT_USAGE, &format!("--from has to be {why}")),
        (_, Err(why)) => return fail(EXIT_USAGE, &format!("--to has to be {why}")),
    };
    let files = match look_back::read(&paths) {
        Ok(files) => files,
        Err(why) => return fail(1, &why),
    };
    let interrupted = match stop_on_signal() {
        Ok(interrupted) => interrupted,
        Err(error) => return fail(1, &error.to_string()),
    };
    let question = look_back::Question { files, from, to };
    let (mut results, mut progress) = (std::io::stdout(), std::io::stderr());
    let json = place.json;
    let mut outputs = look_back::Outputs { results: &mut results, progress: &mut progress, json };
    let running = control::call(&place.data, &Command::Status).await;
    let done = match running {
        Ok(Some(_)) => {
            let collector = serve::Running { data: place.data };
            look_back::run(&collector, question, interrupted, &mut outputs).await
        }
        Ok(None) => {
            let config = match load(&place) {
                Ok(config) => config,
                Err(code) => return code,
            };
            let alone = match serve::Alone::open(&config).await {
                Ok(alone) => alone,
                Err(error) => return fail(1, &error.to_string()),
            };
            let done = look_back::run(&alone, question, interrupted, &mut outputs).await;
            alone.close().await;
            done
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(1, &error.to_string()),
    }
}

/// Hunts through the collector that has the folder open, else in the folder.
pub(crate) async fn ask(task: HuntTask) -> ExitCode {
    let HuntTask { place, query, search, from, to, limit, format } = task;
    let to = to.unwrap_or_else(|| Clock::system().now());
    let question = Question { query, is_search: search, from, to, limit };
    let (mut rows, mut notes) = (std::io::stdout(), std::io::stderr());
    let format = if place.json { hunt::Format::Json } else { format };
    let mut teller = hunt::Teller::new(format, &mut rows, &mut notes);
    let asked = match control::hunt(&place.data, &question, &mut |line| teller.line(line)).await {
        Ok(Some(())) => Ok(()),
        Ok(None) => {
            let config = match load(&place) {
                Ok(config) => config,
                Err(code) => return code,
            };
            let kept = match Kept::open(&config, Clock::system()).await {
                Ok(kept) => kept,
                Err(error) => return fail(1, &error.to_string()),
            };
            let control = kept.control(&config, config.agents_listen.port());
            let asked = match control.hunt(question).await {
                Ok(mut lines) => {
                    while let Some(line) = lines.recv().await {
                        teller.line(&line);
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            drop(control);
            kept.close().await;
            asked
        }
        Err(error) => Err(error),
    };
    match asked {
        Ok(()) if teller.is_good() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => fail(1, &error.to_string()),
    }
}
