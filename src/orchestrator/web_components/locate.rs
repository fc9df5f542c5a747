use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::application::{self, IisApplication};
use super::encoding::Encoding;
use super::outside;
use super::xml;
use crate::error::{Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::HostFiles;

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

/// A file to look at, and who said so.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) path: HostPath,
    /// Whether it would be the console's configuration, and no web.config.
    pub(super) is_console: bool,
    /// The applications whose folder it is in, in IIS's order.
    pub(super) applications: Vec<IisApplication>,
    /// Whether name or place say that it is Orchestrator's, as its content may not.
    pub(super) is_named_so: bool,
}

/// What an applicationHost.config says of sites.
#[derive(Debug)]
pub(super) struct Sites {
    /// The web.config of each application, and what would be a console's configuration.
    pub(super) found: Vec<Candidate>,
    /// The folders that are not understood.
    pub(super) not_understood: Vec<String>,
    /// Every folder that is served, those of virtual directories too.
    folders: Vec<String>,
}

impl Sites {
    /// Those of a host; `None` where IIS has no configuration, or the transport does not see it.
    pub(super) async fn read(files: &HostFiles<'_>) -> Result<Option<Self>> {
        let path: HostPath = SITES.parse()?;
        let Some(bytes) = files.read(&path).await? else {
            return Ok(None);
        };
        match sites(&bytes) {
            Ok(sites) => Ok(Some(sites)),
            Err(error) => {
                let detail = format!("{path}: {}", error.detail());
                Err(Error::new(error.kind(), detail))
            }
        }
    }

    /// The candidates that are that file.
    pub(super) fn of<'a>(&'a self, path: &HostPath) -> impl Iterator<Item = &'a Candidate> {
        let path = key(path);
        self.found
            .iter()
            .filter(move |candidate| key(&candidate.path) == path)
    }

    /// Refuses a folder that one of them serves.
    pub(super) fn require_outside(&self, setter: &'static str, folder: &HostPath) -> Result<()> {
        self.folders
            .iter()
            .try_for_each(|site| outside::require(setter, folder, site))
    }
}

/// The sites in an applicationHost.config. A virtual directory that is no application's root serves files
/// and is none of Orchestrator's applications.
pub(super) fn sites(bytes: &[u8]) -> Result<Sites> {
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
    let mut roots = Vec::new();
    let mut folders = Vec::new();
    for sites in xml::below(root, &["system.applicationHost", "sites"]) {
        let default = application::default_pool(sites);
        for site in xml::below(sites, &["site"]) {
            let default = application::default_pool(site).or_else(|| default.clone());
            let bindings = application::bindings(site);
            let said = |node, name| xml::attribute(node, name).map(str::to_owned);
            for node in xml::below(site, &["application"]) {
                for directory in xml::below(node, &["virtualDirectory"]) {
                    let folder = said(directory, "physicalPath").unwrap_or_default();
                    folders.extend(expanded(&folder).filter(|folder| !folder.is_empty()));
                    if xml::attribute(directory, "path") != Some("/") {
                        continue;
                    }
                    roots.push(folder);
                    let pool = said(node, "applicationPool").or_else(|| default.clone());
                    applications.push(IisApplication {
                        site: said(site, "name").unwrap_or_default(),
                        path: said(node, "path").unwrap_or_default(),
                        // What an empty name means is not known: no pool has one.
                        pool: pool.filter(|name| !name.is_empty()),
                        pool_shared_with: Vec::new(),
                        bindings: bindings.clone(),
                    });
                }
            }
        }
    }
    application::note_neighbours(&mut applications);
    let (mut found, mut not_understood) = (Vec::new(), Vec::new());
    for (application, folder) in applications.into_iter().zip(roots) {
        let Some(web_config) = file_in(&folder, "web.config") else {
            not_understood.push(folder);
            continue;
        };
        let is_named_so = is_orchestrator(&[&application.site, &application.path, &folder]);
        let candidate = |path, is_console| Candidate {
            path,
            is_console,
            applications: vec![application.clone()],
            is_named_so,
        };
        found.push(candidate(web_config, false));
        found.extend(file_in(&folder, CONSOLE).map(|path| candidate(path, true)));
    }
    Ok(Sites {
        found,
        not_understood,
        folders,
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
            is_console: path.as_str().to_lowercase().ends_with(".json"),
            path,
            applications: Vec::new(),
            is_named_so: true,
        })
        .collect()
}

/// Each file once, as the first who named it did, with all applications that serve it; that it is
/// Orchestrator's is believed of anybody.
pub(super) fn distinct(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut distinct: Vec<Candidate> = Vec::new();
    let mut places = BTreeMap::new();
    for candidate in candidates {
        match places.entry(key(&candidate.path)) {
            Entry::Vacant(place) => {
                place.insert(distinct.len());
                distinct.push(candidate);
            }
            Entry::Occupied(place) => {
                let known = &mut distinct[*place.get()];
                known.applications.extend(candidate.applications);
                known.is_named_so |= candidate.is_named_so;
            }
        }
    }
    distinct
}

/// As Windows compares paths.
fn key(path: &HostPath) -> String {
    path.as_str().to_lowercase()
}

fn is_orchestrator(names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| name.to_lowercase().contains("orchestrator"))
}

/// A file in a folder as IIS writes it.
fn file_in(folder: &str, file: &str) -> Option<HostPath> {
    format!(r"{}\{file}", expanded(folder)?).parse().ok()
}

/// A folder as IIS writes it, without a separator at its end. Of variables only `%SystemDrive%` is
/// understood: IIS's own configuration was found on `C:`.
fn expanded(folder: &str) -> Option<String> {
    const DRIVE: &str = "%systemdrive%";
    let folder = match folder.get(..DRIVE.len()) {
        Some(start) if start.eq_ignore_ascii_case(DRIVE) => format!("C:{}", &folder[DRIVE.len()..]),
        _ => folder.to_owned(),
    };
    (!folder.contains('%')).then(|| folder.trim_end_matches('\\').to_owned())
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
        let all = super::sites(sites.as_bytes()).unwrap();
        let folder = |path: &str| path.parse::<HostPath>().unwrap();
        for inside in [r"d:\X\kept", r"E:\W & S", r"C:\INETPUB\wwwroot\kept"] {
            let refused = all.require_outside("f", &folder(inside)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{inside}");
        }
        for out in [r"D:\xx", r"E:\W", r"C:\inetpub\wwwroot2"] {
            all.require_outside("f", &folder(out)).unwrap();
        }
        let Sites {
            found,
            not_understood,
            ..
        } = all;
        let (consoles, found): (Vec<Candidate>, Vec<Candidate>) =
            found.into_iter().partition(|found| found.is_console);
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
        let application = |at: usize| &found[at].applications[0];
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
            consoles[1].path.as_str(),
            r"E:\W & S\assets\configuration.json"
        );
    }

    #[test]
    fn a_file_is_looked_at_once_with_all_who_serve_it() {
        let path = |path: &str| path.parse::<HostPath>().unwrap();
        let served = |path: HostPath, site: &str| Candidate {
            path,
            is_console: false,
            applications: vec![IisApplication {
                site: site.to_owned(),
                path: "/".to_owned(),
                pool: None,
                pool_shared_with: Vec::new(),
                bindings: Vec::new(),
            }],
            is_named_so: false,
        };
        let usual = r"c:\program files\microsoft system center\orchestrator\webapi\WEB.config";
        let mut all = vec![
            served(path(usual), "a"),
            served(path(&usual.to_uppercase()), "b"),
        ];
        all.extend(named(&[path(r"D:\w\web.config"), path(r"d:\W\web.config")]));
        let all = distinct(all);
        assert_eq!(all.len(), USUAL.len() + 1);
        assert!(all.iter().all(|candidate| candidate.is_named_so));
        let sites: Vec<&str> = all[0]
            .applications
            .iter()
            .map(|one| one.site.as_str())
            .collect();
        assert_eq!((all[0].path.as_str(), sites), (usual, vec!["a", "b"]));
    }

    #[test]
    fn a_pool_without_a_name_is_none() {
        let sites = |pools: [&str; 2]| {
            let [all, its] = pools;
            let text = format!(
                "<configuration><system.applicationHost><sites>{all}<site name='s'><application path='/' {its}><virtualDirectory path='/' physicalPath='D:\\s'/></application></site></sites></system.applicationHost></configuration>"
            );
            super::sites(text.as_bytes())
                .unwrap()
                .found
                .remove(0)
                .applications[0]
                .pool
                .clone()
        };
        let default = "<applicationDefaults applicationPool='d'/>";
        assert_eq!(sites([default, ""]).as_deref(), Some("d"));
        assert_eq!(
            sites([default, "applicationPool='p'"]).as_deref(),
            Some("p")
        );
        assert_eq!(sites([default, "applicationPool=''"]), None);
        assert_eq!(
            sites(["<applicationDefaults applicationPool=''/>", ""]),
            None
        );
        assert_eq!(sites(["", ""]), None);
    }
}
