//! IIS's configuration as tests write it: what it says when an operation looks again counts.

use std::fmt::Write as _;

use scorch_recovery::orchestrator::WebComponents;
use scorch_recovery::{Effect, ErrorKind, Operation};

use crate::files::{A, B, plain_string, plain_variables, read, web01, write};
use crate::host::{Host, KEPT, SITES, encrypt};
use crate::product::NEW;

/// An application: site, path, pool (none where it is empty), folder.
pub(crate) type Application<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Lets IIS serve these; those of one site one after the other.
pub(crate) fn serve(host: &Host, applications: &[Application<'_>]) {
    let mut sites = String::new();
    for site in applications.chunk_by(|one, other| one.0 == other.0) {
        write!(sites, "<site name='{}'>", site[0].0).unwrap();
        for (_, path, pool, folder) in site {
            let pool = match *pool {
                "" => String::new(),
                pool => format!(" applicationPool='{pool}'"),
            };
            write!(sites, "<application path='{path}'{pool}><virtualDirectory path='/' physicalPath='{folder}'/></application>").unwrap();
        }
        sites += "</site>";
    }
    host.put(SITES, format!("<configuration><system.applicationHost><sites>{sites}</sites></system.applicationHost></configuration>"));
}

/// What was recycled, in its order.
pub(crate) fn recycled(host: &Host) -> Vec<String> {
    let state = host.state();
    let recycling = state
        .commands
        .iter()
        .filter(|command| command[0] == "recycle");
    recycling
        .map(|command| command[2].replace("/apppool.name:", ""))
        .collect()
}

const API: &str = r"C:\Sites\WebApi";

fn api() -> Host {
    let host = Host::default();
    host.put(B, plain_variables());
    host
}

/// Somebody comes into a pool between looking and writing: nobody can have meant that one.
#[tokio::test]
async fn who_came_into_a_pool_since_is_not_recycled() {
    let shop = |pool| [("Api", "/", "A", API), ("Shop", "/", pool, r"D:\Shop")];
    for consents in [false, true] {
        let host = api();
        serve(&host, &shop("S"));
        let mut operation = write(&read(&host).await, NEW[0]);
        if consents {
            operation = operation.recycling_shared_pools();
        }
        serve(&host, &shop("a"));
        let written = operation.run(&host.context()).await.unwrap();
        let verdict = &written.pools[0];
        assert!(
            !verdict.is_recycled && verdict.why.contains("Shop/"),
            "{verdict:?}"
        );
        assert_eq!(verdict.why.contains("not seen"), consents, "{verdict:?}");
        assert_eq!(recycled(&host), [""; 0]);
    }
    // Who left it is in nobody's way, and the pool that it has now is the one that counts.
    let host = api();
    serve(&host, &shop("A"));
    let operation = write(&read(&host).await, NEW[0]);
    serve(
        &host,
        &[("Api", "/", "New", API), ("Shop", "/", "A", r"D:\Shop")],
    );
    let written = operation.run(&host.context()).await.unwrap();
    assert!(written.pools[0].is_recycled, "{written:?}");
    assert_eq!(recycled(&host), ["New"]);
    // Where it does not say any more, what was seen counts.
    let host = api();
    serve(&host, &[("Api", "/", "A", API)]);
    let operation = write(&read(&host).await, NEW[0]);
    host.state().files.remove(&SITES.to_lowercase());
    operation.run(&host.context()).await.unwrap();
    assert_eq!(recycled(&host), ["A"]);
}

/// A name that appcmd may read as something else than a name, and none at all.
#[tokio::test]
async fn names_of_pools_that_are_none_are_not_handed_on() {
    for (pool, word) in [
        ("$=*", "search"),
        ("$&lt;&gt;x", "no pool"),
        ("", "did not say"),
    ] {
        let host = api();
        serve(&host, &[("Api", "/", pool, API)]);
        let written = write(&read(&host).await, NEW[0]);
        let written = written.run(&host.context()).await.unwrap();
        let verdict = &written.pools[0];
        assert!(
            !verdict.is_recycled && verdict.why.contains(word),
            "{verdict:?}"
        );
        assert_eq!(recycled(&host), [""; 0], "{pool}");
    }
    // What turns text around is shown, and the pool has its name.
    let host = api();
    serve(&host, &[("Api", "/", "a\u{202e}b", API)]);
    let operation = write(&read(&host).await, NEW[0]);
    let script = operation.describe().script.join("\n");
    assert!(
        script.contains(r"a\u{202e}b") && !script.contains('\u{202e}'),
        "{script}"
    );
    operation.run(&host.context()).await.unwrap();
    assert_eq!(recycled(&host), ["a\u{202e}b"]);
}

/// No site may serve what is kept, or what is decrypted: those of others neither, nor a virtual directory.
#[tokio::test]
async fn what_any_site_serves_is_no_place_for_copies() {
    let section = encrypt(&plain_string(), "RsaProtectedConfigurationProvider", 3).unwrap();
    let scene = |other: &str| {
        let host = api();
        host.put(A, section.as_str());
        let ours = [
            ("Orchestrator", "/", "A", r"C:\Sites\Orchestrator2012"),
            ("Api", "/", "A", API),
        ];
        serve(&host, &ours);
        let sites = String::from_utf8(host.content(SITES).unwrap()).unwrap();
        let other =
            format!("<site name='o'><application path='/'>{other}</application></site></sites>");
        host.put(SITES, sites.replace("</sites>", &other));
        host
    };
    for other in [
        r"<virtualDirectory path='/' physicalPath='c:\recovery\'/>",
        r"<virtualDirectory path='/' physicalPath='D:\o'/><virtualDirectory path='/x' physicalPath='%SystemDrive%\Recovery'/>",
    ] {
        let host = scene(other);
        let info = read(&host).await;
        let before = host.state().files.clone();
        let written = write(&info, NEW[0]).run(&host.context()).await.map(drop);
        let decrypting = WebComponents::read(&web01()).decrypting_in(KEPT.parse().unwrap());
        let decrypted = decrypting.run(&host.context()).await.map(drop);
        for (error, setter) in [(written, "keeping_copies_in"), (decrypted, "decrypting_in")] {
            let error = error.unwrap_err();
            assert_eq!(
                (error.kind(), error.effect()),
                (ErrorKind::InvalidInput, Effect::None),
                "{error}"
            );
            assert!(error.detail().contains(setter), "{error}");
        }
        assert_eq!(host.state().files, before);
        assert!(host.state().commands.is_empty());
    }
    let inside = format!(r"{}\App_Data", A.strip_suffix(r"\web.config").unwrap());
    let host = scene("");
    let elsewhere = host.content(SITES).unwrap();
    host.put(
        SITES,
        String::from_utf8(elsewhere)
            .unwrap()
            .replace("Orchestrator2012", "Other"),
    );
    let decrypting = WebComponents::read(&web01())
        .also_at(A.parse().unwrap())
        .decrypting_in(inside.parse().unwrap());
    let error = decrypting.run(&host.context()).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::InvalidInput,
        "of a site that IIS does not know: {error}"
    );
}

/// The name of the provider stands in the file, and is handed to a program.
#[tokio::test]
async fn a_provider_that_is_a_switch_is_refused() {
    for provider in ["-pkm", "/pku", ""] {
        let host = Host::default();
        let section = encrypt(&plain_string(), provider, 3).unwrap();
        host.put(A, section);
        serve(
            &host,
            &[("Orchestrator", "/", "A", r"C:\Sites\Orchestrator2012")],
        );
        let info = read(&host).await;
        let before = host.state().files.clone();
        let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unsupported, Effect::None),
            "{error}"
        );
        assert_eq!(host.state().files, before);
        assert!(host.state().commands.is_empty());
    }
}
