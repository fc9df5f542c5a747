use std::collections::BTreeSet;

use super::application::{self, IisApplication};
use super::encoding::Encoding;
use super::xml;
use crate::error::{Error, ErrorKind, Result};
use crate::names::HostPath;

/// Where IIS keeps its sites (documented). On 64-bit Windows only 64-bit programs see it there.
pub(super) const SITES: &str = r"C:\Windows\System32\inetsrv\config\applicationHost.config";

/// Where Microsoft's pages say that the web components are; they are looked at beside what IIS says.
pub(super) const USUAL: &[&str] = &[
    r"C:\Program Files (x86)\Microsoft System Center 2012\Orchestrator\Web Service\Orchestrator2012",
    r"C:\Program Files (x86)\Microsoft System Center 2016\Orchestrator\Web Service\Orchestrator2016",
    r"C:\Program Files (x86)\Microsoft System Center\Orchestrator\Web Service\Orchestrator",
    r"C:\Program Files\Microsoft System Center\Orchestrator\WebApi",
];

/// The console's configuration, below its folder (documented).
const CONSOLE: &str = r"assets\configuration.json";

/// A folder with a web.config, and who said so.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) path: HostPath,
    /// Where the console's configuration would be, if that is what the application is.
    console: Option<HostPath>,
    pub(super) application: Option<IisApplication>,
    /// Whether name or place say that it is Orchestrator's, as its content may not.
    pub(super) is_named_so: bool,
}

impl Candidate {
    /// Whether it was named, and is a console's configuration.
    pub(super) fn is_console(&self) -> bool {
        self.console.as_ref() == Some(&self.path)
    }

    /// Where a console's configuration would be.
    pub(super) const fn console(&self) -> Option<&HostPath> {
        self.console.as_ref()
    }
}

/// What an applicationHost.config says.
#[derive(Debug)]
pub(super) struct Applications {
    /// The web.config of each application.
    pub(super) found: Vec<Candidate>,
    /// The folders that are not understood.
    pub(super) not_understood: Vec<String>,
}

/// The applications in an applicationHost.config.
pub(super) fn applications(bytes: &[u8]) -> Result<Applications> {
    let (_, text) = Encoding::decode(bytes)?;
    let document = xml::parse(&text)?;
    let root = document.root_element();
    if !xml::is(root, "configuration") {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "its root is not <configuration>",
        ));
    }
    let mut applications = Vec::new();
    let mut folders = Vec::new();
    for sites in xml::below(root, &["system.applicationHost", "sites"]) {
        let default = application::default_pool(sites);
        for site in xml::below(sites, &["site"]) {
            let default = application::default_pool(site).or_else(|| default.clone());
            let bindings = application::bindings(site);
            let said = |node, name| xml::attribute(node, name).map(str::to_owned);
            for node in xml::below(site, &["application"]) {
                let all = xml::below(node, &["virtualDirectory"]);
                for folder in all
                    .into_iter()
                    .filter(|folder| xml::attribute(*folder, "path") == Some("/"))
                {
                    folders.push(said(folder, "physicalPath").unwrap_or_default());
                    applications.push(IisApplication {
                        site: said(site, "name").unwrap_or_default(),
                        path: said(node, "path").unwrap_or_default(),
                        pool: said(node, "applicationPool").or_else(|| default.clone()),
                        pool_shared_with: Vec::new(),
                        bindings: bindings.clone(),
                    });
                }
            }
        }
    }
    application::note_neighbours(&mut applications);
    let (mut found, mut not_understood) = (Vec::new(), Vec::new());
    for (application, folder) in applications.into_iter().zip(folders) {
        match file_in(&folder, "web.config") {
            Some(path) => found.push(Candidate {
                is_named_so: is_orchestrator(&[&application.site, &application.path, &folder]),
                console: file_in(&folder, CONSOLE),
                path,
                application: Some(application),
            }),
            None => not_understood.push(folder),
        }
    }
    Ok(Applications {
        found,
        not_understood,
    })
}

/// The usual places, and those that the caller names.
pub(super) fn named(also: &[HostPath]) -> Vec<Candidate> {
    let usual = USUAL
        .iter()
        .filter_map(|folder| file_in(folder, "web.config"));
    usual
        .chain(also.iter().cloned())
        .map(|path| Candidate {
            console: path
                .as_str()
                .to_lowercase()
                .ends_with(".json")
                .then(|| path.clone()),
            path,
            application: None,
            is_named_so: true,
        })
        .collect()
}

/// Each file once, as the first who named it did; that it is Orchestrator's is believed of anybody.
pub(super) fn distinct(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let lower = |path: &HostPath| path.as_str().to_lowercase();
    let named_so: BTreeSet<String> = candidates
        .iter()
        .filter(|candidate| candidate.is_named_so)
        .map(|candidate| lower(&candidate.path))
        .collect();
    let mut known = BTreeSet::new();
    candidates
        .into_iter()
        .filter(|candidate| known.insert(lower(&candidate.path)))
        .map(|candidate| Candidate {
            is_named_so: named_so.contains(&lower(&candidate.path)),
            ..candidate
        })
        .collect()
}

fn is_orchestrator(names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| name.to_lowercase().contains("orchestrator"))
}

/// A file in a folder as IIS writes it. Of variables only `%SystemDrive%` is understood: IIS's own
/// configuration was found on `C:`.
fn file_in(folder: &str, file: &str) -> Option<HostPath> {
    const DRIVE: &str = "%systemdrive%";
    let folder = match folder.get(..DRIVE.len()) {
        Some(start) if start.eq_ignore_ascii_case(DRIVE) => format!("C:{}", &folder[DRIVE.len()..]),
        _ => folder.to_owned(),
    };
    if folder.contains('%') {
        return None;
    }
    format!(r"{}\{file}", folder.trim_end_matches('\\'))
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_are_found_with_their_folders() {
        let sites = r#"<?xml version="1.0" encoding="UTF-8"?>
<configuration><system.applicationHost><applicationPools/><sites>
 <site name="Default" id="1"><application path="/"><virtualDirectory path="/" physicalPath="%SystemDrive%\inetpub\wwwroot"/>
   <virtualDirectory path="/x" physicalPath="D:\x"/></application></site>
 <!-- <site name="no"><application path="/"><virtualDirectory path="/" physicalPath="D:\no"/></application></site> -->
 <site name='Microsoft System Center 2012 Orchestrator Web Service' id='2'>
  <application path="/" applicationPool="p"><virtualDirectory path="/" physicalPath="E:\W &amp; S\"/></application>
  <application path="/b"><virtualDirectory path="/" physicalPath="%OTHER%\b"/></application>
  <application path="/c" applicationPool="P"><virtualDirectory path="/" physicalPath="\\share\c"/></application>
  <bindings><binding protocol="http" bindingInformation="*:81:"/><binding protocol="net.pipe" bindingInformation="*"/></bindings>
 </site><siteDefaults/><applicationDefaults applicationPool="DefaultAppPool"/></sites></system.applicationHost></configuration>"#;
        let Applications {
            found,
            not_understood,
        } = applications(sites.as_bytes()).unwrap();
        let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(
            paths,
            [r"C:\inetpub\wwwroot\web.config", r"E:\W & S\web.config"]
        );
        assert_eq!(not_understood, [r"%OTHER%\b", r"\\share\c"]);
        assert_eq!(
            found
                .iter()
                .map(|found| found.is_named_so)
                .collect::<Vec<_>>(),
            [false, true]
        );
        let application = |at: usize| found[at].application.as_ref().unwrap();
        assert_eq!(application(0).pool.as_deref(), Some("DefaultAppPool"));
        assert_eq!(
            application(0).pool_shared_with,
            ["Microsoft System Center 2012 Orchestrator Web Service/b"]
        );
        assert_eq!(application(1).pool.as_deref(), Some("p"));
        assert_eq!(
            application(1).pool_shared_with,
            ["Microsoft System Center 2012 Orchestrator Web Service/c"],
            "whichever case the pool's name has"
        );
        assert_eq!(application(1).bindings.len(), 1);
        assert_eq!(application(1).bindings[0].port, 81);
        assert_eq!(
            found[1].console.as_ref().unwrap().as_str(),
            r"E:\W & S\assets\configuration.json"
        );
    }

    #[test]
    fn a_file_is_looked_at_once() {
        let path = |path: &str| path.parse::<HostPath>().unwrap();
        let mut all = vec![Candidate {
            path: path(r"c:\program files\microsoft system center\orchestrator\webapi\WEB.config"),
            console: None,
            application: None,
            is_named_so: false,
        }];
        all.extend(named(&[path(r"D:\w\web.config"), path(r"d:\W\web.config")]));
        let all = distinct(all);
        assert_eq!(all.len(), USUAL.len() + 1);
        assert!(all.iter().all(|candidate| candidate.is_named_so));
    }
}
