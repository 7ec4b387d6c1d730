//! Files in the order of the journal.

use soc_archive::FileRef;

/// Files whose positions overlap, and so have to be read before any of their events can be put in
/// order. Those of different clusters follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub files: Vec<FileRef>,
    /// The highest position.
    pub last: u64,
}

/// The clusters in order, without files that hold nothing from `first` on.
pub(super) fn clusters(mut files: Vec<FileRef>, first: u64) -> Vec<Cluster> {
    files.retain(|file| file.facts.position.1 >= first);
    files.sort_by(|one, other| {
        (one.facts.position, &one.path).cmp(&(other.facts.position, &other.path))
    });
    let mut clusters: Vec<Cluster> = Vec::new();
    for file in files {
        let (first, last) = file.facts.position;
        match clusters.last_mut().filter(|cluster| first <= cluster.last) {
            Some(cluster) => {
                cluster.last = cluster.last.max(last);
                cluster.files.push(file);
            }
            None => clusters.push(Cluster { files: vec![file], last }),
        }
    }
    clusters
}

#[cfg(test)]
mod tests {
    use soc_archive::FileFacts;
    use soc_event::Timestamp;

    use super::*;

    fn file(path: &str, position: (u64, u64)) -> FileRef {
        let none = (Timestamp::from_micros(0), Timestamp::from_micros(0));
        let facts = FileFacts {
            sha256: [0; 32],
            bytes: 0,
            words_sha256: [0; 32],
            words_bytes: 0,
            rows: 0,
            time: none,
            received: none,
            position,
            columns: Vec::new(),
        };
        let (words, agency_code) = (String::new(), String::new());
        FileRef { path: path.into(), words, agency: 0, agency_code, facts }
    }

    #[test]
    fn what_overlaps_is_read_together_and_what_is_done_is_left_out() {
        let files = vec![
            file("e", (50, 60)),
            file("c", (21, 40)),
            file("a", (1, 10)),
            file("b", (12, 30)),
            file("d", (35, 36)),
        ];
        let names = |first| -> Vec<(String, u64)> {
            let name = |cluster: &Cluster| {
                cluster.files.iter().map(|file| file.path.as_str()).collect::<String>()
            };
            let found = clusters(files.clone(), first);
            found.iter().map(|cluster| (name(cluster), cluster.last)).collect()
        };
        let pairs = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(name, last)| ((*name).to_owned(), *last)).collect()
        };
        assert_eq!(names(0), pairs(&[("a", 10), ("bcd", 40), ("e", 60)]));
        assert_eq!(names(11), pairs(&[("bcd", 40), ("e", 60)]));
        assert_eq!(names(61), pairs(&[]));
    }
}
