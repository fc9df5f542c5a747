use std::path::PathBuf;
use std::time::Duration;

use super::login::SshLogin;

/// How files of a host are put in the place of others, and copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileReplacement {
    /// The content goes over SFTP to a file beside, and Windows PowerShell on the host puts it in the place of the
    /// old one by `ReplaceFile`, which keeps owner, permissions and attributes (documented). The default.
    PowerShell,
    /// By SFTP alone (`posix-rename@openssh.com`), with the mode and the owner of Unix. The permissions that Windows
    /// has (ACL) are *not* kept by it: for servers whose files have none.
    SftpOnly,
}

/// Where a host's OpenSSH server is, how its key is known, and who signs in there.
#[derive(Clone, Debug)]
pub struct SshEndpoint {
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) login: SshLogin,
    pub(super) known_hosts: Option<PathBuf>,
    pub(super) connect_deadline: Duration,
    pub(super) replacement: FileReplacement,
    pub(super) files_below: String,
}

impl SshEndpoint {
    /// The server at `address`, port 22. Its key must be in this user's `~/.ssh/known_hosts` under that address.
    #[must_use]
    pub fn new(address: impl Into<String>, login: SshLogin) -> Self {
        Self {
            address: address.into(),
            port: 22,
            login,
            known_hosts: None,
            connect_deadline: Duration::from_secs(15),
            replacement: FileReplacement::PowerShell,
            files_below: String::new(),
        }
    }

    /// Another port than 22. In the file of known hosts it stands as `[ADDRESS]:PORT`, as OpenSSH writes it.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The file of known hosts, in OpenSSH's form; hashed entries count too. There is no way to do without.
    #[must_use]
    pub fn known_hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.known_hosts = Some(path.into());
        self
    }

    /// How long making a connection may take, signing in included. Default: 15 seconds, so that it ends before the
    /// context's deadline for a call does, and is told as what it is.
    #[must_use]
    pub const fn connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// How files are put in the place of others.
    #[must_use]
    pub const fn files_replaced_by(mut self, replacement: FileReplacement) -> Self {
        self.replacement = replacement;
        self
    }

    /// The folder of the server, as SFTP sees it, in which its drives are. Default: the root, so that `C:\a` is
    /// `/C:/a`, as OpenSSH for Windows has it (community).
    #[must_use]
    pub fn files_below(mut self, folder: impl Into<String>) -> Self {
        self.files_below = folder.into();
        self
    }
}
