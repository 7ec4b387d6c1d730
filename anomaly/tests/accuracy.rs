//! Lines are grouped as people group them: Loghub's labelled logs, one configuration, one pass.

mod loghub;

use std::path::Path;
use std::process::Command;

use loghub::{Labelled, accuracy};
use soc_anomaly::header;

/// Least grouping accuracy of a log, of its messages and of its whole lines.
const LEAST: [(&str, f64, f64); 8] = [
    ("Linux", 0.81, 0.81),
    ("OpenSSH", 0.99, 0.99),
    ("Apache", 1.0, 1.0),
    ("OpenStack", 0.99, 0.99),
    ("HDFS", 0.99, 0.99),
    ("Hadoop", 0.98, 0.98),
    ("Android", 0.97, 0.97),
    ("Proxifier", 0.98, 0.98),
];

#[test]
fn lines_are_grouped_as_people_do() -> Result<(), Box<dyn std::error::Error>> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/loghub-2k.tar.zst");
    if !archive.exists() {
        println!("skipped: {} is absent", archive.display());
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path());
    if !tar.status().is_ok_and(|status| status.success()) {
        println!("skipped: tar and zstd are needed to unpack {}", archive.display());
        return Ok(());
    }
    let root = loghub::root(folder.path())?;
    for (log, of_messages, of_lines) in LEAST {
        let labelled = Labelled::read(&root, log)?;
        let (message, miner) = accuracy(&labelled.contents, &labelled.events, |line| line);
        let (line, _) = accuracy(&labelled.lines, &labelled.events, header::message);
        println!("{log:<10} messages {message:.3}, whole lines {line:.3}, {} bytes", miner.bytes());
        assert!(message >= of_messages && line >= of_lines, "{log}: {message:.3} {line:.3}");
        assert!(miner.bytes() < 1_000_000, "{log}: {}", miner.bytes());
    }
    Ok(())
}
