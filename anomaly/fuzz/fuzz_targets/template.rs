//! `cargo fuzz run template`: any lines have templates, within bounds, and the same again.
#![no_main]

use soc_anomaly::{Miner, header};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut miner = Miner::new(8);
    for line in text.lines() {
        let message = header::message(line);
        assert!(line.ends_with(message));
        miner.add(message, 0);
        let first = miner.add(message, 0);
        assert!(first.before > 0);
        assert_eq!(miner.add(message, 0).id, first.id);
        assert!(miner.templates().len() <= 8);
    }
});
