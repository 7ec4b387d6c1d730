use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use hyper::body::{Body as _, Incoming};
use soc_event::{Ack, AgentId, Cause, limits, wire};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Inner;
use super::connection::Peer;
use super::refusal::Refusal;
use super::request::{agent, read_body};
use super::runs::{Said, Verdict};
use crate::fleet::RunRow;
use crate::journal::{self, After, Batch, Durable};

/// Largest window a frame may ask for, as a power of two: 8 MiB, like the limit of what comes out.
const WINDOW_LOG_MAX: u32 = 23;
/// So long a batch waits for memory or a decoder; then its sender is asked to come back.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);
/// A start that has been followed by another asks again so soon, if it lives.
const SUPERSEDED_PAUSE: Duration = Duration::from_secs(2);
/// Step of decompression.
const PIECE_BYTES: usize = 64 * 1024;

/// Takes a batch: checked, judged, stored, and only then acknowledged.
pub(super) async fn take(
    gateway: &Arc<Inner>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Ack, Refusal> {
    let agent = agent(gateway, peer)?;
    let now = gateway.fleet.clock().now();
    if peer.identity.is_some_and(|identity| identity.expires <= now) {
        let detail = "the certificate has expired; POST /v1/renew takes it, then send again";
        return Err(Refusal::new(Cause::CertificateExpired, detail));
    }
    let encoding = request.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
    if encoding != Some(b"zstd") {
        return Err(Refusal::new(Cause::BadCompression, "content-encoding has to be zstd"));
    }
    let batch = receive(gateway, agent, request).await?;
    if batch.envelope().agent != agent {
        let detail =
            format!("the envelope names {}, the certificate {agent}", batch.envelope().agent);
        return Err(Refusal::new(Cause::WrongIdentity, detail));
    }
    let durable = store(gateway, peer, agent, batch).await?;
    gateway.metrics.taken();
    Ok(acknowledge(gateway, agent, &durable))
}

/// What is durable need not be sent again; what is archived the agent may forget.
fn acknowledge(gateway: &Inner, agent: AgentId, durable: &Durable) -> Ack {
    Ack {
        epoch: durable.epoch(),
        lane: durable.lane(),
        durable: durable.last(),
        archived: gateway.archive.archived(agent, durable.epoch(), durable.lane()),
        configuration: gateway.configurations.version(agent),
        pace: gateway.config.pace,
        time: gateway.fleet.clock().now(),
        dictionary: wire::DICTIONARY_NUMBER,
    }
}

async fn receive(
    gateway: &Arc<Inner>,
    agent: AgentId,
    request: Request<Incoming>,
) -> Result<Batch, Refusal> {
    let of_agent = gateway.config.batches_per_agent_max;
    let Some(_place) = gateway.batches_of.take(agent, of_agent) else {
        let detail = format!("{of_agent} batches are on their way already");
        let retry_after = Some(ROOM_TIMEOUT);
        return Err(Refusal { retry_after, ..Refusal::new(Cause::TooFast, detail) });
    };
    let body = request.into_body();
    let most = limits::BATCH_BYTES_MAX;
    let expected = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let kibibytes = expected.unwrap_or(most).min(most) / 1024 + 1;
    let _memory = room(&gateway.memory, u32::try_from(kibibytes).unwrap_or(u32::MAX)).await?;
    let compressed = read_body(body, most).await?;
    let pace = gateway.config.pace.bytes_per_second;
    if let Some(wait) = gateway.rates.take(agent, compressed.len() as u64, pace) {
        let detail = format!("far over the pace of {pace} bytes a second");
        return Err(Refusal { retry_after: Some(wait), ..Refusal::new(Cause::TooFast, detail) });
    }
    let decoder = room(&gateway.decoders, 1).await?;
    let received = gateway.fleet.clock().now();
    let stage = gateway.metrics.checking.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        // Given back when the work is done, also when nobody waits for it any more.
        let _decoder = decoder;
        stage.measure(|| {
            let bytes = decompress(&compressed)?;
            Batch::decode_packed(compressed, &bytes, received).map_err(Refusal::from)
        })
    });
    decoding.await.map_err(|_| Refusal::unavailable("the collector is stopping"))?
}

async fn room(of: &Arc<Semaphore>, permits: u32) -> Result<OwnedSemaphorePermit, Refusal> {
    match timeout(ROOM_TIMEOUT, of.clone().acquire_many_owned(permits)).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Refusal::unavailable("the collector is busy")),
    }
}

/// Decompresses, but not beyond the limit: a bomb costs what a good batch may cost.
fn decompress(compressed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let bad = |error: std::io::Error| Refusal::new(Cause::BadCompression, error.to_string());
    let most = limits::BATCH_BYTES_DECOMPRESSED_MAX;
    let mut decoder =
        zstd::stream::read::Decoder::with_dictionary(compressed, wire::DICTIONARY).map_err(bad)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(bad)?;
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = decoder.read(&mut piece).map_err(bad)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(bytes);
        };
        if read.len() > most.saturating_sub(bytes.len()) {
            let detail = format!("more than {most} bytes after decompression");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        bytes.extend_from_slice(read);
    }
}

/// Stores a batch, unless a second machine lives under the identity. Batches of one agent are
/// judged one after another; they are stored together with those of others.
async fn store(
    gateway: &Arc<Inner>,
    peer: &Peer,
    agent: AgentId,
    batch: Batch,
) -> Result<Durable, Refusal> {
    let said = Said {
        run: batch.envelope().run,
        fingerprint: batch.envelope().fingerprint.clone(),
        connection: peer.connection,
        lane: batch.envelope().lane,
    };
    judge(gateway, agent, &said).await?;
    let (epoch, lane) = (batch.envelope().epoch, batch.envelope().lane);
    let archived = gateway.archive.archived(agent, epoch, lane);
    let is_dense = !gateway.asked.is_waiting((agent, epoch, lane));
    let stored = gateway.journal.append_after(batch, After { archived, is_dense }).await;
    if stored.is_ok() {
        gateway.asked.is_over((agent, epoch, lane));
    }
    match stored {
        // The agent may still have what is missing: it sends from there, or this batch again.
        Err(journal::Error::Gap(durable)) => {
            gateway.asked.ask((agent, epoch, lane));
            Ok(durable)
        }
        Err(journal::Error::Conflict { id }) => {
            tracing::warn!(%id, "the same id with another content: a copy of the spool is in use");
            Err(accuse_speaker(gateway, agent, &said).await?)
        }
        other => Ok(other?),
    }
}

async fn judge(gateway: &Arc<Inner>, agent: AgentId, said: &Said) -> Result<(), Refusal> {
    let runs = gateway.runs.of(agent);
    let mut runs = runs.lock().await;
    let enrolled = gateway.fleet.enrolled_fingerprint(agent).unwrap_or_default();
    let known = load(gateway, agent, &mut runs).await?;
    let mut judged = known.clone();
    let verdict = judged.judge(said, &enrolled);
    if judged.rows() != known.rows() {
        gateway.fleet.set_runs(agent, judged.rows()).await?;
    }
    *known = judged;
    match verdict {
        Verdict::Take => Ok(()),
        Verdict::Superseded => {
            let detail = "the agent has been started again since; nothing was taken";
            let retry_after = Some(SUPERSEDED_PAUSE);
            Err(Refusal { retry_after, ..Refusal::new(Cause::Unavailable, detail) })
        }
        Verdict::Clone => Err(cloned(gateway, agent, said).await?),
        Verdict::Accused(clone) => {
            tell(gateway, agent, &clone, known).await?;
            if clone.run == said.run { Err(cloned(gateway, agent, said).await?) } else { Ok(()) }
        }
    }
}

/// The speaker has used ids of another machine.
async fn accuse_speaker(
    gateway: &Arc<Inner>,
    agent: AgentId,
    said: &Said,
) -> Result<Refusal, Refusal> {
    let runs = gateway.runs.of(agent);
    let mut runs = runs.lock().await;
    let known = load(gateway, agent, &mut runs).await?;
    let mut judged = known.clone();
    if let Some(clone) = judged.accuse(said.run) {
        gateway.fleet.set_runs(agent, judged.rows()).await?;
        *known = judged;
        tell(gateway, agent, &clone, known).await?;
    }
    cloned(gateway, agent, said).await
}

async fn load<'a>(
    gateway: &Inner,
    agent: AgentId,
    runs: &'a mut Option<super::runs::Runs>,
) -> Result<&'a mut super::runs::Runs, Refusal> {
    let loaded = match runs.take() {
        Some(runs) => runs,
        None => super::runs::Runs::new(gateway.fleet.runs(agent).await?),
    };
    Ok(runs.insert(loaded))
}

async fn tell(
    gateway: &Inner,
    agent: AgentId,
    clone: &RunRow,
    known: &mut super::runs::Runs,
) -> Result<(), Refusal> {
    gateway.fleet.tell_clone(agent, clone).await?;
    known.told(clone.run);
    Ok(())
}

/// The answer that makes a clone a machine of its own.
async fn cloned(gateway: &Inner, agent: AgentId, said: &Said) -> Result<Refusal, Refusal> {
    let grant = gateway.fleet.grant(agent, said.run).await?;
    let detail = match grant {
        Some(_) => {
            "another machine lives under this identity; nothing was taken. Enrol with the grant"
        }
        None => "too many machines came out of this identity; enrol this one with a token",
    };
    Ok(Refusal { grant, ..Refusal::new(Cause::Cloned, detail) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decompression_stops_at_the_limit() {
        let check = |size: usize, expected: Result<usize, Cause>| {
            let packed = zstd::bulk::compress(&vec![b'x'; size], 3).unwrap();
            let got = decompress(&packed).map(|bytes| bytes.len()).map_err(|refusal| refusal.cause);
            assert_eq!(got, expected, "{size}");
        };
        let most = limits::BATCH_BYTES_DECOMPRESSED_MAX;
        check(0, Ok(0));
        check(most, Ok(most));
        check(most + 1, Err(Cause::TooLarge));
        check(most * 16, Err(Cause::TooLarge));
    }

    #[test]
    fn a_frame_cut_anywhere_is_bad_compression() {
        let packed = zstd::bulk::compress(b"{\"a\":1}\n{\"b\":2}\n", 3).unwrap();
        for cut in 1..packed.len() {
            let refusal = decompress(&packed[..cut]).unwrap_err();
            assert_eq!(refusal.cause, Cause::BadCompression, "cut at {cut}");
        }
    }
}
