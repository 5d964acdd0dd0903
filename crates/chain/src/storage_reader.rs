//! Reads an oracle's requests from the contract's storage, and runs the contract's own views here.
//!
//! A node answers a call of a contract by loading the contract's code and running it, a few milliseconds
//! each time; raw storage entries it serves by the hundred in one answer. This process runs the views of
//! `llm-oracle-rules`, which are those of the contract, over these entries.
//!
//! Storage is trusted only as far as it has been compared: the first request of each shape is read by the
//! contract's message as well, for each code that the contract has had. A difference turns this off for
//! that code; a node that does not serve entries turns it off for a while. Then the messages are called.

use super::{
    api::ChainApi,
    error::ChainError,
    oracle::{OracleClient, READS_AT_ONCE},
    request_read::{read_with_messages, ReadRequest, RequestPage, RequestRecord},
    request_shape::{shape, RequestShape},
    types::{Changes, Head},
};
use futures::{stream, StreamExt, TryStreamExt};
use llm_oracle_primitives::{limits, BlockNumber, Hash, RequestId, Summary};
use llm_oracle_rules::{
    cells::{CellHost, Cells},
    Key, Oracle as Rules,
};
use std::collections::{BTreeSet, HashSet};

/// Storage entries that are requested from a node in one call.
const ENTRIES_PER_CALL: usize = 256;
/// Requests after the last known one that are read in the same call.
const LOOKAHEAD: RequestId = 64;
/// Terms whose entries are cached; a request's view needs them, 12 KiB at most.
const CACHED_TERMS: RequestId = 2_048;
/// Blocks until storage is read again over a connection that refused it: the node may only have been busy.
pub const STORAGE_RETRY_BLOCKS: BlockNumber = 100;
/// Rounds in which a view finds the entries it needs: a request names its seats, a seat its operator's entry.
const ROUNDS_MAX: usize = 8;

/// Whether a node does not serve raw entries at all, or serves what can't be read.
fn is_refused_for_good(error: &ChainError) -> bool {
    matches!(
        error,
        ChainError::MethodNotFound { .. } | ChainError::Decode { .. }
    )
}

/// Reads an oracle's requests.
#[derive(Default)]
pub struct StorageReader {
    /// The contract's code for which storage has been compared.
    code: Option<Hash>,
    /// The storage is not what the messages return.
    differs: bool,
    /// The connection that refused entries last, and the block until which it is not tried again.
    refused: Option<(usize, BlockNumber)>,
    /// Whether a page of requests has been compared.
    page: bool,
    /// Shapes that have been compared.
    compared: HashSet<RequestShape>,
    /// The block of `cells`.
    at: Option<Head>,
    cells: Cells,
    next_id: RequestId,
    /// The lowest request whose entries, and those of all later ones that are not over, are in `cells`.
    listed_from: Option<RequestId>,
}

impl StorageReader {
    /// Summaries of the requests `from..` at a block, without those that are known to be over; `None`
    /// when there is no contract. Only what `changes` says is read again, if all else was read before.
    ///
    /// # Errors
    /// Connection errors, and `Node` when the node refuses.
    pub async fn list<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
        changes: &Changes,
    ) -> Result<Option<RequestPage>, ChainError> {
        let chain = oracle.chain.as_ref();
        if self.is_known(oracle, at, from, changes) {
            let listed = self.list_changed(oracle, at, from, over, changes).await;
            if let Some(listed) = self.fallback_if_refused(oracle, at, listed)? {
                return Ok(Some(listed));
            }
        }
        let Some(code) = chain.code_hash(&oracle.address, Some(at.hash)).await? else {
            return Ok(None);
        };
        if self.code != Some(code) {
            *self = Self::default();
            self.code = Some(code);
        }
        if self.reads_storage(oracle, at) {
            let listed = self.list_storage(oracle, at, from, over).await;
            if let Some(listed) = self.fallback_if_refused(oracle, at, listed)? {
                return Ok(Some(listed));
            }
        }
        // Later changes are those since this block, which the entries do not show.
        self.listed_from = None;
        let next_id = oracle.next_id(Some(at.hash)).await?;
        let summaries = oracle.summaries_but(from, next_id, over, at.hash).await?;
        Ok(Some(RequestPage { next_id, summaries }))
    }

    /// Requests and terms at the block of the last [`Self::list`].
    ///
    /// # Errors
    /// Connection errors, and `Node` when the node refuses.
    pub async fn read<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        requests: &[ReadRequest],
    ) -> Result<Vec<RequestRecord>, ChainError> {
        if self.at == Some(at) && self.reads_storage(oracle, at) {
            let read = self.read_storage(oracle, at, requests).await;
            if let Some(read) = self.fallback_if_refused(oracle, at, read)? {
                return Ok(read);
            }
        }
        // Collected first: rustc can't tell that a closure over borrowed items may move between threads.
        let reads: Vec<_> = requests
            .iter()
            .map(|one| read_with_messages(oracle, at.hash, *one))
            .collect();
        let read = stream::iter(reads).buffered(READS_AT_ONCE);
        read.try_collect().await
    }

    /// Whether storage is trusted: it has not differed, and the last node has not refused it.
    pub fn trusts_storage(&self) -> bool {
        !self.differs && self.refused.is_none()
    }

    /// Whether requests at this block are read from storage, and not by calling messages.
    pub fn reads_storage<C: AsRef<dyn ChainApi>>(
        &self,
        oracle: &OracleClient<C>,
        at: Head,
    ) -> bool {
        let connection = oracle.chain.as_ref().connection_id();
        let refused = self.refused;
        let refused = refused.is_some_and(|(by, until)| by == connection && at.number < until);
        !self.differs && !refused
    }

    /// What was read; `None` when the node refuses its storage, so that messages are called instead.
    fn fallback_if_refused<C: AsRef<dyn ChainApi>, T>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        read: Result<Option<T>, ChainError>,
    ) -> Result<Option<T>, ChainError> {
        match read {
            // Nothing but a method that is not there is a reason to ask for more: the node may be busy, or
            // have forgotten this block, and calls of messages would cost it a hundred times as much.
            Err(error) if !is_refused_for_good(&error) => Err(error),
            Err(error) => {
                let chain = oracle.chain.as_ref();
                tracing::warn!(url = chain.url(), %error, "storage not readable; falling back to contract calls");
                let until = at.number.saturating_add(STORAGE_RETRY_BLOCKS);
                self.refused = Some((chain.connection_id(), until));
                Ok(None)
            }
            Ok(read) => Ok(read),
        }
    }

    /// Whether what was read before, with what has changed since, is all that there is.
    fn is_known<C: AsRef<dyn ChainApi>>(
        &self,
        oracle: &OracleClient<C>,
        at: Head,
        from: RequestId,
        changes: &Changes,
    ) -> bool {
        let is_whole = self.listed_from.is_some_and(|listed| listed <= from);
        let is_compared = self.page || *changes == Changes::Nothing;
        *changes != Changes::Unknown && is_whole && is_compared && self.reads_storage(oracle, at)
    }

    /// Summaries after reading the entries of changed requests only.
    async fn list_changed<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
        changes: &Changes,
    ) -> Result<Option<RequestPage>, ChainError> {
        let known = from..self.next_id;
        self.at = Some(at);
        if let Changes::Requests(changed) = changes {
            let mut expected = vec![Key::Counters];
            let open = changed.iter().copied().filter(|id| !over.contains(id));
            expected.extend(open.map(Key::Request));
            // Operators and whatever else changes by itself is read again where a view needs it.
            self.cells.retain(|key| match key {
                Key::Terms(id) => known.contains(id) && !over.contains(id),
                Key::Request(id) => {
                    known.contains(id) && !over.contains(id) && !changed.contains(id)
                }
                _ => false,
            });
            self.listed_from = None;
            self.fetch(oracle, expected).await?;
        }
        let next_id = self.view(oracle, |rules| rules.next_id()).await?;
        let listed = self.summaries(oracle, from, next_id, over).await?;
        self.next_id = next_id;
        self.listed_from = Some(from);
        Ok(Some(listed))
    }

    async fn summaries<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        from: RequestId,
        next_id: RequestId,
        over: &BTreeSet<RequestId>,
    ) -> Result<RequestPage, ChainError> {
        let ids: Vec<RequestId> = (from..next_id).filter(|id| !over.contains(id)).collect();
        let of = |rules: &mut Rules<&CellHost<'_>>| {
            let each = ids.iter().flat_map(|id| rules.summaries(*id, 1));
            each.collect::<Vec<Summary>>()
        };
        let summaries = self.view(oracle, of).await?;
        Ok(RequestPage { next_id, summaries })
    }

    async fn list_storage<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
    ) -> Result<Option<RequestPage>, ChainError> {
        let known = self.next_id.max(from);
        let ahead = known.saturating_add(LOOKAHEAD);
        let mut expected = vec![Key::Counters];
        let open = (from..ahead).filter(|id| !over.contains(id));
        expected.extend(open.map(Key::Request));
        expected.extend((known..ahead).map(Key::Terms));
        // Operators are read again: their entries change often, and most seats belong to the same ones.
        let operators = |key: &Key| matches!(key, Key::Operators(_));
        expected.extend(self.cells.keys().copied().filter(operators));
        // Terms never change.
        let oldest = known.saturating_sub(CACHED_TERMS).max(from);
        self.cells.retain(|key| {
            matches!(key, Key::Terms(id) if (oldest..known).contains(id) && !over.contains(id))
        });
        self.at = Some(at);
        self.listed_from = None;
        self.fetch(oracle, expected).await?;
        let next_id = self.view(oracle, |rules| rules.next_id()).await?;
        // A wrong number of requests would make us allocate memory for all of them, so a large one is checked.
        if next_id > ahead && oracle.next_id(Some(at.hash)).await? != next_id {
            self.differs = true;
            self.warn_on_mismatch("the number of requests");
            return Ok(None);
        }
        let listed = self.summaries(oracle, from, next_id, over).await?;
        if !self.page && !self.page_matches(oracle, at, from, over, &listed).await? {
            return Ok(None);
        }
        self.next_id = next_id;
        self.listed_from = Some(from);
        Ok(Some(listed))
    }

    /// Whether the first page is what the message returns; if not, storage is not read any more. The
    /// summaries exclude requests that are over.
    async fn page_matches<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        from: RequestId,
        over: &BTreeSet<RequestId>,
        listed: &RequestPage,
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
        self.warn_on_mismatch("requests");
        Ok(!self.differs)
    }

    async fn read_storage<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        at: Head,
        requests: &[ReadRequest],
    ) -> Result<Option<Vec<RequestRecord>>, ChainError> {
        let mut expected = Vec::with_capacity(requests.len().saturating_mul(2));
        for one in requests {
            expected.extend([Key::Request(one.id), Key::Terms(one.id)]);
        }
        expected.retain(|key| !self.cells.knows(key));
        self.fetch(oracle, expected).await?;
        let of = |rules: &mut Rules<&CellHost<'_>>| {
            let each = requests.iter().map(|one| RequestRecord {
                id: one.id,
                view: one.view.then(|| rules.request_view(one.id)).flatten(),
                terms: one.terms.then(|| rules.terms(one.id)).flatten(),
            });
            each.collect::<Vec<RequestRecord>>()
        };
        let read = self.view(oracle, of).await?;
        for (one, wanted) in read.iter().zip(requests) {
            let shape = one.view.as_ref().map(shape);
            let known = shape.is_none_or(|shape| self.compared.contains(&shape));
            let view_there = one.view.is_some() || !wanted.view;
            let terms_there = one.terms.is_some() || !wanted.terms;
            if known && view_there && terms_there {
                continue;
            }
            // A new shape; or the request is pruned, or its bytes do not decode.
            self.differs = read_with_messages(oracle, at.hash, *wanted).await? != *one;
            self.warn_on_mismatch("a request");
            if self.differs {
                return Ok(None);
            }
            self.compared.extend(shape);
        }
        Ok(Some(read))
    }

    fn warn_on_mismatch(&self, what: &str) {
        if self.differs {
            tracing::error!(
                what,
                "storage differs from the contract's views; falling back to contract calls"
            );
        }
    }

    /// Runs views over the cached entries, and reads the entries they miss.
    async fn view<C: AsRef<dyn ChainApi>, T>(
        &mut self,
        oracle: &OracleClient<C>,
        views: impl Fn(&mut Rules<&CellHost<'_>>) -> T,
    ) -> Result<T, ChainError> {
        let block = self.at.map_or(0, |at| at.number);
        for _ in 0..ROUNDS_MAX {
            match self.cells.view(block, &views) {
                Ok(value) => return Ok(value),
                Err(missing) => self.fetch(oracle, missing).await?,
            }
        }
        Err(ChainError::decode(
            "the oracle's storage",
            "its views need ever more entries",
        ))
    }

    async fn fetch<C: AsRef<dyn ChainApi>>(
        &mut self,
        oracle: &OracleClient<C>,
        keys: Vec<Key>,
    ) -> Result<(), ChainError> {
        let Some(at) = self.at else {
            return Ok(());
        };
        let (chain, address) = (oracle.chain.as_ref(), &oracle.address);
        let parts = keys.chunks(ENTRIES_PER_CALL);
        let reads: Vec<_> = parts
            .map(|part| chain.storage_entries(address, part, at.hash))
            .collect();
        let read = stream::iter(reads).buffered(READS_AT_ONCE);
        let read: Vec<Vec<Option<Vec<u8>>>> = read.try_collect().await?;
        for (key, bytes) in keys.into_iter().zip(read.into_iter().flatten()) {
            self.cells.insert(key, bytes);
        }
        Ok(())
    }
}
