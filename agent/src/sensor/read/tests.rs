use std::fs;
use std::os::unix::fs::{lchown, symlink};

use super::*;

fn outcome(path: &Path) -> Result<String, io::ErrorKind> {
    let (mut file, _) = open_beneath(path).map_err(|error| error.kind())?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| error.kind())?;
    Ok(text)
}

#[test]
fn links_of_strangers_are_followed_in_their_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().canonicalize().unwrap();
    let logs = top.join("logs");
    fs::create_dir(&logs).unwrap();
    fs::write(top.join("secret"), "secret").unwrap();
    fs::write(logs.join("a.log"), "log").unwrap();
    symlink("a.log", logs.join("near")).unwrap();
    symlink("../secret", logs.join("up")).unwrap();
    symlink(top.join("secret"), logs.join("far")).unwrap();
    symlink("loop", logs.join("loop")).unwrap();
    symlink("logs", top.join("folder")).unwrap();
    assert_eq!(outcome(&logs.join("a.log")).as_deref(), Ok("log"));
    assert_eq!(outcome(&logs.join("near")).as_deref(), Ok("log"));
    assert_eq!(outcome(&top.join("folder/a.log")).as_deref(), Ok("log"));
    // Whoever runs the agent may link as they like.
    assert_eq!(outcome(&logs.join("up")).as_deref(), Ok("secret"));
    assert_eq!(outcome(&logs.join("far")).as_deref(), Ok("secret"));
    assert_eq!(outcome(&logs.join("loop")), Err(io::ErrorKind::PermissionDenied));
    for link in ["near", "up", "far"] {
        if lchown(logs.join(link), Some(65534), Some(65534)).is_err() {
            eprintln!("skipped links of others: only root can make them");
            return;
        }
    }
    assert_eq!(outcome(&logs.join("near")).as_deref(), Ok("log"));
    assert_eq!(outcome(&logs.join("up")), Err(io::ErrorKind::PermissionDenied));
    assert_eq!(outcome(&logs.join("far")), Err(io::ErrorKind::PermissionDenied));
    lchown(top.join("folder"), Some(65534), Some(65534)).unwrap();
    symlink("/", logs.join("root")).unwrap();
    lchown(logs.join("root"), Some(65534), Some(65534)).unwrap();
    assert_eq!(outcome(&logs.join("root/etc/passwd")), Err(io::ErrorKind::PermissionDenied));
}

#[test]
fn pipes_and_devices_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().canonicalize().unwrap();
    let pipe = top.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // A pipe without a writer would wait for ever.
    assert_eq!(outcome(&pipe), Err(io::ErrorKind::InvalidInput));
    assert_eq!(outcome(Path::new("/dev/zero")), Err(io::ErrorKind::InvalidInput));
    assert_eq!(outcome(&top), Err(io::ErrorKind::InvalidInput));
    symlink("/dev/zero", top.join("device")).unwrap();
    assert_eq!(outcome(&top.join("device")), Err(io::ErrorKind::InvalidInput));
    assert_eq!(outcome(&top.join("nothing")), Err(io::ErrorKind::NotFound));
}
