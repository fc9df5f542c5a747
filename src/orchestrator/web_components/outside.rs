use crate::error::{Error, Result};
use crate::names::HostPath;

/// Refuses a folder that a site may serve, or that its applications may read. Where a link leads to is not
/// seen, nor what is written in short names.
pub(super) fn require(setter: &'static str, folder: &HostPath, site: &str) -> Result<()> {
    let within = |path: &str| format!("{}\\", path.trim_end_matches('\\')).to_lowercase();
    if !within(folder.as_str()).starts_with(&within(site)) {
        return Ok(());
    }
    Err(
        Error::invalid(setter, format!("it is inside of the site at {site}"))
            .with_remedy("give a folder outside of every site, readable by administrators only"),
    )
}

/// The folder of the site that a web.config is in, or a console's configuration.
pub(super) fn site_of(file: &HostPath, is_console: bool) -> &str {
    let path = file.as_str();
    let folder = &path[..path.len() - file.file_name().len()];
    let assets = r"assets\";
    match folder.len().checked_sub(assets.len()) {
        Some(at)
            if is_console
                && folder.is_char_boundary(at)
                && folder[at..].eq_ignore_ascii_case(assets) =>
        {
            &folder[..at]
        }
        _ => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_of_a_site_is_refused() {
        for (folder, site, is_inside) in [
            (r"C:\Sites\A", r"C:\Sites\A", true),
            (r"C:\sites\a\App_Data", r"C:\Sites\A\", true),
            (r"C:\Sites\AB", r"C:\Sites\A", false),
            (r"C:\Sites", r"C:\Sites\A", false),
            (r"C:\Recovery", r"C:\", true),
            (r"C:\Recovery", "", false),
            (r"C:\Recovery", r"\\share\site", false),
        ] {
            let refused = require("f", &folder.parse().unwrap(), site).is_err();
            assert_eq!(refused, is_inside, "{folder} {site}");
        }
    }

    #[test]
    fn a_console_is_below_its_site() {
        for (file, is_console, site) in [
            (r"C:\s\web.config", false, r"C:\s\"),
            (r"C:\s\Assets\configuration.json", true, r"C:\s\"),
            (r"C:\s\configuration.json", true, r"C:\s\"),
            (r"C:\s\assets\web.config", false, r"C:\s\assets\"),
            (r"C:\é\configuration.json", true, r"C:\é\"),
        ] {
            assert_eq!(site_of(&file.parse().unwrap(), is_console), site, "{file}");
        }
    }
}
