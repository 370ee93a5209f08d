//! Many at once: readers block nobody, writers queue, and whoever walks away leaves nothing half done.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use speil::protocol::lsn::Lsn;
use speil::store::Ticket;

use super::StoreFactory;
use super::kit::*;

pub async fn a_reader_with_an_open_transaction_never_blocks_a_writer(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let reader = f.reader(&cust(), r#"SELECT "name" FROM "contact""#).await;
    put(&db, &contact(), 2, &[person(4, "Di")], 110).await.unwrap();
    db.wipe(&turn("contact", 3)).await.unwrap();
    put(&db, &contact(), 3, &three(), 120).await.unwrap();
    let mut new = contact();
    new.columns.insert(1, column("extra", nvarchar(5), true));
    db.alter_table(&turn("contact", 4), &contact(), &new, hash(1)).await.unwrap();
    db.drop_table(&turn("contact", 5)).await.unwrap();
    drop(reader);
}

pub async fn a_long_read_does_not_hold_up_a_writer(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let rows: Vec<Row> = (1..=2_000).map(|id| person(id, "x")).collect();
    put(&db, &contact(), 1, &rows, 10).await.unwrap();
    let (started, wait) = tokio::sync::oneshot::channel();
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let reading = {
        let db = db.clone();
        tokio::spawn(async move {
            let (mut started, mut seen, told) = (Some(started), 0, std::sync::Mutex::new(told));
            db.read(&contact(), 1, &mut |batch| {
                if let Some(started) = started.take() {
                    started.send(()).expect("somebody waits");
                    told.lock().expect("nobody panicked").recv().expect("somebody tells");
                }
                seen += batch.len();
                std::ops::ControlFlow::Continue(())
            })
            .await
            .unwrap();
            seen
        })
    };
    wait.await.unwrap();
    db.wipe(&turn("contact", 2)).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reading.await.unwrap(), 2_000, "the reader keeps its own moment");
}

pub async fn writers_to_many_tables_at_once_all_arrive(f: &impl StoreFactory) {
    let db = open(f).await;
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                let name = format!("table_{number}");
                let def = simple(&name);
                db.create_table(&turn(&name, 1), &def, hash(1)).await.unwrap();
                for lsn in 1..=10 {
                    put(&db, &def, lsn, &[person(lsn, &name)], lsn).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for number in 0..8 {
        let name = format!("table_{number}");
        assert_eq!(rows_of(&db, &simple(&name)).await.len(), 10);
        assert_eq!(lsn_of(&db, &name).await, 10);
    }
}

pub async fn tickets_taken_at_once_are_all_different(f: &impl StoreFactory) {
    let (one, two) = (open(f).await, open(f).await);
    let takers: Vec<_> = (0..20)
        .map(|number| {
            let db = if number % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(async move { db.ticket().await.unwrap() })
        })
        .collect();
    let mut tickets: Vec<Ticket> = Vec::new();
    for taker in takers {
        tickets.push(taker.await.unwrap());
    }
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), 20);
}

/// Polls a future a few times and drops it. Whether it ended before.
async fn walk_away<T>(polls: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

pub async fn a_call_dropped_at_any_moment_leaves_nothing_or_the_whole(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    put(&db, &contact(), 1, &[], 1).await.unwrap();
    for round in 2..60 {
        // Every round writes one row whose number is its LSN, and is dropped a little later than the round before.
        walk_away(usize::try_from(round * 3).unwrap(), put(&db, &contact(), round, &[person(round, "x")], round)).await;
        let rows = rows_of(&db, &contact()).await;
        let lsn = lsn_of(&db, "contact").await;
        // What a dropped call had begun may still be ending: look until a write has gone through behind it.
        db.confirm_tables(Ticket(round), &[named("contact")]).await.unwrap();
        let (rows_after, lsn_after) = (rows_of(&db, &contact()).await, lsn_of(&db, "contact").await);
        assert!(lsn_after >= lsn && rows_after.len() >= rows.len());
        let newest = rows_after.last().map_or(Integer(1), |row| row[0].clone());
        assert_eq!(newest, Integer(lsn_after), "rows and LSN come together");
    }
    put(&db, &contact(), 100, &[person(100, "x")], 100).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, 100);
}

pub async fn a_caller_who_stops_waiting_in_the_queue_blocks_nobody(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    assert!(!walk_away(5, db.wipe(&turn("contact", 3))).await);
    assert!(!walk_away(5, db.ticket()).await);
    writer.commit(Lsn(110), counts(0, 0, 0, 1)).await.unwrap();
    put(&db, &contact(), 4, &[person(4, "Di")], 120).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
}

pub async fn a_writer_dropped_during_a_stretch_leaves_nothing(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let many: Vec<_> = (10..5_000).map(|id| (Insert, person(id, "x"))).collect();
    for polls in 1..6 {
        let mut writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
        walk_away(polls, writer.apply(changes(&contact(), &many))).await;
        drop(writer);
        db.confirm_tables(Ticket(2), &[named("contact")]).await.unwrap();
        assert_eq!(rows_of(&db, &contact()).await, three());
    }
}

pub async fn two_hosts_over_one_place_do_not_lose_rows(f: &impl StoreFactory) {
    let one = with_contact(f).await;
    let two = open(f).await;
    for id in 1..20 {
        let db = if id % 2 == 0 { &one } else { &two };
        put(db, &contact(), id, &[person(id, "x")], id).await.unwrap();
    }
    assert_eq!(rows_of(&one, &contact()).await.len(), 19);
    assert_eq!(lsn_of(&two, "contact").await, 19);
    two.drop_table(&turn("contact", 30)).await.unwrap();
    assert!(one.table(&named("contact")).await.unwrap().is_none());
}
