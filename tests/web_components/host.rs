//! A host in memory: files with permissions, and stand-ins for `aspnet_regiis` and `appcmd`. Every call is counted, and
//! one of them can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scorch_recovery::names::{HostName, HostPath};
use scorch_recovery::transport::{
    CommandOutput, CommandTransport, FileStatus, FileTransport, HostCommand, HostError,
    ProcessStatus, TransportErrorKind, codes,
};
use scorch_recovery::{Context, ContextBuilder};
use time::macros::datetime;

pub(crate) const SITES: &str = r"C:\Windows\System32\inetsrv\config\applicationHost.config";
pub(crate) const PRIVATE: &str = r"C:\Recovery\web.config";
pub(crate) const KEPT: &str = r"C:\Recovery";

/// In which way a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Refused: nothing is done.
    Refused,
    /// The answer is lost, and nothing is done.
    LostBefore,
    /// The answer is lost, and it is done.
    LostAfter,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) content: Vec<u8>,
    /// Who may read it, in a word.
    pub(crate) permissions: String,
    pub(crate) is_held_open: bool,
    pub(crate) is_read_only: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// By their paths in small letters.
    pub(crate) files: BTreeMap<String, File>,
    /// Each content that a file ever had.
    pub(crate) history: Vec<(String, Vec<u8>)>,
    pub(crate) commands: Vec<Vec<String>>,
    /// What was asked, in order.
    pub(crate) calls: Vec<String>,
    /// The call that fails, counted from 0, and how.
    pub(crate) fails: Option<(usize, Failure)>,
    /// Calls from there on that fail, whichever.
    pub(crate) fails_from: Option<usize>,
    /// What somebody else does to a file after a replacement of it: its content then.
    pub(crate) meddles: Option<Vec<u8>>,
    /// What somebody else does once the first file was replaced: to the second, this content.
    pub(crate) overwrites: Option<(String, String, Vec<u8>)>,
    nonce: u8,
    /// What the stand-in for `aspnet_regiis` answers with instead of doing it.
    pub(crate) exit_code: u32,
    /// What the stand-in for `appcmd` answers with.
    pub(crate) appcmd_exit_code: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Host(Arc<Mutex<State>>);

impl Host {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        let file = File {
            content: content.into(),
            permissions: format!("of {}", path.rsplit_once('\\').unwrap().0),
            is_held_open: false,
            is_read_only: false,
        };
        self.state().files.insert(path.to_lowercase(), file);
    }

    /// A host with these applications: folders below `C:\Sites`, each with a web.config.
    pub(crate) fn with(applications: &[(&str, &[u8])]) -> Self {
        let host = Self::default();
        let mut sites = String::new();
        for (name, content) in applications {
            host.put(&format!(r"C:\Sites\{name}\web.config"), *content);
            sites += &format!(
                "<site name='{name}' id='1'><application path='/' applicationPool='{name} Pool'><virtualDirectory path='/' physicalPath='C:\\Sites\\{name}'/></application></site>"
            );
        }
        host.put(SITES, format!("<configuration><system.applicationHost><sites>{sites}</sites></system.applicationHost></configuration>"));
        host
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state
            .files
            .get(&path.to_lowercase())
            .map(|file| file.content.clone())
    }

    pub(crate) fn builder(&self) -> ContextBuilder {
        Context::builder()
            .files(self.clone())
            .commands(self.clone())
    }

    pub(crate) fn context(&self) -> Context {
        self.builder().build().unwrap()
    }

    /// Counts a call, and does it unless it is to fail.
    fn call<T>(
        &self,
        what: String,
        work: impl FnOnce(&mut State) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(what);
        let lost = || HostError::lost(TransportErrorKind::Timeout, "no answer");
        if state.fails_from.is_some_and(|from| number >= from) {
            return Err(HostError::lost(
                TransportErrorKind::Connect,
                "the host is gone",
            ));
        }
        match state.fails {
            Some((at, Failure::Refused)) if at == number => Err(HostError::refused(
                codes::ACCESS_DENIED,
                "Access is denied.",
            )),
            Some((at, Failure::LostBefore)) if at == number => Err(lost()),
            Some((at, Failure::LostAfter)) if at == number => {
                let _ = work(&mut state);
                Err(lost())
            }
            _ => work(&mut state),
        }
    }
}

fn absent() -> HostError {
    HostError::refused(
        codes::FILE_NOT_FOUND,
        "The system cannot find the file specified.",
    )
}

impl State {
    fn file(&mut self, path: &HostPath) -> Result<&mut File, HostError> {
        self.files
            .get_mut(&path.as_str().to_lowercase())
            .ok_or_else(absent)
    }

    fn new_file(&mut self, path: &HostPath, file: File) -> Result<(), HostError> {
        let key = path.as_str().to_lowercase();
        if self.files.contains_key(&key) {
            return Err(HostError::refused(codes::FILE_EXISTS, "The file exists."));
        }
        self.history.push((key.clone(), file.content.clone()));
        self.files.insert(key, file);
        Ok(())
    }
}

#[async_trait]
impl FileTransport for Host {
    async fn stat(&self, _: &HostName, path: &HostPath) -> Result<Option<FileStatus>, HostError> {
        self.call(format!("stat {path}"), |state| {
            let Ok(file) = state.file(path) else {
                return Ok(None);
            };
            Ok(Some(FileStatus {
                size: file.content.len() as u64,
                modified: datetime!(2026-01-01 0:00 UTC),
                is_read_only: file.is_read_only,
            }))
        })
    }

    async fn read(&self, _: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError> {
        self.call(format!("read {path}"), |state| {
            Ok(state.file(path)?.content.clone())
        })
    }

    async fn list(&self, _: &HostName, _: &HostPath) -> Result<Vec<String>, HostError> {
        panic!("nothing here lists")
    }

    async fn write_new(
        &self,
        _: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        self.call(format!("write {path}"), |state| {
            let folder = path.as_str().rsplit_once('\\').unwrap().0;
            let file = File {
                content: content.to_vec(),
                permissions: format!("of {folder}"),
                is_held_open: false,
                is_read_only: false,
            };
            state.new_file(path, file)
        })
    }

    async fn replace(
        &self,
        _: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        self.call(format!("replace {path}"), |state| {
            let meddled = state.meddles.take_if(|_| !path.as_str().starts_with(KEPT));
            let file = state.file(path)?;
            if file.is_held_open {
                return Err(HostError::refused(
                    codes::SHARING_VIOLATION,
                    "It is being used.",
                ));
            }
            file.content = meddled.unwrap_or_else(|| content.to_vec());
            state
                .history
                .push((path.as_str().to_lowercase(), content.to_vec()));
            let is_then = |trigger: &mut (String, String, Vec<u8>)| {
                trigger.0.eq_ignore_ascii_case(path.as_str())
            };
            if let Some((_, other, content)) = state.overwrites.take_if(is_then)
                && let Some(file) = state.files.get_mut(&other)
            {
                file.content = content;
            }
            Ok(())
        })
    }

    async fn copy(&self, _: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        self.call(format!("copy {from} {to}"), |state| {
            let file = state.file(from)?.clone();
            state.new_file(to, file)
        })
    }

    async fn remove(&self, _: &HostName, path: &HostPath) -> Result<(), HostError> {
        self.call(format!("remove {path}"), |state| {
            let removed = state.files.remove(&path.as_str().to_lowercase());
            removed.map(drop).ok_or_else(absent)
        })
    }
}

/// The stand-in: it takes the documented switches, and its encryption is none.
#[async_trait]
impl CommandTransport for Host {
    async fn run(&self, _: &HostName, command: &HostCommand) -> Result<CommandOutput, HostError> {
        self.call(
            format!("run {} {}", command.program, command.arguments[0]),
            |state| {
                state.commands.push(command.arguments.clone());
                if command.program.file_name() == "appcmd.exe" {
                    return Ok(CommandOutput {
                        exit_code: state.appcmd_exit_code,
                        standard_output: "it says \u{1b}[31msomething".to_owned(),
                        standard_error: String::new(),
                    });
                }
                let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
                let path: HostPath = format!(r"{}\web.config", arguments[2]).parse().unwrap();
                let exit_code = if state.exit_code == 0 {
                    stand_in_for_aspnet_regiis(state, &arguments, &path)?
                } else {
                    state.exit_code
                };
                Ok(CommandOutput {
                    exit_code,
                    standard_output: "what it writes may hold Pa55-canary".to_owned(),
                    standard_error: String::new(),
                })
            },
        )
    }

    async fn process(&self, _: &HostName, _: u32) -> Result<Option<ProcessStatus>, HostError> {
        panic!("nothing here asks for processes")
    }
}

fn stand_in_for_aspnet_regiis(
    state: &mut State,
    arguments: &[&str],
    path: &HostPath,
) -> Result<u32, HostError> {
    state.nonce += 1;
    let nonce = state.nonce;
    let file = state.file(path)?;
    let Ok(text) = String::from_utf8(file.content.clone()) else {
        return Ok(1);
    };
    let text = match arguments {
        ["-pdf", "connectionStrings", _] => decrypt(&text),
        ["-pef", "connectionStrings", _, "-prov", provider] => encrypt(&text, provider, nonce),
        _ => return Ok(2),
    };
    let Some(mut text) = text else { return Ok(1) };
    // It may write what is around the section in its own way; that must not reach the site.
    text.push_str("<!-- written by the tool -->");
    let content = text.clone().into_bytes();
    file.content = text.into_bytes();
    state.history.push((path.as_str().to_lowercase(), content));
    Ok(0)
}

/// The section in a form that does not show it, another one each time.
pub(crate) fn encrypt(text: &str, provider: &str, nonce: u8) -> Option<String> {
    let start = text.find("<connectionStrings")?;
    let end = text.find("</connectionStrings>")? + "</connectionStrings>".len();
    let hidden: Vec<u8> = text[start..end].bytes().map(|byte| byte ^ nonce).collect();
    let data = STANDARD.encode([&[nonce], hidden.as_slice()].concat());
    Some(format!(
        "{}<connectionStrings configProtectionProvider=\"{provider}\">\r\n  <EncryptedData Type=\"http://www.w3.org/2001/04/xmlenc#Element\" xmlns=\"http://www.w3.org/2001/04/xmlenc#\"><CipherData><CipherValue>{data}</CipherValue></CipherData></EncryptedData>\r\n </connectionStrings>{}",
        &text[..start],
        &text[end..]
    ))
}

pub(crate) fn decrypt(text: &str) -> Option<String> {
    let start = text.find("<connectionStrings")?;
    let end = text.find("</connectionStrings>")? + "</connectionStrings>".len();
    let data = text.split_once("<CipherValue>")?.1.split_once('<')?.0;
    let data = STANDARD.decode(data).ok()?;
    let (nonce, hidden) = data.split_first()?;
    let clear = hidden.iter().map(|byte| byte ^ nonce).collect();
    let clear = String::from_utf8(clear).ok()?;
    Some(format!("{}{clear}{}", &text[..start], &text[end..]))
}
