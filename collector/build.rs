//! The page is embedded from `dashboard/dist`. Without Node it is never built; the folder must
//! exist all the same, and the collector then says what is missing.

fn main() -> std::io::Result<()> {
    let folder = "dashboard/dist";
    std::fs::create_dir_all(folder)?;
    println!("cargo:rerun-if-changed={folder}");
    println!("cargo:rerun-if-changed=migrations");
    Ok(())
}
