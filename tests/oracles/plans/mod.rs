//! All plans: each operation with each of its options. A new operation gets its own in the file of its family.

mod around;
mod certificate;
mod database;
mod encrypted;
mod key;
mod orchestrator;
mod principal;

use crate::plan::Plan;

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = database::plans();
    plans.extend(around::plans());
    plans.extend(certificate::plans());
    plans.extend(key::plans());
    plans.extend(encrypted::plans());
    plans.extend(principal::plans());
    plans.extend(orchestrator::plans());
    plans
}
