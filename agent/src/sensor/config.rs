use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::{Sensor, antivirus, asked, connection, host, journald, logfile, network, port};
use crate::ring;

/// What the sensors watch and how often. Every sensor has a table of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Antivirus products: state and detections.
    pub antivirus: antivirus::Config,
    /// Listening sockets.
    pub port: port::Config,
    /// Connections to others.
    pub connection: connection::Config,
    /// Logs that are files.
    pub logfile: logfile::Config,
    /// The journal of systemd.
    pub journald: journald::Config,
    /// Inventory and heartbeat.
    pub host: host::Config,
    /// What is unusual about logs. No sensor: it looks at what the others saw.
    pub anomaly: crate::anomaly::Config,
    /// The network around this host.
    pub network: network::Config,
}

impl Config {
    /// Everything that is wrong, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = self.logfile.mistakes();
        mistakes.extend(self.antivirus.mistakes());
        mistakes.extend(self.anomaly.mistakes());
        mistakes.extend(self.connection.mistakes());
        mistakes.extend(self.network.mistakes());
        let mut range = |name: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                mistakes.push(format!("{name} is {value}; it must be {low} to {high}"));
            }
        };
        range("port.poll_ms", self.port.poll_ms, 200, 60_000);
        range("port.grace_s", self.port.grace_s, 0, 300);
        range("host.heartbeat_s", self.host.heartbeat_s, 1, 300);
        range("host.heartbeat_full_s", self.host.heartbeat_full_s, 1, 3600);
        mistakes
    }
}

/// The enabled sensors, ready to run. `vitals` is how the rest of the agent tells the heartbeat
/// about spool and clock, `state` the agent's state folder.
pub fn build(config: &Config, vitals: &Arc<host::Vitals>, state: &Path) -> Vec<Box<dyn Sensor>> {
    let mut sensors: Vec<Box<dyn Sensor>> = Vec::new();
    if config.host.enabled {
        sensors.push(Box::new(host::Host::new(config.host.clone(), Arc::clone(vitals))));
    }
    if config.antivirus.enabled {
        sensors.push(Box::new(antivirus::Antivirus::new(config.antivirus.clone(), state)));
    }
    if config.port.enabled {
        sensors.push(Box::new(port::Ports::new(config.port.clone())));
    }
    if config.connection.enabled {
        sensors.push(Box::new(connection::Connections::new(config.connection.clone())));
    }
    if config.logfile.enabled {
        let logs = config.logfile.clone();
        sensors.push(Box::new(logfile::Logfile::new(logs, vitals.logs())));
    }
    if config.journald.enabled != journald::Enabled::Off {
        let followed = config.logfile.syslog_paths();
        let chosen = (config.logfile.filters.clone(), config.logfile.send);
        let journald = journald::Journald::new(config.journald.clone(), followed);
        sensors.push(Box::new(journald.choosing(chosen, vitals.logs())));
    }
    if !config.logfile.asks.is_empty() {
        let followed = config.logfile.files.iter().map(|file| file.path.clone()).collect();
        let (asks, folder) = (config.logfile.asks.clone(), ring::folder(state));
        sensors.push(Box::new(asked::Asked::new(asks, followed, folder)));
    }
    if config.network.enabled {
        sensors.push(Box::new(network::Network::new(config.network.clone())));
    }
    sensors
}

/// The tables, besides its own, that a sensor's behaviour depends on.
pub fn looks_at(sensor: &str) -> &'static [&'static str] {
    match sensor {
        "journald" | "asked" => &["logfile"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(config: &Config) -> Vec<&'static str> {
        build(config, &Arc::default(), Path::new("/nowhere"))
            .iter()
            .map(|sensor| sensor.name())
            .collect()
    }

    #[test]
    fn every_sensor_runs_unless_it_is_switched_off() {
        let all = ["host", "antivirus", "port", "connection", "logfile", "journald"];
        assert_eq!(names(&Config::default()), all);
        let on: Config = toml::from_str("[network]\nenabled = true\n").unwrap();
        assert!(names(&on).contains(&"network"), "the network is watched only where it is wished");
        let off: Config = toml::from_str(
            "[host]\nenabled = false\n[antivirus]\nenabled = false\n[port]\nenabled = false\n\
             [connection]\nenabled = false\n[logfile]\nenabled = false\n[journald]\nenabled = \"off\"\n",
        )
        .unwrap();
        assert!(names(&off).is_empty());
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let config: Config = toml::from_str(
            "[host]\nheartbeat_s = 0\n[port]\npoll_ms = 1\n[antivirus]\nclamd_conf = \"here\"\n\
             [[logfile.files]]\npath = \"there\"\n",
        )
        .unwrap();
        assert_eq!(config.mistakes().len(), 4, "{:?}", config.mistakes());
        assert!(Config::default().mistakes().is_empty());
        assert!(toml::from_str::<Config>("[ports]\n").is_err());
    }
}
