use std::fs;
use std::io::Write as _;

use super::*;

const LOG: &str = "{\"a\":1}\n{\"a\":2}\n";

fn read_all(path: &Path) -> Result<Vec<u8>, Vec<String>> {
    let now = Timestamp::default();
    let mut reader = Reader::new(&[path.to_owned()], Hints::default(), now);
    let (mut all, mut skipped) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next(Vec::new()) {
        all.extend(block.bytes);
        skipped.extend(block.skipped.iter().map(Skipped::told));
    }
    if skipped.is_empty() { Ok(all) } else { Err(skipped) }
}

#[test]
fn packed_logs_are_read_as_if_they_were_not() {
    let folder = tempfile::tempdir().unwrap();
    let (gz, zst) = (folder.path().join("a.log.gz"), folder.path().join("b.log.zst"));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(LOG.as_bytes()).unwrap();
    fs::write(&gz, packer.finish().unwrap()).unwrap();
    fs::write(&zst, zstd::encode_all(LOG.as_bytes(), 1).unwrap()).unwrap();
    for path in [&gz, &zst] {
        assert_eq!(read_all(path).unwrap(), LOG.as_bytes(), "{}", path.display());
    }
    let mut torn = fs::read(&gz).unwrap();
    torn.truncate(torn.len() - 9);
    fs::write(&gz, torn).unwrap();
    assert!(read_all(&gz).unwrap_err()[0].contains("a.log.gz"));
}

#[test]
fn folders_and_patterns_are_the_files_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, LOG).unwrap();
    };
    ["b/2.evtx", "b/1.evtx", "a.log", "b/c/3.evtx"].iter().for_each(|name| put(name));
    let names = |paths: &[&str]| -> (Vec<String>, usize) {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let (found, problems) = find(&paths);
        let short = |path: &PathBuf| {
            path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned()
        };
        (found.iter().map(short).collect(), problems.len())
    };
    assert_eq!(names(&["b"]).0, ["b/1.evtx", "b/2.evtx", "b/c/3.evtx"]);
    assert_eq!(names(&["b/*.evtx", "a.log"]).0, ["b/1.evtx", "b/2.evtx", "a.log"]);
    assert_eq!(names(&["b/?.evt*"]).0, ["b/1.evtx", "b/2.evtx"]);
    assert_eq!(names(&["nothing", "b/*.csv"]), (Vec::new(), 2));
}

#[test]
fn a_table_that_is_kept_has_to_say_when() {
    let head = b"name,value\na,1\n";
    let error = Hints::default().lasting_format(head, "x.csv").unwrap_err();
    assert!(error.contains("--time-column") && error.contains("name, value"), "{error}");
    let none = Hints { time_column: Some("none".into()), ..Hints::default() };
    assert!(none.lasting_format(head, "x.csv").is_ok());
    let wrong = Hints { time_column: Some("when".into()), ..Hints::default() };
    assert!(wrong.lasting_format(head, "x.csv").unwrap_err().contains("no column"));
}
