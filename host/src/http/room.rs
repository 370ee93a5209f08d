//! Room to work: so many calls at once, so many of them of one tenant, and a queue of bounded length before that.
//!
//! Whoever waits is served in turn, a call of each tenant and then of the next, whatever number of calls a tenant has
//! waiting: so one tenant's flood costs another at most the one call of each tenant before it. What does not fit into the
//! queue, or has waited too long, is told to come again; nothing of it was done. A full queue keeps nobody out who has fewer calls
//! in it than another: the tenant with the most gives its latest up, so that a few tenants cannot have all of it.
//!
//! A call that begins a cycle finds the queue full when it is half full. Who comes later than the host can serve is so told at once
//! and at no cost, and a cycle that has begun comes to its end: else each of too many would be broken off somewhere, and begin again.
//!
//! A waiting call holds the beginning of its message ([`Limits::header_bytes`](crate::protocol::decode::Limits)) and what
//! its connection has read ahead, no more: the rest stays with its sender. So the queue is bounded in bytes too.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// How much room there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoomLimits {
    /// Calls at work at once.
    pub(super) calls: usize,
    /// Of one tenant.
    pub(super) calls_of_tenant: usize,
    /// Calls waiting at once. One tenant may have a quarter of them; a call that begins a cycle waits only while half of them do.
    pub(super) waiting: usize,
    /// How long a call waits.
    pub(super) wait: Duration,
}

/// Why a call finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// The queue is full.
    Queue { waiting: usize },
    /// This tenant's part of the queue is full.
    TenantsQueue { waiting: usize },
    /// The queue was full, and another tenant had fewer calls in it.
    GaveWay { waiting: usize },
    /// Its turn did not come in time.
    Waited { seconds: u64, calls: usize },
}

impl NoRoom {
    /// The label of `/metrics`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Queue { .. } => "queue",
            Self::TenantsQueue { .. } => "tenants_queue",
            Self::GaveWay { .. } => "gave_way",
            Self::Waited { .. } => "waited",
        }
    }
}

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue { waiting } => {
                write!(f, "This host has {waiting} calls waiting already; send this one again later.")
            }
            Self::TenantsQueue { waiting } => {
                write!(f, "This host has {waiting} calls of this tenant waiting already; send this one again later.")
            }
            Self::GaveWay { waiting } => {
                write!(
                    f,
                    "This host has {waiting} calls waiting, and this one gave way to a tenant with fewer; send this one again \
                     later."
                )
            }
            Self::Waited { seconds, calls } => write!(
                f,
                "This host has been working on {calls} other calls for {seconds} seconds; send this one again later."
            ),
        }
    }
}

/// Who calls: an application's tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Whose {
    pub(super) application: String,
    pub(super) tenant: crate::protocol::context_id::ContextId,
}

/// Where in its cycle a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It begins one: nothing is lost when it has to come again.
    First,
    Later,
}

/// The room of one server.
#[derive(Debug)]
pub(super) struct Room {
    limits: RoomLimits,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    of_tenant: usize,
    waiting: usize,
    tenants: HashMap<Whose, Tenant>,
    /// Tenants with calls waiting, the next one first.
    turns: VecDeque<Whose>,
    next: u64,
}

/// A tenant with calls at work or waiting.
#[derive(Debug, Default)]
struct Tenant {
    at_work: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Inside>)>,
}

/// The right to work, until dropped.
#[derive(Debug)]
pub(super) struct Inside {
    whose: Whose,
    state: Arc<Mutex<State>>,
}

impl Room {
    pub(super) fn new(limits: RoomLimits) -> Self {
        let state = State {
            free: limits.calls,
            of_tenant: limits.calls_of_tenant,
            waiting: 0,
            tenants: HashMap::new(),
            turns: VecDeque::new(),
            next: 0,
        };
        Self { limits, state: Arc::new(Mutex::new(state)) }
    }

    /// Calls waiting now.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.state).waiting
    }

    /// Waits for room.
    pub(super) async fn enter(&self, whose: Whose, place: Place) -> Result<Inside, NoRoom> {
        let (id, mut turn) = self.queue(&whose, place)?;
        match tokio::time::timeout(self.limits.wait, &mut turn).await {
            Ok(Ok(inside)) => return Ok(inside),
            Ok(Err(_sent_away)) => return Err(NoRoom::GaveWay { waiting: self.limits.waiting }),
            Err(_elapsed) => {}
        }
        // It may have come at the very last moment.
        let late = lock(&self.state).leave(&whose, id, &mut turn);
        late.ok_or(NoRoom::Waited { seconds: self.limits.wait.as_secs(), calls: self.limits.calls })
    }

    /// Puts a call at the end of its tenant's queue, where there is one; told at once if it is its turn.
    fn queue(&self, whose: &Whose, place: Place) -> Result<(u64, oneshot::Receiver<Inside>), NoRoom> {
        let (told, turn) = oneshot::channel();
        let mut state = lock(&self.state);
        let share = (self.limits.waiting / 4).max(1);
        let most = match place {
            Place::First => self.limits.waiting.div_ceil(2),
            Place::Later => self.limits.waiting,
        };
        let of_tenant = state.tenants.get(whose).map_or(0, |tenant| tenant.waiting.len());
        let is_free = state.free > 0
            && state.tenants.get(whose).is_none_or(|tenant| tenant.at_work < self.limits.calls_of_tenant);
        if !is_free || of_tenant > 0 {
            if of_tenant >= share {
                return Err(NoRoom::TenantsQueue { waiting: of_tenant });
            }
            if state.waiting >= most && !state.one_gives_way(of_tenant) {
                return Err(NoRoom::Queue { waiting: state.waiting });
            }
        }
        let id = state.next;
        state.next += 1;
        state.waiting += 1;
        if of_tenant == 0 {
            state.turns.push_back(whose.clone());
        }
        state.tenants.entry(whose.clone()).or_default().waiting.push_back((id, told));
        let unwanted = state.serve(&self.state);
        drop(state);
        drop(unwanted);
        Ok((id, turn))
    }
}

impl State {
    /// Lets in whom there is room for, in turn. What comes back was for callers who are gone: to be dropped once the lock
    /// is.
    fn serve(&mut self, shared: &Arc<Mutex<Self>>) -> Vec<Inside> {
        let mut unwanted = Vec::new();
        // Tenants in a row that may not have one more at work.
        let mut passed = 0;
        while self.free > 0 && passed < self.turns.len() {
            let Some(whose) = self.turns.pop_front() else { break };
            let Some(tenant) = self.tenants.get_mut(&whose) else { continue };
            if tenant.at_work >= self.of_tenant {
                self.turns.push_back(whose);
                passed += 1;
                continue;
            }
            passed = 0;
            if let Some((_, told)) = tenant.waiting.pop_front() {
                tenant.at_work += 1;
                self.free -= 1;
                self.waiting -= 1;
                let inside = Inside { whose: whose.clone(), state: shared.clone() };
                unwanted.extend(told.send(inside).err());
            }
            if !tenant.waiting.is_empty() {
                self.turns.push_back(whose);
            }
        }
        unwanted
    }

    /// Sends away the latest call of the tenant that has most waiting, for one whose tenant has so many; not where that would
    /// leave it with fewer than the other then has. Whether there was one.
    fn one_gives_way(&mut self, has: usize) -> bool {
        let most = self.tenants.values_mut().max_by_key(|tenant| tenant.waiting.len());
        let Some(most) = most.filter(|most| most.waiting.len() > has + 1) else { return false };
        // Whoever waits at the other end learns of it by this end's being gone.
        self.waiting -= usize::from(most.waiting.pop_back().is_some());
        true
    }

    /// A call waits no longer. If it was let in meanwhile, that is what it gets.
    fn leave(&mut self, whose: &Whose, id: u64, turn: &mut oneshot::Receiver<Inside>) -> Option<Inside> {
        if let Ok(inside) = turn.try_recv() {
            return Some(inside);
        }
        if let Some(tenant) = self.tenants.get_mut(whose) {
            let before = tenant.waiting.len();
            tenant.waiting.retain(|(one, _)| *one != id);
            self.waiting -= before - tenant.waiting.len();
            if before > 0 && tenant.waiting.is_empty() {
                self.turns.retain(|one| one != whose);
            }
            self.forget(whose);
        }
        None
    }

    /// A tenant with nothing at work and nothing waiting takes no memory.
    fn forget(&mut self, whose: &Whose) {
        if self.tenants.get(whose).is_some_and(|tenant| tenant.at_work == 0 && tenant.waiting.is_empty()) {
            self.tenants.remove(whose);
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.free += 1;
        if let Some(tenant) = state.tenants.get_mut(&self.whose) {
            tenant.at_work -= 1;
        }
        let unwanted = state.serve(&self.state);
        state.forget(&self.whose);
        drop(state);
        drop(unwanted);
    }
}

/// Nothing in here can panic half-way, so a poisoned lock guards sound data.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn room(calls: usize, calls_of_tenant: usize, waiting: usize) -> Room {
        Room::new(RoomLimits { calls, calls_of_tenant, waiting, wait: LONG })
    }

    fn whose(tenant: &str) -> Whose {
        let tenant = crate::protocol::context_id::ContextId::new(tenant).unwrap();
        Whose { application: "app".into(), tenant }
    }

    /// In line, and let in later if at all.
    fn wait(room: &Room, tenant: &str) -> Result<oneshot::Receiver<Inside>, NoRoom> {
        room.queue(&whose(tenant), Place::Later).map(|(_, turn)| turn)
    }

    #[tokio::test]
    async fn tenants_take_turns_however_many_calls_each_has_waiting() {
        let room = room(1, 1, 100);
        let first = room.enter(whose("Huge"), Place::Later).await.unwrap();
        let mut huge: Vec<_> = (0..10).map(|_| wait(&room, "Huge").unwrap()).collect();
        let mut small = wait(&room, "Small").unwrap();
        assert!(small.try_recv().is_err());
        drop(first);
        let second = huge[0].try_recv().expect("the one that came first");
        assert!(small.try_recv().is_err());
        drop(second);
        let third = small.try_recv().expect("before nine others that came earlier");
        assert!(huge[1].try_recv().is_err());
        drop(third);
        assert!(huge[1].try_recv().is_ok());
    }

    #[tokio::test]
    async fn one_tenant_never_has_all_the_room() {
        let room = room(4, 2, 100);
        let _one = room.enter(whose("Huge"), Place::Later).await.unwrap();
        let two = room.enter(whose("Huge"), Place::Later).await.unwrap();
        let mut third = wait(&room, "Huge").unwrap();
        assert!(third.try_recv().is_err(), "two places are free, and not for this tenant");
        let _small = room.enter(whose("Small"), Place::Later).await.unwrap();
        drop(two);
        assert!(third.try_recv().is_ok());
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_so_is_each_tenants_part_of_it() {
        let room = room(1, 1, 8);
        let _first = room.enter(whose("Huge"), Place::Later).await.unwrap();
        let _huge: Vec<_> = (0..2).map(|_| wait(&room, "Huge").unwrap()).collect();
        assert_eq!(wait(&room, "Huge").err(), Some(NoRoom::TenantsQueue { waiting: 2 }));
        let _others: Vec<_> = (0..7).map(|n| wait(&room, &format!("Cust{n}")).unwrap()).collect();
        assert_eq!(wait(&room, "Late").err(), Some(NoRoom::Queue { waiting: 8 }));
        assert_eq!(room.waiting(), 8);
    }

    #[tokio::test]
    async fn what_begins_a_cycle_leaves_half_of_the_queue_to_those_that_have_begun() {
        let room = room(1, 1, 8);
        let _at_work = room.enter(whose("Other"), Place::Later).await.unwrap();
        let first = |name: &str| room.queue(&whose(name), Place::First).map(|(_, turn)| turn);
        let _begins: Vec<_> = (0..4).map(|n| first(&format!("New{n}")).unwrap()).collect();
        assert_eq!(first("New4").err(), Some(NoRoom::Queue { waiting: 4 }));
        let _begun: Vec<_> = (0..4).map(|n| wait(&room, &format!("Begun{n}")).unwrap()).collect();
        assert_eq!(wait(&room, "Begun4").err(), Some(NoRoom::Queue { waiting: 8 }));
    }

    #[tokio::test]
    async fn a_full_queue_keeps_nobody_out_who_has_fewer_calls_in_it() {
        let room = Arc::new(room(1, 1, 8));
        let at_work = room.enter(whose("Other"), Place::Later).await.unwrap();
        let mut huge: Vec<_> = (0..4).map(|n| [0; 2].map(|_| wait(&room, &format!("Huge{n}")).unwrap())).collect();
        let mut small: Vec<_> = (0..4).map(|n| wait(&room, &format!("Small{n}")).unwrap()).collect();
        assert_eq!(room.waiting(), 8);
        // Now each has one.
        assert_eq!(wait(&room, "Late").err(), Some(NoRoom::Queue { waiting: 8 }));
        for [first, second] in &mut huge {
            assert_eq!(first.try_recv().err(), Some(oneshot::error::TryRecvError::Empty));
            assert_eq!(second.try_recv().err(), Some(oneshot::error::TryRecvError::Closed), "the latest gave way");
        }
        // All that are left come to their turn.
        drop(at_work);
        for turn in huge.iter_mut().map(|[first, _]| first).chain(&mut small) {
            drop(turn.try_recv().expect("its turn"));
        }
        let state = lock(&room.state);
        assert!(state.tenants.is_empty() && state.turns.is_empty());
        assert_eq!((state.free, state.waiting), (1, 0));
    }

    #[tokio::test]
    async fn who_gives_way_is_told_so() {
        let room = Arc::new(room(1, 1, 8));
        let _at_work = room.enter(whose("Other"), Place::Later).await.unwrap();
        let _first = wait(&room, "Huge").unwrap();
        let second = tokio::spawn({
            let room = room.clone();
            async move { room.enter(whose("Huge"), Place::Later).await.map(drop) }
        });
        while room.waiting() < 2 {
            tokio::task::yield_now().await;
        }
        let _others: Vec<_> = (0..7).map(|n| wait(&room, &format!("Small{n}")).unwrap()).collect();
        assert_eq!(second.await.unwrap(), Err(NoRoom::GaveWay { waiting: 8 }));
    }

    #[tokio::test]
    async fn who_waited_too_long_is_told_so_and_leaves_nothing_behind() {
        let room = Room::new(RoomLimits { calls: 1, calls_of_tenant: 1, waiting: 8, wait: Duration::from_millis(20) });
        let first = room.enter(whose("Cust1"), Place::Later).await.unwrap();
        let why = room.enter(whose("Cust2"), Place::Later).await.unwrap_err();
        assert_eq!(why, NoRoom::Waited { seconds: 0, calls: 1 });
        drop(first);
        let state = lock(&room.state);
        assert!(state.tenants.is_empty() && state.turns.is_empty());
        assert_eq!((state.free, state.waiting), (1, 0));
    }

    #[tokio::test]
    async fn room_given_to_who_is_gone_goes_to_the_next() {
        let room = room(1, 1, 8);
        let first = room.enter(whose("Cust1"), Place::Later).await.unwrap();
        drop(wait(&room, "Cust2").unwrap());
        let mut third = wait(&room, "Cust3").unwrap();
        drop(first);
        let inside = third.try_recv().expect("the one before it had gone");
        drop(inside);
        let state = lock(&room.state);
        assert!(state.tenants.is_empty() && state.turns.is_empty());
        assert_eq!((state.free, state.waiting), (1, 0));
    }
}
