//! The files of a server by the book of a test, in memory, by SFTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use russh_sftp::protocol::{
    Attrs, Data, FileAttributes, Handle, OpenFlags, Status, StatusCode, Version,
};
use russh_sftp::server::Handler;

/// Files by their paths as SFTP has them, with their modes. Clones are one disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Files>>);

type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// A path of Windows as SFTP has it.
fn remote(path: &str) -> String {
    format!("/{}", path.replace('\\', "/"))
}

impl Disk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }

    pub(crate) fn put(&self, path: &str, mode: u32, content: &str) {
        self.files().insert(remote(path), (mode, content.into()));
    }

    pub(crate) fn content(&self, path: &str) -> Option<String> {
        let files = self.files();
        let (_, content) = files.get(&remote(path))?;
        Some(String::from_utf8(content.clone()).unwrap())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().keys().cloned().collect()
    }

    /// What `ReplaceFile` does.
    pub(crate) fn replace(&self, new: &str, target: &str) {
        let mut files = self.files();
        let (_, content) = files.remove(&remote(new)).unwrap();
        files.get_mut(&remote(target)).unwrap().1 = content;
    }
}

fn done(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: String::new(),
        language_tag: String::new(),
    }
}

impl Handler for Disk {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(
        &mut self,
        _: u32,
        _: std::collections::HashMap<String, String>,
    ) -> Result<Version, StatusCode> {
        Ok(Version::new())
    }

    async fn open(
        &mut self,
        id: u32,
        path: String,
        flags: OpenFlags,
        _: FileAttributes,
    ) -> Result<Handle, StatusCode> {
        let mut files = self.files();
        match (flags.contains(OpenFlags::CREATE), files.contains_key(&path)) {
            (true, true) => return Err(StatusCode::Failure),
            (false, false) => return Err(StatusCode::NoSuchFile),
            (true, false) => drop(files.insert(path.clone(), (0o644, Vec::new()))),
            (false, true) => {}
        }
        Ok(Handle { id, handle: path })
    }

    async fn close(&mut self, id: u32, _: String) -> Result<Status, StatusCode> {
        Ok(done(id))
    }

    async fn read(
        &mut self,
        id: u32,
        path: String,
        offset: u64,
        length: u32,
    ) -> Result<Data, StatusCode> {
        let files = self.files();
        let (_, content) = &files[&path];
        let rest = &content[usize::try_from(offset).unwrap().min(content.len())..];
        if rest.is_empty() {
            return Err(StatusCode::Eof);
        }
        let length = rest.len().min(length as usize);
        Ok(Data {
            id,
            data: rest[..length].to_vec(),
        })
    }

    async fn write(
        &mut self,
        id: u32,
        path: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, StatusCode> {
        let mut files = self.files();
        let (_, content) = files.get_mut(&path).unwrap();
        assert_eq!(content.len() as u64, offset, "written in order");
        content.extend(data);
        Ok(done(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        let files = self.files();
        let (mode, content) = files.get(&path).ok_or(StatusCode::NoSuchFile)?;
        let attrs = FileAttributes {
            size: Some(content.len() as u64),
            permissions: Some(0o100_000 | mode),
            mtime: Some(1_700_000_000),
            ..FileAttributes::empty()
        };
        Ok(Attrs { id, attrs })
    }

    async fn remove(&mut self, id: u32, path: String) -> Result<Status, StatusCode> {
        let removed = self.files().remove(&path);
        removed.map(|_| done(id)).ok_or(StatusCode::NoSuchFile)
    }
}
