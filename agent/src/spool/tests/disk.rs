//! A disk that can lose power and run full, under the real spool. Of what was written since the last
//! sync a power cut leaves any part: each write whole, not at all, or torn at any byte.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use redb::{Database, StorageBackend};
use tokio::sync::{mpsc, oneshot, watch};

use super::*;
use crate::spool::writer::{Opener, Writer};

#[derive(Debug, Default)]
struct Platters {
    /// What a power cut leaves.
    durable: Vec<u8>,
    /// What reads see.
    volatile: Vec<u8>,
    /// Writes since the last sync: the disk may have done any first part of them.
    unsynced: Vec<(usize, Vec<u8>)>,
    is_full: bool,
    /// Operations until the power fails; then all fail.
    power_left: Option<usize>,
    syncs: usize,
}

/// Numbers that look random and are the same for the same seed (xorshift).
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(pub u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }
}

/// Shared by the spool that writes it and the test that cuts its power.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<Platters>>);

impl Disk {
    /// `chance` decides over each write since the last sync.
    pub(super) fn cut_power(&self, mut chance: Chance) {
        let mut platters = self.0.lock().unwrap();
        let unsynced = std::mem::take(&mut platters.unsynced);
        for (offset, bytes) in unsynced {
            let made_it = match chance.below(3) {
                0 => 0,
                1 => chance.below(bytes.len() + 1),
                _ => bytes.len(),
            };
            let end = offset + made_it;
            if platters.durable.len() < end {
                platters.durable.resize(end, 0);
            }
            platters.durable[offset..end].copy_from_slice(&bytes[..made_it]);
        }
        platters.volatile = platters.durable.clone();
    }

    /// What the power cut left, out of reach of the process that died.
    pub(super) fn survivor(&self) -> Self {
        let durable = self.0.lock().unwrap().durable.clone();
        let volatile = durable.clone();
        Self(Arc::new(Mutex::new(Platters { durable, volatile, ..Platters::default() })))
    }

    pub(super) fn power_fails_after(&self, operations: usize) {
        self.0.lock().unwrap().power_left = Some(operations);
    }

    pub(super) fn fill(&self, is_full: bool) {
        self.0.lock().unwrap().is_full = is_full;
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().volatile.len()
    }

    pub(super) fn syncs(&self) -> usize {
        self.0.lock().unwrap().syncs
    }

    pub(super) fn database(&self) -> Result<Database, redb::DatabaseError> {
        Database::builder().set_cache_size(1 << 20).create_with_backend(self.clone())
    }
}

impl Platters {
    /// One operation that changes the disk.
    fn operate(&mut self) -> Result<(), io::Error> {
        match &mut self.power_left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        if self.is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().volatile.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let platters = self.0.lock().unwrap();
        let (start, end) = (offset as usize, offset as usize + out.len());
        let bytes = platters.volatile.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut platters = self.0.lock().unwrap();
        platters.operate()?;
        platters.volatile.resize(len as usize, 0);
        platters.durable.resize(len as usize, 0);
        platters.unsynced.retain(|(offset, bytes)| offset + bytes.len() <= len as usize);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut platters = self.0.lock().unwrap();
        platters.operate()?;
        platters.syncs += 1;
        let platters = &mut *platters;
        platters.durable.resize(platters.volatile.len(), 0);
        for (offset, bytes) in platters.unsynced.drain(..) {
            platters.durable[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut platters = self.0.lock().unwrap();
        platters.operate()?;
        let (start, end) = (offset as usize, offset as usize + data.len());
        if platters.volatile.len() < end {
            platters.volatile.resize(end, 0);
        }
        platters.volatile[start..end].copy_from_slice(data);
        platters.unsynced.push((start, data.to_vec()));
        Ok(())
    }
}

struct Running {
    outlet: Outlet,
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
}

/// The spool's loop as a task on this (paused) runtime, on the given disk.
fn run_on(disk: &Disk) -> Running {
    let (outlet, deliveries) = Outlet::channel();
    let setup = Setup {
        config: Config { bytes_max: Bytes::mebi(1) },
        fingerprint: "one".into(),
        clock: Arc::new(SystemClock),
        deliveries,
    };
    let (views, view) = watch::channel(View::default());
    let disk = disk.clone();
    let open: Opener = Box::new(move || disk.database());
    let known = Arc::new(Known::default());
    let writer = Writer::open_with(Path::new("/nowhere"), open, setup, known, views).unwrap();
    let (commands, receiver) = mpsc::channel(4);
    tokio::spawn(writer.run(receiver));
    Running { outlet, commands, view }
}

impl Running {
    async fn flush(&self) {
        let (reply, flushed) = oneshot::channel();
        assert!(self.commands.send(Command::Flush { reply }).await.is_ok());
        flushed.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_makes_sensors_wait_and_loses_nothing() {
    let disk = Disk::default();
    let mut spool = run_on(&disk);
    spool.outlet.send(log(0..1)).await.unwrap();
    spool.flush().await;
    disk.fill(true);
    spool.outlet.send(log(1..2)).await.unwrap();
    spool.view.wait_for(|view| view.trouble.is_some()).await.unwrap();
    let (sender, outlet) = (spool.outlet.clone(), spool.outlet.clone());
    let waiting = tokio::spawn(async move {
        for n in 2..500 {
            sender.send(log(n..n + 1)).await.unwrap();
        }
    });
    // So long that everything would have been sent, were there no waiting.
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(!waiting.is_finished(), "sensors wait");
    disk.fill(false);
    waiting.await.unwrap();
    spool.view.wait_for(|view| view.unsent() == 500).await.unwrap();
    assert_eq!(spool.view.borrow().trouble, None);
    drop(outlet);
}

#[tokio::test(start_paused = true)]
async fn many_deliveries_share_few_syncs() {
    let disk = Disk::default();
    let mut spool = run_on(&disk);
    let before = disk.syncs();
    // 500 lines a second for ten seconds, line by line.
    for n in 0..5000 {
        spool.outlet.send(log(n..n + 1)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    spool.view.wait_for(|view| view.unsent() == 5000).await.unwrap();
    let syncs = disk.syncs() - before;
    assert!((25..=40).contains(&syncs), "{syncs} syncs in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn without_a_disk_it_goes_on_from_memory_says_so_and_moves_when_it_can() {
    let disk = Disk::default();
    disk.fill(true);
    let mut spool = run_on(&disk);
    spool.outlet.send(log(0..3)).await.unwrap();
    spool.flush().await;
    {
        let view = spool.view.borrow();
        assert!(view.trouble.as_ref().unwrap().starts_with(IN_MEMORY), "{view:?}");
        assert!(view.is_usable() && view.unsent() == 3, "{view:?}");
    }
    // Two of them are handed out; their answer comes late.
    let batch = async |events| {
        let (reply, answer) = oneshot::channel();
        let limits = BatchLimits { events, bytes: 1 << 20 };
        let command = Command::Batch { lane: Lane::Log, limits, reply };
        assert!(spool.commands.send(command).await.is_ok());
        answer.await.unwrap().unwrap().unwrap()
    };
    let first = batch(2).await;
    disk.fill(false);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(spool.view.borrow().trouble.is_some(), "an answer is on its way");
    let (epoch, lane, last) = (first.epoch, first.lane, first.last());
    let acknowledgement =
        Acknowledgement { epoch, lane, first: first.first, last, durable: last, archived: last };
    let (reply, done) = oneshot::channel();
    assert!(spool.commands.send(Command::Acknowledge { acknowledgement, reply }).await.is_ok());
    done.await.unwrap();
    spool.view.wait_for(|view| view.trouble.is_none()).await.unwrap();
    let rest = batch(9).await;
    assert_eq!(events_of(&rest).iter().map(number).collect::<Vec<_>>(), [2], "once, and kept");
    assert_ne!(rest.epoch, first.epoch);
}
