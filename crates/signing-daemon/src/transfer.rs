//! Export and import of a record, so that keys can move to another machine.

use crate::{
    config::SigningDaemonConfig,
    error::SigningDaemonError,
    interchange::{check_length, Interchange, InterchangeError, FILE_BYTES_MAX},
    private_folder::io_error,
    record::{MergeCounts, MergeError, SigningRecord},
};
use llm_oracle_support::address::{hex0x, ss58};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Exports the record of the deployment in the settings as it is, to be printed.
///
/// # Errors
/// `NoRecord`, `Locked` while the daemon runs, `Database`, `Interchange` when it is too long.
pub(crate) fn export(config: &SigningDaemonConfig) -> Result<Interchange, SigningDaemonError> {
    let record = SigningRecord::open_existing(&config.store)?;
    read(config, &record)
}

/// Exports the record to a new file with mode 0600. With `retire` the record signs nothing again; that is
/// durable before the first byte of the file is written.
///
/// # Errors
/// As [`export`], and `Io` when the file is there already or can't be written. `RetiredWithoutFile` when it
/// can't be written after the record was retired: the record can be exported again.
pub(crate) fn export_to(
    config: &SigningDaemonConfig,
    path: &Path,
    retire: bool,
) -> Result<Interchange, SigningDaemonError> {
    export_with(config, path, retire, write)
}

/// [`export_to`] with the function that writes the file, which tests replace.
pub(crate) fn export_with(
    config: &SigningDaemonConfig,
    path: &Path,
    retire: bool,
    write: impl FnOnce(File, &Path, &[u8]) -> io::Result<()>,
) -> Result<Interchange, SigningDaemonError> {
    let record = SigningRecord::open_existing(&config.store)?;
    let mut exported = read(config, &record)?;
    exported.retired |= retire;
    let text = exported
        .to_text()
        .map_err(|error| SigningDaemonError::Interchange {
            path: config.store.clone(),
            error,
        })?;
    // Made before the record is retired: most of what can go wrong with a file goes wrong here.
    let file = create(path).map_err(io_error(path))?;
    if retire {
        let retired = record.retire(&exported.deployment);
        if let Err(reason) = retired {
            let _ = fs::remove_file(path);
            return Err(config.record_failed(reason));
        }
    }
    let written = write(file, path, text.as_bytes());
    written.map_err(|source| {
        // A file that is cut off would be refused by an import; better none.
        let _ = fs::remove_file(path);
        match exported.retired {
            true => SigningDaemonError::RetiredWithoutFile {
                path: path.to_owned(),
                source,
            },
            false => io_error(path)(source),
        }
    })?;
    Ok(exported)
}

/// Merges a file into the record of the deployment in the settings, and makes the record if there is none.
/// Equal rows are kept. A contradicting row is named, and then nothing is written.
///
/// # Errors
/// `Interchange`, `OtherDeployment`, `Conflict`, `Retired`, `Locked` while the daemon runs, `Database`, `Io`.
pub(crate) fn import(
    config: &SigningDaemonConfig,
    path: &Path,
) -> Result<(Interchange, MergeCounts), SigningDaemonError> {
    let deployment = config.deployment()?;
    let found = Interchange::parse(&read_file(path)?).map_err(of_file(path))?;
    if found.deployment != deployment {
        return Err(SigningDaemonError::OtherDeployment {
            path: path.to_owned(),
            domain: hex0x(&found.deployment.domain),
            contract: ss58(&found.deployment.contract.into()),
        });
    }
    let record = SigningRecord::open(&config.store)?;
    let merged = record.merge(&deployment, &found.rows);
    let counts = merged.map_err(|error| match error {
        MergeError::Retired => SigningDaemonError::Retired {
            path: config.store.clone(),
        },
        MergeError::Conflict {
            operator,
            request_id,
            refusal,
        } => SigningDaemonError::Conflict {
            path: path.to_owned(),
            operator: ss58(&operator),
            request_id,
            reason: refusal.to_string(),
        },
        MergeError::Database(reason) => config.record_failed(reason),
    })?;
    Ok((found, counts))
}

fn read(
    config: &SigningDaemonConfig,
    record: &SigningRecord,
) -> Result<Interchange, SigningDaemonError> {
    let deployment = config.deployment()?;
    let failed = |reason| config.record_failed(reason);
    Ok(Interchange {
        deployment,
        retired: record.is_retired(&deployment).map_err(failed)?,
        rows: record.rows(&deployment).map_err(failed)?,
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, SigningDaemonError> {
    let file = File::open(path).map_err(io_error(path))?;
    let mut bytes = Vec::new();
    // One more than allowed, so that a longer file is found.
    let mut limited = file.take(FILE_BYTES_MAX.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(io_error(path))?;
    check_length(bytes.len()).map_err(of_file(path))?;
    Ok(bytes)
}

fn of_file(path: &Path) -> impl FnOnce(InterchangeError) -> SigningDaemonError + '_ {
    move |error| SigningDaemonError::Interchange {
        path: path.to_owned(),
        error,
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a file so that it is there after a power cut, with its name.
fn write(mut file: File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
