use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Error;

/// A certificate and its key, kept in one file so that they cannot part.
pub(super) struct KeyPairFile {
    pub(super) certificate: CertificateDer<'static>,
    /// The certificate as it stands in the file.
    pub(super) certificate_pem: String,
    pub(super) key: PrivateKeyDer<'static>,
}

const CERTIFICATE_END: &str = "-----END CERTIFICATE-----";

/// Makes the folder, readable by its owner only.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| io_error(folder, source))
}

/// Reads certificate and key; nothing where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<KeyPairFile>, Error> {
    let pem = match fs::read_to_string(path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error(path, source)),
    };
    let certificate =
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(path, &error))?;
    let key =
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(path, &error))?;
    let certificate_pem = match pem.split_once(CERTIFICATE_END) {
        Some((before, _)) => format!("{before}{CERTIFICATE_END}\n"),
        None => return Err(damaged(path, &"no end of the certificate")),
    };
    Ok(Some(KeyPairFile { certificate, certificate_pem, key }))
}

/// Writes a file that only its owner can read: whole or not at all, also when power fails.
pub(super) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let written = write_and_rename(path, &temporary, content);
    written.map_err(|source| io_error(path, source))
}

fn write_and_rename(path: &Path, temporary: &Path, content: &str) -> io::Result<()> {
    // Left by a crash; its mode is not to be trusted.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Damaged { path: path.display().to_string(), reason: reason.to_string() }
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}
