//! An oracle's requests, read as cells of its storage, with the contract's own views run here.
//!
//! A node answers a call of a contract by loading the contract's code and running it, a few milliseconds
//! each time; it hands out cells as they lie, hundreds in one answer. Over them this process runs the
//! views of `llm-oracle-rules`, which are those of the contract.
//!
//! Cells are believed only as far as they have been compared: the first request of each shape is read by
//! the contract's message as well, for each code that the contract has had. Whatever differs turns this off
//! for that code, and a node that hands out no cells for a while; then the messages are called.

use super::{
    access::Access,
    client::Head,
    error::ChainError,
    oracle::{Oracle, READS_AT_ONCE},
};
use futures::{stream, StreamExt, TryStreamExt};
use llm_oracle_primitives::{
    limits, BlockNumber, DrawView, Hash, Outcome, RequestId, RequestView, Summary, Terms,
};
use llm_oracle_rules::{
    cells::{CellHost, Cells},
    Key, Oracle as Rules,
};
use std::{
    collections::{BTreeSet, HashSet},
    mem::{discriminant, Discriminant},
};

/// Cells that a node is asked for in one message.
const CELLS_AT_ONCE: usize = 256;
/// Requests after the last known one that are looked for beside it.
const AHEAD: RequestId = 64;
/// Terms of which the cells are kept; a request's view needs them, 12 KiB at most.
const TERMS_KEPT: RequestId = 2_048;
/// Blocks until a connection on which cells were refused is tried again: a node may only have been busy.
pub const REFUSED_BLOCKS: BlockNumber = 100;
/// Rounds in which a view finds out what it needs. A request names its seats, a seat its operator's cell.
const ROUNDS: usize = 8;

/// What is to be read of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its number.
    pub id: RequestId,
    /// Itself.
    pub view: bool,
    /// Its terms.
    pub terms: bool,
}

impl Wanted {
    /// The request alone.
    pub fn view(id: RequestId) -> Self {
        Self {
            id,
            view: true,
            terms: false,
        }
    }

    /// The request with its terms.
    pub fn whole(id: RequestId) -> Self {
        Self {
            terms: true,
            ..Self::view(id)
        }
    }
}

/// What was read of one request; what was not wanted, or is not there, is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Its number.
    pub id: RequestId,
    /// Itself.
    pub view: Option<RequestView>,
    /// Its terms.
    pub terms: Option<Terms>,
}

/// The requests of a block in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Number of the next request.
    pub next_id: RequestId,
    /// Those that were looked for and are there.
    pub summaries: Vec<Summary>,
}

/// What a request's view can differ in. One of each shape is compared.
type Shape = (
    Discriminant<llm_oracle_primitives::Phase>,
    Discriminant<llm_oracle_primitives::AnswerKind>,
    Discriminant<llm_oracle_primitives::DeliveryStatus>,
    Option<(bool, bool)>,
    Option<Discriminant<Outcome>>,
    (bool, bool),
);

fn shape(view: &RequestView) -> Shape {
    let draw = |draw: &DrawView| (draw.drawn.is_some(), draw.weak);
    (
        discriminant(&view.summary.phase),
        discriminant(&view.kind),
        discriminant(&view.summary.delivery),
        view.draw.as_ref().map(draw),
        view.outcome.as_ref().map(discriminant),
        (view.one_step, view.summary.settled),
    )
}

/// Reads an oracle's requests.
#[derive(Default)]
pub struct Reader {
    /// The code that what is compared belongs to.
    code: Option<Hash>,
    /// Its cells are not what its messages say.
    differs: bool,
    /// The connection on which cells were refused last, and the block until which it is not tried again.
    refused: Option<(usize, BlockNumber)>,
    /// A page of requests has been compared.
    page: bool,
    compared: HashSet<Shape>,
    /// Cells of the last block that was looked at.
    at: Option<Head>,
    cells: Cells,
    next_id: RequestId,
}

impl Reader {
    /// The requests `from..` at a block in short, without those that are known to be over; `None` when
    /// there is no contract.
    ///
    /// # Errors
    /// Connection errors, and what the node says.
    pub async fn list<C: AsRef<dyn Access>>(
        &mut self,
        oracle: &Oracle<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
    ) -> Result<Option<Listed>, ChainError> {
        let chain = oracle.chain.as_ref();
        let Some(code) = chain.code_hash(&oracle.address, Some(at.hash)).await? else {
            return Ok(None);
        };
        if self.code != Some(code) {
            *self = Self::default();
            self.code = Some(code);
        }
        if self.reads_cells(oracle, at) {
            let listed = self.list_cells(oracle, at, from, over).await;
            if let Some(listed) = self.unless_refused(oracle, at, listed)? {
                return Ok(Some(listed));
            }
        }
        let next_id = oracle.next_id(Some(at.hash)).await?;
        let summaries = oracle.summaries_but(from, next_id, over, at.hash).await?;
        Ok(Some(Listed { next_id, summaries }))
    }

    /// Requests and terms at the block of the last [`Self::list`].
    ///
    /// # Errors
    /// Connection errors, and what the node says.
    pub async fn read<C: AsRef<dyn Access>>(
        &mut self,
        oracle: &Oracle<C>,
        at: Head,
        wanted: &[Wanted],
    ) -> Result<Vec<Read>, ChainError> {
        if self.at == Some(at) && self.reads_cells(oracle, at) {
            let read = self.read_cells(oracle, at, wanted).await;
            if let Some(read) = self.unless_refused(oracle, at, read)? {
                return Ok(read);
            }
        }
        // Collected first: rustc can't tell that a closure over borrowed items may move between threads.
        let reads: Vec<_> = wanted
            .iter()
            .map(|one| read_with_messages(oracle, at.hash, *one))
            .collect();
        let read = stream::iter(reads).buffered(READS_AT_ONCE);
        read.try_collect().await
    }

    /// Whether cells are read, as far as it has turned out.
    pub fn believes(&self) -> bool {
        !self.differs && self.refused.is_none()
    }

    /// Whether it reads cells at this block, and not through messages.
    pub fn reads_cells<C: AsRef<dyn Access>>(&self, oracle: &Oracle<C>, at: Head) -> bool {
        let line = oracle.chain.as_ref().line();
        let refused = self.refused;
        let refused = refused.is_some_and(|(by, until)| by == line && at.number < until);
        !self.differs && !refused
    }

    /// What was read; nothing when the node hands out no cells, or they have turned out to be others.
    fn unless_refused<C: AsRef<dyn Access>, T>(
        &mut self,
        oracle: &Oracle<C>,
        at: Head,
        read: Result<Option<T>, ChainError>,
    ) -> Result<Option<T>, ChainError> {
        match read {
            Err(error) if error.is_connection() => Err(error),
            Err(error) => {
                let chain = oracle.chain.as_ref();
                tracing::warn!(url = chain.url(), %error, "no cells; the contract's messages are called");
                let until = at.number.saturating_add(REFUSED_BLOCKS);
                self.refused = Some((chain.line(), until));
                Ok(None)
            }
            Ok(read) => Ok(read),
        }
    }

    async fn list_cells<C: AsRef<dyn Access>>(
        &mut self,
        oracle: &Oracle<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
    ) -> Result<Option<Listed>, ChainError> {
        let known = self.next_id.max(from);
        let ahead = known.saturating_add(AHEAD);
        let mut expected = vec![Key::Counters];
        let open = (from..ahead).filter(|id| !over.contains(id));
        expected.extend(open.map(Key::Request));
        expected.extend((known..ahead).map(Key::Terms));
        // Operators are read again: their cells change all the time, and most seats are of the same ones.
        let operators = |key: &Key| matches!(key, Key::Operators(_));
        expected.extend(self.cells.keys().copied().filter(operators));
        // Terms never change.
        let oldest = known.saturating_sub(TERMS_KEPT).max(from);
        self.cells.retain(|key| {
            matches!(key, Key::Terms(id) if (oldest..known).contains(id) && !over.contains(id))
        });
        self.at = Some(at);
        self.fetch(oracle, expected).await?;
        let next_id = self.view(oracle, |rules| rules.next_id()).await?;
        // Another number of a whole lot of requests would be believed to the end of our memory.
        if next_id > ahead && oracle.next_id(Some(at.hash)).await? != next_id {
            self.differs = true;
            self.say_if_it_differs("the number of requests");
            return Ok(None);
        }
        let ids: Vec<RequestId> = (from..next_id).filter(|id| !over.contains(id)).collect();
        let of = |rules: &mut Rules<&CellHost<'_>>| {
            let each = ids.iter().flat_map(|id| rules.summaries(*id, 1));
            each.collect::<Vec<Summary>>()
        };
        let summaries = self.view(oracle, of).await?;
        let listed = Listed { next_id, summaries };
        if !self.page && !self.is_said(oracle, at, from, over, &listed).await? {
            return Ok(None);
        }
        self.next_id = next_id;
        Ok(Some(listed))
    }

    /// Whether the first page is what the message says; if not, cells are read no more. The summaries are
    /// without those that are over.
    async fn is_said<C: AsRef<dyn Access>>(
        &mut self,
        oracle: &Oracle<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
        listed: &Listed,
    ) -> Result<bool, ChainError> {
        let next_id = oracle.next_id(Some(at.hash)).await?;
        let page = oracle.summaries(from, limits::MAX_PAGE, Some(at.hash));
        let mut page = page.await?;
        page.retain(|one| !over.contains(&one.request_id));
        let end = from.saturating_add(RequestId::from(limits::MAX_PAGE));
        let ours = listed.summaries.iter();
        let ours = ours.take_while(|one| one.request_id < end);
        self.differs = next_id != listed.next_id || !ours.eq(&page);
        self.page = !page.is_empty();
        self.say_if_it_differs("requests");
        Ok(!self.differs)
    }

    async fn read_cells<C: AsRef<dyn Access>>(
        &mut self,
        oracle: &Oracle<C>,
        at: Head,
        wanted: &[Wanted],
    ) -> Result<Option<Vec<Read>>, ChainError> {
        let mut expected = Vec::with_capacity(wanted.len().saturating_mul(2));
        for one in wanted {
            expected.extend([Key::Request(one.id), Key::Terms(one.id)]);
        }
        expected.retain(|key| !self.cells.knows(key));
        self.fetch(oracle, expected).await?;
        let of = |rules: &mut Rules<&CellHost<'_>>| {
            let each = wanted.iter().map(|one| Read {
                id: one.id,
                view: one.view.then(|| rules.request_view(one.id)).flatten(),
                terms: one.terms.then(|| rules.terms(one.id)).flatten(),
            });
            each.collect::<Vec<Read>>()
        };
        let read = self.view(oracle, of).await?;
        for (one, wanted) in read.iter().zip(wanted) {
            let shape = one.view.as_ref().map(shape);
            let known = shape.is_none_or(|shape| self.compared.contains(&shape));
            let view_there = one.view.is_some() || !wanted.view;
            let terms_there = one.terms.is_some() || !wanted.terms;
            if known && view_there && terms_there {
                continue;
            }
            // Of a new shape; or pruned, or bytes that are none of what we take them for.
            self.differs = read_with_messages(oracle, at.hash, *wanted).await? != *one;
            self.say_if_it_differs("a request");
            if self.differs {
                return Ok(None);
            }
            self.compared.extend(shape);
        }
        Ok(Some(read))
    }

    fn say_if_it_differs(&self, what: &str) {
        if self.differs {
            tracing::error!(
                what,
                "the contract's cells are not what its messages say; the messages are called"
            );
        }
    }

    /// Runs views over the cells, and reads what they miss.
    async fn view<C: AsRef<dyn Access>, T>(
        &mut self,
        oracle: &Oracle<C>,
        views: impl Fn(&mut Rules<&CellHost<'_>>) -> T,
    ) -> Result<T, ChainError> {
        let block = self.at.map_or(0, |at| at.number);
        for _ in 0..ROUNDS {
            match self.cells.view(block, &views) {
                Ok(value) => return Ok(value),
                Err(missing) => self.fetch(oracle, missing).await?,
            }
        }
        Err(ChainError::decode(
            "the oracle's cells",
            "its views do not come to an end",
        ))
    }

    async fn fetch<C: AsRef<dyn Access>>(
        &mut self,
        oracle: &Oracle<C>,
        keys: Vec<Key>,
    ) -> Result<(), ChainError> {
        let Some(at) = self.at else {
            return Ok(());
        };
        let (chain, address) = (oracle.chain.as_ref(), &oracle.address);
        let parts = keys.chunks(CELLS_AT_ONCE);
        let reads: Vec<_> = parts
            .map(|part| chain.cells(address, part, at.hash))
            .collect();
        let read = stream::iter(reads).buffered(READS_AT_ONCE);
        let read: Vec<Vec<Option<Vec<u8>>>> = read.try_collect().await?;
        for (key, bytes) in keys.into_iter().zip(read.into_iter().flatten()) {
            self.cells.insert(key, bytes);
        }
        Ok(())
    }
}

/// Reads a request by the contract's messages.
pub async fn read_with_messages<C: AsRef<dyn Access>>(
    oracle: &Oracle<C>,
    at: Hash,
    wanted: Wanted,
) -> Result<Read, ChainError> {
    let Wanted { id, view, terms } = wanted;
    let at = Some(at);
    let view = async {
        match view {
            true => oracle.request(id, at).await,
            false => Ok(None),
        }
    };
    let terms = async {
        match terms {
            true => oracle.terms(id, at).await,
            false => Ok(None),
        }
    };
    let (view, terms) = futures::try_join!(view, terms)?;
    Ok(Read { id, view, terms })
}
