//! Small web.config files, and the operations on them.

use std::fmt::Write as _;

use scorch_recovery::Operation;
use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{WebComponents, WebComponentsInfo, WriteWebComponents};

use crate::host::{Host, KEPT};
use crate::product::Values;

pub(crate) const A: &str = r"C:\Sites\Orchestrator2012\web.config";
pub(crate) const B: &str = r"C:\Sites\WebApi\web.config";
pub(crate) const CANARY: &str = "Pa55-canary";

pub(crate) fn web01() -> HostName {
    "WEB01".parse().unwrap()
}

pub(crate) async fn read(host: &Host) -> WebComponentsInfo {
    let read = WebComponents::read(&web01());
    read.run(&host.context()).await.unwrap()
}

pub(crate) fn write(info: &WebComponentsInfo, values: Values) -> WriteWebComponents {
    let (server, database) = (
        values.server.parse().unwrap(),
        values.database.parse().unwrap(),
    );
    WebComponents::write(&web01(), &server, &database)
        .seen(info)
        .keeping_copies_in(KEPT.parse().unwrap())
}

pub(crate) fn string(inner: &str) -> String {
    format!(
        "<configuration>\r\n <connectionStrings>\r\n  <add name=\"orchestratorcontext\" connectionString=\"metadata=res://*/M.csdl;provider=System.Data.SqlClient;provider connection string=&quot;{inner}&quot;\" />\r\n </connectionStrings>\r\n <!-- é -->\r\n</configuration>\r\n"
    )
}

pub(crate) fn variables(variables: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (name, value) in variables {
        write!(
            all,
            "\r\n    <environmentVariable name=\"{name}\" value=\"{value}\" />"
        )
        .unwrap();
    }
    format!(
        "<configuration><system.webServer><aspNetCore>\r\n  <environmentVariables>{all}\r\n  </environmentVariables>\r\n </aspNetCore></system.webServer></configuration>"
    )
}

pub(crate) fn plain_string() -> String {
    string(r"Data Source=OLD;Initial Catalog=Orchestrator;Integrated Security=True")
}

pub(crate) fn plain_variables() -> String {
    variables(&[
        ("Database__Database", "Orchestrator"),
        ("Database__Trusted_Connection", "true"),
        ("Database__Address", "OLD"),
    ])
}

pub(crate) fn secret_string() -> String {
    string(&format!(
        "Data Source=OLD;Initial Catalog=Orchestrator;User ID=u;Password={CANARY}"
    ))
}
