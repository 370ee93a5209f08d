//! SQL Server against what every store promises.

use std::process::ExitCode;

fn main() -> ExitCode {
    speil_tests::sqlserver::run(speil_tests::sqlserver::factory::cases())
}
