//! What has been read of the contract's requests: once for each finalized block, and in full only when
//! the summary has changed.

use crate::{error::RelayerError, node_session::ChainView};
use llm_oracle_chain::{BlockEvents, Changes, ReadRequest, RequestPage, StorageReader};
use llm_oracle_primitives::{
    digest, BlockNumber, Hash, RequestId, RequestView, Summary, Terms, INTERFACE_VERSION,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Requests that are kept in full; what is over is read again.
const MOST_VIEWS: usize = 2_048;
/// Terms that are kept, at most 12 KiB each; what is over is read again.
const MOST_TERMS: usize = 2_048;

/// Blocks after which everything is read, whatever the events say.
const WHOLE_EVERY: BlockNumber = 64;
/// Blocks whose events are read in one look; after more everything is read.
const EVENT_BLOCKS_MAX: BlockNumber = 32;
/// Blocks without a call that are remembered; the lowest are forgotten first.
const QUIET_MAX: usize = 256;

/// What has been read, all of it at finalized blocks.
#[derive(Default)]
pub(crate) struct RequestCache {
    reader: StorageReader,
    /// The block of the last look.
    at: Option<Hash>,
    /// Its height.
    looked_at: BlockNumber,
    /// Finalized blocks that are quiet, see [`BlockEvents::is_quiet`].
    quiet: BTreeSet<BlockNumber>,
    /// Height of the last look at everything.
    whole_at: BlockNumber,
    /// Number of the next request there.
    next_id: RequestId,
    /// All requests there that were not known to be over.
    summaries: BTreeMap<RequestId, Summary>,
    /// Requests in full.
    views: HashMap<RequestId, Kept>,
    /// Terms never change once asked.
    terms: HashMap<RequestId, Arc<Terms>>,
}

/// A request in full as it was at a finalized block, with its summary there.
struct Kept {
    at: Option<Hash>,
    summary: Summary,
    view: Arc<RequestView>,
}

impl RequestCache {
    /// Whether requests are read from the contract's storage, not only by its messages.
    pub(crate) fn trusts_storage(&self) -> bool {
        self.reader.trusts_storage()
    }

    /// The requests of the last look, in the order of their numbers.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &Summary> {
        self.summaries.values()
    }

    /// A request in short, if it was there and not over at the last look.
    pub(crate) fn summary(&self, id: RequestId) -> Option<&Summary> {
        self.summaries.get(&id)
    }

    /// A request as it was read before, if it is the same still.
    pub(crate) fn known_view(&self, id: RequestId) -> Option<Arc<RequestView>> {
        let Kept { at, summary, view } = self.views.get(&id)?;
        let same = self.summaries.get(&id) == Some(summary);
        (same || *at == self.at).then(|| view.clone())
    }

    /// The terms of a request, if they were read before.
    pub(crate) fn known_terms(&self, id: RequestId) -> Option<Arc<Terms>> {
        self.terms.get(&id).cloned()
    }

    fn keep_view(&mut self, id: RequestId, view: &Arc<RequestView>) {
        // Without a summary nothing would tell when it changes.
        let Some(summary) = self.summaries.get(&id) else {
            return;
        };
        if self.views.len() >= MOST_VIEWS {
            self.views.clear();
        }
        let kept = Kept {
            at: self.at,
            summary: summary.clone(),
            view: view.clone(),
        };
        self.views.insert(id, kept);
    }

    fn keep_terms(&mut self, id: RequestId, terms: &Arc<Terms>) {
        if self.terms.len() >= MOST_TERMS {
            self.terms.clear();
        }
        self.terms.insert(id, terms.clone());
    }

    /// Takes in the requests of another finalized block, and drops those that are over.
    fn renew(&mut self, at: Hash, listed: RequestPage, over: &BTreeSet<RequestId>) {
        let RequestPage { next_id, summaries } = listed;
        let open = summaries.into_iter();
        let open = open.filter(|it| !over.contains(&it.request_id));
        self.summaries = open.map(|it| (it.request_id, it)).collect();
        self.views.retain(|id, _| self.summaries.contains_key(id));
        self.terms.retain(|id, _| self.summaries.contains_key(id));
        self.next_id = next_id;
        self.at = Some(at);
    }

    /// Number of the request that comes next.
    pub(crate) fn next_id(&self) -> RequestId {
        self.next_id
    }

    /// Reads which requests there are at the finalized block, from `cursor` on and without those that are
    /// over. Once for each block; says whether it read.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(crate) async fn refresh(
        &mut self,
        chain: &ChainView,
        cursor: RequestId,
        over: &BTreeSet<RequestId>,
    ) -> Result<bool, RelayerError> {
        let at = chain.finalized;
        if self.at == Some(at.hash) {
            return Ok(false);
        }
        let changes = self.changes(chain).await?;
        if changes == Changes::Unknown {
            self.whole_at = at.number;
        }
        let (oracle, reader) = (&chain.oracle, &mut self.reader);
        let listed = reader.list(oracle, at, cursor, over, &changes).await?;
        // It was there at the best block when we connected: its deployment is not final yet.
        let Some(listed) = listed else {
            return Ok(false);
        };
        self.renew(at.hash, listed, over);
        self.looked_at = at.number;
        Ok(true)
    }

    /// Whether the events of this finalized block tell of no call of the contract, see
    /// [`BlockEvents::is_quiet`].
    pub(crate) fn is_quiet(&self, block: BlockNumber) -> bool {
        self.quiet.contains(&block)
    }

    fn note_quiet(&mut self, block: BlockNumber) {
        self.quiet.insert(block);
        if self.quiet.len() > QUIET_MAX {
            self.quiet.pop_first();
        }
    }

    /// What the blocks since the last look have changed, by their events; now and then, and after many
    /// blocks, everything is read.
    async fn changes(&mut self, chain: &ChainView) -> Result<Changes, RelayerError> {
        let (oracle, head) = (&chain.oracle, chain.finalized);
        let new = self.looked_at.saturating_add(1)..=head.number;
        let is_first = self.at.is_none() || new.is_empty();
        let blocks = head.number.saturating_sub(self.looked_at);
        let is_old = head.number.saturating_sub(self.whole_at) >= WHOLE_EVERY;
        if is_first || is_old || blocks > EVENT_BLOCKS_MAX {
            return Ok(Changes::Unknown);
        }
        let mut ids = BTreeSet::new();
        let mut is_named = false;
        for number in new {
            let hash = match number == head.number {
                true => Some(head.hash),
                false => oracle.chain.hash_at(number).await?,
            };
            let events = match hash {
                Some(hash) => oracle.chain.block_events(&oracle.address, hash).await,
                None => Ok(BlockEvents::UNKNOWN),
            };
            if events.as_ref().is_ok_and(|events| events.is_quiet) {
                self.note_quiet(number);
            }
            match events.map(|events| events.changes) {
                Ok(Changes::Nothing) => {}
                Ok(Changes::Requests(changed)) => {
                    is_named = true;
                    ids.extend(changed);
                }
                Ok(Changes::Unknown) => return Ok(Changes::Unknown),
                Err(error) if error.is_connection() => return Err(error.into()),
                // A node that does not give its events gives the entries.
                Err(_) => return Ok(Changes::Unknown),
            }
        }
        Ok(match is_named {
            true => Changes::Requests(ids),
            false => Changes::Nothing,
        })
    }

    /// A request at the finalized block, read again only if it may have changed.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(crate) async fn view(
        &mut self,
        chain: &ChainView,
        id: RequestId,
    ) -> Result<Option<Arc<RequestView>>, RelayerError> {
        if let Some(view) = self.known_view(id) {
            return Ok(Some(view));
        }
        let wanted = [ReadRequest::view(id)];
        let read = self.reader.read(&chain.oracle, chain.finalized, &wanted);
        let view = read.await?.into_iter().find_map(|one| one.view);
        let view = view.map(Arc::new);
        if let Some(view) = &view {
            self.keep_view(id, view);
        }
        Ok(view)
    }

    /// Reads what is not known of these requests, all at the same time.
    ///
    /// # Errors
    /// Errors of the chain, and `Inconsistent`.
    pub(crate) async fn read_ahead(
        &mut self,
        chain: &ChainView,
        wanted: &[ReadRequest],
    ) -> Result<(), RelayerError> {
        let mut missing = wanted.to_vec();
        for one in &mut missing {
            one.view &= self.known_view(one.id).is_none();
            one.terms &= !self.terms.contains_key(&one.id);
        }
        missing.retain(|one| one.view || one.terms);
        let read = self.reader.read(&chain.oracle, chain.finalized, &missing);
        for read in read.await? {
            let id = read.id;
            if let Some(view) = read.view {
                self.keep_view(id, &Arc::new(view));
            }
            let view = self.known_view(id).filter(|view| has_terms(view));
            if let (Some(terms), Some(view)) = (read.terms, view) {
                self.take_terms(&view, terms)?;
            }
        }
        Ok(())
    }

    /// The terms of a request, read if they are not known. There are none of an earlier version.
    ///
    /// # Errors
    /// Errors of the chain, and `Inconsistent`.
    pub(crate) async fn terms(
        &mut self,
        chain: &ChainView,
        view: &RequestView,
    ) -> Result<Option<Arc<Terms>>, RelayerError> {
        let id = view.summary.request_id;
        if let Some(terms) = self.known_terms(id) {
            return Ok(Some(terms));
        }
        if !has_terms(view) {
            return Ok(None);
        }
        let wanted = [ReadRequest {
            id,
            view: false,
            terms: true,
        }];
        let read = self.reader.read(&chain.oracle, chain.finalized, &wanted);
        match read.await?.into_iter().find_map(|one| one.terms) {
            Some(terms) => self.take_terms(view, terms).map(Some),
            None => Ok(None),
        }
    }

    /// Keeps terms, checked once against the digest that everything signed will be bound to.
    fn take_terms(&mut self, view: &RequestView, terms: Terms) -> Result<Arc<Terms>, RelayerError> {
        let request_id = view.summary.request_id;
        if digest::terms_digest(&view.requester, view.summary.reward, &terms) != view.terms_digest {
            let reason = "its terms do not give its terms digest".to_owned();
            return Err(RelayerError::Inconsistent { request_id, reason });
        }
        let terms = Arc::new(terms);
        self.keep_terms(request_id, &terms);
        Ok(terms)
    }
}

/// Whether the contract shows the terms of a request: not those of an earlier version.
fn has_terms(view: &RequestView) -> bool {
    view.interface_version == INTERFACE_VERSION
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
