//! Real servers on loopback, each with its files in a folder of the test's own.
//!
//! Every one is started in the foreground, or stopped by the process id it wrote down, when dropped.
//! Nothing listens but on a port of its own; nothing outside the folder is written.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::installed;
use crate::stage::{free_port, run};

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens on loopback.
    pub port: u16,
    child: Option<Child>,
    pid_file: Option<PathBuf>,
}

/// Why a server cannot run here.
pub type Missing = String;

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.pid_file.as_ref().and_then(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
        });
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if let Some(child) = &mut self.child {
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::TERM);
            }
            let _ = child.wait();
        }
    }
}

/// nginx: a page, `/secret` behind a password, logs in `folder`.
///
/// # Errors
/// [`Missing`].
pub fn nginx(folder: &Path, logs: &Path) -> Result<Server, Missing> {
    let program = needed("nginx")?;
    let port = free_port().map_err(|error| error.to_string())?;
    prepare(&[folder, logs, &folder.join("www")])?;
    write(&folder.join("www/index.html"), "hello\n")?;
    write(&folder.join("users"), "bob:$apr1$abcdefgh$PLAzkMSbzPiGXCZ1x8R4x/\n")?;
    let (folder, logs) = (folder.display(), logs.display());
    let config = PathBuf::from(format!("{folder}/nginx.conf"));
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};"))
        .concat();
    write(
        &config,
        &format!(
            "daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {logs}/error.log;\n\
             events {{}}\nhttp {{ access_log {logs}/access.log combined; {temporary}\n\
             server {{ listen 127.0.0.1:{port}; root {folder}/www;\n\
             location /secret {{ auth_basic x; auth_basic_user_file {folder}/users; }} }} }}\n"
        ),
    )?;
    let child = spawn(Command::new(program).arg("-c").arg(&config).arg("-e").arg("stderr"))?;
    ready(Server { port, child: Some(child), pid_file: None })
}

/// Apache: a page, `/secret` behind a password, logs in `folder`.
///
/// # Errors
/// [`Missing`].
pub fn apache(folder: &Path, logs: &Path) -> Result<Server, Missing> {
    let program = needed("apache2")?;
    let port = free_port().map_err(|error| error.to_string())?;
    prepare(&[folder, logs, &folder.join("www/secret")])?;
    write(&folder.join("www/index.html"), "hello\n")?;
    write(&folder.join("users"), "bob:$apr1$abcdefgh$PLAzkMSbzPiGXCZ1x8R4x/\n")?;
    let modules = ["mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_user"];
    let modules = modules
        .iter()
        .chain(&["auth_basic", "dir"])
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let (modules, at, logs) = (modules.collect::<String>(), folder.display(), logs.display());
    let config = folder.join("apache.conf");
    write(
        &config,
        &format!(
            "{modules}ServerName localhost\nServerRoot {at}\nDefaultRuntimeDir {at}\n\
             PidFile {at}/pid\nMutex file:{at}\nListen 127.0.0.1:{port}\nUser www-data\nGroup www-data\n\
             StartServers 1\nDocumentRoot {at}/www\nDirectoryIndex index.html\n\
             ErrorLog {logs}/error.log\nLogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined\n\
             CustomLog {logs}/access.log combined\n<Location /secret>\nAuthType Basic\nAuthName x\n\
             AuthUserFile {at}/users\nRequire valid-user\n</Location>\n"
        ),
    )?;
    // Its children run as www-data, who has to get at the page and the users.
    for folder in folder.ancestors().take(2) {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder, open).map_err(|error| error.to_string())?;
    }
    // Told to end it ends its whole group, which must not be the test's.
    let mut command = Command::new(program);
    command.process_group(0).arg("-DFOREGROUND").arg("-f").arg(&config);
    let child = spawn(&mut command)?;
    ready(Server { port, child: Some(child), pid_file: None })
}

/// Postfix: takes no mail, knows no passwords; its log is `log`.
///
/// # Errors
/// [`Missing`].
pub fn postfix(folder: &Path, log: &Path) -> Result<Server, Missing> {
    let program = needed("postfix")?;
    let port = free_port().map_err(|error| error.to_string())?;
    let etc = folder.join("etc");
    prepare(&[folder, &etc, &folder.join("spool"), &folder.join("data")])?;
    let chown =
        |name: &str, owner: &str| run(Command::new("chown").arg(owner).arg(folder.join(name)));
    chown("data", "postfix").map_err(|_| "there is no user postfix".to_owned())?;
    let (place, prefix) = (folder.display(), log.parent().unwrap_or(folder).display());
    write(
        &etc.join("main.cf"),
        &format!(
            "compatibility_level=3.6\nqueue_directory={place}/spool\ndata_directory={place}/data\n\
             command_directory=/usr/sbin\ndaemon_directory=/usr/lib/postfix/sbin\n\
             myhostname=mail.example\nmydestination=mail.example\ninet_interfaces=127.0.0.1\n\
             inet_protocols=ipv4\nmaillog_file={}\nmaillog_file_prefixes={prefix}\n\
             mynetworks=127.0.0.2/32\nsmtpd_sasl_auth_enable=yes\nalias_maps=\n\
             smtpd_client_connection_rate_limit=0\nsmtpd_error_sleep_time=0\n\
             smtpd_recipient_restrictions=reject\nlocal_recipient_maps=\n",
            log.display()
        ),
    )?;
    write(
        &etc.join("master.cf"),
        &format!(
            "127.0.0.1:{port} inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\n\
             cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n\
             anvil unix - - n - 1 anvil\npickup unix n - n 60 1 pickup\n"
        ),
    )?;
    run(Command::new(program).arg("-c").arg(&etc).arg("start"))?;
    let pid_file = Some(folder.join("spool/pid/master.pid"));
    ready(Server { port, child: None, pid_file })
}

/// PostgreSQL: one user `postgres` with a password; its logs are in `logs`.
///
/// # Errors
/// [`Missing`].
pub fn postgresql(folder: &Path, logs: &Path) -> Result<Server, Missing> {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").map_err(|_| "PostgreSQL is not installed")?;
    let mut found: Vec<PathBuf> =
        versions.filter_map(|it| Some(it.ok()?.path().join("bin"))).collect();
    found.sort();
    let programs = found.pop().ok_or("PostgreSQL is not installed")?;
    let port = free_port().map_err(|error| error.to_string())?;
    prepare(&[folder, logs])?;
    for folder in [folder, logs] {
        run(Command::new("chown").arg("postgres").arg(folder))?;
    }
    let data = folder.join("data");
    let password = folder.join("password");
    write(&password, "right\n")?;
    let as_postgres = |program: PathBuf| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command.current_dir("/").env("LC_ALL", "C");
        command
    };
    run(as_postgres(programs.join("initdb"))
        .arg("-D")
        .arg(&data)
        .args(["-U", "postgres", "-A", "scram-sha-256", "--pwfile"])
        .arg(&password))?;
    let mut settings = std::fs::OpenOptions::new()
        .append(true)
        .open(data.join("postgresql.conf"))
        .map_err(|error| error.to_string())?;
    write!(
        settings,
        "port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\n\
         logging_collector=on\nlog_directory='{}'\nlog_filename='main.log'\n\
         log_line_prefix='%m [%p] %q%u@%d '\nfsync=off\n",
        logs.display()
    )
    .map_err(|error| error.to_string())?;
    let child = spawn(as_postgres(programs.join("postgres")).arg("-D").arg(&data))?;
    ready(Server { port, child: Some(child), pid_file: None })
}

/// An OpenSSH server that lets nobody in; what it says is written to `log` with the header a syslog
/// daemon gives it.
///
/// # Errors
/// [`Missing`].
pub fn sshd(folder: &Path, log: &Path) -> Result<Server, Missing> {
    let program = needed("sshd")?;
    let port = free_port().map_err(|error| error.to_string())?;
    prepare(&[folder, Path::new("/run/sshd")])?;
    let key = folder.join("key");
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
    let config = folder.join("config");
    write(
        &config,
        &format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\n\
             PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             MaxStartups 100\n",
            key.display()
        ),
    )?;
    let mut child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let pid = child.id();
    let said = child.stderr.take().ok_or("sshd has no output")?;
    let log = log.to_owned();
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            // Each time by name, as a logger does that is told of rotation: the file may have been
            // rotated several times since, and nobody reads the oldest for ever.
            let log = std::fs::OpenOptions::new().create(true).append(true).open(&log);
            let time = jiff::Timestamp::now();
            if let Ok(mut log) = log {
                let _ = writeln!(log, "{time} srv sshd[{pid}]: {}", line.trim_end());
            }
        }
    });
    ready(Server { port, child: Some(child), pid_file: None })
}

fn needed(name: &str) -> Result<PathBuf, Missing> {
    if !rustix::process::geteuid().is_root() {
        return Err(format!("{name} is only started by root"));
    }
    installed(name).ok_or_else(|| format!("{name} is not installed"))
}

fn prepare(folders: &[&Path]) -> Result<(), Missing> {
    let make = |folder: &&Path| std::fs::create_dir_all(folder);
    folders.iter().try_for_each(make).map_err(|error| error.to_string())
}

fn write(path: &Path, text: &str) -> Result<(), Missing> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn spawn(command: &mut Command) -> Result<Child, Missing> {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().map_err(|error| format!("{command:?}: {error}"))
}

/// Waits until it takes connections.
fn ready(server: Server) -> Result<Server, Missing> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("it does not listen".to_owned())
}
