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
    pub whole: Duration,
    /// How long the next part of a body may take.
    pub pause: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bodies: 4096,
            bodies_per_client: 256,
            bytes: 64 * 1024 * 1024,
            bytes_per_client: 8 * 1024 * 1024,
            whole: Duration::from_secs(20),
            pause: Duration::from_secs(10),
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
pub(super) enum Cut {
    #[error("the body took too long to arrive")]
    Late,
    #[error("the limit of incoming bodies is reached")]
    Crowded,
}

#[derive(Debug)]
struct Arriving {
    client: Client,
    bytes: usize,
    /// Whether the body is still arriving. Once it is complete, its bytes are occupied until the response and it cannot be cut
    /// off.
    is_under_way: bool,
    cut: CancellationToken,
}

#[derive(Debug, Default)]
struct Used {
    bodies: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// Ordered by age, because ids increase.
    bodies: BTreeMap<u64, Arriving>,
    all: Used,
    of: HashMap<Client, Used>,
}

/// Tracks all request bodies of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bodies {
    pub(super) bounds: Bounds,
    open: Arc<Mutex<Open>>,
}

/// The entry of one body, which is removed when dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    bodies: Bodies,
    id: u64,
    pub(super) cut: CancellationToken,
}

impl Open {
    fn used(&self, client: Client) -> (usize, usize) {
        self.of.get(&client).map_or((0, 0), |used| (used.bodies, used.bytes))
    }

    /// Removes a body, releases what it occupies and cuts it off.
    fn remove(&mut self, id: u64) {
        let Some(body) = self.bodies.remove(&id) else { return };
        let of_client = self.of.entry(body.client).or_default();
        for used in [&mut self.all, of_client] {
            used.bodies -= usize::from(body.is_under_way);
            used.bytes -= body.bytes;
        }
        if of_client.bodies == 0 && of_client.bytes == 0 {
            self.of.remove(&body.client);
        }
        body.cut.cancel();
    }

    /// Cuts off the oldest body that is still arriving, of one client or of all, except `own`. Returns `false` if there is none.
    fn cut_oldest(&mut self, client: Option<Client>, own: u64) -> bool {
        let may_go = |(id, body): &(&u64, &Arriving)| {
            **id != own && body.is_under_way && client.is_none_or(|client| body.client == client)
        };
        let oldest = self.bodies.iter().find(may_go).map(|(id, _)| *id);
        oldest.inspect(|id| self.remove(*id)).is_some()
    }
}

impl Bodies {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, open: Arc::default() }
    }

    pub(super) fn begin(&self, client: Client) -> Ticket {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let id = open.next;
        open.next += 1;
        if open.used(client).0 >= self.bounds.bodies_per_client {
            open.cut_oldest(Some(client), id);
        }
        if open.all.bodies >= self.bounds.bodies {
            open.cut_oldest(None, id);
        }
        let cut = CancellationToken::new();
        open.bodies.insert(id, Arriving { client, bytes: 0, is_under_way: true, cut: cut.clone() });
        open.all.bodies += 1;
        open.of.entry(client).or_default().bodies += 1;
        Ticket { bodies: self.clone(), id, cut }
    }
}

impl Ticket {
    /// Reserves room for a part of the body.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Cut> {
        let bounds = &self.bodies.bounds;
        let mut open = self.bodies.open.lock().unwrap_or_else(PoisonError::into_inner);
        let client = open.bodies.get(&self.id).ok_or(Cut::Crowded)?.client;
        while open.used(client).1 + bytes > bounds.bytes_per_client {
            if !open.cut_oldest(Some(client), self.id) {
                return Err(Cut::Crowded);
            }
        }
        while open.all.bytes + bytes > bounds.bytes {
            if !open.cut_oldest(None, self.id) {
                return Err(Cut::Crowded);
            }
        }
        open.all.bytes += bytes;
        open.of.entry(client).or_default().bytes += bytes;
        open.bodies.get_mut(&self.id).ok_or(Cut::Crowded)?.bytes += bytes;
        Ok(())
    }

    /// Records that the body is complete. Its bytes stay reserved until the permit is dropped.
    pub(super) fn has_arrived(&self) {
        let mut open = self.bodies.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = open.bodies.get_mut(&self.id).filter(|body| body.is_under_way) else { return };
        body.is_under_way = false;
        let client = body.client;
        open.all.bodies -= 1;
        open.of.entry(client).or_default().bodies -= 1;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.bodies.open.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

#[cfg(test)]
impl Bodies {
    /// Returns how many bodies there are, how many of them are arriving, their bytes, and the number of clients.
    pub(super) fn counts(&self) -> (usize, usize, usize, usize) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        (open.bodies.len(), open.all.bodies, open.all.bytes, open.of.len())
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
        whole: Duration::from_millis(1000),
        pause: Duration::from_millis(600),
    };

    proptest! {
        /// After any sequence of operations, the sums agree with the bodies and stay within the limits.
        #[test]
        fn the_books_are_right(steps in prop::collection::vec((0u8..4, 0u8..4, 0usize..70), 1..200)) {
            let bodies = Bodies::new(BOUNDS);
            let mut tickets = Vec::new();
            for (step, client, bytes) in steps {
                let one = usize::from(client) % tickets.len().max(1);
                match step {
                    0 => tickets.push(bodies.begin(Client::Network(IpAddr::from([203, 0, 113, client])))),
                    1 => drop(tickets.get(one).map(|ticket: &Ticket| ticket.take(bytes))),
                    2 => drop(tickets.get(one).map(Ticket::has_arrived)),
                    _ => drop((!tickets.is_empty()).then(|| tickets.swap_remove(one))),
                }
                let open = bodies.open.lock().unwrap();
                let under_way = |body: &&Arriving| body.is_under_way;
                prop_assert_eq!(open.all.bodies, open.bodies.values().filter(under_way).count());
                prop_assert_eq!(open.all.bytes, open.bodies.values().map(|body| body.bytes).sum::<usize>());
                prop_assert!(open.all.bodies <= BOUNDS.bodies && open.all.bytes <= BOUNDS.bytes);
                for (client, used) in &open.of {
                    let of_client = || open.bodies.values().filter(|body| body.client == *client);
                    prop_assert_eq!(used.bodies, of_client().filter(under_way).count());
                    prop_assert_eq!(used.bytes, of_client().map(|body| body.bytes).sum::<usize>());
                    prop_assert!(used.bodies <= BOUNDS.bodies_per_client && used.bytes <= BOUNDS.bytes_per_client);
                }
            }
            drop(tickets);
            let open = bodies.open.lock().unwrap();
            prop_assert_eq!((open.bodies.len(), open.all.bodies, open.all.bytes), (0, 0, 0));
        }
    }
}
