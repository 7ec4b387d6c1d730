//! Tells the program when it was built: the earliest moment it can be running at. And where the
//! program is to be small, puts together what it uses every day.

use std::env;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What an agent at work calls, as `scripts/agent-order` found it.
const ORDER: &str = "order.txt";

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=Cargo.toml");
    println!("cargo:rerun-if-changed=src/clock.rs");
    println!("cargo:rerun-if-changed={ORDER}");
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("cargo:rustc-env=SOC_BUILD_SECONDS={}", given.unwrap_or_else(now));
    let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|value| value == wanted);
    if is("OPT_LEVEL", "s") && is("CARGO_CFG_TARGET_OS", "linux") {
        order();
    }
}

/// The system keeps in memory what a page of the program was touched in, 64 KiB at a time: with all
/// that is used side by side, the half that is not used stays on the disk. A name that is no longer
/// there is left out, a new one stays where it was: an old list costs memory, nothing else.
/// Both linkers know `INSERT`. Source: the manual of GNU ld, "Insert Command".
fn order() {
    let (Ok(list), Some(out)) = (std::fs::read_to_string(ORDER), env::var_os("OUT_DIR")) else {
        println!("cargo:warning={ORDER} cannot be read; the agent will take more memory");
        return;
    };
    let names = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sections = names.map(|name| format!("*(.text.{name} .text.unlikely.{name})\n"));
    let script = format!(
        "SECTIONS {{ .text.daily : {{\n{}}} }}\nINSERT BEFORE .text;\n",
        sections.collect::<String>()
    );
    let path = Path::new(&out).join("order.ld");
    match std::fs::write(&path, script) {
        Ok(()) => println!("cargo:rustc-link-arg-bin=soc-agent=-Wl,-T,{}", path.display()),
        Err(error) => println!("cargo:warning={}: {error}", path.display()),
    }
}
