//! What each command does.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use soc_collector::access::Password;
use soc_collector::backup;
use soc_collector::clock::Clock;
use soc_collector::config::{self, Config};
use soc_collector::control::{self, Command};
use soc_collector::doctor;
use soc_collector::eval::{self, Outputs};
use soc_collector::exchange::What;
use soc_collector::rule_files;
use soc_collector::serve::{self, Kept};
use soc_collector::visible::visible;

use crate::arguments::{
    AgencyTask, ConfigurationTask, Eval, Place, RulesTask, Serve, Table, TableTask, Task,
    TokenTask, UserTask,
};
use crate::asking::{ask, look_back};
use crate::importing::import_logs;
use crate::show::{say, show};
use crate::terminal::{EXIT_USAGE, fail, print, stop_on_signal};

pub(crate) async fn perform(task: Task) -> ExitCode {
    match task {
        Task::Serve(serve) => run(serve).await,
        Task::Hunt(task) => ask(task).await,
        Task::Status(place) => command(place, Command::Status).await,
        Task::Token(TokenTask::Create { place, agency, uses, expires }) => {
            let micros = |time: std::time::Duration| i64::try_from(time.as_micros());
            let expires = expires.and_then(|time| micros(time).ok());
            let expires = expires.map(|micros| Clock::system().now().plus_micros(micros));
            command(place, Command::CreateToken { agency, uses, expires }).await
        }
        Task::User(UserTask::Add { place, name, role, agency }) => {
            command(place, Command::AddUser { name, role, agency }).await
        }
        Task::Agency(AgencyTask::Add { place, code, name, parent }) => {
            command(place, Command::AddAgency { code, name, parent }).await
        }
        Task::Agency(AgencyTask::Import { table }) => import_table(What::Agencies, table).await,
        Task::System(TableTask::Import { table }) => import_table(What::Systems, table).await,
        Task::Inventory(TableTask::Import { table }) => import_table(What::Machines, table).await,
        Task::Configuration(task) => configure(task).await,
        Task::Rules(RulesTask::Check { paths, site }) => {
            rule_files::check(&paths, &site, &mut print)
        }
        Task::Rules(RulesTask::Test { paths, site }) => rule_files::test(&paths, &site, &mut print),
        Task::Rules(RulesTask::Eval(eval)) => evaluate(eval),
        Task::Rules(RulesTask::Backtest(backtest)) => look_back(backtest).await,
        Task::Import(import) => import_logs(import).await,
        Task::Backup { place, folder } => match std::path::absolute(&folder) {
            Ok(folder) => {
                let folder = folder.to_string_lossy().into_owned();
                command(place, Command::Backup { folder }).await
            }
            Err(error) => fail(1, &format!("{}: {error}", folder.display())),
        },
        Task::Doctor(place) => examine(place).await,
        Task::Restore { backup, data, json } => restore(&backup, &data, json),
    }
}

async fn import_table(what: What, Table { place, file, dry_run }: Table) -> ExitCode {
    match std::fs::read(&file) {
        Ok(file) => command(place, Command::ImportTable { what, file, dry_run }).await,
        Err(error) => fail(1, &format!("{}: {error}", file.display())),
    }
}

pub(crate) async fn configure(task: ConfigurationTask) -> ExitCode {
    match task {
        ConfigurationTask::Show { place, scope } => {
            command(place, Command::ShowConfiguration { scope }).await
        }
        ConfigurationTask::Set { place, scope, file, why } => {
            match std::fs::read_to_string(&file) {
                Ok(text) => command(place, Command::SetConfiguration { scope, text, why }).await,
                Err(error) => fail(1, &format!("{}: {error}", file.display())),
            }
        }
        ConfigurationTask::Restore { place, scope, version, why } => {
            command(place, Command::RestoreConfiguration { scope, version, why }).await
        }
    }
}

pub(crate) fn evaluate(arguments: Eval) -> ExitCode {
    let Eval { rules, site, events, log_format, tables, format, threads } = arguments;
    let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = threads.unwrap_or_else(processors);
    let shows_progress = std::io::stderr().is_terminal();
    let hints = tables.hints(log_format);
    let config = eval::Config { rules, site, events, hints, format, threads, shows_progress };
    let (mut matches, mut errors) = (std::io::stdout(), std::io::stderr());
    eval::run(&config, Outputs { matches: &mut matches, errors: &mut errors })
}

pub(crate) async fn examine(place: Place) -> ExitCode {
    let mut findings = Vec::new();
    doctor::examine(&place.data, place.config.as_deref(), Clock::system().now(), &mut |finding| {
        if !place.json {
            print(&visible(&finding.line()));
        }
        findings.push(finding);
    })
    .await;
    if place.json {
        print(&serde_json::to_string(&findings).unwrap_or_default());
    }
    let is_problem = |finding: &doctor::Finding| finding.verdict == doctor::Verdict::Problem;
    if findings.iter().any(is_problem) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

pub(crate) fn restore(backup: &Path, data: &Path, json: bool) -> ExitCode {
    let restored = backup::restore(backup, data, &mut |_, _| {});
    match restored {
        Ok(restored) if json => print(&serde_json::to_string(&restored).unwrap_or_default()),
        Ok(restored) => print(&format!(
            "restored: the backup of {}, {} events so far, {} bytes",
            restored.made_at,
            restored.journal_end.saturating_sub(1),
            restored.bytes
        )),
        Err(error) => return fail(1, &error.to_string()),
    }
    ExitCode::SUCCESS
}

pub(crate) async fn run(arguments: Serve) -> ExitCode {
    let Serve { place, listen, agents_listen, admin_password } = arguments;
    let mut config = match load(&place) {
        Ok(config) => config,
        Err(code) => return code,
    };
    config.api.listen = listen.unwrap_or(config.api.listen);
    config.agents_listen = agents_listen.unwrap_or(config.agents_listen);
    // Set but empty is how a script says that there is none.
    let password = admin_password.filter(|text| !text.is_empty()).map(Password::new);
    if let Some(Err(error)) = password.as_ref().map(Password::check) {
        return fail(EXIT_USAGE, &format!("--admin-password: {error}"));
    }
    let shutdown = match stop_on_signal() {
        Ok(shutdown) => shutdown,
        Err(error) => return fail(1, &error.to_string()),
    };
    match serve::run(config, password, shutdown, &mut say).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

/// Asks the collector that has the folder open, else opens the folder.
pub(crate) async fn command(place: Place, command: Command) -> ExitCode {
    let done = match control::call(&place.data, &command).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => {
            let config = match load(&place) {
                Ok(config) => config,
                Err(code) => return code,
            };
            match Kept::open(&config, Clock::system()).await {
                Ok(kept) => {
                    let control = kept.control(&config, config.agents_listen.port());
                    let answer = control.perform(command).await;
                    drop(control);
                    kept.close().await;
                    answer
                }
                Err(error) => return fail(1, &error.to_string()),
            }
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(answer) => {
            show(&answer, place.json);
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &error.to_string()),
    }
}

pub(crate) fn load(place: &Place) -> Result<Config, ExitCode> {
    config::load(&place.data, place.config.as_deref()).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        fail(EXIT_USAGE, &lines.join("\n"))
    })
}
