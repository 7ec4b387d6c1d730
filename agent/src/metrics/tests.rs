use std::io::Write as _;
use std::process::{Command, Stdio};

use soc_event::{RunId, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::status::{SensorReport, SensorState, SpoolReport};

fn board() -> Board {
    let board = Board::new(RunId(1));
    board.change(|report| {
        report.spool = SpoolReport::of(&crate::spool::View::default());
        report.uplink.last_ack = Some(Timestamp::from_micros(1_700_000_000_000_000));
        report.uplink.certificate_expires = report.uplink.last_ack;
        report.clock.offset_us = Some(-1500);
        let entry = SensorReport { restarts: 2, ..SensorReport::of(SensorState::Running) };
        report.sensors.insert("port".into(), entry);
    });
    board
}

#[test]
fn every_metric_has_help_type_and_our_name() {
    let text = render(&board().report());
    for line in text.lines() {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        assert!(name.starts_with("soc_agent_"), "{line}");
    }
    assert!(text.contains("soc_agent_spool_unsent_events{lane=\"alert\"} 0\n"));
    assert!(text.contains("soc_agent_clock_offset_seconds -0.0015\n"));
    assert!(text.contains("soc_agent_sensor_restarts_total{sensor=\"port\"} 2\n"));
}

#[test]
fn prometheus_finds_no_fault_where_it_is_installed() {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    // `make test` installs it; elsewhere the test above has to do.
    let Ok(mut child) = spawned else { return };
    child.stdin.take().unwrap().write_all(render(&board().report()).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn a_scrape_is_answered_and_anything_else_is_not_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(serve(listener, board(), stopped));
    for (path, expected) in [("/metrics", "HTTP/1.1 200"), ("/", "HTTP/1.1 404")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with(expected), "{path}: {text}");
    }
    stop.send_replace(true);
    server.await.unwrap();
}
