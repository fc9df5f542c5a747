use std::collections::BTreeSet;

use crate::names::ServiceName;

/// The order where nothing is known of dependencies (community).
const USUAL: [&str; 4] = ["omanagement", "omonitor", "oremoting", "orunbook"];

/// The order to start services in: each after those that it needs, and the usual one otherwise.
/// Services that need one another in a ring, which no service manager lets start, keep the usual one.
pub(super) fn start_order(services: &[(ServiceName, Vec<ServiceName>)]) -> Vec<ServiceName> {
    let key = |name: &ServiceName| name.as_str().to_lowercase();
    let place = |name: &ServiceName| {
        let usual = USUAL.iter().position(|usual| *usual == key(name));
        usual.unwrap_or(USUAL.len())
    };
    let ours: BTreeSet<String> = services.iter().map(|(name, _)| key(name)).collect();
    let mut waiting: Vec<&(ServiceName, Vec<ServiceName>)> = services.iter().collect();
    waiting.sort_by_key(|(name, _)| place(name));
    let mut ordered: Vec<ServiceName> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !waiting.is_empty() {
        let is_ready = |needed: &[ServiceName]| {
            let mut needed = needed.iter().map(key);
            needed.all(|needed| !ours.contains(&needed) || done.contains(&needed))
        };
        let ready = waiting.iter().position(|(_, needed)| is_ready(needed));
        let (next, _) = waiting.remove(ready.unwrap_or(0));
        done.insert(key(next));
        ordered.push(next.clone());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(services: &[(&str, &[&str])]) -> Vec<String> {
        let services: Vec<(ServiceName, Vec<ServiceName>)> = services
            .iter()
            .map(|(name, needed)| {
                let needed = needed.iter().map(|name| name.parse().unwrap()).collect();
                (name.parse().unwrap(), needed)
            })
            .collect();
        start_order(&services)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_the_rest_as_usual() {
        assert_eq!(
            order(&[
                ("orunbook", &[]),
                ("oremoting", &[]),
                ("omonitor", &[]),
                ("omanagement", &[])
            ]),
            ["omanagement", "omonitor", "oremoting", "orunbook"]
        );
        assert_eq!(
            order(&[
                ("omanagement", &["RpcSs", "ORUNBOOK"]),
                ("omonitor", &["omanagement"]),
                ("orunbook", &[]),
            ]),
            ["orunbook", "omanagement", "omonitor"]
        );
    }

    #[test]
    fn a_ring_ends() {
        assert_eq!(
            order(&[
                ("omonitor", &["omanagement"]),
                ("omanagement", &["omonitor"])
            ]),
            ["omanagement", "omonitor"]
        );
    }
}
