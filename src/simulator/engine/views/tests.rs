use std::sync::Arc;

use super::*;
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::test_kit;
use crate::simulator::engine::value::{Conversion, convert, kind_of};

#[test]
fn every_view_gives_what_its_columns_say() {
    let folder = tempfile::tempdir().unwrap();
    let instance = test_kit::start(folder.path(), "SQL01");
    let session = test_kit::sa(&instance, "master");
    let frame = Frame::default();
    let inner = Arc::clone(&instance.inner);
    let state = inner.state();
    let context = Context {
        instance: &inner,
        state: &state,
        session: &session,
        frame: &frame,
        named: None,
    };
    for view in all() {
        for row in view.rows(&context, "master").unwrap() {
            assert_eq!(
                row.len(),
                view.columns.len(),
                "{}.{}",
                view.schema,
                view.name
            );
            for (value, (name, kind)) in row.iter().zip(view.columns) {
                let same = convert(value, &Conversion::new(kind_of(value), *kind)).unwrap();
                assert_eq!(
                    std::mem::discriminant(&same),
                    std::mem::discriminant(value),
                    "{}.{name}",
                    view.name
                );
            }
        }
    }
    // The session guard must not be dropped while the state is held.
    drop(state);
}
