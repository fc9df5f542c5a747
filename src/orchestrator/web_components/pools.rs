use serde::{Deserialize, Serialize};

use super::seen::{SeenFile, is_one};
use crate::error::{Effect, Error, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::HostFiles;
use crate::transport::{HostCommand, printable};

/// IIS's own tool (documented).
const APPCMD: &str = r"C:\Windows\System32\inetsrv\appcmd.exe";

/// What became of an application pool that serves files which were written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolVerdict {
    /// Its name; `None` where IIS did not say which one it is.
    pub pool: Option<String>,
    /// Those of the files that it serves.
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
fn typed(pool: &str) -> String {
    format!(
        "{APPCMD} recycle apppool /apppool.name:\"{}\"",
        printable(pool)
    )
}

/// An application pool with the files that it serves.
struct Pool<'a> {
    name: Option<&'a str>,
    shared_with: Vec<&'a str>,
    files: Vec<&'a HostPath>,
}

/// The pools that serve files, each once.
fn serving(files: &[SeenFile]) -> Vec<Pool<'_>> {
    let mut pools: Vec<Pool<'_>> = Vec::new();
    for file in files {
        for seen in &file.pools {
            let name = seen.name.as_deref();
            let at = pools.iter().position(|pool| is_one(pool.name, name));
            let at = at.unwrap_or_else(|| {
                pools.push(Pool {
                    name,
                    shared_with: Vec::new(),
                    files: Vec::new(),
                });
                pools.len() - 1
            });
            for neighbour in &seen.shared_with {
                if !pools[at].shared_with.contains(&neighbour.as_str()) {
                    pools[at].shared_with.push(neighbour);
                }
            }
            pools[at].files.push(&file.path);
        }
    }
    pools
}

/// Recycles the pools that serve written files, each once. What goes wrong is in the verdicts: the files are
/// written. Consent is for the neighbours that were `seen`.
pub(super) async fn recycle(
    files: &HostFiles<'_>,
    written: &[SeenFile],
    seen: &[SeenFile],
    recycles_shared: bool,
) -> Vec<PoolVerdict> {
    let known = serving(seen);
    let mut verdicts = Vec::new();
    for pool in serving(written) {
        let before = known.iter().find(|known| is_one(known.name, pool.name));
        let is_new =
            |neighbour: &&&str| !before.is_some_and(|known| known.shared_with.contains(neighbour));
        let unseen: Vec<&str> = pool.shared_with.iter().filter(is_new).copied().collect();
        let outcome = match pool.name {
            None => Err("IIS did not say which pool it is; recycle it by hand".to_owned()),
            Some(name) => one(files, name, &pool, &unseen, recycles_shared).await,
        };
        verdicts.push(PoolVerdict {
            pool: pool.name.map(str::to_owned),
            files: pool.files.into_iter().cloned().collect(),
            is_recycled: outcome.is_ok(),
            why: outcome.unwrap_or_else(|why| why),
        });
    }
    verdicts
}

/// What was seen of a recycled pool; else why it was not recycled.
async fn one(
    files: &HostFiles<'_>,
    name: &str,
    pool: &Pool<'_>,
    unseen: &[&str],
    recycles_shared: bool,
) -> Result<String, String> {
    // No pool can have such a name (documented); what says so is not what IIS wrote.
    if name.contains(|c: char| c.is_control() || "\"<>|&".contains(c)) {
        return Err("its name holds what no pool's name can".to_owned());
    }
    let by_hand = format!("by hand: {}", typed(name));
    // It could mean every pool.
    if name.starts_with('$') {
        return Err(format!(
            "appcmd takes what begins with $ for a search (community); look, and {by_hand}"
        ));
    }
    if !pool.shared_with.is_empty() && !recycles_shared {
        return Err(format!(
            "other applications are in it ({}) and nobody asked for recycling those; {by_hand}",
            printable(&pool.shared_with.join(", "))
        ));
    }
    if !unseen.is_empty() {
        return Err(format!(
            "other applications are in it that were not seen there ({}), and nobody can have meant those; {by_hand}",
            printable(&unseen.join(", "))
        ));
    }
    let told = |error: Error| match error.effect() {
        Effect::None => format!("{}; {by_hand}", error.detail()),
        _ => format!(
            "it may be recycled, the answer was lost ({}); {by_hand}",
            error.detail()
        ),
    };
    let command = command(name).map_err(told)?;
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

/// How somebody would recycle by hand what is to be recycled.
pub(super) fn script(files: &[SeenFile], recycles_shared: bool) -> Vec<String> {
    serving(files)
        .iter()
        .filter(|pool| pool.shared_with.is_empty() || recycles_shared)
        .filter_map(|pool| pool.name.map(typed))
        .collect()
}

/// The pools that are shared with others, of which a plan has to tell.
pub(super) fn shared(files: &[SeenFile]) -> Vec<String> {
    let pools = serving(files);
    let shared = pools.iter().filter(|pool| !pool.shared_with.is_empty());
    shared
        .filter_map(|pool| {
            let others = pool.shared_with.join(", ");
            Some(printable(&format!("{} of {others}", pool.name?)))
        })
        .collect()
}
