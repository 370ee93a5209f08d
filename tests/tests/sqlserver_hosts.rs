//! Several hosts over one server, behind a load balancer that knows nothing of tenants: calls of one cycle go to one host and the
//! other, hosts are killed and started again, callers repeat what they think is lost. Nothing is applied twice or out of order.

use std::process::ExitCode;

use speil::task::client::Client;
use speil::task::endpoint::Endpoint;
use speil::task::spelling::Spelling;
use speil_tests::kit::host::{TENANT, identity};
use speil_tests::kit::proxy::{HONEST, Hosts, Proxy};
use speil_tests::kit::tenant::{many_calls, small};
use speil_tests::kit::{At, Engine, Speil, Tenant, client, soap, wait};
use speil_tests::sqlserver::{Case, Feature, Place, run};

fn main() -> ExitCode {
    let cases = vec![
        Case::new("tenants_behind_a_balancer_whose_hosts_are_killed_are_mirrored", tenants_and_kills),
        Case::new("a_call_made_to_both_hosts_at_once_is_applied_once", both_at_once),
        Case::new("two_hosts_make_one_database", one_database),
    ];
    run(cases.into_iter().map(|case| case.needing(&[Feature::Applock]).wanting(&[Feature::NulInText])).collect())
}

fn two(place: Place) -> [Speil; 2] {
    let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place) };
    [at.speil(), at.speil()].map(|mut speil| {
        speil.start();
        speil
    })
}

/// A tenant that calls the balancer.
fn behind(proxy: &Proxy, speil: &Speil, name: &str, seed: u64) -> Tenant {
    let mut tenant = Tenant::new(speil, name, small(seed));
    tenant.client = client_of(proxy, name);
    tenant
}

fn client_of(proxy: &Proxy, tenant: &str) -> Client {
    Client::new(proxy.endpoint(), identity(tenant), Spelling::DotNet).with_retries(4)
}

async fn tenants_and_kills(place: Place) {
    let mut hosts = two(place);
    let turns = Hosts::new(&[hosts[0].address(), hosts[1].address()]);
    let proxy = Proxy::in_front_of(turns.clone(), HONEST).await;
    let mut tenants: Vec<_> =
        (0..3).map(|number| behind(&proxy, &hosts[0], &format!("Cust{number}"), number)).collect();
    let rounds: Vec<_> = tenants
        .drain(..)
        .map(|mut tenant| {
            tokio::spawn(async move {
                for _ in 0..5 {
                    // A kill may break it off; what was promised must be there all the same.
                    tenant.cycle_with(&many_calls()).await;
                    if tenant.place().open().await.is_ok() {
                        tenant.is_nowhere_ahead().await;
                    }
                    tenant.source.work(80);
                }
                tenant
            })
        })
        .collect();
    for kill in 0..6 {
        let seen = turns.calls();
        let all_done = || rounds.iter().all(tokio::task::JoinHandle::is_finished);
        wait::until("calls to come, or their end", async || {
            (turns.calls() > seen + 15 + kill * 3 || all_done()).then_some(())
        })
        .await;
        let host = &mut hosts[kill % 2];
        let from = host.address();
        host.kill_and_start();
        turns.moved(from, host.address());
    }
    for round in rounds {
        let mut tenant = round.await.expect("no panic");
        tenant.client = client_of(&proxy, &tenant.name);
        tenant.forget();
        tenant.is_mirrored().await;
    }
}

/// Without a key a row that is written twice stands there twice.
async fn both_at_once(place: Place) {
    const ROUNDS: u32 = 25;
    let hosts = two(place);
    let keyless = |text: String| text.replace("<d:IsNullable>false", "<d:IsNullable>true");
    let info = keyless(soap::table_info("log"));
    let tables = format!("<ClientState/><Tables><d:TableSchemaInfo>{info}</d:TableSchemaInfo></Tables>");
    client::call_as(hosts[0].address(), TENANT, "TableSchema", &tables).await.succeeded();
    client::call_as(hosts[1].address(), TENANT, "Wipe", &soap::wipe("log")).await.succeeded();
    for round in 0..ROUNDS {
        let rows = soap::row_data(&[keyless(soap::batch("log", round..round + 1, i64::from(round) + 1))]);
        let (one, other) = tokio::join!(
            client::call_as(hosts[0].address(), TENANT, "RowData", &rows),
            client::call_as(hosts[1].address(), TENANT, "RowData", &rows),
        );
        // The later of the two may have overtaken the earlier, which then is refused; never both.
        assert!(one.body.contains("IsSuccessful>true") || other.body.contains("IsSuccessful>true"), "round {round}");
    }
    let rows = hosts[0].mirror(TENANT).rows("SELECT log_id FROM log ORDER BY log_id").await.expect("readable");
    let seen: Vec<u32> =
        rows.iter().map(|row| row[0].as_deref().expect("a number").parse().expect("a number")).collect();
    assert_eq!(seen, (0..ROUNDS).collect::<Vec<_>>());
}

/// Both are called for a tenant that neither has seen.
async fn one_database(place: Place) {
    let hosts = two(place.clone());
    for number in 0..3 {
        let name = format!("Cust{number}");
        let calls = hosts.iter().map(|host| {
            let mut client = Client::new(endpoint(host), identity(&name), Spelling::DotNet).with_retries(0);
            tokio::spawn(async move { client.authenticate().await.map(drop) })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("no panic").unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let mut tenant = Tenant::new(&hosts[number % 2], &name, small(7));
        tenant.is_mirrored().await;
    }
    assert_eq!(place.databases().await.expect("known").len(), 3);
}

fn endpoint(host: &Speil) -> Endpoint {
    Endpoint::new(&host.url(), None).expect("a URL")
}
