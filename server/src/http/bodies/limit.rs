//! Accounting for request bodies: how much of the limits each client uses, and which body is cut off when one is reached.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reef_domain::ids::UserId;
use tokio_util::sync::CancellationToken;

/// The limits of request bodies.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many bodies may be arriving at once.
    pub bodies: usize,
    /// How many of those one client may send.
    pub bodies_per_client: usize,
    /// How many bytes all bodies may occupy, each from its first byte until its request is answered.
    pub bytes: usize,
    /// How many of those bytes one client may occupy.
    pub bytes_per_client: usize,
    /// How long a body may take from the first byte to the last.
    pub total_time: Duration,
    /// How long the next part of a body may take.
    pub idle_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bodies: 4096,
            bodies_per_client: 256,
            bytes: 64 * 1024 * 1024,
            bytes_per_client: 8 * 1024 * 1024,
            total_time: Duration::from_secs(20),
            idle_time: Duration::from_secs(10),
        }
    }
}

/// The client whose limit a body counts against: the account of an authenticated request, else the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    Network(IpAddr),
    Account(UserId),
}

/// Why a body was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cutoff {
    #[error("the body took too long to arrive")]
    TimedOut,
    #[error("the limit of incoming bodies is reached")]
    OverLimit,
}

#[derive(Debug)]
struct TrackedBody {
    client: Client,
    bytes: usize,
    /// Whether the body is still arriving. Once it is complete, its bytes are occupied until the response and it cannot be cut
    /// off.
    is_arriving: bool,
    cut: CancellationToken,
}

#[derive(Debug, Default)]
struct Usage {
    bodies: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct TrackedBodies {
    next_id: u64,
    /// Ordered by age, because ids increase.
    bodies: BTreeMap<u64, TrackedBody>,
    total: Usage,
    by_client: HashMap<Client, Usage>,
}

/// Tracks all request bodies of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    pub(super) bounds: Bounds,
    tracked: Arc<Mutex<TrackedBodies>>,
}

/// The entry of one body, which is removed when dropped.
#[derive(Debug)]
pub(super) struct BodyPermit {
    limit: BodyLimit,
    id: u64,
    pub(super) cut: CancellationToken,
}

impl TrackedBodies {
    fn usage(&self, client: Client) -> (usize, usize) {
        self.by_client.get(&client).map_or((0, 0), |used| (used.bodies, used.bytes))
    }

    /// Removes a body, releases what it occupies and cuts it off.
    fn remove(&mut self, id: u64) {
        let Some(body) = self.bodies.remove(&id) else { return };
        let of_client = self.by_client.entry(body.client).or_default();
        for used in [&mut self.total, of_client] {
            used.bodies -= usize::from(body.is_arriving);
            used.bytes -= body.bytes;
        }
        if of_client.bodies == 0 && of_client.bytes == 0 {
            self.by_client.remove(&body.client);
        }
        body.cut.cancel();
    }

    /// Cuts off the oldest body that is still arriving, of one client or of all, except `own`. Returns `false` if there is none.
    fn cut_oldest(&mut self, client: Option<Client>, own: u64) -> bool {
        let can_be_cut = |(id, body): &(&u64, &TrackedBody)| {
            **id != own && body.is_arriving && client.is_none_or(|client| body.client == client)
        };
        let oldest = self.bodies.iter().find(can_be_cut).map(|(id, _)| *id);
        oldest.inspect(|id| self.remove(*id)).is_some()
    }
}

impl BodyLimit {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, tracked: Arc::default() }
    }

    pub(super) fn register(&self, client: Client) -> BodyPermit {
        let mut open = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        let id = open.next_id;
        open.next_id += 1;
        if open.usage(client).0 >= self.bounds.bodies_per_client {
            open.cut_oldest(Some(client), id);
        }
        if open.total.bodies >= self.bounds.bodies {
            open.cut_oldest(None, id);
        }
        let cut = CancellationToken::new();
        open.bodies.insert(id, TrackedBody { client, bytes: 0, is_arriving: true, cut: cut.clone() });
        open.total.bodies += 1;
        open.by_client.entry(client).or_default().bodies += 1;
        BodyPermit { limit: self.clone(), id, cut }
    }
}

impl BodyPermit {
    /// Reserves room for a part of the body.
    pub(super) fn reserve(&self, bytes: usize) -> Result<(), Cutoff> {
        let bounds = &self.limit.bounds;
        let mut open = self.limit.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        let client = open.bodies.get(&self.id).ok_or(Cutoff::OverLimit)?.client;
        while open.usage(client).1 + bytes > bounds.bytes_per_client {
            if !open.cut_oldest(Some(client), self.id) {
                return Err(Cutoff::OverLimit);
            }
        }
        while open.total.bytes + bytes > bounds.bytes {
            if !open.cut_oldest(None, self.id) {
                return Err(Cutoff::OverLimit);
            }
        }
        open.total.bytes += bytes;
        open.by_client.entry(client).or_default().bytes += bytes;
        open.bodies.get_mut(&self.id).ok_or(Cutoff::OverLimit)?.bytes += bytes;
        Ok(())
    }

    /// Records that the body is complete. Its bytes stay reserved until the permit is dropped.
    pub(super) fn complete(&self) {
        let mut open = self.limit.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = open.bodies.get_mut(&self.id).filter(|body| body.is_arriving) else { return };
        body.is_arriving = false;
        let client = body.client;
        open.total.bodies -= 1;
        open.by_client.entry(client).or_default().bodies -= 1;
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        self.limit.tracked.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

#[cfg(test)]
impl BodyLimit {
    /// Returns how many bodies there are, how many of them are arriving, their bytes, and the number of clients.
    pub(super) fn counts(&self) -> (usize, usize, usize, usize) {
        let open = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        (open.bodies.len(), open.total.bodies, open.total.bytes, open.by_client.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        bodies: 6,
        bodies_per_client: 3,
        bytes: 100,
        bytes_per_client: 60,
        total_time: Duration::from_millis(1000),
        idle_time: Duration::from_millis(600),
    };

    proptest! {
        /// After any sequence of operations, the sums agree with the bodies and stay within the limits.
        #[test]
        fn usage_matches_tracked_bodies(steps in prop::collection::vec((0u8..4, 0u8..4, 0usize..70), 1..200)) {
            let bodies = BodyLimit::new(BOUNDS);
            let mut tickets = Vec::new();
            for (step, client, bytes) in steps {
                let one = usize::from(client) % tickets.len().max(1);
                match step {
                    0 => tickets.push(bodies.register(Client::Network(IpAddr::from([203, 0, 113, client])))),
                    1 => drop(tickets.get(one).map(|ticket: &BodyPermit| ticket.reserve(bytes))),
                    2 => drop(tickets.get(one).map(BodyPermit::complete)),
                    _ => drop((!tickets.is_empty()).then(|| tickets.swap_remove(one))),
                }
                let open = bodies.tracked.lock().unwrap();
                let under_way = |body: &&TrackedBody| body.is_arriving;
                prop_assert_eq!(open.total.bodies, open.bodies.values().filter(under_way).count());
                prop_assert_eq!(open.total.bytes, open.bodies.values().map(|body| body.bytes).sum::<usize>());
                prop_assert!(open.total.bodies <= BOUNDS.bodies && open.total.bytes <= BOUNDS.bytes);
                for (client, used) in &open.by_client {
                    let of_client = || open.bodies.values().filter(|body| body.client == *client);
                    prop_assert_eq!(used.bodies, of_client().filter(under_way).count());
                    prop_assert_eq!(used.bytes, of_client().map(|body| body.bytes).sum::<usize>());
                    prop_assert!(used.bodies <= BOUNDS.bodies_per_client && used.bytes <= BOUNDS.bytes_per_client);
                }
            }
            drop(tickets);
            let open = bodies.tracked.lock().unwrap();
            prop_assert_eq!((open.bodies.len(), open.total.bodies, open.total.bytes), (0, 0, 0));
        }
    }
}
