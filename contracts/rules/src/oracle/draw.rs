//! Drawing a committee, and the tickets it is drawn from.

use ink::prelude::{boxed::Box, vec::Vec};
use llm_oracle_primitives::{
    digest,
    event::{CommitteeDrawn, Event},
    Balance, BlockNumber, Hash, RequestId, Slot,
};

use super::Oracle;
use crate::{
    draw::{most_lots, Lots, NOT_DRAWN},
    DrawState, Host, House, Operator, Refusal, Request, TicketCell, Tickets,
};

/// A bond must have grown by this part of the least bond to get tickets for it: a list that anybody can
/// lengthen for nothing would make draws dear.
const LEAST_RUN: Balance = 16;

/// Cells of tickets kept in memory, 6 KiB each; over this the oldest one's buffer is used again.
const MOST_TICKET_CELLS: usize = 40;

/// Cells of tickets read in one call; a draw looks at a few of them again and again.
pub(super) type LoadedTickets = Vec<(u32, TicketCell)>;

impl<H: Host> Oracle<H> {
    /// The house, loaded once in a call.
    pub(super) fn house(&mut self) -> &mut House {
        let host = &self.host;
        self.house.get_or_insert_with(|| {
            let house = host.house();
            house.unwrap_or_else(|| Box::new(House::new(host.identity().domain)))
        })
    }

    /// The house, to be written at the end of the call.
    pub(super) fn change_house(&mut self) -> &mut House {
        self.house_changed = true;
        self.house()
    }

    /// Folds the end of a request into the beacon, if its salts were hidden until the reveals. Others
    /// could be chosen while everything else is known.
    pub(super) fn fold(&mut self, id: RequestId, request: &Request, now: BlockNumber) {
        if let Some(bound_at) = request.salts_bound_at() {
            let salts = digest::salts(id, 0, &request.salts());
            self.change_house().beacon.fold(salts, bound_at, now);
        }
    }

    /// Gives an operator tickets for the part of its bond that has none yet.
    pub(super) fn enter(&mut self, slot: Slot, operator: &mut Operator) {
        let least = self.params().min_bond / LEAST_RUN;
        let (first_of_owner, count) = operator.take_tickets(least);
        if count == 0 {
            return;
        }
        let beacon = &mut self.change_house().beacon;
        beacon.tickets = beacon.tickets.saturating_add(count);
        let end = beacon.tickets;
        let last = beacon.entries.checked_sub(1);
        let mut index = beacon.entries;
        let mut run = Tickets::new(end, first_of_owner, slot);
        // Whoever adds twice in a row has one run: its numbers follow one another.
        if let Some((last, mut known)) = last.and_then(|last| Some((last, self.run(last)?))) {
            if known.slot == slot {
                known.end = end;
                (index, run) = (last, known);
            }
        }
        let number = TicketCell::number(index);
        let mut cell = self.ticket_cell(number, Vec::new());
        cell.set(index, &run);
        self.host.set_ticket_cell(number, cell.bytes());
        self.loaded_tickets.clear();
        let beacon = &mut self.change_house().beacon;
        beacon.entries = beacon.entries.max(index.saturating_add(1));
    }

    fn run(&mut self, index: u32) -> Option<Tickets> {
        let number = TicketCell::number(index);
        let known = self.loaded_tickets.iter().find(|(at, _)| *at == number);
        if let Some((_, cell)) = known {
            return cell.get(index);
        }
        let mut buffer = Vec::new();
        if self.loaded_tickets.len() >= MOST_TICKET_CELLS {
            let (_, oldest) = self.loaded_tickets.remove(0);
            buffer = oldest.into_buffer();
        }
        let cell = self.ticket_cell(number, buffer);
        let run = cell.get(index);
        self.loaded_tickets.push((number, cell));
        run
    }

    fn ticket_cell(&self, number: u32, mut buffer: Vec<u8>) -> TicketCell {
        self.host.read_ticket_cell(number, &mut buffer);
        TicketCell::new(buffer)
    }

    /// The run that a ticket belongs to and the number of its first ticket, by halving.
    fn run_of(&mut self, ticket: u64) -> Option<(u64, Tickets)> {
        let (mut low, mut high) = (0, self.house().beacon.entries);
        while low < high {
            let middle = low.midpoint(high);
            if self.run(middle)?.end > ticket {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        let start = match low.checked_sub(1) {
            None => 0,
            Some(before) => self.run(before)?.end,
        };
        Some((start, self.run(low)?))
    }

    /// Draws the committee of a request once its seed is known; the caller writes it. Whether it did.
    ///
    /// # Errors
    /// `NoSuchOperator`, which the list of tickets rules out.
    pub(super) fn draw_if_due(
        &mut self,
        id: RequestId,
        request: &mut Request,
    ) -> Result<bool, Refusal> {
        if !request.awaits_draw() {
            return Ok(false);
        }
        let drawn = self.draw(id, request)?;
        let is_drawn = drawn.is_some();
        if let Some(event) = drawn {
            self.host.emit(Event::CommitteeDrawn(event));
        }
        Ok(is_drawn)
    }

    /// [`Self::draw_if_due`] of a request that awaits it, without the event. A function of its own, see
    /// [`Self::settle`].
    #[inline(never)]
    pub(super) fn draw(
        &mut self,
        id: RequestId,
        request: &mut Request,
    ) -> Result<Option<CommitteeDrawn>, Refusal> {
        let draw = request.draw();
        let blocks = (request.asked_at, self.host.block());
        let Some((seed, weak)) = self.house().beacon.seed(id, &draw, blocks) else {
            return Ok(None);
        };
        let drawn = self.drawn(&seed, draw.tickets, request.seats.len() as u8)?;
        let state = if weak {
            DrawState::Weak
        } else {
            DrawState::Drawn
        };
        request.set_drawn(state, &drawn);
        Ok(Some(CommitteeDrawn {
            request_id: id,
            slots: drawn,
            weak,
        }))
    }

    /// Distinct operators that lots fall on; fewer than seats when the lots run out.
    fn drawn(&mut self, seed: &Hash, tickets: u64, seats: u8) -> Result<Vec<Slot>, Refusal> {
        let mut drawn = Vec::with_capacity(usize::from(seats));
        let mut lots = Lots::new(seed, tickets);
        for _ in 0..most_lots(seats) {
            if drawn.len() == usize::from(seats) {
                break;
            }
            let ticket = lots.next_lot();
            let Some((start, run)) = self.run_of(ticket) else {
                break;
            };
            if drawn.contains(&run.slot) {
                continue;
            }
            let owner = self.operator(run.slot)?;
            if run.is_valid(ticket, start, &owner) && !owner.is_barred() {
                drawn.push(run.slot);
            }
        }
        Ok(drawn)
    }

    /// Records that drawn operators left their seats to others.
    #[inline(never)]
    pub(super) fn record_no_shows(&mut self, request: &Request) -> Result<(), Refusal> {
        for slot in request.no_shows() {
            let mut operator = self.operator(slot)?;
            operator.no_shows = operator.no_shows.saturating_add(1);
            self.set_operator(slot, &operator);
        }
        Ok(())
    }
}

impl Request {
    /// Whether its committee is still to be drawn.
    pub(super) fn awaits_draw(&self) -> bool {
        self.draw().state == DrawState::Waiting && !self.is_settled()
    }

    /// Notes who was drawn. The list has its size from the ask on.
    fn set_drawn(&mut self, state: DrawState, drawn: &[Slot]) {
        for (index, place) in self.named.iter_mut().enumerate() {
            *place = drawn.get(index).copied().unwrap_or(NOT_DRAWN);
        }
        if let Some(added) = &mut self.later.0 {
            added.draw.state = state;
        }
    }
}
