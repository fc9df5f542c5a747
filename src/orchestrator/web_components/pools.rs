use serde::{Deserialize, Serialize};

use super::seen::{SeenFile, SeenPool};
use crate::error::{Effect, Error, Result};
use crate::names::HostPath;
use crate::operation::required;
use crate::orchestrator::host_files::HostFiles;
use crate::transport::{HostCommand, printable};

/// IIS's own tool (documented).
const APPCMD: &str = r"C:\Windows\System32\inetsrv\appcmd.exe";

/// What became of an application pool whose files were written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolVerdict {
    /// Its name; `None` where IIS did not say which one it is.
    pub pool: Option<String>,
    /// The files.
    pub files: Vec<HostPath>,
    /// Whether it was recycled.
    pub is_recycled: bool,
    /// What was seen of it; of one that was not recycled, why not and what to do.
    pub why: String,
}

/// How a pool is recycled (documented: `appcmd recycle apppool`).
pub(super) fn command(pool: &str) -> Result<HostCommand> {
    Ok(HostCommand {
        program: APPCMD.parse()?,
        arguments: vec![
            "recycle".to_owned(),
            "apppool".to_owned(),
            format!("/apppool.name:{pool}"),
        ],
        standard_input: None,
    })
}

/// As somebody types it at a prompt.
pub(super) fn typed(pool: &str) -> String {
    format!("{APPCMD} recycle apppool /apppool.name:\"{pool}\"")
}

/// Recycles the pools of files, each once. What goes wrong is in the verdicts: the files are written.
pub(super) async fn recycle(
    files: &HostFiles<'_>,
    written: &[&SeenFile],
    recycles_shared: bool,
) -> Vec<PoolVerdict> {
    let mut groups: Vec<(Option<&SeenPool>, Vec<HostPath>)> = Vec::new();
    for file in written {
        let pool = file.pool.as_ref();
        let is_it = |(other, _): &&mut (Option<&SeenPool>, Vec<HostPath>)| match (other, pool) {
            (Some(other), Some(pool)) => other.name.to_lowercase() == pool.name.to_lowercase(),
            (None, None) => true,
            _ => false,
        };
        match groups.iter_mut().find(is_it) {
            Some((_, paths)) => paths.push(file.path.clone()),
            None => groups.push((pool, vec![file.path.clone()])),
        }
    }
    let mut verdicts = Vec::new();
    for (pool, paths) in groups {
        let outcome = match pool {
            None => Err("IIS did not say which pool it is; recycle it by hand".to_owned()),
            Some(pool) => one(files, pool, recycles_shared).await,
        };
        verdicts.push(PoolVerdict {
            pool: pool.map(|pool| pool.name.clone()),
            files: paths,
            is_recycled: outcome.is_ok(),
            why: outcome.unwrap_or_else(|why| why),
        });
    }
    verdicts
}

/// What was seen of a recycled pool; else why it was not recycled.
async fn one(
    files: &HostFiles<'_>,
    pool: &SeenPool,
    recycles_shared: bool,
) -> Result<String, String> {
    let by_hand = format!("by hand: {}", typed(&pool.name));
    if !pool.shared_with.is_empty() && !recycles_shared {
        return Err(format!(
            "other applications are in it ({}) and nobody asked for recycling those; {by_hand}",
            pool.shared_with.join(", ")
        ));
    }
    // No pool can have such a name (documented); what says so is not what IIS wrote.
    if pool
        .name
        .contains(|c: char| c.is_control() || "\"<>|&".contains(c))
    {
        return Err("its name holds what no pool's name can".to_owned());
    }
    let told = |error: Error| match error.effect() {
        Effect::None => format!("{}; {by_hand}", error.detail()),
        _ => format!(
            "it may be recycled, the answer was lost ({}); {by_hand}",
            error.detail()
        ),
    };
    let command = command(&pool.name).map_err(told)?;
    let output = files.run(&command).await.map_err(told)?;
    let said: String = output.standard_output.trim().chars().take(300).collect();
    let said = printable(&said);
    if output.exit_code == 0 {
        return Ok(format!("appcmd: {said}"));
    }
    // One that is stopped can't be recycled, and reads its configuration when it starts.
    Err(format!(
        "appcmd ended with {}: {said}; {by_hand}",
        output.exit_code
    ))
}

/// The pools that are shared with others, of which a plan has to tell.
pub(super) fn shared(seen: Option<&Vec<SeenFile>>) -> Vec<String> {
    let files = required(seen, "seen").map_or(&[][..], Vec::as_slice);
    let pools = files.iter().filter_map(|file| file.pool.as_ref());
    let mut shared: Vec<String> = pools
        .filter(|pool| !pool.shared_with.is_empty())
        .map(|pool| format!("{} of {}", pool.name, pool.shared_with.join(", ")))
        .collect();
    shared.sort();
    shared.dedup();
    shared
}
