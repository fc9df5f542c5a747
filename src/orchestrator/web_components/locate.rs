use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

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

/// An application of IIS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IisApplication {
    /// The site's name.
    pub site: String,
    /// The application's path in it: `/`, `/Orchestrator2012`.
    pub path: String,
    /// Its application pool, where it names one.
    pub pool: Option<String>,
}

/// A folder with a web.config, and who said so.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) path: HostPath,
    pub(super) application: Option<IisApplication>,
    /// Whether name or place say that it is Orchestrator's, as its content may not.
    pub(super) is_named_so: bool,
}

/// The web.config of each application in an applicationHost.config, and the folders that are not understood.
pub(super) fn applications(bytes: &[u8]) -> Result<(Vec<Candidate>, Vec<String>)> {
    let (_, text) = Encoding::decode(bytes)?;
    let document = xml::parse(&text)?;
    let root = document.root_element();
    if !xml::is(root, "configuration") {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "its root is not <configuration>",
        ));
    }
    let (mut found, mut not_understood) = (Vec::new(), Vec::new());
    let children = |node: roxmltree::Node<'_, '_>, name: &'static str| {
        node.children()
            .filter(|child| xml::is(*child, name))
            .map(|child| child.id())
            .collect::<Vec<_>>()
    };
    let node = |id| document.get_node(id).unwrap_or(root);
    let sites = children(root, "system.applicationHost")
        .into_iter()
        .flat_map(|id| children(node(id), "sites"))
        .flat_map(|id| children(node(id), "site"));
    for site in sites.map(node) {
        let site_name = xml::attribute(site, "name").unwrap_or_default();
        for application in children(site, "application").into_iter().map(node) {
            let folders = children(application, "virtualDirectory")
                .into_iter()
                .map(node);
            for folder in folders.filter(|folder| xml::attribute(*folder, "path") == Some("/")) {
                let said = xml::attribute(folder, "physicalPath").unwrap_or_default();
                let application = IisApplication {
                    site: site_name.to_owned(),
                    path: xml::attribute(application, "path")
                        .unwrap_or_default()
                        .to_owned(),
                    pool: xml::attribute(application, "applicationPool").map(str::to_owned),
                };
                match web_config(said) {
                    Some(path) => found.push(Candidate {
                        is_named_so: is_orchestrator(&[site_name, &application.path, said]),
                        path,
                        application: Some(application),
                    }),
                    None => not_understood.push(said.to_owned()),
                }
            }
        }
    }
    Ok((found, not_understood))
}

/// The usual places, and those that the caller names.
pub(super) fn named(also: &[HostPath]) -> Vec<Candidate> {
    let usual = USUAL.iter().filter_map(|folder| web_config(folder));
    usual
        .chain(also.iter().cloned())
        .map(|path| Candidate {
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

/// The web.config in a folder as IIS writes it. Of variables only `%SystemDrive%` is understood: IIS's own
/// configuration was found on `C:`.
fn web_config(folder: &str) -> Option<HostPath> {
    const DRIVE: &str = "%systemdrive%";
    let folder = match folder.get(..DRIVE.len()) {
        Some(start) if start.eq_ignore_ascii_case(DRIVE) => format!("C:{}", &folder[DRIVE.len()..]),
        _ => folder.to_owned(),
    };
    if folder.contains('%') {
        return None;
    }
    format!(r"{}\web.config", folder.trim_end_matches('\\'))
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
  <application path="/c"><virtualDirectory path="/" physicalPath="\\share\c"/></application>
 </site><siteDefaults/></sites></system.applicationHost></configuration>"#;
        let (found, not_understood) = applications(sites.as_bytes()).unwrap();
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
        assert_eq!(
            found[1].application.as_ref().unwrap().pool.as_deref(),
            Some("p")
        );
    }

    #[test]
    fn a_file_is_looked_at_once() {
        let path = |path: &str| path.parse::<HostPath>().unwrap();
        let mut all = vec![Candidate {
            path: path(r"c:\program files\microsoft system center\orchestrator\webapi\WEB.config"),
            application: None,
            is_named_so: false,
        }];
        all.extend(named(&[path(r"D:\w\web.config"), path(r"d:\W\web.config")]));
        let all = distinct(all);
        assert_eq!(all.len(), USUAL.len() + 1);
        assert!(all.iter().all(|candidate| candidate.is_named_so));
    }
}
