//! What is there after a call failed, or somebody else wrote.

use std::collections::BTreeSet;

use scorch_recovery::orchestrator::WebComponentsInfo;
use scorch_recovery::{Effect, ErrorKind, Operation};

use crate::files::{A, B, CANARY, plain_string, plain_variables, read, secret_string, write};
use crate::host::{self, Failure, Host, PRIVATE, encrypt};
use crate::product::NEW;

/// As below an application that is Orchestrator's by its name.
const CONSOLE: &str = r"C:\Sites\Orchestrator2012\assets\configuration.json";

/// Each call of a write fails once in each way: each file is whole, all of them are new or all are old unless
/// the error says otherwise, and clear text is nowhere it was not told of.
#[tokio::test]
async fn whichever_call_fails_no_file_is_half_written() {
    const JSON: &[u8] = br#"{"apiUrl": "http://old:81"}"#;
    let encrypted = encrypt(&secret_string(), "RsaProtectedConfigurationProvider", 3).unwrap();
    let scene = || {
        let host = Host::with(&[
            ("Orchestrator2012", encrypted.as_bytes()),
            ("WebApi", plain_variables().as_bytes()),
        ]);
        host.put(CONSOLE, JSON);
        host
    };
    let old = [
        encrypted.clone().into_bytes(),
        plain_variables().into_bytes(),
        JSON.to_vec(),
    ];
    let write = |info: &WebComponentsInfo, values| {
        write(info, values).renamed(&"old".parse().unwrap(), &"new".parse().unwrap())
    };
    let content = |host: &Host| [A, B, CONSOLE].map(|path| host.content(path).unwrap());
    let host = scene();
    let info = read(&host).await;
    host.state().calls.clear();
    write(&info, NEW[0]).run(&host.context()).await.unwrap();
    let calls = host.state().calls.clone();
    let mut effects = BTreeSet::new();
    for (number, call) in calls.iter().enumerate() {
        for failure in [Failure::Refused, Failure::LostBefore, Failure::LostAfter] {
            for for_good in [false, true] {
                let host = scene();
                if for_good {
                    host.state().fails_from = Some(number + 1);
                }
                host.state().fails = Some((number, failure));
                let result = write(&info, NEW[0]).run(&host.context()).await;
                let now = content(&host);
                let private = host.content(PRIVATE);
                let what = format!(
                    "{call} {failure:?} for good: {for_good}: {:?}",
                    result.as_ref().err()
                );
                let clear =
                    |content: &[u8]| host::decrypt(&String::from_utf8_lossy(content)).unwrap();
                let is_new = [
                    clear(&now[0]).contains(r"SQL02\NEW"),
                    String::from_utf8_lossy(&now[1]).contains(r"SQL02\NEW"),
                    now[2] == br#"{"apiUrl": "http://new:81"}"#,
                ];
                for (now, (is_new, old)) in now.iter().zip(is_new.iter().zip(&old)) {
                    assert!(*is_new || now == old, "{what}: a file is neither");
                }
                let Err(error) = result else {
                    assert_eq!((is_new, private), ([true; 3], None), "{what}");
                    continue;
                };
                effects.insert(format!("{:?}", error.effect()));
                let text = format!("{error:?}");
                assert!(!text.contains(CANARY), "{what}");
                match error.effect() {
                    Effect::None => {
                        assert_eq!((is_new, &private), ([false; 3], &None), "{what}")
                    }
                    Effect::Partial => assert!(error.remedy().is_some(), "{what}"),
                    _ => {}
                }
                if private.is_some() {
                    assert!(
                        error.detail().contains(PRIVATE) && error.effect() == Effect::Partial,
                        "{what}"
                    );
                }
                if is_new != [false; 3] {
                    assert!(
                        error.effect() == Effect::Partial || error.effect() == Effect::Unknown,
                        "{what}"
                    );
                    assert!(error.detail().contains("could not be put back"), "{what}");
                }
                // The next run, with what is there then, gets there.
                {
                    let mut state = host.state();
                    (state.fails, state.fails_from) = (None, None);
                    state.files.remove(&PRIVATE.to_lowercase());
                }
                write(&read(&host).await, NEW[0])
                    .run(&host.context())
                    .await
                    .unwrap();
                let now = content(&host);
                assert!(
                    now[2] == br#"{"apiUrl": "http://new:81"}"#
                        && clear(&now[0]).contains(r"SQL02\NEW")
                        && String::from_utf8_lossy(&now[1]).contains(r"SQL02\NEW"),
                    "{what}"
                );
            }
        }
    }
    println!(
        "web.config faults: {} of {} calls, each in 6 ways; effects {effects:?}",
        calls.len(),
        calls.len()
    );
    assert!(calls.len() > 20);
}

/// Somebody else writes to the file in the same moment: it is put back, and both are told.
#[tokio::test]
async fn what_did_not_take_is_put_back() {
    let host = Host::with(&[
        ("Orchestrator2012", plain_string().as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
    ]);
    let info = read(&host).await;
    host.state().meddles = Some(b"something else".to_vec());
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Corrupt, Effect::None),
        "{error}"
    );
    assert!(
        error.detail().contains("holds something else") && error.detail().contains("was put back"),
        "{error}"
    );
    assert_eq!(host.content(A).unwrap(), plain_string().into_bytes());
    assert_eq!(host.content(B).unwrap(), plain_variables().into_bytes());
}

/// Somebody else writes to the second file before its turn: theirs stays, and the first one is put back.
#[tokio::test]
async fn what_somebody_else_wrote_stays() {
    let host = Host::with(&[
        ("Orchestrator2012", plain_string().as_bytes()),
        ("WebApi", plain_variables().as_bytes()),
    ]);
    let info = read(&host).await;
    let theirs = plain_variables().replace("true", "false").into_bytes();
    host.state().overwrites = Some((A.to_lowercase(), B.to_lowercase(), theirs.clone()));
    let error = write(&info, NEW[0]).run(&host.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Busy, Effect::None),
        "{error}"
    );
    assert!(error.detail().contains("meanwhile"), "{error}");
    assert_eq!(host.content(A).unwrap(), plain_string().into_bytes());
    assert_eq!(host.content(B).unwrap(), theirs);
}
