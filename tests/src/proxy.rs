//! A proxy that passes on what it is asked by CONNECT, and counts every byte of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes that went through: what TLS made of what was said, without the headers of TCP and IP.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Counts {
    /// Bytes in both directions.
    pub fn total(&self) -> u64 {
        self.up.load(Relaxed) + self.down.load(Relaxed)
    }
}

/// Serves on a port of its own until the runtime ends; its address as `http://127.0.0.1:PORT`.
///
/// # Errors
/// When there is no port.
pub async fn start() -> std::io::Result<(String, Counts)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, counts) = (format!("http://{}", listener.local_addr()?), Counts::default());
    let counted = counts.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counts = counted.clone();
            tokio::spawn(async move {
                let _ = pass_on(stream, counts).await;
            });
        }
    });
    Ok((address, counts))
}

async fn pass_on(mut client: TcpStream, counts: Counts) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let to = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let server = TcpStream::connect(&to).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = tokio::spawn(copy(from_client, to_server, counts.up));
    let down = copy(from_server, to_client, counts.down).await;
    up.abort();
    down
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    count: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        count.fetch_add(read as u64, Relaxed);
        to.write_all(&buffer[..read]).await?;
    }
}
