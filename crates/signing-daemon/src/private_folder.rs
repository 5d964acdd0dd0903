//! Folders that only the daemon's user may enter.

use crate::error::SigningDaemonError;
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

/// Makes the folder with mode 0700, or checks the mode of the one that is there.
///
/// # Errors
/// `OpenFolder` when other users may enter it, or `Io`.
pub(crate) fn private_folder(folder: &Path) -> Result<(), SigningDaemonError> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(io_error(folder))?;
    let found = fs::metadata(folder).map_err(io_error(folder))?;
    match found.permissions().mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(SigningDaemonError::OpenFolder {
            path: folder.to_owned(),
            mode,
        }),
    }
}

/// Adds the path to an error of the file system.
pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> SigningDaemonError + '_ {
    move |source| SigningDaemonError::Io {
        path: path.to_owned(),
        source,
    }
}
