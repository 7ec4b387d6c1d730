//! Packs and logsources are embedded when the crate is compiled: a new file has to cause that.

fn main() {
    println!("cargo:rerun-if-changed=packs");
    println!("cargo:rerun-if-changed=logsources");
}
